// SPDX-License-Identifier: Apache-2.0

/// A value that many hold and nobody changes: a copy costs one count of references, however large the
/// value is. Allocations share their version of a job with it, tables their rows with snapshots.
///
/// Equal values are equal, wherever they stand; the same one is so at once.
public final class Shared<Value: Sendable>: Sendable {
    public let value: Value

    @inlinable public init(_ value: Value) { self.value = value }
}

extension Shared: Equatable where Value: Equatable {
    @inlinable public static func == (left: Shared, right: Shared) -> Bool {
        left === right || left.value == right.value
    }
}

// SPDX-License-Identifier: Apache-2.0

/// A value that many hold and nobody changes: a copy costs one count of references, however large the
/// value is. Allocations share their version of a job with it, tables their rows with snapshots.
///
/// Equal values are equal, wherever they stand; the same one is so at once.
package final class Shared<Value: Sendable>: Sendable {
    package let value: Value

    @inlinable package init(_ value: Value) { self.value = value }
}

extension Shared: Equatable where Value: Equatable {
    @inlinable package static func == (left: Shared, right: Shared) -> Bool {
        left === right || left.value == right.value
    }
}

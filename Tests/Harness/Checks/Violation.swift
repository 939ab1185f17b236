// SPDX-License-Identifier: Apache-2.0

/// A promise that was not kept.
package struct Violation: Sendable, Equatable, CustomStringConvertible {
    /// Which promise: an invariant of `raft-scenarios.md`, or the name of another check.
    package let check: String
    package let detail: String

    package init(_ check: String, _ detail: String) {
        self.check = check
        self.detail = detail
    }

    package var description: String { "\(check): \(detail)" }
}

// SPDX-License-Identifier: Apache-2.0

/// What clients asked of one register, and what they were told.
///
/// A register holds a value that only one write ever had, and a version that each write raises. A
/// restore brings a value back that was there before, as a write does: with a version of its own.
package struct Operation: Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        /// - Parameter ifVersion: compare-and-set; nil writes whatever is there.
        case write(value: UInt64, ifVersion: UInt64?)
        case read
        /// A saved state took the place of the whole state: here the part that is in this register.
        case restore(value: UInt64)
    }

    package enum Outcome: Sendable, Equatable {
        /// Done; the version that it made, if the answer tells.
        case written(version: UInt64?)
        /// Compare-and-set failed.
        case conflict
        case found(value: UInt64, version: UInt64)
        /// It may have happened, may happen later, or never.
        case unknown
    }

    package let client: Int
    package let kind: Kind
    /// Positions in the order of all beginnings and endings; no two are equal.
    package let beganAt: UInt64
    /// The largest number while the outcome is unknown.
    package let endedAt: UInt64
    package let outcome: Outcome

    package init(
        client: Int, kind: Kind, beganAt: UInt64, endedAt: UInt64, outcome: Outcome
    ) {
        self.client = client
        self.kind = kind
        self.beganAt = beganAt
        self.endedAt = endedAt
        self.outcome = outcome
    }
}

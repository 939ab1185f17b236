// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Makes the ids of what one attempt at an evaluation creates, without randomness.
///
/// An id is a hash of 128 bits of (evaluation, snapshot, attempt, counter). Evaluations have random
/// ids, so what two of them make never meets, but by the chance at which random ids do: 2⁻¹²⁸ a
/// pair. The same evaluation in other hands, after a failed delivery, sees another snapshot if the
/// first one's plan took effect, and so makes other ids; if it did not, both make the same plan with
/// the same ids, of which ``PlanCheck`` lets only the first through: new allocations with an id that
/// is taken are refused.
package struct IDSource: Sendable {
    private let high: UInt64
    private let low: UInt64
    private var counter: UInt64 = 0

    /// - Parameters:
    ///   - snapshotIndex: the log index of the state that the attempt looks at.
    ///   - attempt: from 1, within a delivery.
    package init(evaluationID: UniqueID, snapshotIndex: UInt64, attempt: Int) {
        var digest = Mix.combine(Mix.scramble(evaluationID.high), evaluationID.low)
        digest = Mix.combine(Mix.combine(digest, snapshotIndex), UInt64(attempt.magnitude))
        var other = Mix.combine(Mix.scramble(~evaluationID.low), evaluationID.high)
        other = Mix.combine(Mix.combine(other, ~snapshotIndex), ~UInt64(attempt.magnitude))
        high = digest
        low = other
    }

    package mutating func next() -> UniqueID {
        counter += 1
        return UniqueID(high: Mix.combine(high, counter), low: Mix.combine(low, ~counter))
    }

    /// For what breaks ties of this attempt.
    package var seed: UInt64 { high ^ low }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Makes the ids of what one attempt at an evaluation creates, without randomness.
///
/// An id is a hash of 128 bits of (evaluation, snapshot, attempt, counter). The evaluation's id is
/// random, so two evaluations never meet, but by the chance at which random ids do: 2⁻¹²⁸ a pair.
/// The same evaluation in other hands, after a failed delivery, sees another snapshot if the first
/// one's plan took effect, and so makes other ids; if it did not, both make the same plan with the
/// same ids, of which ``PlanCheck`` lets only one through: a plan that places an id which is
/// already there is refused.
package struct IDSource: Sendable {
    private var lanes: (high: UInt64, low: UInt64)
    private var counter: UInt64 = 0

    /// - Parameters:
    ///   - snapshotIndex: the log index of the state that the attempt looks at.
    ///   - attempt: counts from 1 within a delivery.
    package init(evaluationID: UniqueID, snapshotIndex: UInt64, attempt: Int) {
        let attempt = UInt64(attempt.magnitude)
        lanes = (
            Self.mixed(Self.mixed(evaluationID.high ^ Self.mixed(snapshotIndex)) &+ attempt),
            Self.mixed(
                Self.mixed(evaluationID.low &+ Self.mixed(~snapshotIndex)) ^ Self.mixed(attempt))
        )
    }

    package mutating func next() -> UniqueID {
        counter += 1
        let high = Self.mixed(lanes.high &+ counter &* 0x9E37_79B9_7F4A_7C15)
        let low = Self.mixed(lanes.low ^ Self.mixed(counter &+ lanes.high))
        return UniqueID(high: high, low: low)
    }

    /// A bijection of 64 bits whose every output bit depends on every input bit (the finaliser of
    /// SplitMix64, Steele, Lea and Flood 2014).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

// SPDX-License-Identifier: Apache-2.0

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): 64 bits
/// of state, which are part of the core's, so that equal seeds and inputs give equal effects. For
/// timeouts and jitter; never for secrets.
struct Generator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in `lower ..< upper`, in steps of a 65,536th of the distance.
    mutating func duration(from lower: Duration, to upper: Duration) -> Duration {
        precondition(lower <= upper, "a span that ends before it begins: \(lower) to \(upper)")
        // Plain integers: every append from a leader draws one, and Duration divides slowly.
        let share = (upper - lower).attoseconds * Int128(next() >> 48)
        return lower + Duration(attoseconds: share >> 16)
    }
}

// SPDX-License-Identifier: Apache-2.0

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): 64 bits
/// of state, which are part of the core's, so that equal seeds and inputs give equal effects.
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

    /// Uniform in `0 ..< bound`, but for a bias of less than one in 2^57 at the sizes used here.
    ///
    /// - Precondition: `bound` is positive.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "nothing below \(bound)")
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// Uniform in `.zero ..< span`, in steps of a 65,536th.
    mutating func duration(upTo span: Duration) -> Duration {
        Duration(attoseconds: (span.attoseconds * Int128(next() >> 48)) >> 16)
    }

    /// Fisher and Yates.
    mutating func mix<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) {
            elements.swapAt(last, below(last + 1))
        }
    }
}

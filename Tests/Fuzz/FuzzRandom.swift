// SPDX-License-Identifier: Apache-2.0

/// SplitMix64: one seed, one sequence, on every machine.
package struct FuzzRandom: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    /// - Precondition: `bound` is above zero.
    package mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(bound)) >> 32)
    }

    /// Cuts bytes into 1 to `most` pieces.
    mutating func pieces(of bytes: [UInt8], atMost most: Int) -> [ArraySlice<UInt8>] {
        var cuts: [Int] = []
        for _ in 0..<below(most) { cuts.append(below(bytes.count + 1)) }
        cuts.sort()
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        for cut in cuts + [bytes.count] {
            pieces.append(bytes[start..<cut])
            start = cut
        }
        return pieces
    }
}

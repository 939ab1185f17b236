// SPDX-License-Identifier: Apache-2.0

/// Mixes bits: SplitMix64's finaliser. Equal inputs give equal outputs on every machine, which
/// `Hasher` does not promise.
package enum Mix {
    @inline(__always)
    package static func scramble(_ value: UInt64) -> UInt64 {
        var x = value &+ 0x9E37_79B9_7F4A_7C15
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    /// Adds `value` to a running digest; the order matters.
    @inline(__always)
    package static func combine(_ digest: UInt64, _ value: UInt64) -> UInt64 {
        scramble(digest ^ value &* 0xD6E8_FEB8_6659_FD93)
    }

    /// A digest of text.
    package static func text(_ text: String, into digest: UInt64 = 0) -> UInt64 {
        var result = combine(digest, UInt64(truncatingIfNeeded: text.utf8.count))
        for byte in text.utf8 {
            result = (result ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return scramble(result)
    }
}

/// A seeded sequence: what breaks ties and shuffles, the same for the same evaluation.
package struct SeededSequence: Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Mix.scramble(state)
    }

    /// A number below `bound`; 0 for a bound below 2.
    package mutating func next(below bound: Int) -> Int {
        bound < 2 ? 0 : Int(next() % UInt64(bound))
    }
}

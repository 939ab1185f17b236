// SPDX-License-Identifier: Apache-2.0

/// The few functions that scores need, in a fixed order of IEEE operations.
///
/// A plan must be the same on every machine, and a C library's `pow` may differ in the last bit from
/// the next one's. Nothing here calls one: powers are a sum of a fixed number of terms, scaled by an
/// exact power of two. The relative error is below 1e-15 over the arguments that scores have.
package enum Exponentials {
    private static let log2OfTen = 3.321_928_094_887_362_6
    private static let lnOfTwo = 0.693_147_180_559_945_3
    private static let log2OfE = 1.442_695_040_888_963_4

    /// 10 to the power of `exponent`.
    package static func pow10(_ exponent: Double) -> Double {
        pow2(exponent * log2OfTen)
    }

    /// e to the power of `exponent`.
    package static func exp(_ exponent: Double) -> Double {
        pow2(exponent * log2OfE)
    }

    /// 2 to the power of `exponent`, which is clamped to ±1000: no score comes near, and neither
    /// infinity nor a trap can come out of a hostile capacity.
    package static func pow2(_ exponent: Double) -> Double {
        let bounded = max(-1000, min(1000, exponent))
        let whole = bounded.rounded(.toNearestOrEven)
        let x = (bounded - whole) * lnOfTwo
        var sum = 1.0 / 6_227_020_800
        sum = sum * x + 1.0 / 479_001_600
        sum = sum * x + 1.0 / 39_916_800
        sum = sum * x + 1.0 / 3_628_800
        sum = sum * x + 1.0 / 362_880
        sum = sum * x + 1.0 / 40320
        sum = sum * x + 1.0 / 5040
        sum = sum * x + 1.0 / 720
        sum = sum * x + 1.0 / 120
        sum = sum * x + 1.0 / 24
        sum = sum * x + 1.0 / 6
        sum = sum * x + 0.5
        sum = sum * x + 1
        sum = sum * x + 1
        return sum * Double(sign: .plus, exponent: Int(whole), significand: 1)
    }

    /// The smallest k with 2^k ≥ `count`; 0 for 0 and 1.
    package static func ceilLog2(_ count: Int) -> Int {
        count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }
}

// SPDX-License-Identifier: Apache-2.0

/// A seeded generator for what a scenario leaves to chance; the same everywhere.
struct ScenarioGenerator: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func duration(from lower: Duration, to upper: Duration) -> Duration {
        lower + (upper - lower) * below(1 << 16) / (1 << 16)
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// The score of how full a node is: "best fit v3" of Google's data centre scheduling, as Nomad has it.
package enum FitScore {
    static let max = 18.0

    /// From 0 to 1, of a fit as ``FitIndex`` has it; down to −1 for what is stranded (``ScaledAsk``).
    static func score(_ fit: Double, _ algorithm: SchedulerAlgorithm) -> Double {
        let raw = algorithm == .binpack ? 20 + fit : Swift.max(0, fit - 2)
        return Swift.min(max, raw) / max
    }

    /// 10 to the power of the free share.
    static func power(free: Int, of capacity: Int) -> Double {
        capacity > 0 ? Exponentials.pow10(share(free: free, of: capacity)) : 1
    }

    /// The share that is free: negative where more is used than there is.
    static func share(free: Int, of capacity: Int) -> Double {
        capacity > 0 ? Double(free) / Double(capacity) : 0
    }

    /// What a preempting node scores for its victims: near 1 for few and unimportant ones, 0.5 where
    /// Σ priority / highest + highest is 2048. `victims` are priorities.
    package static func preemption(victims: [Int]) -> Double {
        guard let highest = victims.max(), highest > 0 else { return 1 }
        let net = Double(highest) + Double(victims.reduce(0, +)) / Double(highest)
        return 1 / (1 + Exponentials.exp(0.0048 * (net - 2048)))
    }
}

// SPDX-License-Identifier: Apache-2.0

/// How well this server hears (Lifeguard §IV-A): 0 is well. What it misses raises the score, what it
/// gets lowers it, and with it everybody has longer to answer.
struct Awareness: Equatable, Sendable {
    private(set) var score = 0
    private let max: Int

    init(limit: Int) { max = Swift.max(0, limit - 1) }

    mutating func worsen(by points: Int = 1) { score = Swift.min(max, score + points) }

    mutating func improve() { score = Swift.max(0, score - 1) }

    func scale(_ duration: Duration) -> Duration { duration * (score + 1) }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletSimulation

/// One kind of misfortune. All of them have this shape, so that a new one is a value in a list.
package struct Nemesis: Sendable {
    /// What it did to the trial.
    package enum Strike {
        /// There was nothing to strike, such as a leader.
        case missed
        /// It is over already. The text says what was done, for the trace.
        case done(String)
        /// It goes on until the closure is called, once.
        case lasting(String, end: () -> Void)
    }

    /// Unique; plans and counts name it so.
    package let name: String
    /// How often it is drawn, compared with others.
    let weight: Int
    /// Called between two events of the world. All its choices come from the generator.
    package let strike: @Sendable (Trial, inout SplitMix64) -> Strike

    package init(
        _ name: String, weight: Int = 1,
        strike: @escaping @Sendable (Trial, inout SplitMix64) -> Strike
    ) {
        self.name = name
        self.weight = weight
        self.strike = strike
    }

    /// Everything that this version of the server is meant to survive.
    package static let all: [Nemesis] =
        network + disk + process + clock + membership + ambush + directed
}

/// When a nemesis strikes, how long it stays, and the seed of its choices: an event can be left out
/// of a plan, and the others still make theirs.
package struct PlannedFault: Sendable, CustomStringConvertible {
    /// Its place in the whole plan, from 0.
    package let number: Int
    package let at: Duration
    package let lasts: Duration
    package let nemesis: String
    let seed: UInt64

    package var description: String { "\(number): \(nemesis) at \(at), for \(lasts)" }
}

/// What will go wrong in one trial, all of it drawn from the seed.
package struct FaultPlan: Sendable {
    package let faults: [PlannedFault]

    /// - Parameter duration: faults begin in the first `duration` after `start`.
    package init(seed: UInt64, from start: Duration, for duration: Duration) {
        // Another stream of numbers than the world's own.
        var generator = SplitMix64(seed: seed ^ 0x6E65_6D65_7369_7321)
        let names = Nemesis.all.flatMap { Array(repeating: $0.name, count: $0.weight) }
        // In a share of the seeds half of what happens follows a schedule.
        let isDirected = Int.random(in: 0..<3, using: &generator) == 0
        var faults: [PlannedFault] = []
        var at = start
        var stormy = 0
        while true {
            // A storm: several within an election or two.
            if stormy == 0, Int.random(in: 0..<12, using: &generator) == 0 {
                stormy = Int.random(in: 2...6, using: &generator)
            }
            let pause: ClosedRange<Int64> = stormy > 0 ? 0...200 : 100...1_400
            stormy = max(0, stormy - 1)
            at += .milliseconds(Int64.random(in: pause, using: &generator))
            guard at < start + duration else { break }
            let any = names[Int.random(in: 0..<names.count, using: &generator)]
            let schedule = Nemesis.directed[
                Int.random(in: 0..<Nemesis.directed.count, using: &generator)]
            let isScheduled = isDirected && Bool.random(using: &generator)
            let name = isScheduled ? schedule.name : any
            let isLong = Int.random(in: 0..<4, using: &generator) == 0
            let lasts = Int64.random(in: isLong ? 2_000...8_000 : 50...2_000, using: &generator)
            faults.append(
                PlannedFault(
                    number: faults.count, at: at, lasts: .milliseconds(lasts), nemesis: name,
                    seed: generator.next()))
        }
        self.faults = faults
    }
}

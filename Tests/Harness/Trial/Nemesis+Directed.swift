// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletServer
import MartletSimulation

/// Schedules that are known to have brought others down, with room for chance at each step: what
/// faults at any time come to once in ten thousand years is tried some times in a seed.
extension Nemesis {
    static let directed: [Nemesis] = [
        // Figure 8 of the paper, and its relatives: each leader is cut off soon after it is elected,
        // and the one before it comes back with what nobody else has.
        Nemesis("directed: leaders cut off in turn") { trial, generator in
            let turns = Int.random(in: 2...8, using: &generator)
            let delays = [0...3, 0...30, 0...300][Int.random(in: 0..<3, using: &generator)]
            let isHungUp = Int.random(in: 0..<4, using: &generator) > 0
            let aimed = Int.random(in: 0...4, using: &generator)
            let isSlow = Bool.random(using: &generator)
            var choices = SplitMix64(seed: generator.next())
            let schedule = Schedule(trial)
            var release: () -> Void = {}
            let strike = { (node: SimulatedCluster.Node) in
                schedule.after(milliseconds(delays, &choices)) {
                    let inside = [node] + trial.others(node, &choices)
                    release()
                    if isSlow { for one in inside { stall(one, trial, &choices) } }
                    let open = schedule.cutOff(inside, isHungUp: isHungUp)
                    let free = schedule.aim(aimed, at: node)
                    release = {
                        open()
                        free()
                    }
                }
            }
            if let leader = trial.leader { strike(leader) }
            let number = trial.faultNumber
            trial.lieInWait(
                for: .leader,
                Ambushes.Ambush(number: number, name: "cut off in turn", left: turns) { node, _ in
                    strike(node)
                })
            return .lasting("\(turns) of them, within \(delays) ms") {
                trial.endAmbush(number)
                schedule.end()
            }
        },
        // It leads on for as long as it hears nothing, and another leads already.
        Nemesis("directed: a deposed leader is asked") { trial, generator in
            guard let leader = trial.leader else { return .missed }
            let schedule = Schedule(trial)
            let inside = [leader] + trial.others(leader, &generator)
            if Bool.random(using: &generator) { schedule.slowClock(of: leader) }
            schedule.cutOff(inside, isHungUp: Int.random(in: 0..<5, using: &generator) > 0)
            let last = milliseconds(300...1_200, &generator)
            askBoth(schedule, leader: inside, from: .milliseconds(10), until: last)
            schedule.after(last, schedule.end)
            return .done("\(inside.map(\.name).joined(separator: " ")) for \(last)")
        },
        // What it finds when it goes on is older than what happened meanwhile.
        Nemesis("directed: a leader is paused, and its answers wait") { trial, generator in
            guard let leader = trial.leader else { return .missed }
            let schedule = Schedule(trial)
            schedule.rush(
                .write(isConditional: false), at: [leader], from: .zero, until: .milliseconds(10),
                every: .milliseconds(1))
            let pausedAt = milliseconds(3...10, &generator)
            var resume: () -> Void = {}
            schedule.after(pausedAt) { resume = schedule.pause(leader) }
            schedule.after(pausedAt + milliseconds(3...20, &generator)) {
                schedule.cutOff([leader], isHungUp: false)
            }
            let lasts = milliseconds(600...1_800, &generator)
            let last = lasts + milliseconds(50...500, &generator)
            schedule.after(lasts) { resume() }
            askBoth(
                schedule, leader: [leader], from: lasts - .milliseconds(300), until: last)
            schedule.after(last, schedule.end)
            return .done("\(leader.name) for \(lasts)")
        },
        // Answers to old questions come when the world has changed.
        Nemesis("directed: answers are held back") { trial, generator in
            guard let leader = trial.leader else { return .missed }
            let schedule = Schedule(trial)
            schedule.slowClock(of: leader)
            let hear = schedule.block { $1 === leader }
            schedule.rush(
                .read(isStale: false), at: [leader], from: .zero, until: .milliseconds(4),
                every: .milliseconds(1))
            schedule.after(milliseconds(3...12, &generator)) {
                schedule.block { from, _ in from === leader }
            }
            let heard = milliseconds(550...1_100, &generator)
            schedule.after(heard, hear)
            let last = heard + milliseconds(50...300, &generator)
            askBoth(schedule, leader: [leader], from: .milliseconds(450), until: last)
            schedule.after(last, schedule.end)
            return .done("\(leader.name) for \(heard)")
        },
        // Whoever else is needed for a majority has lost what it knew.
        Nemesis("directed: a disk is lost while those with more are away") { trial, generator in
            loseWhatOthersLack(trial, &generator)
        },
        Nemesis("directed: leadership is given, and its word comes late") { trial, generator in
            giveLate(trial, &generator)
        },
        Nemesis("directed: one vote, and its voter starts again") { trial, generator in
            guard let leader = trial.leader else { return .missed }
            let schedule = Schedule(trial)
            var choices = SplitMix64(seed: generator.next())
            let number = trial.faultNumber
            trial.lieInWait(
                for: .campaign,
                Ambushes.Ambush(number: number, name: "one vote", left: 1) { candidate, _ in
                    let voters = trial.nodes.filter { $0 !== candidate && $0 !== leader }
                    guard let voter = voters.shuffled(using: &choices).first else { return }
                    schedule.block { from, to in from === candidate && to !== voter }
                    schedule.after(milliseconds(2...25, &choices)) {
                        schedule.cutOff([candidate], isHungUp: false)
                        trial.takeDown(voter, by: .kill)
                        trial.bringUp(voter)
                    }
                    // It hears the next candidate, who does not hear that the term is taken.
                    schedule.after(milliseconds(8...90, &choices)) {
                        schedule.block { from, _ in from === voter }
                    }
                })
            trial.takeDown(leader, by: .kill)
            schedule.after(milliseconds(5...60, &generator)) { trial.bringUp(leader) }
            let last = milliseconds(600...2_000, &generator)
            schedule.after(last) {
                trial.endAmbush(number)
                schedule.end()
            }
            return .done("\(leader.name) is killed")
        },
        Nemesis("directed: changes without a majority") { trial, generator in
            guard trial.areDisksWhole else { return .missed }
            let turns = Int.random(in: 1...4, using: &generator)
            var choices = SplitMix64(seed: generator.next())
            let schedule = Schedule(trial)
            let strike = { (node: SimulatedCluster.Node) in
                guard trial.areDisksWhole else { return }
                let inside = [node] + companions(of: node, trial, &choices)
                let open = schedule.cutOff(inside, isHungUp: true)
                for step in 0..<Int64.random(in: 1...3, using: &choices) {
                    let outside = trial.nodes.filter { one in !inside.contains { $0 === one } }
                    guard let action = anyChange(inside, outside, trial, &choices) else { continue }
                    schedule.after(.milliseconds(step)) { trial.change(action, at: node) }
                }
                schedule.after(milliseconds(30...1_000, &choices), open)
            }
            if let leader = trial.leader, Bool.random(using: &generator) { strike(leader) }
            let number = trial.faultNumber
            trial.lieInWait(
                for: .leader,
                Ambushes.Ambush(number: number, name: "changes at once", left: turns) { node, _ in
                    strike(node)
                })
            return .lasting("at up to \(turns) leaders") {
                trial.endAmbush(number)
                schedule.end()
            }
        },
        Nemesis("directed: only promises are in the way") { trial, generator in
            needPromises(trial, &generator)
        },
        // Heartbeats go on, and nothing is committed.
        Nemesis("directed: the disks of all followers stall") { trial, generator in
            guard let leader = trial.leader else { return .missed }
            // Around the time that a leader waits for a write, or shorter.
            let isLong = Bool.random(using: &generator)
            let lasts = milliseconds(isLong ? 4_000...5_600 : 500...3_000, &generator)
            let schedule = Schedule(trial)
            schedule.rush(
                .read(isStale: false), at: [leader], from: lasts - .milliseconds(400),
                until: lasts + .milliseconds(20), every: .milliseconds(6))
            for node in trial.nodes where node !== leader {
                let time = lasts - milliseconds(0...400, &generator)
                node.host.disk.stall(until: trial.world.now + time)
            }
            return .done("not \(leader.name), for \(lasts)")
        },
    ]

    static func milliseconds(
        _ range: ClosedRange<Int>, _ generator: inout SplitMix64
    ) -> Duration {
        .microseconds(
            Int64.random(
                in: Int64(range.lowerBound) * 1_000...Int64(range.upperBound) * 1_000,
                using: &generator))
    }

    /// None, or so many that they are half of the voters with it.
    private static func companions(
        of node: SimulatedCluster.Node, _ trial: Trial, _ generator: inout SplitMix64
    ) -> [SimulatedCluster.Node] {
        guard Int.random(in: 0..<3, using: &generator) > 0,
            let configuration = trial.cluster.glance(at: node)?.configuration
        else { return [] }
        let voters = trial.nodes.filter { one in
            one !== node && one.id.map(configuration.isVoter) == true
        }
        let count = max(0, configuration.voterCount / 2 - 1)
        return Array(voters.shuffled(using: &generator).prefix(count))
    }

    private static func stall(
        _ node: SimulatedCluster.Node, _ trial: Trial, _ generator: inout SplitMix64
    ) {
        let time = milliseconds(50...900, &generator)
        node.host.disk.stall(until: trial.world.now + time)
    }

    /// Reads where the leader was, and writes where the next one is.
    static func askBoth(
        _ schedule: Schedule, leader inside: [SimulatedCluster.Node], from start: Duration,
        until end: Duration
    ) {
        let outside = schedule.trial.nodes.filter { one in !inside.contains { $0 === one } }
        schedule.rush(
            .read(isStale: false), at: inside, from: start, until: end, every: .milliseconds(16))
        schedule.rush(
            .write(isConditional: false), at: outside, from: start, until: end,
            every: .milliseconds(32))
    }

    private static func anyChange(
        _ inside: [SimulatedCluster.Node], _ outside: [SimulatedCluster.Node], _ trial: Trial,
        _ generator: inout SplitMix64
    ) -> ConfigurationChange.Action? {
        let isOutside = Int.random(in: 0..<4, using: &generator) > 0
        let node = (isOutside ? outside : inside).shuffled(using: &generator).first
        guard let node, let id = node.id else { return nil }
        switch Int.random(in: 0..<8, using: &generator) {
        case 0..<3: return .demote(id)
        case 3..<6: return .remove(id)
        case 6: return .promote(id)
        default: return .addNonVoter(id, address: node.peerAddress)
        }
    }
}

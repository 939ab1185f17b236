// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletRaft
import MartletServer
import MartletSimulation

extension Nemesis {
    /// A majority commits while some are away. One of it loses its stores; the rest of it is cut off,
    /// and those that were away come back: together with the one that knows nothing any more they
    /// are a majority, and none of them has what was committed.
    static func loseWhatOthersLack(
        _ trial: Trial, _ generator: inout SplitMix64
    ) -> Nemesis.Strike {
        guard let leader = trial.leader, let view = trial.cluster.glance(at: leader) else {
            return .missed
        }
        let voters = trial.nodes.filter { node in
            node !== leader && !node.isDown && node.id.map(view.configuration.isVoter) == true
        }.shuffled(using: &generator)
        guard let lost = voters.first, trial.canSpare(lost, ofVoters: 3) else { return .missed }
        let count = view.configuration.voterCount
        let away = Array(voters.dropFirst(count / 2))
        guard !away.isEmpty else { return .missed }
        let schedule = Schedule(trial)
        let back = schedule.cutOff(away, isHungUp: false)
        let first = milliseconds(60...400, &generator)
        schedule.rush(
            .write(isConditional: false), at: [leader], from: .milliseconds(5), until: first,
            every: .milliseconds(20))
        let isHeard = Bool.random(using: &generator)
        let down = milliseconds(5...200, &generator)
        let talk = isHeard ? milliseconds(1...60, &generator) : .milliseconds(-1)
        let kept = [lost] + away
        schedule.after(first) {
            guard trial.canSpare(lost, ofVoters: 3) else { return schedule.end() }
            trial.takeDown(lost, by: .kill)
            lost.host.disk.loseStores()
            schedule.after(down) { trial.bringUp(lost) }
            schedule.after(down + talk) {
                back()
                schedule.cutOff(kept, isHungUp: true)
            }
        }
        schedule.after(first + milliseconds(1_500...3_500, &generator), schedule.end)
        let names = away.map(\.name).joined(separator: " ")
        return .done("\(lost.name) loses its stores, \(names) away")
    }

    /// The target of a transfer hears of it when the leader has gone on without it; or the leader
    /// hears nothing of the next one.
    static func giveLate(_ trial: Trial, _ generator: inout SplitMix64) -> Nemesis.Strike {
        guard let leader = trial.leader,
            let target = trial.nodes.filter({ $0 !== leader && !$0.isDown && $0.id != nil })
                .shuffled(using: &generator).first, let id = target.id
        else { return .missed }
        let schedule = Schedule(trial)
        let way = Int.random(in: 0..<3, using: &generator)
        let isLate = way == 0
        let number = trial.faultNumber
        let lasts = milliseconds(isLate ? 510...1_500 : 300...900, &generator)
        let asked = milliseconds(10...40, &generator)
        trial.lieInWait(
            for: .transfer,
            Ambushes.Ambush(number: number, name: "word comes late", left: 1) { node, _ in
                switch way {
                case 0: schedule.block { $0 === node && $1 === target }
                case 1: schedule.block { $1 === node }
                // It campaigns and nobody hears of it, then or later.
                default:
                    let speak = schedule.block { from, _ in from === target }
                    schedule.after(lasts - .milliseconds(1)) {
                        schedule.cutOff([target], isHungUp: true)
                        speak()
                    }
                }
                let others = trial.nodes.filter { $0 !== node && (!isLate || $0 !== target) }
                schedule.rush(
                    .read(isStale: false), at: [node], from: .milliseconds(1), until: lasts,
                    every: .milliseconds(16))
                schedule.rush(
                    .write(isConditional: false), at: others + (isLate ? [node] : []), from: asked,
                    until: lasts, every: .milliseconds(25))
                schedule.after(lasts, schedule.end)
            })
        trial.operate(.put, "/v1/operator/raft/transfer-leadership?id=\(id)", at: leader)
        trial.after(.milliseconds(400), number, "transfer") { trial.endAmbush(number) }
        let said = ["late", "deaf", "mute"][way]
        return .done("\(leader.name) to \(target.name), \(said) for \(lasts)")
    }

    /// One server does not hear the leader, and looks for votes with a log as good as any; the
    /// others have promised not to give theirs. Then the leader is cut off from all, and is asked.
    static func needPromises(_ trial: Trial, _ generator: inout SplitMix64) -> Nemesis.Strike {
        guard let leader = trial.leader,
            let other = trial.nodes.filter({ $0 !== leader && !$0.isDown })
                .shuffled(using: &generator).first
        else { return .missed }
        let schedule = Schedule(trial)
        schedule.doing({ for client in trial.clients { client.isQuiet = true } }) {
            for client in trial.clients { client.isQuiet = false }
        }
        schedule.after(milliseconds(60...200, &generator)) {
            schedule.block {
                ($0 === leader && $1 === other) || ($1 === leader && $0 === other)
            }
        }
        let isRestarting = Bool.random(using: &generator)
        let number = trial.faultNumber
        let first = milliseconds(650...1_500, &generator)
        if !isRestarting {
            trial.lieInWait(
                for: .campaign,
                Ambushes.Ambush(number: number, name: "its leader is cut off", left: 1) { _, _ in
                    schedule.cutOff([leader], isHungUp: false)
                    askBoth(
                        schedule, leader: [leader], from: .milliseconds(2),
                        until: .milliseconds(500))
                })
        }
        schedule.after(first) {
            trial.endAmbush(number)
            schedule.cutOff([leader], isHungUp: false)
            guard isRestarting else { return }
            for node in trial.nodes where node !== leader && node !== other && !node.isDown {
                trial.takeDown(node, by: .kill)
                trial.bringUp(node)
            }
        }
        let last = first + milliseconds(200...700, &generator)
        schedule.rush(
            .read(isStale: false), at: [leader], from: first, until: last, every: .milliseconds(10))
        schedule.rush(
            .write(isConditional: false), at: [other], from: first + .milliseconds(5), until: last,
            every: .milliseconds(20))
        schedule.after(last, schedule.end)
        return .done("\(leader.name) and \(other.name)\(isRestarting ? ", others restart" : "")")
    }
}

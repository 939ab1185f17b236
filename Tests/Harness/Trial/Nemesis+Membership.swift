// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletRaft
import MartletServer
import MartletSimulation

extension Nemesis {
    /// Servers come and go, between one voter and seven. Whoever runs and is not in the
    /// configuration is taken in again by the leader, and is given a vote once it has caught up.
    static let membership: [Nemesis] = [
        Nemesis("a spare joins") { trial, generator in
            guard let node = trial.nodes.shuffled(using: &generator).first(where: { $0.isDown })
            else { return .missed }
            trial.bringUp(node)
            return .done(node.name)
        },
        Nemesis("removed, still running") { trial, generator in
            let node = trial.anyNode(&generator)
            guard trial.areDisksWhole, let id = node.id else { return .missed }
            trial.operate(.delete, "/v1/operator/raft/peer?id=\(id)", &generator)
            return .done(node.name)
        },
        // What was said in its first life may arrive in its second.
        Nemesis("removed, and added at once", weight: 2) { trial, generator in
            let node = trial.anyNode(&generator)
            guard trial.areDisksWhole, let leader = trial.leader, leader !== node, let id = node.id
            else { return .missed }
            let pause = Duration.milliseconds(Int64.random(in: 1...150, using: &generator))
            trial.change(.remove(id), at: leader)
            trial.after(pause, trial.faultNumber, "added again") {
                guard let leader = trial.leader else { return }
                trial.change(.addNonVoter(id, address: node.peerAddress), at: leader)
            }
            return .done("\(node.name) by \(leader.name), \(pause) between")
        },
        Nemesis("leaves") { trial, generator in
            guard trial.areDisksWhole, let node = trial.anyRunning(&generator) else {
                return .missed
            }
            trial.takeDown(node, by: .farewell(isLeaving: true))
            return .lasting(node.name) { trial.bringUp(node) }
        },
        Nemesis("demoted") { trial, generator in
            guard trial.areDisksWhole, let leader = trial.leader,
                let id = trial.anyNode(&generator).id
            else { return .missed }
            trial.change(.demote(id), at: leader)
            return .done("\(trial.name(of: id)) by \(leader.name)")
        },
        Nemesis("promoted early", weight: 3) { trial, generator in
            guard let leader = trial.leader, let id = trial.anyNode(&generator).id else {
                return .missed
            }
            trial.change(.promote(id), at: leader)
            return .done("\(trial.name(of: id)) by \(leader.name)")
        },
        // Any number of them at once, by a joint configuration.
        Nemesis("servers replaced", weight: 3) { trial, generator in
            guard trial.areDisksWhole, let leader = trial.leader,
                let view = trial.cluster.glance(at: leader)
            else { return .missed }
            var servers = view.configuration.servers.shuffled(using: &generator)
            guard !servers.isEmpty else { return .missed }
            let kept = Int.random(in: 1...servers.count, using: &generator)
            servers.removeLast(servers.count - kept)
            let voters = Int.random(in: 1...kept, using: &generator)
            for place in servers.indices {
                servers[place].role = place < voters ? .voter : .nonVoter
            }
            trial.change(.replace(servers), at: leader)
            return .done("\(voters) voters of \(kept) by \(leader.name)")
        },
        Nemesis("disk replaced") { trial, generator in
            let node = trial.anyNode(&generator)
            guard trial.replaceDisk(of: node) else { return .missed }
            return .lasting(node.name) { trial.bringUp(node) }
        },
        // The state of now comes back later, whatever was written in between.
        Nemesis("state saved and restored", weight: 2) { trial, generator in
            guard let node = trial.leaderOrAny(&generator), let saved = trial.save(at: node)
            else { return .missed }
            return .lasting("from \(node.name)") {
                trial.restore(saved)
                trial.lookAtRestore()
            }
        },
        // A leader is lost in the middle of one, and the next one has another in hand.
        Nemesis("two states restored") { trial, generator in
            guard let node = trial.leaderOrAny(&generator), let first = trial.save(at: node)
            else { return .missed }
            let schedule = Schedule(trial)
            let pause = Nemesis.milliseconds(0...40, &generator)
            let isCutOff = Bool.random(using: &generator)
            return .lasting("from \(node.name)") {
                guard let leader = trial.leader, let second = trial.save(at: leader) else { return }
                trial.restore(first)
                trial.lookAtRestore()
                schedule.after(pause) {
                    if isCutOff { schedule.cutOff([leader], isHungUp: true) }
                    trial.restore(second, unless: leader)
                }
                for step in 1...12 as ClosedRange<Int64> {
                    schedule.after(pause + .milliseconds(step * 40)) {
                        trial.restore(second, unless: leader)
                    }
                }
                schedule.after(.milliseconds(900), schedule.end)
            }
        },
        Nemesis("leadership transfer") { trial, generator in
            guard let id = trial.anyNode(&generator).id else { return .missed }
            trial.operate(.put, "/v1/operator/raft/transfer-leadership?id=\(id)", &generator)
            return .done("to \(trial.name(of: id))")
        },
    ]
}

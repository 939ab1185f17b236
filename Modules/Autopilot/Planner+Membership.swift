// SPDX-License-Identifier: Apache-2.0
import MartletAPI

func isAlive(_ status: SerfStatus) -> Bool { status == .alive || status == .leaving }

extension PlannedRound {
    /// Who belongs to the configuration, and where it is reached. A server that comes back under its
    /// id is in it still, with its vote: there is nothing to do but to follow its address.
    mutating func planMembership() {
        for server in initial.members where server.status == .left && !server.isLeader {
            roster.remove(server.id)
            act(.remove, server.id, .left)
        }
        for server in view.servers.sorted(by: { $0.id < $1.id }) {
            guard isAlive(server.serfStatus), let address = server.advertisedAddress,
                !address.isEmpty, address != server.address
            else { continue }
            act(.updateAddress, server.id, .addressChanged, address: address)
        }
        for outsider in view.outsiders.sorted(by: { $0.id < $1.id }) { admit(outsider) }
    }

    private mutating func admit(_ outsider: OutsiderObservation) {
        guard outsider.serfStatus == .alive, initial[outsider.id] == nil else { return }
        if let refusal = outsider.refusal {
            refuse(.join, outsider.id, .joinRefused, refusal)
        } else if let heard = outsider.heardAfterRemoval, heard < Planner.rejoinDelay {
            refuse(.join, outsider.id, .justRemoved, "it was removed a moment ago")
        } else {
            act(.addNonVoter, outsider.id, .join, address: outsider.address)
        }
    }

    // MARK: Dead servers

    /// One pass: servers that gossip does not know go first and use up the same budget, in each case
    /// those without a vote before the others.
    mutating func prune() {
        var budget = max(roster.voterCount - 1, 0) / 2
        let order: [(status: SerfStatus, isVoter: Bool)] = [
            (.none, false), (.none, true), (.failed, false), (.failed, true),
        ]
        for (status, isVoter) in order {
            for server in roster.members where server.status == status {
                guard server.isVoter == isVoter else { continue }
                prune(server, budget: &budget)
            }
        }
    }

    private mutating func prune(_ server: Member, budget: inout Int) {
        let isStranger = server.status == .none
        if isStranger, view.leaderUptime < Planner.strangerPatience, !server.isLeader {
            return refuse(
                .removal, server.id, .newLeader,
                "the leader is new: gossip may not have met it yet")
        }
        if let (reason, text) = guards.refusalToRemove(server, from: roster, budget: budget) {
            return refuse(.removal, server.id, reason, text)
        }
        if server.isVoter { budget -= 1 }
        roster.remove(server.id)
        let kind: PlannedAction.Kind = isStranger ? .remove : .forceLeave
        let rule: PlanRule = isStranger ? .cleanupStale : .cleanupFailed
        plan.removals.append(
            PlannedAction(
                kind: kind, id: server.id, rule: rule,
                text: rule.text(of: kind, name: server.name, address: nil)))
    }

    mutating func refuse(
        _ subject: PlanRefusal.Subject, _ id: String, _ reason: RefusalReason, _ text: String
    ) {
        plan.refusals.append(
            PlanRefusal(subject: subject, id: id, reason: reason, text: "\(name(of: id)): \(text)"))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Decides what Autopilot does next: a pure function of what the leader sees.
///
/// A round is planned step by step, and each step sees the configuration that the steps before it
/// leave. In order:
///
/// 1. Who belongs to the configuration: servers that left go, addresses follow their servers, and
///    servers that gossip has alive come in without a vote.
/// 2. With an odd number of voters, a failed one that has to go (guard G5).
/// 3. Promotions. The round's changes of votes end here if there were any, or a demotion in step 2.
/// 4. One demotion, of a failed server first. The round ends here if there was one.
/// 5. Transfer of leadership.
/// 6. Clean-up of dead servers.
package enum Planner {
    /// A server that was removed comes back when it was heard this long after that: one that died
    /// lately still counts as alive.
    package static let rejoinDelay: Duration = .seconds(2)
    /// A leader waits this long before it takes out a server that its gossip has never heard of:
    /// after a restart of the whole cluster such a server may just be slower to start.
    package static let strangerPatience: Duration = .seconds(60)

    /// A server that was stopped in good order keeps its place for so long: a reboot, an upgrade, a
    /// new disk. Nothing is won by taking it out at once: without it and its vote no more failures
    /// are tolerated than with them.
    package static let stopPatience: Duration = .seconds(900)

    /// One reconcile round and one pass of clean-up.
    ///
    /// - Parameter health: of the same view, its servers in the same order.
    /// - Parameter now: on the clock of the health's `stableSince`.
    package static func plan(
        _ view: ClusterView, health: ClusterHealth, at now: Duration
    ) -> Plan {
        var round = PlannedRound(view, roster: Roster(view, health, at: now))
        round.run()
        return round.plan
    }

    /// Whether no plan for this view has anything to do, whatever the servers' health: all of them
    /// are alive where they say they are, vote as they want to, and are of one version.
    ///
    /// Costs next to nothing, and is true most of the time. Where it is false a plan may be empty, too.
    package static func isAtRest(_ view: ClusterView) -> Bool {
        guard view.outsiders.isEmpty, view.baseline == nil,
            !view.configuration.enableRedundancyZones, let first = view.servers.first
        else { return false }
        return view.servers.allSatisfy { server in
            server.serfStatus == .alive && server.isVoter && !server.isReadReplica
                && !server.hasOldProtocol && server.version == first.version
                && server.upgradeVersion == first.upgradeVersion
                && (server.advertisedAddress ?? server.address) == server.address
        }
    }
}

/// A plan while it is made.
struct PlannedRound {
    let view: ClusterView
    /// As it is, and as the planned changes leave it.
    let initial: Roster
    var roster: Roster
    let guards: Guards
    var plan: Plan

    init(_ view: ClusterView, roster: Roster) {
        self.view = view
        initial = roster
        self.roster = roster
        guards = Guards(configuration: view.configuration)
        plan = Plan(status: .noLeader, failureTolerance: roster.failureTolerance)
    }

    mutating func run() {
        let hasLeader = initial.leader != nil
        plan.configurationIndex = view.configurationIndex
        plan.isGated = Self.isGated(view)
        if hasLeader { planMembership() }
        let decision = Decision(
            roster, configuration: view.configuration, baseline: view.baseline)
        if hasLeader, !plan.isGated { reconcile(decision) }
        if hasLeader, view.configuration.cleanupDeadServers { prune() }
        conclude(decision, hasLeader: hasLeader)
    }

    /// An alive server of an older protocol: votes stay as they are until it is gone.
    private static func isGated(_ view: ClusterView) -> Bool {
        view.servers.contains { $0.hasOldProtocol && isAlive($0.serfStatus) }
            || view.outsiders.contains { $0.hasOldProtocol && isAlive($0.serfStatus) }
    }

    // MARK: Votes

    private mutating func reconcile(_ decision: Decision) {
        let before = plan.actions.count
        let failed = decision.demotions.filter { roster[$0]?.isHealthy == false }
        if roster.voterCount % 2 == 1, let first = failed.first(where: mayDemote) {
            demote(first, rule: demotionRule(first, decision) ?? .failedVoterFirst)
        }
        for id in decision.promotions { promote(id, decision) }
        guard plan.actions.count == before else { return }
        if let first = decision.demotions.first(where: mayDemote) {
            demote(first, rule: demotionRule(first, decision) ?? .zoneSurplus)
        } else if decision.transfersLeadership {
            transfer(decision)
        }
    }

    private func mayDemote(_ id: String) -> Bool {
        guard let server = roster[id] else { return false }
        return guards.refusalToDemote(server, in: roster) == nil
    }

    private mutating func promote(_ id: String, _ decision: Decision) {
        let rule: PlanRule
        if decision.status == .promoting {
            rule = .upgradePromoting
        } else if decision.wanted.extras.contains(id) {
            rule = .zoneExtraVoter
        } else {
            rule =
                view.configuration.enableRedundancyZones ? .zoneVoter : .stableIntroduction
        }
        roster.setVote(id, to: true)
        act(.promote, id, rule)
    }

    /// nil for one that only the zones make superfluous.
    private func demotionRule(_ id: String, _ decision: Decision) -> PlanRule? {
        if roster[id]?.isReadReplica == true { return .readReplica }
        return decision.status == .demoting ? .upgradeDemoting : nil
    }

    private mutating func demote(_ id: String, rule: PlanRule) {
        roster.setVote(id, to: false)
        act(.demote, id, rule)
    }

    private mutating func transfer(_ decision: Decision) {
        let candidates = roster.potential.filter {
            $0.isVoter && $0.isHealthy && $0.status == .alive && !$0.isLeader
                && decision.wanted.ids.contains($0.id)
        }
        guard var leader = roster.leader, let target = candidates.preferred else { return }
        leader.isLeader = false  // As it will be.
        if decision.status == .leaderTransfer {
            act(.transfer, target.id, .upgradeLeaderTransfer)
        } else if guards.refusalToDemote(leader, in: roster) == nil {
            act(.transfer, target.id, .readReplica)
        }
    }

    mutating func act(
        _ kind: PlannedAction.Kind, _ id: String, _ rule: PlanRule, address: String? = nil
    ) {
        plan.actions.append(
            PlannedAction(
                kind: kind, id: id, address: address, rule: rule,
                text: rule.text(of: kind, name: name(of: id), address: address)))
    }

    func name(of id: String) -> String {
        initial[id]?.name ?? view.outsiders.first { $0.id == id }?.name ?? id
    }
}

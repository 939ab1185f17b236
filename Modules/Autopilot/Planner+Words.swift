// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension PlanRule {
    /// What the action does and why, in one sentence.
    func text(of kind: PlannedAction.Kind, name: String, address: String?) -> String {
        switch self {
        case .join: "\(name) is alive: it joins without a vote"
        case .addressChanged: "\(name) is reached at \(address ?? "") from here on"
        case .left: "\(name) has left: it is taken out of the configuration"
        case .stableIntroduction: "\(name) is stable: it gets a vote"
        case .zoneVoter: "\(name) votes for its zone"
        case .zoneExtraVoter: "\(name) votes in the place of a zone that is lost"
        case .zoneSurplus: "\(name) loses its vote: its zone has another voter"
        case .readReplica:
            kind == .transfer
                ? "\(name) leads: the leader is a read replica" : "\(name) is a read replica"
        case .failedVoterFirst: "\(name) has failed and loses its vote before another server votes"
        case .upgradePromoting: "\(name) runs the target version: it gets a vote"
        case .upgradeDemoting: "\(name) runs another version and is replaced: it loses its vote"
        case .upgradeLeaderTransfer: "\(name) leads: the leader is the last voter to replace"
        case .cleanupStale: "\(name) is unknown to gossip: it is taken out of the configuration"
        case .cleanupFailed: "\(name) has failed: it is forced to leave"
        }
    }
}

extension PlannedRound {
    /// All that a plan says besides its actions.
    mutating func conclude(_ decision: Decision, hasLeader: Bool) {
        plan.status = hasLeader ? decision.status : .noLeader
        plan.targetVersion = targetText(decision.target)
        plan.wantedVoters = decision.wanted.ids.sorted()
        plan.safeToRemove = hasLeader ? decision.safeToRemove : []
        plan.nodeTypes = view.servers.map { nodeType(of: $0.id, decision) }
        let standbys = decision.standbys.count {
            !$0.isVoter && $0.isHealthy && $0.status == .alive
        }
        plan.optimisticFailureTolerance = plan.failureTolerance + standbys
        keepBaseline(decision, hasLeader: hasLeader)
        for id in decision.demotions {
            guard let server = roster[id], server.isVoter,
                let (reason, text) = guards.refusalToDemote(server, in: roster)
            else { continue }
            refuse(.demotion, id, reason, text)
        }
        warn()
        plan.nextActions = nextActions(decision, hasLeader: hasLeader)
        plan.inputsHash = InputsHash.hash(view, initial)
    }

    /// Of several spellings the first, so that it does not depend on any order.
    private func targetText(_ target: UpgradeVersion?) -> String? {
        roster.potential.filter { $0.isAlive && $0.version == target }
            .map { $0.hasReadableVersion ? $0.versionText : "0.0.0" }.min()
    }

    private func nodeType(of id: String, _ decision: Decision) -> NodeType {
        guard let server = initial[id] else { return .voter }
        if server.isReadReplica { return .readReplica }
        guard view.configuration.enableRedundancyZones else { return .voter }
        if decision.wanted.extras.contains(id) { return .zoneExtraVoter }
        let isWanted = decision.wanted.ids.contains(id)
        return isWanted || decision.wanted.vacant.contains(server.zone) ? .zoneVoter : .zoneStandby
    }

    private mutating func keepBaseline(_ decision: Decision, hasLeader: Bool) {
        guard hasLeader else {
            plan.baseline = view.baseline
            return
        }
        switch decision.status {
        case .idle, .disabled, .noLeader:
            // While migration is only switched off, versions may still differ: the baseline of the
            // upgrade that was begun is the right one when it is switched on again.
            if decision.isUniform, view.baseline != nil {
                plan.baselineChange = .clear
            } else {
                plan.baseline = view.baseline
            }
        default:
            plan.baseline = decision.baseline
            if view.baseline == nil { plan.baselineChange = .store(decision.baseline) }
        }
    }

    // MARK: Next

    private func nextActions(_ decision: Decision, hasLeader: Bool) -> [String] {
        guard hasLeader else { return ["waits for a leader"] }
        var next = (plan.actions + plan.removals).map(\.text)
        if plan.isGated { next.append("waits for all servers to have raft_protocol 3 or higher") }
        let zones = view.configuration.enableRedundancyZones
        let stabilization = view.configuration.serverStabilizationTime
        for server in decision.standbys where server.isMaturing && !server.isVoter {
            guard !zones || decision.wanted.vacant.contains(server.zone) else { continue }
            next.append("waits until \(server.name) has been healthy for \(stabilization)")
        }
        if let text = waiting(for: decision) { next.append(text) }
        return next + plan.refusals.map { "\($0.subject.verb): \($0.text)" }
    }

    private func waiting(for decision: Decision) -> String? {
        let version = plan.targetVersion ?? ""
        switch decision.status {
        case .awaitNewVoters:
            let needed = decision.baseline
            return decision.ready < needed
                ? "waits for servers of version \(version): \(decision.ready) of \(needed) are ready"
                : "waits for a server of version \(version) in each zone"
        case .awaitNewServers:
            return view.configuration.enableRedundancyZones
                ? "waits for as many servers of version \(version) in each zone as others are there"
                : "waits for as many healthy servers of version \(version) as others are alive"
        case .awaitServerRemoval:
            let names = decision.safeToRemove.map { name(of: $0) }
            return "waits for the removal of " + names.joined(separator: ", ")
        case .noLeader, .disabled, .idle, .promoting, .demoting, .leaderTransfer: return nil
        }
    }
}

extension PlanRefusal.Subject {
    fileprivate var verb: String {
        switch self {
        case .removal: "not removed"
        case .demotion: "keeps its vote"
        case .join: "not taken in"
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Health and plan as the operator API shows them.
package struct Report: Sendable {
    private let view: ClusterView
    private let health: ClusterHealth
    private let plan: Plan

    /// - Precondition: health and plan are of `view`.
    package init(_ view: ClusterView, health: ClusterHealth, plan: Plan) {
        self.view = view
        self.health = health
        self.plan = plan
    }

    /// The answer of `/v1/operator/autopilot/health`, with what an older client does not know where
    /// that says something: zones when they are on, read replicas when there are any, an upgrade
    /// while versions differ, and the optimistic tolerance with any of them or where it is higher.
    package var operatorHealth: OperatorHealth {
        var answer = health.operatorHealth
        answer.readReplicas = ids { $0.isReadReplica }
        if view.configuration.enableRedundancyZones { answer.redundancyZones = zoneHealth }
        answer.upgrade = upgrade
        let optimistic = plan.optimisticFailureTolerance
        let isExtended =
            !answer.readReplicas.isEmpty || view.configuration.enableRedundancyZones
            || answer.upgrade != nil
        if isExtended || optimistic > health.failureTolerance {
            answer.optimisticFailureTolerance = optimistic
        }
        return answer
    }

    private func ids(where passes: (ServerObservation) -> Bool) -> [String] {
        view.servers.filter(passes).map(\.id)
    }

    private var zoneNames: [String] {
        Set(view.servers.lazy.filter { !$0.zone.isEmpty }.map(\.zone))
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private var zoneHealth: [ZoneHealth] {
        zoneNames.map { zone in
            let healthy = zip(view.servers, health.servers).count { server, assessment in
                server.zone == zone && !server.isReadReplica && assessment.health.isHealthy
            }
            return ZoneHealth(
                name: zone, failureTolerance: max(0, healthy - 1),
                servers: ids { $0.zone == zone },
                voters: ids { $0.zone == zone && $0.isVoter })
        }
    }

    // MARK: Upgrades

    private var upgrade: UpgradeHealth? {
        switch plan.status {
        case .noLeader, .disabled, .idle: return nil
        case .awaitNewVoters, .promoting, .demoting, .leaderTransfer, .awaitNewServers,
            .awaitServerRemoval:
            break
        }
        guard let target = plan.targetVersion else { return nil }
        let zones = view.configuration.enableRedundancyZones ? zoneNames : []
        return UpgradeHealth(
            status: plan.status.rawValue, targetVersion: target,
            servers: upgradeServers(target) { _ in true },
            zones: zones.map { zone in
                (zone, upgradeServers(target) { $0.zone == zone })
            })
    }

    private func upgradeServers(
        _ target: String, where passes: (ServerObservation) -> Bool
    ) -> UpgradeServers {
        let configuration = view.configuration
        let version =
            configuration.enableCustomUpgrades
            ? UpgradeVersion(custom: target) : UpgradeVersion(build: target)
        var sides = UpgradeServers()
        for server in view.servers where passes(server) {
            let own = Member.version(of: server, configuration).0 ?? .zero
            switch (own == version, server.isReadReplica, server.isVoter) {
            case (true, true, _): sides.targetVersionReadReplicas.append(server.id)
            case (true, false, true): sides.targetVersionVoters.append(server.id)
            case (true, false, false): sides.targetVersionNonVoters.append(server.id)
            case (false, true, _): sides.otherVersionReadReplicas.append(server.id)
            case (false, false, true): sides.otherVersionVoters.append(server.id)
            case (false, false, false): sides.otherVersionNonVoters.append(server.id)
            }
        }
        return sides
    }
}

// MARK: - What is shown beside health

extension Report {
    /// The answer of `/v1/operator/autopilot/state`.
    package var state: AutopilotState {
        let servers = view.servers.indices.map { server(at: $0) }
        var state = AutopilotState(
            configurationIndex: view.configurationIndex,
            failureTolerance: plan.failureTolerance, isHealthy: health.isHealthy,
            optimisticFailureTolerance: plan.optimisticFailureTolerance, servers: servers,
            status: plan.status.rawValue)
        state.baseline = plan.baseline
        state.leader = health.leader
        state.nextActions = plan.nextActions
        state.refused = plan.refusals.map(AutopilotNotice.init)
        state.safeToRemove = plan.safeToRemove
        state.targetVersion = plan.targetVersion
        state.voters = health.voters
        state.wantedVoters = plan.wantedVoters
        state.warnings = plan.warnings.map(AutopilotNotice.init)
        return state
    }

    private func server(at position: Int) -> AutopilotServer {
        let server = view.servers[position]
        let assessment = health.servers[position]
        let sampleAge = server.isLeader ? .zero : server.sampleAge ?? server.lastContact
        return AutopilotServer(
            health: assessment.health, nodeType: plan.nodeTypes[position].rawValue,
            isReadReplica: server.isReadReplica,
            isSafeToRemove: plan.safeToRemove.contains(server.id),
            sampleAge: sampleAge.map { GoDuration(max($0, .zero)) },
            reason: assessment.reason.map {
                AutopilotReason($0, isInGrace: assessment.isInGrace)
            },
            upgradeVersion: Member.version(of: server, view.configuration).text,
            zone: server.zone)
    }
}

extension DryRun {
    /// The answer of `/v1/operator/autopilot/plan`.
    package var answer: AutopilotPlan {
        var answer = AutopilotPlan(
            assumed: .init(
                configuration: assumption.configuration, failed: assumption.failed,
                leaving: assumption.leaving),
            configurationIndex: plan.configurationIndex, inputsHash: plan.inputsHashText,
            quorumSurvives: quorumSurvives, status: plan.status.rawValue)
        answer.actions = (plan.actions + plan.removals).map {
            AutopilotAction(
                action: $0.kind.rawValue, address: $0.address, id: $0.id, rule: $0.rule.rawValue,
                text: $0.text)
        }
        answer.failureTolerance = failureTolerance
        answer.optimisticFailureTolerance = plan.optimisticFailureTolerance
        answer.refused = plan.refusals.map(AutopilotNotice.init)
        answer.rounds = rounds
        answer.settledFailureTolerance = settledFailureTolerance
        answer.settledVoters = settledVoters
        answer.targetVersion = plan.targetVersion
        answer.unsafe = unsafe.map {
            AutopilotNotice(code: $0.danger.rawValue, id: $0.id, text: $0.text)
        }
        answer.wantedVoters = plan.wantedVoters
        answer.warnings = plan.warnings.map(AutopilotNotice.init)
        return answer
    }
}

extension Plan {
    /// 16 hexadecimal digits.
    package var inputsHashText: String {
        let digits = String(inputsHash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension AutopilotNotice {
    fileprivate init(_ refusal: PlanRefusal) {
        self.init(code: refusal.reason.rawValue, id: refusal.id, text: refusal.text)
    }

    fileprivate init(_ warning: PlanWarning) {
        self.init(code: warning.code.rawValue, text: warning.text)
    }
}

extension AutopilotReason {
    fileprivate init(_ reason: UnhealthyReason, isInGrace: Bool) {
        self.init(
            code: reason.code.rawValue, isInGrace: isInGrace,
            observed: reason.observed.description, text: reason.text,
            threshold: reason.threshold.description)
    }
}

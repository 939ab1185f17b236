// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What is assumed instead of what is so.
package struct Assumption: Equatable, Sendable {
    /// nil: the one in force.
    package var configuration: AutopilotConfiguration?
    /// Servers that have failed, and servers that have left for good.
    package var failed: [String] = []
    package var leaving: [String] = []

    package init() {}
}

/// What would happen, and what would be dangerous.
package struct DryRun: Equatable, Sendable {
    package enum Danger: String, Equatable, Sendable {
        /// No majority of the voters would be healthy.
        case quorum
        /// The next failure would stop the cluster.
        case tolerance
        /// Leadership would move, or be lost.
        case leader
        case lastOfZone = "last-of-zone"
        /// The configuration does not have such a server.
        case unknownServer = "unknown-server"
    }

    package struct Unsafe: Equatable, Sendable {
        package var danger: Danger
        package var id: String?
        package var text: String

        package init(danger: Danger, id: String? = nil, text: String) {
            self.danger = danger
            self.id = id
            self.text = text
        }
    }

    package var assumption: Assumption
    /// The first round.
    package var plan: Plan
    /// A majority of the voters is healthy at the moment when the assumption becomes true.
    package var quorumSurvives: Bool
    /// At that moment, and when no round has anything left to do.
    package var failureTolerance: Int
    package var settledFailureTolerance: Int
    /// Ids, sorted.
    package var settledVoters: [String]
    package var rounds: Int
    package var unsafe: [Unsafe]
}

extension Planner {
    /// More rounds than any cluster within Raft's bounds needs: each gives, takes or moves something.
    private static let roundsMax = 512

    /// Plans as if `assumption` were true. Nothing is changed.
    ///
    /// - Parameter tracker: the leader's own; the copy that is used here learns nothing for it.
    package static func dryRun(
        _ view: ClusterView, tracker: HealthTracker, assuming assumption: Assumption,
        at now: Duration, wallClockNanoseconds: Int64
    ) -> DryRun {
        var tracker = tracker
        let health = tracker.assess(view, at: now, wallClockNanoseconds: wallClockNanoseconds)
        let today = ClusterModel(view, health: health, at: now)
        var assumed = view
        if let configuration = assumption.configuration {
            assumed.configuration = configuration
            tracker.patience = .none
        }
        for position in assumed.servers.indices {
            assumed.servers[position].assume(assumption)
        }
        let assumedHealth = tracker.assess(
            assumed, at: now, wallClockNanoseconds: wallClockNanoseconds)
        var model = ClusterModel(assumed, health: assumedHealth, at: now)
        let survives = model.hasQuorum
        if survives, health.leader != nil, assumedHealth.leader == nil { model.elect() }
        return run(model, assumption, today: today, survives: survives)
    }

    private static func run(
        _ model: ClusterModel, _ assumption: Assumption, today: ClusterModel, survives: Bool
    ) -> DryRun {
        var model = model
        let plan = model.plan
        let tolerance = model.health.failureTolerance
        let dangers = Dangers(assumption, today: today, then: model, survives: survives)
        let rounds = survives ? model.settle(roundsMax: roundsMax) : 0
        return DryRun(
            assumption: assumption, plan: plan, quorumSurvives: survives,
            failureTolerance: tolerance, settledFailureTolerance: model.health.failureTolerance,
            settledVoters: model.health.voters.sorted(), rounds: rounds ?? roundsMax,
            unsafe: dangers.found)
    }
}

extension ServerObservation {
    fileprivate mutating func assume(_ assumption: Assumption) {
        let leaves = assumption.leaving.contains(id)
        guard leaves || assumption.failed.contains(id) else { return }
        serfStatus = leaves ? .left : .failed
        isLeader = false
        lastContact = nil
        isReceivingSnapshot = false
    }
}

extension ClusterModel {
    /// Whoever of the healthy voters would be kept first leads; nobody can know who.
    fileprivate mutating func elect() {
        let voters = health.servers.filter { $0.health.isVoter && $0.health.isHealthy }
        let first = voters.min {
            $0.health.lastIndex == $1.health.lastIndex
                ? $0.health.id < $1.health.id : $0.health.lastIndex > $1.health.lastIndex
        }
        setLeader(first?.health.id)
    }
}

/// What an assumption would break.
private struct Dangers {
    var found: [DryRun.Unsafe] = []

    init(_ assumption: Assumption, today: ClusterModel, then: ClusterModel, survives: Bool) {
        let gone = Set(assumption.failed + assumption.leaving)
        for id in gone.sorted() {
            guard let server = today.view.servers.first(where: { $0.id == id }) else {
                add(.unknownServer, id, "the configuration has no server \(id)")
                continue
            }
            if server.isLeader {
                add(.leader, id, "\(server.name) leads: transfer leadership first")
            }
            if isLastOfZone(server, gone: gone, in: today.view) {
                add(.lastOfZone, id, "\(server.name) is the last server of zone \(server.zone)")
            }
        }
        let healthy = then.health.healthyVoterCount
        let voters = then.health.voterCount
        if !survives {
            let needed = voters / 2 + 1
            add(.quorum, nil, "\(healthy) of \(voters) voters would be healthy: \(needed) must be")
        } else if then.health.failureTolerance == 0, today.health.failureTolerance > 0 {
            add(.tolerance, nil, "the next failure would stop the cluster")
        }
    }

    private mutating func add(_ danger: DryRun.Danger, _ id: String?, _ text: String) {
        found.append(DryRun.Unsafe(danger: danger, id: id, text: text))
    }

    private func isLastOfZone(
        _ server: ServerObservation, gone: Set<String>, in view: ClusterView
    ) -> Bool {
        guard view.configuration.enableRedundancyZones, !server.zone.isEmpty,
            !server.isReadReplica
        else { return false }
        return !view.servers.contains {
            $0.zone == server.zone && !$0.isReadReplica && !gone.contains($0.id)
                && isAlive($0.serfStatus)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import MartletSimulation

/// Plans for one cluster until nothing is left to do, and what was wrong with any of them.
struct Checked {
    /// The first.
    let plan: Plan
    private(set) var rounds = 0
    /// How often the short way around a plan was open.
    private(set) var rests = 0
    private(set) var broken: [String] = []

    init(_ model: ClusterModel, using random: inout SplitMix64) {
        plan = model.plan
        checkOrder(of: model, using: &random)
        var model = model
        var plan = plan
        // Each server can be promoted, demoted and removed, each once, and leadership moved.
        let bound = 3 * model.view.servers.count + 6
        while rounds <= bound {
            checkRest(plan, of: model)
            if plan.actions.isEmpty, plan.removals.isEmpty, plan.baselineChange == nil { return }
            rounds += 1
            check(plan, on: &model)
            plan = model.plan
        }
        broken.append("no end after \(bound) rounds: \(model.plan.spelled)")
    }

    private mutating func checkRest(_ plan: Plan, of model: ClusterModel) {
        guard Planner.isAtRest(model.view) else { return }
        rests += 1
        if !plan.actions.isEmpty || !plan.removals.isEmpty || plan.baselineChange != nil
            || plan.isGated
        {
            broken.append("something to do at rest: \(plan.spelled)")
        }
    }

    /// Every prefix of the plan; leaves the model as the plan leaves it.
    private mutating func check(_ plan: Plan, on model: inout ClusterModel) {
        // The baseline alone; actions follow one by one.
        var bookkeeping = plan
        bookkeeping.actions = []
        bookkeeping.removals = []
        model.apply(bookkeeping)
        checkCounts(plan)
        if model.health.leader == nil, !(plan.actions + plan.removals).isEmpty {
            broken.append("acts without a leader: \(plan.spelled)")
        }
        checkBudget(plan, on: model)
        for action in plan.actions { apply(action, to: &model, isRemoval: false) }
        for action in plan.removals { apply(action, to: &model, isRemoval: true) }
    }

    private mutating func checkCounts(_ plan: Plan) {
        if plan.actions.count(where: { $0.kind == .demote }) > 1 {
            broken.append("two demotions in a round: \(plan.spelled)")
        }
        if plan.isGated, plan.actions.contains(where: { $0.isAboutVotes }) {
            broken.append("moves votes beside an old protocol: \(plan.spelled)")
        }
        if plan.optimisticFailureTolerance < plan.failureTolerance {
            broken.append("optimism below tolerance")
        }
        if plan.safeToRemove.isEmpty == (plan.status == .awaitServerRemoval) {
            broken.append("safe to remove in \(plan.status): \(plan.safeToRemove)")
        }
    }

    /// Clean-up: at most a minority of the voters, and none below MinQuorum.
    private mutating func checkBudget(_ plan: Plan, on model: ClusterModel) {
        guard !plan.removals.isEmpty else { return }
        let configuration = model.view.configuration
        if !configuration.cleanupDeadServers { broken.append("clean-up that is off") }
        var model = model
        for action in plan.actions { model.apply(action) }
        let before = model.health.voterCount
        for action in plan.removals { model.apply(action) }
        let after = model.health.voterCount
        if before - after > max(0, before - 1) / 2 { broken.append("a majority goes") }
        if before > after, UInt64(after) < configuration.minQuorum {
            broken.append("below MinQuorum")
        }
    }

    private mutating func apply(
        _ action: PlannedAction, to model: inout ClusterModel, isRemoval: Bool
    ) {
        let before = model
        let server = model.view.servers.first { $0.id == action.id }
        model.apply(action)
        if before.hasQuorum, !model.hasQuorum { broken.append("quorum lost by \(action)") }
        if model.health.leader == nil, before.health.leader != nil {
            broken.append("leader lost by \(action)")
        }
        let isTakenAway = action.kind == .demote || action.kind == .remove
        if server?.isLeader == true, isTakenAway || action.kind == .forceLeave {
            broken.append("against the leader: \(action)")
        }
        switch action.kind {
        case .promote:
            if server?.isReadReplica != false { broken.append("a replica votes: \(action)") }
            if !before.isHealthy(action.id) { broken.append("an unhealthy one votes: \(action)") }
        case .transfer:
            if server?.isVoter != true || !before.isHealthy(action.id) {
                broken.append("leadership to one that cannot lead: \(action)")
            }
        case .demote:
            if UInt64(model.health.voterCount) < model.view.configuration.minQuorum {
                broken.append("below MinQuorum by \(action)")
            }
            if before.isHealthy(action.id), before.health.failureTolerance > 0,
                model.health.failureTolerance == 0
            {
                broken.append("tolerance lost by \(action)")
            }
        case .remove, .forceLeave:
            if model.health.failureTolerance < before.health.failureTolerance {
                broken.append("G6 broken by \(action)")
            }
            if let server, isRemoval { checkRemoval(of: server, by: action, leaving: model) }
        case .addNonVoter, .updateAddress: break
        }
    }

    private mutating func checkRemoval(
        of server: ServerObservation, by action: PlannedAction, leaving model: ClusterModel
    ) {
        let expected: PlannedAction.Kind = server.serfStatus == .none ? .remove : .forceLeave
        if action.kind != expected || server.serfStatus == .alive || server.serfStatus == .leaving {
            broken.append("not to be cleaned up so: \(action)")
        }
        if model.view.configuration.enableRedundancyZones, !server.zone.isEmpty,
            !server.isReadReplica,
            !model.view.servers.contains(where: { $0.zone == server.zone && !$0.isReadReplica })
        {
            broken.append("a zone forgotten by \(action)")
        }
    }

    /// The same plan for another order of the servers, but for what is shown in their order.
    private mutating func checkOrder(of model: ClusterModel, using random: inout SplitMix64) {
        let order = model.view.servers.indices.shuffled(using: &random)
        var view = model.view
        view.servers = order.map { model.view.servers[$0] }
        view.outsiders.shuffle(using: &random)
        let health = ClusterHealth(servers: order.map { model.health.servers[$0] })
        var other = Planner.plan(view, health: health, at: model.now)
        if other.nodeTypes != order.map({ plan.nodeTypes[$0] }) {
            broken.append("node types depend on the order")
        }
        other.nodeTypes = plan.nodeTypes
        if other != plan { broken.append("the plan depends on the order") }
    }
}

extension ClusterModel {
    fileprivate func isHealthy(_ id: String) -> Bool {
        health.servers.first { $0.health.id == id }?.health.isHealthy ?? false
    }
}

extension PlannedAction {
    fileprivate var isAboutVotes: Bool {
        kind == .promote || kind == .demote || kind == .transfer
    }
}

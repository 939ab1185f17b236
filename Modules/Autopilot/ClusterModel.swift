// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A cluster on which plans are tried: actions take effect at once, and time stands still, so
/// nobody becomes healthy, stable or dead meanwhile.
package struct ClusterModel: Equatable, Sendable {
    package private(set) var view: ClusterView
    package private(set) var health: ClusterHealth
    package let now: Duration

    /// - Precondition: `health` is of `view`, its servers in the same order.
    package init(_ view: ClusterView, health: ClusterHealth, at now: Duration) {
        self.view = view
        self.health = health
        self.now = now
    }

    package var plan: Plan { Planner.plan(view, health: health, at: now) }

    /// A majority of the voters is healthy.
    package var hasQuorum: Bool { health.healthyVoterCount >= health.voterCount / 2 + 1 }

    /// The whole plan, its baseline first.
    package mutating func apply(_ plan: Plan) {
        switch plan.baselineChange {
        case .store(let baseline): view.baseline = baseline
        case .clear: view.baseline = nil
        case nil: break
        }
        for action in plan.actions + plan.removals { apply(action) }
    }

    /// One action. Servers that are added are not followed: their health is not known.
    package mutating func apply(_ action: PlannedAction) {
        let position = view.servers.firstIndex { $0.id == action.id }
        switch action.kind {
        case .addNonVoter: view.outsiders.removeAll { $0.id == action.id }
        case .updateAddress:
            if let position, let address = action.address {
                view.servers[position].address = address
                health.servers[position].health.address = address
            }
        case .promote: if let position { setVote(at: position, to: true) }
        case .demote: if let position { setVote(at: position, to: false) }
        case .transfer: setLeader(action.id)
        case .remove, .forceLeave:
            if let position {
                view.servers.remove(at: position)
                health.servers.remove(at: position)
            }
        }
    }

    private mutating func setVote(at position: Int, to isVoter: Bool) {
        view.servers[position].isVoter = isVoter
        health.servers[position].health.isVoter = isVoter
    }

    package mutating func setLeader(_ id: String?) {
        for position in view.servers.indices {
            let leads = view.servers[position].id == id
            view.servers[position].isLeader = leads
            health.servers[position].health.isLeader = leads
        }
    }

    /// Applies plan after plan until one has nothing to do.
    ///
    /// - Returns: how many had something to do; nil if that never ended within `roundsMax`.
    package mutating func settle(roundsMax: Int) -> Int? {
        for round in 0...roundsMax {
            let plan = plan
            if plan.actions.isEmpty, plan.removals.isEmpty, plan.baselineChange == nil {
                return round
            }
            apply(plan)
        }
        return nil
    }
}

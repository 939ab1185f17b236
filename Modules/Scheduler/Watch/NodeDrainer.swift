// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Empties nodes: which instances leave now, and which node is done (H9).
///
/// Pure: everything is in the view. Services leave as fast as their migrate strategy allows: the next when
/// who took the last one's place has run for its time (`min_healthy_time`). Batch
/// work may end until the deadline, system jobs leave last; at the deadline everything leaves.
package enum NodeDrainer {
    /// A group with instances on a node that is drained.
    package struct GroupView: Sendable {
        package var job: Shared<Job>
        package var group: String
        /// All of the group's, on any node.
        package var allocations: [Shared<Allocation>]

        package init(job: Shared<Job>, group: String, allocations: [Shared<Allocation>]) {
            self.job = job
            self.group = group
            self.allocations = allocations
        }
    }

    package struct View: Sendable {
        /// Those with a drain strategy.
        package var nodes: [Node]
        package var groups: [GroupView]

        package init(nodes: [Node], groups: [GroupView]) {
            self.nodes = nodes
            self.groups = groups
        }
    }

    package struct Decision: Equatable, Sendable {
        /// To be marked `migrate`, ascending.
        package var migrations: [UniqueID] = []
        /// One for each job with such, in the same entry.
        package var evaluations: [Evaluation] = []
        /// Nodes that are empty: their drain strategy is removed, and they stay ineligible.
        package var drained: [UniqueID] = []
        /// When to look again, if nothing changes before, in nanoseconds of the wall clock.
        package var nextEventAt: Int64?
    }

    package static func decide(
        _ view: View, unixNanoseconds now: Int64, ids: inout IDSource
    ) -> Decision {
        var decision = Decision()
        let look = DrainLook(view, now: now)
        var jobs: [JobKey: (job: Job, nodeID: UniqueID)] = [:]
        for group in view.groups {
            for allocation in look.leaving(of: group) {
                decision.migrations.append(allocation.id)
                jobs[group.job.value.key] = (group.job.value, allocation.nodeID)
            }
        }
        decision.migrations.sort()
        for key in jobs.keys.sorted() {
            guard let (job, nodeID) = jobs[key] else { continue }
            decision.evaluations.append(evaluation(ids.next(), job, nodeID, now: now))
        }
        decision.drained = look.drained
        let nextHealthy = view.groups.lazy.compactMap(look.nextHealthy).min()
        decision.nextEventAt = [look.nextDeadline, nextHealthy].compactMap(\.self).min()
        return decision
    }

    private static func evaluation(
        _ id: UniqueID, _ job: Job, _ nodeID: UniqueID, now: Int64
    ) -> Evaluation {
        var evaluation = Evaluation(
            id: id, job: job.key, priority: job.priority, type: job.type, trigger: .nodeDrain)
        evaluation.jobModifyIndex = job.jobModifyIndex
        evaluation.nodeID = nodeID
        evaluation.createUnixNanoseconds = now
        evaluation.modifyUnixNanoseconds = now
        return evaluation
    }
}

/// The drained nodes at one instant.
private struct DrainLook {
    private struct Drain {
        let strategy: DrainStrategy
        let isForced: Bool
        /// Something runs there that is no system job.
        var hasWork = false
        /// Something runs there that has to leave.
        var hasLeft = true
    }

    private let now: Int64
    private var drains: [UniqueID: Drain] = [:]

    init(_ view: NodeDrainer.View, now: Int64) {
        self.now = now
        for node in view.nodes {
            guard let strategy = node.drain else { continue }
            drains[node.id] = Drain(
                strategy: strategy, isForced: Self.isForced(strategy, now: now))
        }
        for group in view.groups {
            let isSystem = group.job.value.type.isSystem
            for allocation in group.allocations { note(allocation.value, isSystem: isSystem) }
        }
    }

    private static func isForced(_ strategy: DrainStrategy, now: Int64) -> Bool {
        if strategy.deadline < .zero { return true }
        let deadline = strategy.forceDeadlineUnixNanoseconds
        return deadline > 0 && deadline <= now
    }

    private mutating func note(_ allocation: Allocation, isSystem: Bool) {
        guard let drain = drains[allocation.nodeID], !allocation.isClientTerminal else { return }
        if !isSystem { drains[allocation.nodeID]?.hasWork = true }
        if !isSystem || !drain.strategy.ignoresSystemJobs {
            drains[allocation.nodeID]?.hasLeft = false
        }
    }

    /// A node is done when what has to leave it has ended, as the node itself told.
    var drained: [UniqueID] { drains.filter(\.value.hasLeft).keys.sorted() }

    var nextDeadline: Int64? {
        drains.values.filter { !$0.hasLeft && !$0.isForced }
            .map(\.strategy.forceDeadlineUnixNanoseconds).filter { $0 > 0 }.min()
    }

    /// By number, so that the same ones leave whoever asks.
    func leaving(of view: NodeDrainer.GroupView) -> [Allocation] {
        let type = view.job.value.type
        let candidates = Reconciler.ordered(view.allocations).map(\.value).filter(isToLeave)
        let forced = candidates.filter { allocation in
            let drain = drains[allocation.nodeID]
            let isIgnored = type.isSystem && drain?.strategy.ignoresSystemJobs == true
            return drain?.isForced == true && !isIgnored
        }
        let rest = candidates.filter { drains[$0.nodeID]?.isForced != true }
        switch type {
        case .service: return forced + rest.prefix(allowance(for: view, forced: forced.count))
        case .batch: return forced
        case .system, .sysbatch:
            return forced
                + rest.filter { allocation in
                    guard let drain = drains[allocation.nodeID] else { return false }
                    return !drain.hasWork && !drain.strategy.ignoresSystemJobs
                }
        }
    }

    /// It is on a node that is drained, and was not told to go yet.
    private func isToLeave(_ allocation: Allocation) -> Bool {
        drains[allocation.nodeID] != nil && !allocation.isTerminal
            && !allocation.transition.shouldMigrate
    }

    /// The group keeps all but `maxParallel` of its count healthy.
    private func allowance(for view: NodeDrainer.GroupView, forced: Int) -> Int {
        guard let group = view.job.value.lookup(group: view.group) else { return .max }
        let strategy = group.migrate ?? MigrateStrategy()
        let healthy = view.allocations.count {
            Self.runsWell($0.value) && untilHealthy($0.value, strategy) == nil
        }
        return max(0, healthy - forced - (group.count - max(1, strategy.maxParallel)))
    }

    /// When the next instance of a group that something has to leave for counts as healthy; nil if none will
    /// by waiting.
    func nextHealthy(of view: NodeDrainer.GroupView) -> Int64? {
        guard view.job.value.type == .service,
            let group = view.job.value.lookup(group: view.group)
        else { return nil }
        guard view.allocations.contains(where: { isToLeave($0.value) }) else { return nil }
        let strategy = group.migrate ?? MigrateStrategy()
        return view.allocations.lazy.map(\.value).filter(Self.runsWell)
            .compactMap { untilHealthy($0, strategy) }.min()
    }

    /// Runs, nobody said that it does not do well, and it is not about to leave.
    private static func runsWell(_ allocation: Allocation) -> Bool {
        allocation.clientStatus == .running && allocation.desiredStatus == .run
            && !allocation.isUnhealthy && !allocation.transition.shouldMigrate
    }

    /// Where no deployment has judged it, an instance is healthy when nothing has changed about it for long enough.
    ///
    /// - Returns: when that will be; nil: it is. So it is where its last change is ahead of the clock, which was
    ///   set back since.
    private func untilHealthy(_ allocation: Allocation, _ strategy: MigrateStrategy) -> Int64? {
        let began = allocation.modifyUnixNanoseconds
        guard !allocation.isHealthy, began <= now else { return nil }
        let due = began.saturatingAdd(strategy.minHealthyTime.nanoseconds)
        return due > now ? due : nil
    }
}

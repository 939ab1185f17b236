// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState
import Synchronization

/// What one worker does off the loop: it looks at one evaluation over a snapshot of the state, with its
/// own view of the cluster, which it brings up to the snapshot first.
///
/// The view is locked though only one lane uses it: a lock that is free costs nothing beside an
/// evaluation, and nobody has to promise anything.
final class SchedulerLane: Sendable {
    /// A snapshot and all that is not in it.
    struct Moment: Sendable {
        var tables: SchedulerTables
        /// The log index of `tables`.
        let snapshotIndex: UInt64
        /// The cluster's; pools may have rules of their own.
        let configuration: SchedulerConfiguration
        /// Plans that are on their way into the log, in their order.
        let ahead: [PlanResult]
        let unixNanoseconds: Int64

        /// What holds for a job, by the pool that it wants.
        func configuration(of job: Job) -> SchedulerConfiguration {
            configuration.overridden(by: tables.pool(job.nodePool)?.scheduling)
        }
    }

    /// One look.
    struct Work: Sendable {
        let evaluation: Evaluation
        /// Of the delivery.
        let token: UniqueID
        let attempt: Int
        let moment: Moment
    }

    private let picture = Mutex(ViewOfTables())

    func evaluate(_ work: Work) -> Scheduling.Proposal {
        let moment = work.moment
        return picture.withLock { picture in
            picture.follow(moment.tables, to: moment.snapshotIndex, ahead: moment.ahead)
            let view = picture.view
            var input = Scheduling.Input(
                moment.tables.reconcileInput(
                    for: work.evaluation, unixNanoseconds: moment.unixNanoseconds),
                token: work.token, snapshotIndex: moment.snapshotIndex, attempt: work.attempt)
            input.blockedNodes = moment.tables.blockedNodes(of: work.evaluation.job)
            var placers: [Placer] = []
            let proposal = Scheduling.evaluate(input) { job, seed in
                let placer = Placer(
                    view: view, job: job.value, configuration: moment.configuration(of: job.value),
                    seed: seed)
                placers.append(placer)
                return placer
            }
            for placer in placers.reversed() { placer.undo() }
            return proposal
        }
    }
}

/// A view and how far it has come.
struct ViewOfTables {
    private(set) var view = ClusterView()
    /// nil before the first look.
    private var index: UInt64?
    /// Allocations of which the view knows more than the state that it follows.
    private var ahead: [UniqueID] = []

    /// Makes the view equal to `tables`, with the plans of `ahead` done.
    mutating func follow(_ tables: SchedulerTables, to index: UInt64, ahead plans: [PlanResult]) {
        if let known = self.index, let changes = tables.changes(after: known) {
            for id in ahead { show(id, of: tables) }
            for change in changes { show(change, of: tables) }
        } else {
            readAll(tables)
        }
        self.index = index
        ahead = []
        for plan in plans { show(plan) }
    }

    private mutating func readAll(_ tables: SchedulerTables) {
        view = ClusterView()
        for node in tables.nodes { view.apply(node) }
        for allocation in tables.allocations where !allocation.value.isTerminal {
            view.apply(allocation)
        }
    }

    private func show(_ change: SchedulerChange, of tables: SchedulerTables) {
        switch change {
        case .node(let id):
            if let node = tables.node(id) { view.apply(node) } else { view.remove(node: id) }
        case .allocation(let id): show(id, of: tables)
        case .job, .evaluation, .deployment, .pool: break
        }
    }

    private func show(_ allocation: UniqueID, of tables: SchedulerTables) {
        if let row = tables.allocation(allocation) {
            view.apply(row)
        } else {
            view.remove(allocation: allocation)
        }
    }

    private mutating func show(_ plan: PlanResult) {
        for part in plan.nodes {
            let leaving =
                part.stops.map(\.allocation.value.id) + part.evictions.map(\.allocation.value.id)
            for id in leaving { view.remove(allocation: id) }
            for allocation in part.placements { view.apply(allocation) }
            ahead += leaving + part.placements.map(\.id)
        }
    }
}

extension SchedulerTables {
    /// All that the reconciler looks at.
    func reconcileInput(
        for evaluation: Evaluation, unixNanoseconds: Int64
    ) -> ReconcileInput {
        let job = job(evaluation.job)
        var input = ReconcileInput(
            evaluation: evaluation, job: job, allocations: allocations(ofJob: evaluation.job),
            deployment: latestDeployment(ofJob: evaluation.job)?.value,
            unixNanoseconds: unixNanoseconds)
        let scope = job.map { JobScope($0.value) }
        for allocation in input.allocations {
            let id = allocation.value.nodeID
            guard let node = node(id)?.value, !node.status.isDown else {
                input.taints[id] = .lost
                continue
            }
            if node.drain != nil { input.taints[id] = .draining }
            if let scope, !scope.contains(node) { input.foreignNodes.insert(id) }
        }
        if let scope, job?.value.type.isSystem == true {
            input.readyNodes = nodes.lazy.map(\.value)
                .filter { $0.isReady && scope.contains($0) }.map(\.id)
        }
        return input
    }

    /// Nodes for which a blocked evaluation of the job waits.
    func blockedNodes(of job: JobKey) -> Set<UniqueID> {
        guard self.job(job)?.value.type.isSystem == true else { return [] }
        return Set(
            evaluations(ofJob: job).filter { $0.value.status == .blocked }
                .compactMap(\.value.nodeID))
    }
}

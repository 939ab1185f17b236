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
        let ahead: [PlanAhead]
        let unixNanoseconds: Int64

        /// What holds for a job, by the pool that it wants.
        func configuration(of job: Job) -> SchedulerConfiguration {
            configuration.overridden(by: tables.pool(job.nodePool)?.scheduling)
        }
    }

    /// A plan that is counted on.
    struct PlanAhead: Sendable {
        /// Ascends, and is no other plan's as long as this process lives.
        let number: UInt64
        let result: PlanResult
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
///
/// - Invariant: the view is what `index` of the state says, with the plans of `ahead` done in their order.
struct ViewOfTables {
    private struct Done {
        let number: UInt64
        /// Allocations of which the view knows more than the state.
        let touched: [UniqueID]
    }

    private(set) var view = ClusterView()
    /// nil before the first look.
    private var index: UInt64?
    private var ahead: [Done] = []
    /// By allocation, how many of `ahead` touch it: the last of them has said what the view shows.
    private var holds: [UniqueID: Int32] = [:]

    /// Makes the view equal to `tables`, with the plans of `plans` done. What is still on its way since the
    /// last call is left as it is.
    mutating func follow(
        _ tables: SchedulerTables, to index: UInt64, ahead plans: [SchedulerLane.PlanAhead]
    ) {
        if let known = self.index, let changes = tables.changes(after: known) {
            for id in letGo(before: plans.first?.number ?? .max) { show(id, of: tables) }
            for change in changes { show(change, of: tables) }
        } else {
            readAll(tables)
        }
        self.index = index
        for plan in plans.drop(while: { isDone($0) }) { show(plan) }
    }

    private func isDone(_ plan: SchedulerLane.PlanAhead) -> Bool {
        ahead.last.map { plan.number <= $0.number } ?? false
    }

    /// Plans go in the order in which they came.
    ///
    /// - Returns: allocations that no other plan touches.
    private mutating func letGo(before number: UInt64) -> [UniqueID] {
        let left = ahead.prefix { $0.number < number }
        ahead.removeFirst(left.count)
        return left.flatMap { plan in
            plan.touched.filter { id in
                guard let count = holds[id], count > 1 else {
                    holds[id] = nil
                    return true
                }
                holds[id] = count - 1
                return false
            }
        }
    }

    private mutating func readAll(_ tables: SchedulerTables) {
        view = ClusterView()
        ahead = []
        holds = [:]
        for node in tables.nodes { view.apply(node) }
        for allocation in tables.allocations where !allocation.value.isTerminal {
            view.apply(allocation)
        }
    }

    private func show(_ change: SchedulerChange, of tables: SchedulerTables) {
        switch change {
        case .node(let id):
            if let node = tables.node(id) { view.apply(node) } else { view.remove(node: id) }
        case .allocation(let id) where holds[id] == nil: show(id, of: tables)
        case .allocation, .job, .evaluation, .deployment, .pool: break
        }
    }

    private func show(_ allocation: UniqueID, of tables: SchedulerTables) {
        if let row = tables.allocation(allocation) {
            view.apply(row)
        } else {
            view.remove(allocation: allocation)
        }
    }

    private mutating func show(_ plan: SchedulerLane.PlanAhead) {
        var touched: [UniqueID] = []
        for part in plan.result.nodes {
            let leaving =
                part.stops.map(\.allocation.value.id) + part.evictions.map(\.allocation.value.id)
            for id in leaving { view.remove(allocation: id) }
            for allocation in part.placements { view.apply(allocation) }
            touched += leaving
            touched += part.placements.lazy.map(\.id)
        }
        for id in touched { holds[id, default: 0] += 1 }
        ahead.append(Done(number: plan.number, touched: touched))
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

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState

/// Jobs that are to be looked at since a node has changed.
///
/// The command that changes a node brings evaluations with it, but of the state in which it was proposed.
/// Plans that came into the log meanwhile are not in that, nor are jobs; plans that come later may have
/// been made without the change.
struct NodeConcerns {
    struct Concern {
        /// As it was when it was noted: it may be forgotten since.
        let job: Shared<Job>
        let node: UniqueID
        /// Of the log: evaluations that were made from here on see what has changed.
        let index: UInt64
    }

    private var jobs: [JobKey: Concern] = [:]
    /// A node that has become ready: jobs of every node may not be on it.
    private(set) var ready: (node: UniqueID, index: UInt64)?

    var isEmpty: Bool { jobs.isEmpty && ready == nil }

    mutating func note(_ job: Shared<Job>, node: UniqueID, index: UInt64) {
        let key = job.value.key
        if let known = jobs[key], known.index >= index { return }
        jobs[key] = Concern(job: job, node: node, index: index)
    }

    mutating func note(ready node: UniqueID, index: UInt64) {
        if let ready, ready.index >= index { return }
        ready = (node, index)
    }

    mutating func add(_ other: NodeConcerns) {
        for concern in other.jobs.values {
            note(concern.job, node: concern.node, index: concern.index)
        }
        if let (node, index) = other.ready { note(ready: node, index: index) }
    }

    /// All of them, ascending by job, which are forgotten here.
    mutating func take() -> [Concern] {
        let taken = jobs
        self = NodeConcerns()
        return taken.keys.sorted().compactMap { taken[$0] }
    }
}

// Evaluations that follow from changes of nodes.

extension Dispatcher {
    /// What runs on a node that is down or gone is to be placed again.
    func noteLost(node id: UniqueID, index: UInt64) {
        let tables = tables
        for allocation in tables.allocations(ofNode: id) where !allocation.value.isClientTerminal {
            concerns.note(allocation.value.job, node: id, index: index)
        }
        schedule()
    }

    /// A plan that is in the log may have come behind the end of its nodes.
    func noteLost(_ flight: Flight) {
        for part in flight.result.nodes where nodes[part.nodeID]?.isDown ?? true {
            for allocation in part.placements where !allocation.isTerminal {
                concerns.note(allocation.job, node: part.nodeID, index: flight.result.index)
            }
        }
    }

    /// Writes an evaluation for each job that is concerned and has none that is sure to see it.
    func evaluateConcerned() {
        guard !concerns.isEmpty else { return }
        let tables = tables
        if let (node, index) = concerns.ready {
            for job in tables.jobs where job.value.type.isSystem && !job.value.isStopped {
                concerns.note(job, node: node, index: index)
            }
        }
        for concern in concerns.take() {
            let key = concern.job.value.key
            let job = tables.job(key)?.value ?? concern.job.value
            guard job.isLaunched || job.isStopped, !isAwaited(key, since: concern.index) else {
                continue
            }
            outbox.entries.append(
                Outbox.Entry(evaluations: [nodeEvaluation(of: job, node: concern.node)]))
        }
    }

    /// Whether an evaluation of the job that is not older is handed out as soon as it can be.
    private func isAwaited(_ job: JobKey, since index: UInt64) -> Bool {
        for evaluation in tables.evaluations(ofJob: job).lazy.map(\.value) {
            guard evaluation.status == .pending, evaluation.createIndex >= index else { continue }
            let isDelayed =
                evaluation.wait > .zero || evaluation.waitUntilUnixNanoseconds != 0
            if !isDelayed { return true }
        }
        return false
    }

    func nodeEvaluation(of job: Job, node: UniqueID) -> Evaluation {
        var evaluation = Evaluation(
            id: ids.next(), job: job.key, priority: job.priority, type: job.type,
            trigger: .nodeUpdate)
        evaluation.jobModifyIndex = job.jobModifyIndex
        evaluation.nodeID = node
        evaluation.nodeModifyIndex = tables.node(node)?.value.modifyIndex ?? 0
        evaluation.createUnixNanoseconds = unixNanoseconds
        evaluation.modifyUnixNanoseconds = unixNanoseconds
        return evaluation
    }
}

extension Job {
    /// Whether it has instances of its own: those of others are made when their time comes, or when
    /// somebody dispatches them.
    var isLaunched: Bool { !isPeriodic && !isParameterized }
}

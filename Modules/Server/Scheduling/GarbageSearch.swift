// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

/// What was not changed since these log indexes is old.
struct GarbageBounds: Equatable, Sendable {
    var evaluations: UInt64
    var batchEvaluations: UInt64
    var jobs: UInt64
    var deployments: UInt64
    var nodes: UInt64

    /// Everything is old.
    static let all = GarbageBounds(
        evaluations: .max, batchEvaluations: .max, jobs: .max, deployments: .max, nodes: .max)

    /// Where there are too many rows, of these nothing is too young.
    mutating func widen(for crowded: Crowded) {
        if crowded.evaluations { evaluations = .max }
        if crowded.nodes { nodes = .max }
    }
}

/// Of which rows there are so many that their table may soon be full.
struct Crowded: Equatable {
    /// Or allocations, which go with them.
    let evaluations: Bool
    let nodes: Bool

    init(_ tables: SchedulerTables, by crowd: SchedulingOptions.Crowd) {
        evaluations =
            tables.evaluationCount > crowd.evaluations
            || tables.allocationCount > crowd.allocations
        nodes =
            tables.nodeCount > crowd.nodes || tables.counts.nodeBytes > crowd.nodeBytes
    }

    var isAny: Bool { evaluations || nodes }
}

/// Finds in a snapshot what has ended, is old, and is needed by nobody: neither by what runs nor by the
/// scheduler, which looks at the ended instances of a job before it makes others.
struct GarbageSearch: Sendable {
    let tables: SchedulerTables
    let bounds: GarbageBounds

    /// Of one command: some kilobytes of the log, and few milliseconds of every server.
    static let rowsMax = 256
    /// Of one search: a later one finds what is left.
    static let commandsMax = 64

    /// Commands that remove it, each of bounded size, and whether there may be more.
    func run() -> (commands: [SchedulerCommand], isFull: Bool) {
        var batches = Batches()
        var gone: Set<JobKey> = []
        for job in tables.jobs.lazy.map(\.value) where !batches.isFull && isOld(job) {
            batches.add { $0.jobs.append(.init(key: job.key, modifyIndex: job.modifyIndex)) }
            gone.insert(job.key)
        }
        for evaluation in tables.evaluations.lazy.map(\.value)
        where !batches.isFull && evaluation.status.isTerminal {
            let isGone = gone.contains(evaluation.job)
            collect(evaluation, of: isGone ? nil : tables.job(evaluation.job)?.value, &batches)
        }
        for deployment in tables.deployments.lazy.map(\.value)
        where !batches.isFull && isOld(deployment) {
            batches.add { $0.deployments.append(deployment.id) }
        }
        var nodes: [EndedNode] = []
        for node in tables.nodes.lazy.map(\.value)
        where nodes.count < Self.rowsMax && isOld(node) {
            nodes.append(EndedNode(id: node.id, modifyIndex: node.modifyIndex))
        }
        var commands = batches.all.map { SchedulerCommand.collect($0) }
        if !nodes.isEmpty { commands.append(.collectNodes(nodes)) }
        return (commands, batches.isFull || nodes.count == Self.rowsMax)
    }

    // MARK: What is old

    /// Work that ends by itself may be forgotten when it has; what would be started again, when somebody
    /// has stopped it.
    private func isOld(_ job: Job) -> Bool {
        guard job.status == .dead, job.modifyIndex <= bounds.jobs else { return false }
        if job.isPeriodic || job.isParameterized { return job.isStopped }
        return job.isStopped || job.type == .batch || job.type == .sysbatch
    }

    private func isOld(_ node: Node) -> Bool {
        node.status == .down && node.modifyIndex <= bounds.nodes
            && tables.allocations(ofNode: node.id).allSatisfy(\.value.isClientTerminal)
    }

    private func isOld(_ deployment: Deployment) -> Bool {
        guard !deployment.isActive, deployment.modifyIndex <= bounds.deployments else {
            return false
        }
        // What runs of it counts what is healthy by it.
        return tables.allocations(ofDeployment: deployment.id).allSatisfy(\.value.isTerminal)
    }

    /// The evaluation with what it made, once all of that is over.
    private func collect(_ evaluation: Evaluation, of job: Job?, _ batches: inout Batches) {
        let isBatch = evaluation.type == .batch || evaluation.type == .sysbatch
        let bound = isBatch && job != nil ? bounds.batchEvaluations : bounds.evaluations
        guard evaluation.modifyIndex <= bound else { return }
        let made = tables.allocations(ofEvaluation: evaluation.id).map(\.value)
        guard made.allSatisfy({ isOver($0, of: job, until: bound) }) else { return }
        for allocation in made { batches.add { $0.allocations.append(allocation.id) } }
        batches.add { $0.evaluations.append(evaluation.id) }
    }

    private func isOver(_ allocation: Allocation, of job: Job?, until bound: UInt64) -> Bool {
        guard allocation.isTerminal, allocation.modifyIndex <= bound else { return false }
        // Its node must still hear that it has to stop.
        guard allocation.isClientTerminal || tables.node(allocation.nodeID) == nil else {
            return false
        }
        guard let job, !(job.isStopped && job.status == .dead) else { return true }
        // Of a batch job that is there: it would run again.
        guard job.type == .service || job.type == .system else { return false }
        return allocation.isServerTerminal || allocation.nextAllocation != nil
            || allocation.clientStatus == .complete
    }
}

/// Lists of what is to go, none longer than a command takes.
private struct Batches {
    private var done: [Garbage] = []
    private var open = Garbage()
    private var count = 0

    var isFull: Bool { done.count >= GarbageSearch.commandsMax }

    mutating func add(_ body: (inout Garbage) -> Void) {
        body(&open)
        count += 1
        guard count >= GarbageSearch.rowsMax else { return }
        done.append(open)
        open = Garbage()
        count = 0
    }

    var all: [Garbage] { count > 0 ? done + [open] : done }
}

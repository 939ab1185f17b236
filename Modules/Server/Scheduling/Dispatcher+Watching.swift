// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState
import MartletTransport

/// Deployments that something has happened to, in the order in which it did.
struct WaitingDeployments {
    private var queue: [UniqueID] = []
    private var taken = 0
    private var members: Set<UniqueID> = []

    var isEmpty: Bool { members.isEmpty }

    mutating func insert(_ id: UniqueID) {
        if members.insert(id).inserted { queue.append(id) }
    }

    mutating func removeFirst() -> UniqueID? {
        guard taken < queue.count else { return nil }
        let id = queue[taken]
        members.remove(id)
        taken += 1
        if taken * 2 >= queue.count {
            queue.removeFirst(taken)
            taken = 0
        }
        return id
    }
}

/// Nodes that are emptied, and when to look at them.
struct DrainWatch {
    private(set) var nodes: Set<UniqueID> = []
    /// With instances on one of them, when they were last looked at.
    var jobs: Set<JobKey> = []
    /// When to look again, of the loop's clock; nil if there is nothing new.
    var dueAt: Duration? { isDirty && !isUnderWay ? restsUntil : nil }
    private var isDirty = false
    private var restsUntil: Duration = .zero
    /// What was decided is on its way into the log.
    var isUnderWay = false
    /// Of the wall clock.
    var nextEventAt: Int64?

    mutating func note(_ node: Node) {
        if node.drain != nil {
            nodes.insert(node.id)
            isDirty = true
        } else if nodes.remove(node.id) != nil {
            isDirty = true
        }
    }

    mutating func forget(_ node: UniqueID) {
        if nodes.remove(node) != nil { isDirty = true }
    }

    mutating func note(_ allocation: Allocation) {
        isDirty =
            isDirty || nodes.contains(allocation.nodeID) || jobs.contains(allocation.jobKey)
    }

    /// A plan is no longer on its way.
    mutating func noteLanding(_ result: PlanResult) {
        isDirty = isDirty || result.nodes.contains { nodes.contains($0.nodeID) }
    }

    /// What was decided is in the log, or cannot be written now.
    mutating func noteAnswer() {
        isUnderWay = false
        isDirty = true
    }

    /// Every instance of many jobs is looked at: not with each of their changes.
    static let rest: Duration = .milliseconds(250)

    /// - Returns: whether to look at them now.
    mutating func takeTurn(at now: Duration, unixNanoseconds: Int64) -> Bool {
        if let due = nextEventAt, due <= unixNanoseconds {
            nextEventAt = nil
            isDirty = true
        }
        guard let due = dueAt, due <= now else { return false }
        isDirty = false
        restsUntil = now + Self.rest
        return true
    }
}

// What time brings, and what follows from what nodes tell.

extension Dispatcher {
    /// Evaluations that come with the migrations of one command, at most.
    private static let evaluationsMax = 4096
    private static let nodesMax = 512
    private static let migrationsMax = 16_384

    func watch() {
        if let due = retryAt {
            guard due <= loop.now else { return }
            retryAt = nil
            outbox.entries += outbox.later
            outbox.later = []
        }
        markDown()
        watchDeployments()
        watchDrains()
    }

    // MARK: Heartbeats

    private func markDown() {
        var silent: [UniqueID] = []
        swap(&silent, &missed)
        // One whose end could not be written may have been heard since.
        silent.removeAll { nodes[$0]?.isDown ?? true || heartbeats.isTracked($0) }
        while !silent.isEmpty {
            var chunk: [UniqueID] = []
            var evaluations: [UniqueID: [Evaluation]] = [:]
            var bytes = 0
            while let id = silent.first, chunk.count < Self.nodesMax {
                // What has no room follows when the end of the node is seen.
                var ownBytes = 0
                let own = nodeEvaluations(of: id).prefix { evaluation in
                    ownBytes += Evaluation.logBytes(of: evaluation.job)
                    return ownBytes <= Evaluation.logBytesMax
                }
                guard chunk.isEmpty || bytes + ownBytes <= Evaluation.logBytesMax else { break }
                silent.removeFirst()
                chunk.append(id)
                evaluations[id] = Array(own)
                bytes += ownBytes
            }
            markDown(chunk, evaluations: chunk.flatMap { evaluations[$0] ?? [] })
        }
    }

    private func markDown(_ ids: [UniqueID], evaluations: [Evaluation]) {
        counters.heartbeatsMissed += UInt64(ids.count)
        let event = NodeEvent(
            message: "Node heartbeat missed", subsystem: "Cluster",
            unixNanoseconds: unixNanoseconds)
        let changes = ids.map {
            NodeStatusChange(
                id: $0, status: .down, statusDescription: "heartbeat missed",
                unixSeconds: unixNanoseconds / 1_000_000_000, event: event)
        }
        propose(.setNodeStatus(changes, evaluations: evaluations)) { [weak self] isDone in
            guard let self, !isDone else { return }
            self.missed += ids
            self.retryLater()
        }
    }

    /// One for each job with instances on the node that have not ended, ascending by job.
    func nodeEvaluations(of id: UniqueID) -> [Evaluation] {
        let tables = tables
        var jobs: [JobKey: Job] = [:]
        for allocation in tables.allocations(ofNode: id) where !allocation.value.isClientTerminal {
            jobs[allocation.value.jobKey] = allocation.value.job.value
        }
        return jobs.keys.sorted().compactMap { key in
            guard let job = tables.job(key)?.value ?? jobs[key], job.isLaunched || job.isStopped
            else { return nil }
            return nodeEvaluation(of: job, node: id)
        }
    }

    // MARK: Deployments

    private func watchDeployments() {
        let now = unixNanoseconds
        for id in deployments.due(at: loop.now) { dirtyDeployments.insert(id) }
        guard deploymentsRestUntil <= loop.now else { return }
        var seenCount = 0
        while seenCount < Self.instancesSeenMax, let id = dirtyDeployments.removeFirst() {
            guard let deployment = tables.deployment(id)?.value else {
                deployments.forget(id)
                continue
            }
            let view = view(of: deployment)
            seenCount += view.allocations.count
            let commands = deployments.observe(
                view, unixNanoseconds: now, at: loop.now, ids: &ids)
            for command in commands { carryOut(command, of: id) }
        }
        if seenCount > 0 { deploymentsRestUntil = loop.now + Self.restPerInstance * seenCount }
    }

    /// All instances of a deployment are looked at when one has changed: of large ones so many a turn, and
    /// then not for so long that it takes the loop a tenth of its time at most. What changes meanwhile is
    /// seen together.
    private static let instancesSeenMax = 4096
    private static let restPerInstance: Duration = .microseconds(50)

    private func view(of deployment: Deployment) -> DeploymentWatcher.View {
        guard deployment.isActive else { return DeploymentWatcher.View(deployment) }
        return DeploymentWatcher.View(
            deployment, allocations: tables.allocations(ofDeployment: deployment.id),
            job: tables.sharedVersion(deployment.jobVersion, of: deployment.job),
            stableJob: tables.stableVersion(before: deployment.jobVersion, of: deployment.job))
    }

    private func carryOut(_ command: DeploymentWatcher.Command, of id: UniqueID) {
        propose(SchedulerCommand(command)) { [weak self] isDone in
            guard let self, !isDone else { return }
            // Looked at anew: it asks again for what is still to be done.
            self.deployments.forget(id)
            self.dirtyDeployments.insert(id)
            self.retryLater()
        }
    }

    // MARK: Drains

    private func watchDrains() {
        guard drains.takeTurn(at: loop.now, unixNanoseconds: unixNanoseconds) else { return }
        let decision = NodeDrainer.decide(
            drainView(), unixNanoseconds: unixNanoseconds, ids: &ids)
        drains.nextEventAt = decision.nextEventAt
        if !decision.migrations.isEmpty {
            drain(migration(decision))
        } else {
            endDrains(of: decision.drained)
        }
    }

    /// Of as many jobs as one entry of the log takes: the others' turn comes when it is in the state.
    private func migration(_ decision: NodeDrainer.Decision) -> SchedulerCommand {
        var jobsMax = Self.evaluationsMax
        while true {
            let command = migration(decision, jobsMax: jobsMax)
            let sizeBytes = Command.scheduling(command).encoded().count
            guard sizeBytes > entryBytesMax, jobsMax > 1 else { return command }
            jobsMax /= 4
        }
    }

    private func migration(
        _ decision: NodeDrainer.Decision, jobsMax: Int
    ) -> SchedulerCommand {
        let tables = tables
        let evaluations = decision.evaluations.prefix(jobsMax)
        let jobs = Set(evaluations.map(\.job))
        let leaving = decision.migrations.lazy.filter { id in
            tables.allocation(id).map { jobs.contains($0.value.jobKey) } ?? false
        }
        let changes = leaving.prefix(Self.migrationsMax).map {
            TransitionChange(allocation: $0, transition: DesiredTransition(migrate: true))
        }
        return .setTransitions(Array(changes), evaluations: Array(evaluations))
    }

    /// Where an instance is on its way, of a plan that was made before the drain, something will have to
    /// leave yet.
    private func endDrains(of nodes: [UniqueID]) {
        let expecting = Set(
            flights.lazy.flatMap(\.result.nodes).filter { !$0.placements.isEmpty }.map(\.nodeID))
        let drained = nodes.filter { !expecting.contains($0) }
        guard !drained.isEmpty else { return }
        let changes = drained.map {
            NodeDrainChange(
                id: $0, drain: nil, isComplete: true, unixNanoseconds: unixNanoseconds,
                event: NodeEvent(
                    message: "Node drain complete", subsystem: "Drain",
                    unixNanoseconds: unixNanoseconds))
        }
        drain(.setNodeDrain(changes, evaluations: []))
    }

    /// One step at a time: the next is decided when this one is in the state.
    private func drain(_ command: SchedulerCommand) {
        drains.isUnderWay = true
        propose(command) { [weak self] isDone in
            guard let self else { return }
            self.drains.noteAnswer()
            if !isDone { self.retryLater() }
        }
    }

    private func drainView() -> NodeDrainer.View {
        let tables = tables
        let ids = drains.nodes.sorted()
        var jobs: [JobKey: Shared<Job>] = [:]
        for id in ids {
            for allocation in tables.allocations(ofNode: id) {
                jobs[allocation.value.jobKey] =
                    tables.job(allocation.value.jobKey) ?? allocation.value.job
            }
        }
        drains.jobs = Set(jobs.keys)
        var groups: [NodeDrainer.GroupView] = []
        for key in jobs.keys.sorted() {
            guard let job = jobs[key] else { continue }
            let all = Dictionary(grouping: tables.allocations(ofJob: key), by: \.value.group)
            for name in all.keys.sorted() {
                groups.append(
                    NodeDrainer.GroupView(job: job, group: name, allocations: all[name] ?? []))
            }
        }
        return NodeDrainer.View(nodes: ids.compactMap { tables.node($0)?.value }, groups: groups)
    }
}

extension SchedulerCommand {
    fileprivate init(_ command: DeploymentWatcher.Command) {
        switch command {
        case .promote(let id, let groups, let evaluation):
            self = .promoteDeployment(id, groups: groups, evaluations: [evaluation])
        case .fail(let update, let target, let evaluation):
            self = .setDeploymentStatus(
                update, revertingTo: target?.value.version, evaluations: [evaluation])
        case .allowRescheduling(let ids, let evaluation):
            self = .setTransitions(
                ids.map {
                    TransitionChange(
                        allocation: $0, transition: DesiredTransition(reschedule: true))
                }, evaluations: [evaluation])
        case .evaluate(let evaluation): self = .upsertEvaluations([evaluation])
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Follows deployments: promotes, fails, rolls back, and asks for the next step.
///
/// The scheduler replaces instances; this decides when it may go on. Lives on the leader; what it
/// remembers is only what it has asked for already, so a new leader asks once more.
///
///     running ──(healthy canaries, automatic)──▶ promoted ──(healthy)──▶ successful, by the scheduler
///        │ unhealthy without a deadline, or no progress in time
///        └──▶ failed ──(automatic)──▶ the last stable version is registered again
package struct DeploymentWatcher: Sendable {
    /// A deployment as the state shows it.
    package struct View: Sendable {
        package var deployment: Deployment
        /// Those that belong to it, in any order.
        package var allocations: [Shared<Allocation>]
        /// The newest version before the deployment's that is stable; nil if there is none.
        package var stableJob: Shared<Job>?
        /// The deployment's own version, or nil if the job is gone.
        package var job: Shared<Job>?

        package init(
            _ deployment: Deployment, allocations: [Shared<Allocation>] = [],
            job: Shared<Job>? = nil, stableJob: Shared<Job>? = nil
        ) {
            self.deployment = deployment
            self.allocations = allocations
            self.job = job
            self.stableJob = stableJob
        }
    }

    /// What is to be written, each in one entry.
    package enum Command: Equatable, Sendable {
        /// These groups' canaries are good.
        case promote(deployment: UniqueID, groups: [String], Evaluation)
        /// The deployment has failed. With a version, the job is registered as that again.
        case fail(DeploymentStatusUpdate, revertTo: Shared<Job>?, Evaluation)
        /// Instances that failed may be placed again, while there is time.
        case allowRescheduling([UniqueID], Evaluation)
        /// Something became healthy: the next instances may be replaced.
        case evaluate(Evaluation)
    }

    /// What was acted upon.
    private struct Memory: Equatable, Sendable {
        var healthy: Set<UniqueID> = []
        var rescheduled: Set<UniqueID> = []
        var isClosed = false
    }

    private var memories: [UniqueID: Memory] = [:]
    private var deadlines: [UniqueID: Int64] = [:]

    package init() {}

    /// The deployment is over, or gone.
    package mutating func forget(_ id: UniqueID) {
        memories[id] = nil
        deadlines[id] = nil
    }

    /// When the earliest progress deadline passes, in nanoseconds of the wall clock; nil: none does.
    package var nextEventAt: Int64? { deadlines.values.min() }

    /// Looks at one deployment: after each change of it or of its allocations, and when
    /// ``nextEventAt`` has come.
    ///
    /// - Parameter ids: for evaluations.
    package mutating func observe(
        _ view: View, unixNanoseconds now: Int64, ids: inout IDSource
    ) -> [Command] {
        let id = view.deployment.id
        guard view.deployment.isActive else {
            forget(id)
            return []
        }
        var memory = memories[id] ?? Memory()
        defer { memories[id] = memory }
        if memory.isClosed { return [] }
        let look = Look(view: view, now: now)
        deadlines[id] = look.nextDeadline
        if let reason = look.failure {
            memory.isClosed = true
            deadlines[id] = nil
            return [look.fail(reason, ids.next())]
        }
        // A pause stops what goes on by itself; failures count all the same.
        guard view.deployment.status == .running else { return [] }
        if look.mayPromote {
            memory.healthy = look.healthy
            let groups = look.unpromotedGroups
            return [.promote(deployment: id, groups: groups, look.evaluation(ids.next()))]
        }
        let retries = look.reschedulable.subtracting(memory.rescheduled)
        if !retries.isEmpty {
            memory.rescheduled.formUnion(retries)
            memory.healthy = look.healthy
            return [.allowRescheduling(retries.sorted(), look.evaluation(ids.next()))]
        }
        guard !look.healthy.subtracting(memory.healthy).isEmpty else { return [] }
        memory.healthy = look.healthy
        return [.evaluate(look.evaluation(ids.next()))]
    }
}

/// One deployment at one instant.
private struct Look {
    let view: DeploymentWatcher.View
    let now: Int64

    private var deployment: Deployment { view.deployment }

    var healthy: Set<UniqueID> {
        Set(view.allocations.filter(\.value.isHealthy).map(\.value.id))
    }

    // MARK: Failure

    enum Failure {
        case unhealthy
        case deadline

        var description: String {
            switch self {
            case .unhealthy: "Failed due to unhealthy allocations"
            case .deadline: "Failed due to progress deadline"
            }
        }
    }

    var failure: Failure? {
        for element in deployment.groups {
            let isUnhealthy = view.allocations.contains {
                $0.value.group == element.key && $0.value.isUnhealthy
            }
            if isUnhealthy, element.value.progressDeadline <= .zero { return .unhealthy }
        }
        guard deployment.status == .running else { return nil }
        return nextDeadline.map { $0 <= now } ?? false ? .deadline : nil
    }

    /// Of the groups that are not done, the first to be out of time. Canaries that are all healthy
    /// wait for a person, without a deadline.
    var nextDeadline: Int64? {
        guard deployment.status == .running else { return nil }
        return deployment.groups.compactMap { element -> Int64? in
            let state = element.value
            let deadline = state.requireProgressByUnixNanoseconds
            guard deadline > 0, !isDone(element.key, state) else { return nil }
            return deadline
        }.min()
    }

    private func isDone(_ group: String, _ state: DeploymentGroupState) -> Bool {
        if state.desiredCanaries > 0, !state.isPromoted {
            return healthyCanaryCount(group, state) >= state.desiredCanaries
        }
        return state.healthyAllocations >= state.desiredTotal
    }

    private func healthyCanaryCount(_ group: String, _ state: DeploymentGroupState) -> Int {
        let canaries = Set(state.placedCanaries)
        return view.allocations.count {
            $0.value.group == group && canaries.contains($0.value.id) && $0.value.isHealthy
                && !$0.value.isTerminal
        }
    }

    func fail(_ failure: Failure, _ id: UniqueID) -> DeploymentWatcher.Command {
        var description = failure.description
        var target: Shared<Job>?
        if deployment.groups.contains(where: \.value.autoRevert) {
            if let stable = view.stableJob {
                let isSame = view.job.map { $0.value.hasSameSpecification(as: stable.value) }
                if isSame == true {
                    description +=
                        " - not rolling back to stable job version \(stable.value.version)"
                        + " as current job has same specification"
                } else {
                    description += " - rolling back to job version \(stable.value.version)"
                    target = stable
                }
            } else {
                description += " - no stable job version to auto revert to"
            }
        }
        let update = DeploymentStatusUpdate(
            id: deployment.id, status: .failed, description: description)
        return .fail(update, revertTo: target, evaluation(id))
    }

    // MARK: Progress

    /// All groups with canaries are to be promoted by themselves, and all canaries are healthy.
    var mayPromote: Bool {
        let waiting = deployment.groups.filter {
            $0.value.desiredCanaries > 0 && !$0.value.isPromoted
        }
        return !waiting.isEmpty
            && waiting.allSatisfy {
                $0.value.autoPromote
                    && healthyCanaryCount($0.key, $0.value) >= $0.value.desiredCanaries
            }
    }

    var unpromotedGroups: [String] {
        deployment.groups.filter { $0.value.desiredCanaries > 0 && !$0.value.isPromoted }
            .map(\.key)
    }

    /// They failed, there is time left, and the scheduler waits to be told.
    var reschedulable: Set<UniqueID> {
        Set(view.allocations.map(\.value).filter(Self.waitsForLeave).map(\.id))
    }

    private static func waitsForLeave(_ allocation: Allocation) -> Bool {
        guard allocation.clientStatus == .failed, allocation.desiredStatus == .run,
            allocation.nextAllocation == nil, allocation.transition.reschedule != true
        else { return false }
        return allocation.ownGroup?.reschedulePolicy?.isEnabled ?? false
    }

    func evaluation(_ id: UniqueID) -> Evaluation {
        var evaluation = Evaluation(
            id: id, job: deployment.job, priority: deployment.evaluationPriority,
            type: view.job?.value.type ?? .service, trigger: .deploymentWatcher)
        evaluation.deploymentID = deployment.id
        evaluation.jobModifyIndex = deployment.jobSpecModifyIndex
        evaluation.createUnixNanoseconds = now
        evaluation.modifyUnixNanoseconds = now
        return evaluation
    }
}

extension Job {
    /// What shall run is the same, whatever has become of it.
    package func hasSameSpecification(as other: Job) -> Bool {
        var mine = self
        mine.status = other.status
        mine.statusDescription = other.statusDescription
        mine.version = other.version
        mine.isStable = other.isStable
        mine.submitUnixNanoseconds = other.submitUnixNanoseconds
        mine.createIndex = other.createIndex
        mine.modifyIndex = other.modifyIndex
        mine.jobModifyIndex = other.jobModifyIndex
        return mine == other
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// One deployment at one instant.
struct DeploymentLook {
    let view: DeploymentWatcher.View
    /// Of the wall clock.
    let now: Int64

    private var deployment: Deployment { view.deployment }

    var healthy: Set<UniqueID> {
        Set(view.allocations.lazy.filter { $0.isHealthy }.map { $0.value.id })
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

    /// - Parameter isOverdue: a deadline has passed.
    func failure(isOverdue: Bool) -> Failure? {
        let isUnhealthy = view.allocations.contains { allocation in
            guard allocation.isUnhealthy else { return false }
            return deployment.groups[allocation.value.group].map { $0.progressDeadline <= .zero }
                ?? false
        }
        if isUnhealthy { return .unhealthy }
        return isOverdue ? .deadline : nil
    }

    /// Of the groups that are not done, the first to be out of time. Canaries that are all healthy
    /// wait for a person, without a deadline.
    var nextDeadline: DeploymentWatcher.Deadline? {
        guard deployment.status == .running else { return nil }
        return deployment.groups.compactMap { element -> DeploymentWatcher.Deadline? in
            let state = element.value
            let deadline = state.requireProgressByUnixNanoseconds
            guard deadline > 0, !isDone(element.key, state) else { return nil }
            return DeploymentWatcher.Deadline(
                unixNanoseconds: deadline, spanNanoseconds: state.progressDeadline.nanoseconds)
        }.min { $0.unixNanoseconds < $1.unixNanoseconds }
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
            $0.value.group == group && canaries.contains($0.value.id) && $0.isHealthy
                && !$0.isTerminal
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

    /// Whether the scheduler has something to do once more is healthy: instances that wait for their turn, or
    /// the end to write. Where all are placed and only start, each that does is no reason to look.
    var mayGoOn: Bool {
        let isAllHealthy = deployment.groups.allSatisfy {
            $0.value.healthyAllocations >= $0.value.desiredTotal
        }
        if isAllHealthy { return true }
        var settled: [String: Int] = [:]
        for allocation in view.allocations
        where !allocation.isTerminal && allocation.value.transition.migrate != true {
            settled[allocation.value.group, default: 0] += 1
        }
        return deployment.groups.contains { settled[$0.key, default: 0] < $0.value.desiredTotal }
    }

    /// They failed, there is time left, and the scheduler waits to be told.
    var reschedulable: Set<UniqueID> {
        Set(view.allocations.lazy.filter { Self.waitsForLeave($0.value) }.map { $0.value.id })
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

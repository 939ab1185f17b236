// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A job's deployment while its groups are reconciled, one after the other.
struct DeploymentContext: Sendable {
    /// The one of this version of the job, which is not over. May have failed: then it holds its
    /// instances, and nothing new begins.
    private(set) var current: Deployment?
    /// One of an older version, or one that is over: its canaries that nobody promoted have to go.
    private(set) var superseded: Deployment?
    private(set) var updates: [DeploymentStatusUpdate] = []
    private(set) var isChanged = false

    init(_ input: ReconcileInput) {
        guard let deployment = input.deployment else { return }
        guard let job = input.job?.value, !job.isStopped else {
            supersede(deployment, reason: DeploymentReason.jobStopped)
            return
        }
        let isOfThisJob =
            deployment.jobCreateIndex == job.createIndex && deployment.jobVersion == job.version
        if isOfThisJob, deployment.isActive || deployment.status == .failed {
            current = deployment
        } else {
            supersede(deployment, reason: DeploymentReason.newerJob)
        }
    }

    private mutating func supersede(_ deployment: Deployment, reason: String) {
        superseded = deployment
        if deployment.isActive {
            updates.append(
                DeploymentStatusUpdate(
                    id: deployment.id, status: .cancelled, description: reason))
        }
    }

    var isPaused: Bool { current?.status == .paused }
    var isFailed: Bool { current?.status == .failed }

    /// Canaries that have to go: those of a deployment that is over, or failed, before they were
    /// promoted.
    func isObsoleteCanary(_ allocation: Allocation) -> Bool {
        let over = isFailed ? current : superseded
        guard let state = over?.groups[allocation.group], !state.isPromoted else { return false }
        return state.placedCanaries.contains(allocation.id)
    }

    /// Writes a group's numbers; the first group begins the deployment.
    mutating func set(
        _ state: DeploymentGroupState, group: String, of job: Job, ids: inout IDSource
    ) {
        var deployment = current ?? Deployment(id: ids.next(), of: job)
        guard deployment.groups[group] != state else { return }
        deployment.groups[group] = state
        current = deployment
        isChanged = true
    }

    /// All groups are as they should be: a running deployment has succeeded (H12).
    mutating func finish(isComplete: Bool) {
        guard isChanged == false else {
            describeNew()
            return
        }
        guard isComplete, let deployment = current, deployment.status == .running else { return }
        updates.append(
            DeploymentStatusUpdate(
                id: deployment.id, status: .successful, description: DeploymentReason.successful))
    }

    /// A deployment with canaries says what it waits for.
    private mutating func describeNew() {
        guard let deployment = current, deployment.requiresPromotion else { return }
        let isAutomatic = deployment.groups.allSatisfy {
            $0.value.desiredCanaries == 0 || $0.value.autoPromote
        }
        current?.statusDescription =
            isAutomatic ? DeploymentReason.autoPromotion : DeploymentReason.needsPromotion
    }
}

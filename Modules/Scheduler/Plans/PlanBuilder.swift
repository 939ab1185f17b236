// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Gathers what an evaluation decides into a plan.
struct PlanBuilder {
    private let evaluation: Evaluation
    private let unixNanoseconds: Int64
    private(set) var deployment: Deployment?
    private let deploymentID: UniqueID?
    /// Whether `deployment` has to be written.
    private var isDeploymentChanged: Bool
    private var parts: [UniqueID: PlacementPlan.NodePart] = [:]
    private(set) var preempted: [Shared<Allocation>] = []
    private(set) var ids: IDSource

    init(
        evaluation: Evaluation, reconciliation: Reconciliation, existing: Deployment?,
        unixNanoseconds: Int64, ids: IDSource
    ) {
        self.evaluation = evaluation
        self.unixNanoseconds = unixNanoseconds
        self.ids = ids
        deploymentID = reconciliation.deploymentID
        isDeploymentChanged = reconciliation.deployment != nil
        deployment =
            reconciliation.deployment ?? (existing?.id == deploymentID ? existing : nil)
    }

    mutating func stop(_ stop: PlacementPlan.Stop) {
        edit(stop.allocation.value.nodeID) { $0.stops.append(stop) }
    }

    /// An allocation with other values. One that runs a version with a deployment belongs to it.
    mutating func change(_ allocation: Allocation, updatesJob: Bool) {
        var allocation = allocation
        if updatesJob, let deploymentID = deploymentID(of: allocation.group),
            allocation.deploymentID != deploymentID
        {
            allocation.deploymentID = deploymentID
            allocation.deploymentStatus = nil
        }
        edit(allocation.nodeID) { $0.placements.append(allocation) }
    }

    mutating func place(_ placement: Placement, job: Shared<Job>, isOlderJob: Bool) {
        var allocation = allocation(for: placement, job: job)
        if !isOlderJob { joinDeployment(&allocation, isCanary: placement.request.isCanary) }
        let id = allocation.id
        edit(placement.nodeID) { part in
            part.placements.append(allocation)
            part.evictions += placement.victims.map { PlacementPlan.Eviction($0, by: id) }
        }
        preempted += placement.victims
    }

    private mutating func allocation(for placement: Placement, job: Shared<Job>) -> Allocation {
        let request = placement.request
        let group =
            job.value.groups.indices.contains(request.group)
            ? job.value.groups[request.group] : nil
        var allocation = Allocation(
            id: ids.next(), evaluationID: evaluation.id, nodeID: placement.nodeID, job: job,
            group: group?.name ?? "", index: request.index, resources: placement.resources)
        allocation.nodeName = placement.nodeName
        allocation.metrics = placement.metric
        allocation.preemptedAllocations = placement.victims.map(\.value.id)
        allocation.createUnixNanoseconds = unixNanoseconds
        allocation.modifyUnixNanoseconds = unixNanoseconds
        guard let previous = request.previous?.value else { return allocation }
        allocation.previousAllocation = previous.id
        if request.isRescheduling {
            allocation.reschedules = Rescheduling.history(
                replacing: previous, policy: previous.ownGroup?.reschedulePolicy,
                at: unixNanoseconds)
        } else if !request.isDestructive {
            // It moves, and its failures with it.
            allocation.reschedules = previous.reschedules
        }
        return allocation
    }

    /// One that has ended gets no more members: what is placed in its place counts for none.
    private func deploymentID(of group: String) -> UniqueID? {
        guard let deployment, deployment.isActive, deployment.groups[group] != nil else {
            return nil
        }
        return deploymentID
    }

    private mutating func joinDeployment(_ allocation: inout Allocation, isCanary: Bool) {
        allocation.deploymentID = deploymentID(of: allocation.group)
        guard isCanary, var state = deployment?.groups[allocation.group] else { return }
        allocation.deploymentStatus = AllocationHealth(isCanary: true)
        state.placedCanaries.append(allocation.id)
        deployment?.groups[allocation.group] = state
        isDeploymentChanged = true
    }

    private mutating func edit(_ nodeID: UniqueID, _ change: (inout PlacementPlan.NodePart) -> Void)
    {
        change(&parts[nodeID, default: PlacementPlan.NodePart(nodeID: nodeID)])
    }

    func build(
        token: UniqueID, job: Shared<Job>?, snapshotIndex: UInt64,
        updates: [DeploymentStatusUpdate]
    ) -> PlacementPlan {
        var plan = PlacementPlan(
            evaluationID: evaluation.id, token: token, priority: evaluation.priority, job: job,
            snapshotIndex: snapshotIndex)
        plan.nodes = parts.values.sorted { $0.nodeID < $1.nodeID }
        plan.deployment = isDeploymentChanged ? deployment : nil
        plan.deploymentUpdates = updates
        return plan
    }
}

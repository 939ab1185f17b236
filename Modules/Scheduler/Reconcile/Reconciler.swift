// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Compares what a job should be with what is, and says what to do.
///
/// Pure: no clock, no randomness, and nothing about nodes but which of them are not well. Where
/// instances go is the placer's affair.
package enum Reconciler {
    /// For service and batch jobs.
    ///
    /// - Parameters:
    ///   - ids: for follow-up evaluations and a new deployment.
    ///   - resourcesInPlace: what an instance would be given on its own node under the new version
    ///     of the job, its own room counted as free; nil if it does not fit. Asked at most once an
    ///     instance.
    package static func reconcile(
        _ input: ReconcileInput, ids: inout IDSource,
        resourcesInPlace: (Shared<Allocation>, Int) -> Shared<AllocatedResources>?
    ) -> Reconciliation {
        withoutActuallyEscaping(resourcesInPlace) { resourcesInPlace in
            var result = Reconciliation()
            var deployment = DeploymentContext(input)
            var byGroup = Dictionary(grouping: input.allocations) { $0.value.group }
            if let job = input.job, !input.isStopped {
                var followUps = FollowUps(
                    cause: input.evaluation, unixNanoseconds: input.unixNanoseconds)
                var isComplete = true
                for groupIndex in job.value.groups.indices {
                    var group = GroupReconciler(
                        input, job: job, groupIndex: groupIndex, deployment: deployment,
                        followUps: followUps, ids: ids, resourcesInPlace: resourcesInPlace)
                    swap(&group.result, &result)  // It has one holder, and grows in place.
                    let name = group.group.name
                    group.reconcile(ordered(byGroup.removeValue(forKey: name) ?? []))
                    (deployment, followUps, ids) = (group.deployment, group.followUps, group.ids)
                    swap(&group.result, &result)
                    result.desired[name] = group.desired
                    isComplete = isComplete && group.isComplete
                }
                deployment.finish(isComplete: isComplete && !job.value.groups.isEmpty)
                result.followUps = followUps.evaluations
            }
            stopGroups(byGroup, input, into: &result)
            loseStopped(input, into: &result)
            result.deploymentUpdates = deployment.updates
            result.deploymentID = deployment.current?.id
            result.deployment = deployment.isChanged ? deployment.current : nil
            return result
        }
    }

    /// By number, then by age.
    static func ordered(_ allocations: [Shared<Allocation>]) -> [Shared<Allocation>] {
        allocations.sorted {
            ($0.value.index, $0.value.createIndex, $0.value.id)
                < ($1.value.index, $1.value.createIndex, $1.value.id)
        }
    }

    /// Groups that the job no longer has; all of them if it is stopped (G15).
    static func stopGroups(
        _ groups: [String: [Shared<Allocation>]], _ input: ReconcileInput,
        into result: inout Reconciliation
    ) {
        for name in groups.keys.sorted() {
            var desired = DesiredUpdates()
            for allocation in ordered(groups[name] ?? []) {
                if allocation.value.isTerminal { continue }
                let isLost = input.taints[allocation.value.nodeID] == .lost
                result.stops.append(
                    PlacementPlan.Stop(
                        allocation, description: isLost ? StopReason.lost : StopReason.notNeeded,
                        clientStatus: isLost ? .lost : nil))
                desired.stop += 1
            }
            result.desired[name] = desired
        }
    }

    /// What was told to stop on a node that can no longer say that it did, is lost.
    static func loseStopped(_ input: ReconcileInput, into result: inout Reconciliation) {
        for allocation in ordered(input.allocations)
        where allocation.value.isServerTerminal && !allocation.value.isClientTerminal
            && input.taints[allocation.value.nodeID] == .lost
        {
            result.stops.append(
                PlacementPlan.Stop(
                    allocation, description: allocation.value.desiredDescription,
                    clientStatus: .lost))
        }
    }
}

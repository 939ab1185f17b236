// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What is wrong with a node on which a job has allocations.
package enum NodeTaint: Equatable, Sendable {
    /// Down, or unknown to the state: what ran there is lost.
    case lost
    /// Being emptied: what is marked to migrate leaves it.
    case draining
}

/// All that the reconciler looks at. It is pure: the same input has the same answer.
package struct ReconcileInput: Sendable {
    package var evaluation: Evaluation
    /// nil: the job is gone.
    package var job: Shared<Job>?
    /// Those of the job, in any order, on any node.
    package var allocations: [Shared<Allocation>]
    /// Of the nodes of `allocations`, those that are not well.
    package var taints: [UniqueID: NodeTaint]
    /// The job's latest.
    package var deployment: Deployment?
    /// The wall clock.
    package var unixNanoseconds: Int64

    package init(
        evaluation: Evaluation, job: Shared<Job>?, allocations: [Shared<Allocation>] = [],
        taints: [UniqueID: NodeTaint] = [:], deployment: Deployment? = nil,
        unixNanoseconds: Int64
    ) {
        self.evaluation = evaluation
        self.job = job
        self.allocations = allocations
        self.taints = taints
        self.deployment = deployment
        self.unixNanoseconds = unixNanoseconds
    }

    /// The job is to run nothing any more.
    var isStopped: Bool { job?.value.isStopped ?? true }
}

/// What has to be done so that a job becomes what it should be.
package struct Reconciliation: Equatable, Sendable {
    /// An instance that is replaced only if its replacement finds a node.
    package struct Replacement: Equatable, Sendable {
        package var stop: Plan.Stop
        package var request: PlacementRequest

        package init(stop: Plan.Stop, request: PlacementRequest) {
            self.stop = stop
            self.request = request
        }
    }

    /// These happen in any case.
    package var stops: [Plan.Stop] = []
    /// Allocations with other values: a new version of the job in place, or a follow-up noted.
    package var changed: [Allocation] = []
    /// Placed first, in this order.
    package var destructive: [Replacement] = []
    /// Placed after those, in this order.
    package var places: [PlacementRequest] = []
    /// Evaluations that come later: one for all that is due within five seconds.
    package var followUps: [Evaluation] = []
    /// A new deployment, or the job's with another number of canaries.
    package var deployment: Deployment?
    package var deploymentUpdates: [DeploymentStatusUpdate] = []
    /// By group, groups that the job no longer has included.
    package var desired = SortedMap<DesiredUpdates>()
    /// Placements that wait for the stagger of a rolling update of a system job.
    package var isLimitReached = false

    package init() {}
}

/// Why an instance is stopped: the words that Nomad's users know.
package enum StopReason {
    package static let notNeeded = "alloc not needed due to job update"
    package static let migrating = "alloc is being migrated"
    package static let rescheduled = "alloc was rescheduled because it failed"
    package static let lost = "alloc is lost since its node is down"
    package static let updating = "alloc is being updated due to job update"
    package static let nodeNotInDatacenters = "alloc not needed as node is not in its datacenters"
}

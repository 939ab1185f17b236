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
    /// For system jobs: the ready nodes of the job's datacenters and pool, ascending.
    package var readyNodes: [UniqueID] = []
    /// For system jobs: of the nodes of `allocations`, those that are of other datacenters or pools.
    package var foreignNodes: Set<UniqueID> = []

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

    /// The job shall run nothing any more.
    var isStopped: Bool { job?.value.isStopped ?? true }
}

/// What has to be done so that a job becomes what it should be.
package struct Reconciliation: Sendable {
    /// An instance that wants a node.
    package struct Place: Sendable {
        package var request: PlacementRequest
        /// The version that it still runs, while canaries try the new one; nil: the job as it is.
        package var olderJob: Shared<Job>?

        package init(_ request: PlacementRequest, olderJob: Shared<Job>? = nil) {
            self.request = request
            self.olderJob = olderJob
        }
    }

    /// An instance that is replaced only if its replacement finds a node.
    package struct Replacement: Sendable {
        package var stop: PlacementPlan.Stop
        package var request: PlacementRequest
    }

    /// These happen in any case.
    package var stops: [PlacementPlan.Stop] = []
    /// Allocations with other values: updated in place, or with a follow-up noted.
    package var changed: [Allocation] = []
    /// Placed first, in this order.
    package var destructive: [Replacement] = []
    /// Placed after those, in this order.
    package var places: [Place] = []
    /// Evaluations that come later: one for all that is due within five seconds.
    package var followUps: [Evaluation] = []
    /// A new deployment, or the job's with other numbers.
    package var deployment: Deployment?
    package var deploymentUpdates: [DeploymentStatusUpdate] = []
    /// What placements belong to; nil for those of a job without one.
    package var deploymentID: UniqueID?
    /// By group, groups that the job no longer has included.
    package var desired = SortedMap<DesiredUpdates>()
    /// More instances of a system job are to be updated when its stagger is over.
    package var isLimited = false

    package init() {}
}

/// Why an instance is stopped, in the words that Nomad's users know.
package enum StopReason {
    package static let notNeeded = "alloc not needed due to job update"
    package static let migrating = "alloc is being migrated"
    package static let rescheduled = "alloc was rescheduled because it failed"
    package static let lost = "alloc is lost since its node is down"
    package static let updating = "alloc is being updated due to job update"
}

/// Why a deployment is over, in the same words.
package enum DeploymentReason {
    package static let jobStopped = "Cancelled because job is stopped"
    package static let newerJob = "Cancelled due to newer version of job"
    package static let successful = "Deployment completed successfully"
    package static let needsPromotion = "Deployment is running but requires manual promotion"
    package static let autoPromotion = "Deployment is running pending automatic promotion"
}

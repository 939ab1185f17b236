// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What of a plan is carried out, as one entry of the log: whoever makes room is never gone without the
/// one that it made room for.
package struct PlanEntry: Equatable, Sendable {
    package struct Stop: Equatable, Sendable {
        package var id: UniqueID
        package var description: String
        package var clientStatus: Allocation.ClientStatus?
        package var followUpEvaluationID: UniqueID?

        package init(
            id: UniqueID, description: String, clientStatus: Allocation.ClientStatus? = nil,
            followUpEvaluationID: UniqueID? = nil
        ) {
            self.id = id
            self.description = description
            self.clientStatus = clientStatus
            self.followUpEvaluationID = followUpEvaluationID
        }
    }

    package struct Eviction: Equatable, Sendable {
        package var id: UniqueID
        package var by: UniqueID

        package init(id: UniqueID, by: UniqueID) {
            self.id = id
            self.by = by
        }
    }

    /// A new allocation, or one that is changed where it is.
    package struct Placement: Equatable, Sendable {
        package var id: UniqueID
        package var nodeID: UniqueID
        package var nodeName: String
        package var job: JobVersionKey
        package var group: String
        package var index: Int
        package var resources: Shared<AllocatedResources>
        package var metrics: Shared<PlacementMetric>?
        package var description: String
        package var deploymentID: UniqueID?
        package var deploymentStatus: AllocationHealth?
        package var previousAllocation: UniqueID?
        package var followUpEvaluationID: UniqueID?
        package var reschedules: [RescheduleEvent]
        package var preempted: [UniqueID]
    }

    /// Bound of each list, and of what one allocation may evict. An entry takes some 90 bytes for a
    /// placement, and at most as many bytes as Raft allows: larger plans are several.
    package static let elementsMax = 65_536

    package var evaluationID: UniqueID
    /// When it was decided, in nanoseconds since 1970.
    package var unixNanoseconds: Int64
    package var stops: [Stop] = []
    package var evictions: [Eviction] = []
    package var placements: [Placement] = []
    package var deployment: Deployment?
    package var deploymentUpdates: [DeploymentStatusUpdate] = []
    /// What follows: one of each job that was evicted from, and whatever else goes with the plan.
    package var evaluations: [Evaluation] = []

    package init(evaluationID: UniqueID, unixNanoseconds: Int64) {
        self.evaluationID = evaluationID
        self.unixNanoseconds = unixNanoseconds
    }

    /// - Parameter evaluations: those that follow; see ``victimJobs(of:)``.
    package init(
        _ result: PlanResult, evaluationID: UniqueID, evaluations: [Evaluation],
        unixNanoseconds: Int64
    ) {
        self.init(evaluationID: evaluationID, unixNanoseconds: unixNanoseconds)
        for part in result.nodes {
            for stop in part.stops {
                stops.append(
                    Stop(
                        id: stop.allocation.value.id, description: stop.description,
                        clientStatus: stop.clientStatus,
                        followUpEvaluationID: stop.followUpEvaluationID))
            }
            for eviction in part.evictions {
                evictions.append(Eviction(id: eviction.allocation.value.id, by: eviction.by))
            }
            for allocation in part.placements { placements.append(Placement(allocation)) }
        }
        deployment = result.deployment
        deploymentUpdates = result.deploymentUpdates
        self.evaluations = evaluations
    }

    /// The jobs that lose instances to it, each once, in order: each gets an evaluation.
    package static func victimJobs(of result: PlanResult) -> [Shared<Job>] {
        var jobs = OrderedTable<JobKey, Shared<Job>>()
        for part in result.nodes {
            for eviction in part.evictions {
                let job = eviction.allocation.value.job
                jobs.insert(job, at: job.value.key)
            }
        }
        return jobs.map(\.value)
    }
}

extension PlanEntry.Placement {
    init(_ allocation: Allocation) {
        id = allocation.id
        nodeID = allocation.nodeID
        nodeName = allocation.nodeName
        job = JobVersionKey(of: allocation.job.value)
        group = allocation.group
        index = allocation.index
        resources = allocation.resources
        metrics = allocation.metrics
        description = allocation.desiredDescription
        deploymentID = allocation.deploymentID
        deploymentStatus = allocation.deploymentStatus
        previousAllocation = allocation.previousAllocation
        followUpEvaluationID = allocation.followUpEvaluationID
        reschedules = allocation.reschedules
        preempted = allocation.preemptedAllocations
    }
}

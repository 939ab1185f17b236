// SPDX-License-Identifier: Apache-2.0

/// What a scheduler wants to be done, all of one evaluation.
package struct PlacementPlan: Equatable, Sendable {
    /// What stops, and why; its place is free for what the plan places.
    package struct Stop: Equatable, Sendable {
        package var allocation: Shared<Allocation>
        package var description: String
        /// Set where the node can tell no more, as lost.
        package var clientStatus: Allocation.ClientStatus?
        package var followUpEvaluationID: UniqueID?

        package init(
            _ allocation: Shared<Allocation>, description: String,
            clientStatus: Allocation.ClientStatus? = nil, followUpEvaluationID: UniqueID? = nil
        ) {
            self.allocation = allocation
            self.description = description
            self.clientStatus = clientStatus
            self.followUpEvaluationID = followUpEvaluationID
        }
    }

    /// Who makes room, and for whom.
    package struct Eviction: Equatable, Sendable {
        package var allocation: Shared<Allocation>
        package var by: UniqueID

        package init(_ allocation: Shared<Allocation>, by: UniqueID) {
            self.allocation = allocation
            self.by = by
        }
    }

    /// All changes on one node: what is accepted or refused together.
    package struct NodePart: Equatable, Sendable {
        package var nodeID: UniqueID
        package var stops: [Stop] = []
        package var evictions: [Eviction] = []
        /// New ones, and those that are changed in place.
        package var placements: [Allocation] = []

        package init(nodeID: UniqueID) { self.nodeID = nodeID }

        package var isEmpty: Bool {
            stops.isEmpty && evictions.isEmpty && placements.isEmpty
        }
    }

    package var evaluationID: UniqueID
    /// Of the delivery, so that a late plan is told from a present one.
    package var token: UniqueID
    package var priority: Int
    package var isAllAtOnce: Bool
    package var job: Shared<Job>?
    /// Ascending by node.
    package var nodes: [NodePart] = []
    /// A new one, or one with other numbers.
    package var deployment: Deployment?
    package var deploymentUpdates: [DeploymentStatusUpdate] = []
    /// For a dry run; nil unless the evaluation asks for it.
    package var annotations: PlanAnnotations?
    /// The state that it was made on.
    package var snapshotIndex: UInt64

    package init(
        evaluationID: UniqueID, token: UniqueID, priority: Int, job: Shared<Job>?,
        snapshotIndex: UInt64
    ) {
        self.evaluationID = evaluationID
        self.token = token
        self.priority = priority
        isAllAtOnce = job?.value.isAllAtOnce ?? false
        self.job = job
        self.snapshotIndex = snapshotIndex
    }

    /// Whether there is nothing to do.
    package var isEmpty: Bool {
        nodes.allSatisfy(\.isEmpty) && deployment == nil && deploymentUpdates.isEmpty
    }
}

/// What of a plan is done.
package struct PlanResult: Equatable, Sendable {
    /// Ascending by node.
    package var nodes: [PlacementPlan.NodePart] = []
    package var deployment: Deployment?
    package var deploymentUpdates: [DeploymentStatusUpdate] = []
    /// Nodes whose part was refused, ascending.
    package var rejectedNodes: [UniqueID] = []
    /// The state that a new attempt must have seen; 0 where all was done.
    package var refreshIndex: UInt64 = 0
    /// Log index of its entry; 0 where there was none.
    package var index: UInt64 = 0

    package init() {}
}

/// What a plan does to one group, in numbers.
package struct DesiredUpdates: Hashable, Sendable {
    package var ignore = 0
    package var place = 0
    package var migrate = 0
    package var stop = 0
    package var inPlaceUpdate = 0
    package var destructiveUpdate = 0
    package var canary = 0
    package var preemptions = 0

    package init() {}
}

package struct PlanAnnotations: Equatable, Sendable {
    /// By group.
    package var desiredUpdates = SortedMap<DesiredUpdates>()
    package var preempted: [Shared<Allocation>] = []

    package init() {}
}

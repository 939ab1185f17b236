// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// One instance that needs a node.
package struct PlacementRequest: Sendable {
    /// Index into the job's groups.
    package var group: Int
    /// The instance's number: with the job's and group's names the allocation's name.
    package var index: Int
    /// What it replaces; nil for a new instance.
    package var previous: Shared<Allocation>?
    /// Whether the stop of `previous` is staged before the search, and taken back if no node is found:
    /// its own place is then free for it.
    package var isDestructive = false
    package var isRescheduling = false
    package var isCanary = false
    /// Nodes where it failed before: they score one point less.
    package var penalizedNodes: [UniqueID] = []
    /// Tried before all others (a sticky disk).
    package var preferredNode: UniqueID?
    /// The only node that counts: system jobs.
    package var requiredNode: UniqueID?

    package init(group: Int, index: Int) {
        self.group = group
        self.index = index
    }
}

/// Where an instance goes.
package struct Placement: Sendable {
    package let request: PlacementRequest
    package let nodeID: UniqueID
    package let nodeName: String
    /// Ports, devices and cores included. Instances of a group without any share one value.
    package let resources: Shared<AllocatedResources>
    /// Who is evicted for it, least important first; empty without preemption.
    package let victims: [Shared<Allocation>]
    package let metric: Shared<PlacementMetric>
}

/// What became of a request.
package enum PlacementOutcome: Sendable {
    case placed(Placement)
    /// Nowhere, and why. The first failure of a group counts the later ones in `coalescedFailures`
    /// only when the caller adds them up; each carries the same metric.
    case failed(Shared<PlacementMetric>)
    /// System jobs: the required node is not meant for the group (a constraint, not a lack of room).
    case filtered(Shared<PlacementMetric>)
}

/// Which classes a group may run on: what wakes its blocked evaluation.
package struct ClassEligibility: Equatable, Sendable {
    /// By ``Node/computedClassText``.
    package var classes = SortedMap<Bool>()
    /// Whether a constraint looks at what is unique to a node, so that a class says nothing.
    package var isEscaped = false

    package init() {}
}

/// How nodes are chosen.
package struct PlacementOptions: Sendable {
    /// How many of the feasible nodes compete.
    package enum Search: Sendable {
        /// All: the best node of the cluster, found through the index.
        case exact
        /// A seeded sample as Nomad 1.1.2 takes it: for comparison in tests.
        case sampled
    }

    package var search = Search.exact
    /// Whether nodes with devices are kept for those who ask for devices, and devices are filled so
    /// that what is left stays useful.
    package var packsDevices = true

    package init() {}
}

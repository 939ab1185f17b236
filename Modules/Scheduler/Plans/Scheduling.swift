// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// One look at a job: what is to change, and where what is missing goes.
package enum Scheduling {
    package struct Input: Sendable {
        package var reconcile: ReconcileInput
        /// Of the delivery: the plan proves with it that it is not late.
        package var token: UniqueID
        /// The log index of the state that is looked at.
        package var snapshotIndex: UInt64
        /// From 1, within a delivery.
        package var attempt: Int
        /// For system jobs: nodes for which a blocked evaluation of the job waits already.
        package var blockedNodes: Set<UniqueID> = []

        package init(
            _ reconcile: ReconcileInput, token: UniqueID, snapshotIndex: UInt64, attempt: Int = 1
        ) {
            self.reconcile = reconcile
            self.token = token
            self.snapshotIndex = snapshotIndex
            self.attempt = attempt
        }
    }

    /// What comes of it: data only.
    package struct Proposal: Sendable {
        package var plan: PlacementPlan
        /// Written with the plan: allocations in it name them.
        package var followUps: [Evaluation] = []
        /// By group, why instances have no place.
        package var failedGroups = SortedMap<PlacementMetric>()
        /// By group, instances that want a place, those of the plan included.
        package var wanted = SortedMap<Int>()
        /// What the search learned about classes, over the groups that failed.
        package var eligibility = ClassEligibility()
        /// System jobs: nodes that have no room, ascending.
        package var exhaustedNodes: [UniqueID] = []
        /// A system job has more to update when its stagger is over.
        package var isLimited = false
        package var desired = SortedMap<DesiredUpdates>()
        package var deploymentID: UniqueID?
        /// For what is made of the proposal.
        var ids: IDSource
    }

    /// The same input and the same cluster have the same proposal, byte for byte (A19).
    ///
    /// - Parameter placer: over the snapshot, for one version of the job, with a seed for ties.
    ///   Usually asked once; while canaries run, once for each version that is placed.
    package static func evaluate<Placer: Placing>(
        _ input: Input, placer: (Shared<Job>, _ seed: UInt64) -> Placer
    ) -> Proposal {
        withoutActuallyEscaping(placer) { placer in
            var attempt = SchedulingAttempt(input, makePlacer: placer)
            return attempt.run()
        }
    }
}

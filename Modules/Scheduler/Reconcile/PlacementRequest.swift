// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// One instance that wants a node.
package struct PlacementRequest: Equatable, Sendable {
    /// Position of its group in the job's list.
    package var groupIndex: Int
    /// The instance's number in its group: the name is `job.group[index]`.
    package var index: Int
    /// Whom it takes the place of.
    package var previous: Shared<Allocation>?
    /// `previous` runs until a node is found: its stop is staged before the search, so that its
    /// room counts as free, and taken back if there is none.
    package var isDestructive = false
    /// `previous` failed: the nodes where it did are avoided.
    package var isRescheduling = false
    package var isCanary = false
    /// Nodes that are to be avoided, ascending.
    package var penalizedNodes: [UniqueID] = []
    /// Tried before all others: where the sticky disk of `previous` is.
    package var preferredNode: UniqueID?
    /// The only node that will do, for system jobs.
    package var requiredNode: UniqueID?
    /// The older version that it still runs, while canaries try the new one; nil: the job as it is.
    package var olderJob: Shared<Job>?

    package init(groupIndex: Int, index: Int, previous: Shared<Allocation>? = nil) {
        self.groupIndex = groupIndex
        self.index = index
        self.previous = previous
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Nodes and their pools, jobs with their versions, evaluations, allocations and deployments. Changed by
/// ``SchedulerCommand`` only. A copy costs nothing and is a snapshot, as the state's.
///
/// - Invariant: equal commands at equal indexes give equal tables.
/// - Invariant: what is counted and indexed says what the rows say; ``checkInvariants()``.
package struct SchedulerTables: Sendable {
    package static let nodesMax = 100_000
    /// Of all nodes together, by ``Node/bytes``: 5 KB of each if there are as many as may be.
    package static let nodeBytesMax = 512 << 20
    package static let jobsMax = 100_000
    package static let evaluationsMax = 1_000_000
    package static let allocationsMax = 2_000_000
    package static let deploymentsMax = 200_000
    /// Without those that are built in.
    package static let poolsMax = 10_000
    /// No row takes more bytes in a snapshot: twice the largest command, and what is small. An allocation
    /// comes of two, the plan and what its node tells.
    static let rowBytesMax = 5 << 20
    /// Of one text in a row.
    static let textBytesMax = 256 << 10

    var nodeTable = OrderedTable<UniqueID, Shared<Node>>()
    var jobTable = OrderedTable<JobKey, JobRow>()
    var specTable = OrderedTable<JobVersionKey, JobSpec>()
    var evaluationTable = OrderedTable<UniqueID, Shared<Evaluation>>()
    var allocationTable = OrderedTable<UniqueID, Shared<Allocation>>()
    var deploymentTable = OrderedTable<UniqueID, Shared<Deployment>>()
    /// What is built in stands here only where it was changed.
    var poolTable = OrderedTable<String, NodePool>()

    typealias IDs = OrderedTable<UniqueID, Void>
    var allocationsOfNode = OrderedTable<UniqueID, IDs>()
    var allocationsOfJob = OrderedTable<JobKey, IDs>()
    var allocationsOfEvaluation = OrderedTable<UniqueID, IDs>()
    var evaluationsOfJob = OrderedTable<JobKey, IDs>()
    var blockedOfJob = OrderedTable<JobKey, IDs>()
    var deploymentsOfJob = OrderedTable<JobKey, IDs>()

    /// Log index of the last change to a table; 0 before any.
    package internal(set) var nodeIndex: UInt64 = 0
    package internal(set) var jobIndex: UInt64 = 0
    package internal(set) var evaluationIndex: UInt64 = 0
    package internal(set) var allocationIndex: UInt64 = 0
    package internal(set) var deploymentIndex: UInt64 = 0
    package internal(set) var poolIndex: UInt64 = 0
    /// Follows from the rows.
    package internal(set) var counts = SchedulerCounts()
    /// Log index at which all of it took the place of another state; 0 for never.
    package internal(set) var restoredIndex: UInt64 = 0
    var feed = SchedulerChanges()
    /// Of the last command: no part of the state.
    var lastNotedJob: JobKey?
    /// While a snapshot is read: no part of the state.
    var given = GivenResources()

    package init() {}

    /// Whether there ever was anything in them.
    package var isKnown: Bool {
        nodeIndex > 0 || jobIndex > 0 || evaluationIndex > 0 || allocationIndex > 0
            || deploymentIndex > 0 || poolIndex > 0
    }

    /// Log index of the last change to any of them; 0 before any.
    package var lastIndex: UInt64 {
        max(
            nodeIndex, jobIndex, evaluationIndex, allocationIndex, deploymentIndex, poolIndex)
    }

    /// What has changed since the state at `index`, in order and with repetitions; what is changed and
    /// not found is gone. nil where that is not known any more: then the tables must be read.
    package func changes(after index: UInt64) -> [SchedulerChange]? { feed.after(index) }
}

extension SchedulerTables: Equatable {
    /// Indexes and counts follow from the rows.
    package static func == (left: Self, right: Self) -> Bool {
        left.nodeIndex == right.nodeIndex && left.jobIndex == right.jobIndex
            && left.evaluationIndex == right.evaluationIndex
            && left.allocationIndex == right.allocationIndex
            && left.deploymentIndex == right.deploymentIndex && left.nodeTable == right.nodeTable
            && left.jobTable == right.jobTable && left.specTable == right.specTable
            && left.evaluationTable == right.evaluationTable
            && left.allocationTable == right.allocationTable
            && left.deploymentTable == right.deploymentTable && left.poolIndex == right.poolIndex
            && left.poolTable == right.poolTable
    }
}

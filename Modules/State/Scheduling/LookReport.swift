// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletBytes

/// What one server found when it looked at an evaluation for another, in words that the other understands by
/// its own tables: instances that are there are named by their ids, and jobs by their versions.
package struct LookReport: Equatable, Sendable {
    /// What is to be done; its evaluations are the follow-ups that go with it.
    package var plan: PlanEntry
    /// Of its placements, those that change an instance where it is; the others are new.
    package var updated: [UniqueID] = []
    /// Of the state that was looked at.
    package var snapshotIndex: UInt64
    package var failedGroups = SortedMap<PlacementMetric>()
    package var wanted = SortedMap<Int>()
    package var classEligibility = SortedMap<Bool>()
    package var hasEscapedClass = false
    package var exhaustedNodes: [UniqueID] = []
    package var isLimited = false
    package var deploymentID: UniqueID?

    package init(plan: PlanEntry, snapshotIndex: UInt64) {
        self.plan = plan
        self.snapshotIndex = snapshotIndex
    }

    /// What it may take as bytes: a plan of some 20,000 placements. It goes over the connection that Raft's
    /// answers go over, which it must not block.
    package static let bytesMax = 2 << 20

    /// | bytes | meaning                                                              |
    /// |-------|----------------------------------------------------------------------|
    /// | …     | the plan, as the log has it                                          |
    /// | …     | list of ids: what is updated                                         |
    /// | 8     | log index of the snapshot                                            |
    /// | …     | maps: failed groups; wanted; classes. 1: whether a class says nothing |
    /// | …     | list of ids: exhausted nodes. 1: limited. Optional id: deployment    |
    ///
    /// - Returns: nil for what is larger than ``bytesMax`` or the bounds of a plan.
    package func encoded() -> [UInt8]? {
        let counts = [
            plan.stops.count, plan.evictions.count, plan.placements.count,
            plan.evaluations.count, plan.deploymentUpdates.count,
        ]
        guard counts.allSatisfy({ $0 <= PlanEntry.elementsMax }) else { return nil }
        var writer = ByteWriter()
        writer.write(plan)
        writer.write(ids: updated)
        writer.write(snapshotIndex)
        writer.write(map: failedGroups) { $0.write($1) }
        writer.write(map: wanted) { $0.write(number: $1) }
        writer.write(map: classEligibility) { $0.write($1) }
        writer.write(hasEscapedClass)
        writer.write(ids: exhaustedNodes)
        writer.write(isLimited)
        writer.write(optionalID: deploymentID)
        let bytes = writer.finish()
        return bytes.count <= Self.bytesMax ? bytes : nil
    }

    /// - Throws: for anything that ``encoded()`` does not write.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        guard bytes.count <= Self.bytesMax else {
            throw .malformed("a report of \(bytes.count) bytes, at most \(Self.bytesMax)")
        }
        var reader = StateReader(bytes)
        let plan = try reader.planEntry()
        let updated = try reader.ids(max: PlanEntry.elementsMax)
        self.init(plan: plan, snapshotIndex: try reader.uint64())
        self.updated = updated
        failedGroups = try reader.map { (reader) throws(StateError) in try reader.metric() }
        wanted = try reader.map { (reader) throws(StateError) in try reader.number() }
        classEligibility = try reader.map(max: SchedulerTables.nodesMax) {
            (reader) throws(StateError) in try reader.bool()
        }
        hasEscapedClass = try reader.bool()
        exhaustedNodes = try reader.ids(max: SchedulerTables.nodesMax)
        isLimited = try reader.bool()
        deploymentID = try reader.optionalID()
        try reader.finish()
    }
}

extension SchedulerTables {
    /// A version of a job that something refers to yet.
    package func version(_ key: JobVersionKey) -> Shared<Job>? { specTable[key]?.job }
}

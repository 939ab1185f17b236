// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension PlacementMetric: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(span: "AllocationTime", allocationTime)
        writer.member("ClassExhausted", orNull: classExhausted)
        writer.member("ClassFiltered", orNull: classFiltered)
        writer.member("CoalescedFailures", coalescedFailures)
        writer.member("ConstraintFiltered", orNull: constraintFiltered)
        writer.member("DimensionExhausted", orNull: dimensionExhausted)
        writer.member("NodesAvailable", orNull: nodesAvailable)
        writer.member("NodesEvaluated", nodesEvaluated)
        writer.member("NodesExhausted", nodesExhausted)
        writer.member("NodesFiltered", nodesFiltered)
        writer.nullMember("QuotaExhausted")
        writer.member("ResourcesExhausted", orNull: resourcesExhausted)
        writer.member("ScoreMetaData", orNull: scores)
        writer.nullMember("Scores")
        writer.endObject()
    }
}

extension PlacementMetric.NodeScore: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("NodeID", nodeID)
        writer.key("NormScore")
        writer.score(normalized)
        writer.member("Scores", orNull: scores) { $0.score($1) }
        writer.endObject()
    }
}

extension CombinedResources: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CPU", cpu)
        writer.member("Cores", cores)
        writer.nullMember("Devices")
        writer.member("DiskMB", diskMB)
        writer.member("IOPS", 0 as Int64)
        writer.member("MemoryMB", memoryMB)
        writer.member("MemoryMaxMB", memoryMaxMB)
        writer.nullMember("Networks")
        writer.endObject()
    }
}

extension JSONWriter {
    /// JSON has no word for what is no number.
    fileprivate mutating func score(_ value: Double) { double(value.isFinite ? value : 0) }
}

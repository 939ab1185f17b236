// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What follows from a change of nodes.
package struct NodeUpdateResponse: Equatable, Sendable, JSONWritable {
    /// What only a node is told.
    package struct Agent: Equatable, Sendable {
        /// Within this its next heartbeat is expected.
        package var heartbeatTTL: GoDuration
        /// Where the HTTP interface of the leader is; empty if that is not known.
        package var leaderHTTPAddress: String
        /// Where those of all servers are.
        package var servers: [String]

        package init(heartbeatTTL: GoDuration, leaderHTTPAddress: String, servers: [String]) {
            self.heartbeatTTL = heartbeatTTL
            self.leaderHTTPAddress = leaderHTTPAddress
            self.servers = servers
        }
    }

    package var evaluations: [UniqueID]
    /// 0 without evaluations.
    package var evaluationIndex: UInt64
    package var nodeModifyIndex: UInt64
    package var index: UInt64
    package var agent: Agent?

    package init(
        evaluations: [UniqueID], nodeModifyIndex: UInt64, index: UInt64, agent: Agent? = nil
    ) {
        self.evaluations = evaluations
        evaluationIndex = evaluations.isEmpty ? 0 : index
        self.nodeModifyIndex = nodeModifyIndex
        self.index = index
        self.agent = agent
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("EvalCreateIndex", evaluationIndex)
        writer.member("EvalIDs", orNull: evaluations)
        if let agent { writer.member(span: "HeartbeatTTL", agent.heartbeatTTL) }
        writer.member("Index", index)
        if let agent { writer.member("LeaderHTTPAddr", agent.leaderHTTPAddress) }
        writer.member("NodeModifyIndex", nodeModifyIndex)
        if let agent { writer.member("Servers", agent.servers) }
        writer.endObject()
    }
}

/// What a node has to look after: by allocation the index of its last change that concerns the node.
package struct NodeAllocationsResponse: Equatable, Sendable, JSONWritable {
    package var allocations: [Shared<Allocation>]
    package var index: UInt64
    /// Before it nothing has changed that counts.
    package var restoredIndex: UInt64

    package init(
        _ allocations: [Shared<Allocation>], index: UInt64, restoredIndex: UInt64 = 0
    ) {
        self.allocations = allocations
        self.index = index
        self.restoredIndex = restoredIndex
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Allocs")
        writer.beginObject()
        for allocation in allocations {
            writer.member(
                allocation.value.id.description,
                max(allocation.value.allocModifyIndex, restoredIndex))
        }
        writer.endObject()
        writer.member("Index", index)
        writer.endObject()
    }
}

/// Whole allocations, for the nodes that run them.
package struct PulledAllocationsResponse: Equatable, Sendable, JSONWritable {
    package var allocations: [Shared<Allocation>]
    package var index: UInt64

    package init(_ allocations: [Shared<Allocation>], index: UInt64) {
        self.allocations = allocations
        self.index = index
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Allocs", allocations.map(\.value))
        writer.member("Index", index)
        writer.endObject()
    }
}

/// The same with what a node needs of each, and each version of a job once: thousands of one job are
/// hardly more than their ids.
package struct BriefAllocationsResponse: Equatable, Sendable, JSONWritable {
    package private(set) var allocations: [BriefAllocation] = []
    package private(set) var jobs: [Shared<Job>] = []
    package var index: UInt64
    /// What it takes as JSON, but for a few bytes.
    package private(set) var sizeBytes = 0
    private var positions: [ObjectIdentifier: Int] = [:]
    /// Both lists in the compact form: what was written to see how large it is need not be written again.
    private var allocationsText: [UInt8] = []
    private var jobsText: [UInt8] = []

    package init(index: UInt64) { self.index = index }

    /// - Returns: false, and nothing has changed, where it would not fit; the first one always does.
    package mutating func add(_ allocation: Shared<Allocation>, bytesMax: Int) -> Bool {
        let job = allocation.value.job
        let known = positions[ObjectIdentifier(job)]
        let brief = BriefAllocation(allocation, jobPosition: known ?? jobs.count)
        let text = JSONWriter.encode(brief)
        let jobText = known == nil ? JSONWriter.encode(job.value) : []
        let size = text.count + jobText.count
        guard allocations.isEmpty || sizeBytes + size <= bytesMax else { return false }
        sizeBytes += size
        if !allocations.isEmpty { allocationsText.append(UInt8(ascii: ",")) }
        allocationsText += text
        allocations.append(brief)
        if known == nil {
            if !jobs.isEmpty { jobsText.append(UInt8(ascii: ",")) }
            jobsText += jobText
            positions[ObjectIdentifier(job)] = jobs.count
            jobs.append(job)
        }
        return true
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        guard !writer.isPretty else {
            writer.member("Allocs", allocations)
            writer.member("Index", index)
            writer.member("Jobs", jobs.map(\.value))
            return writer.endObject()
        }
        writer.key("Allocs")
        writer.array(compact: allocationsText)
        writer.member("Index", index)
        writer.key("Jobs")
        writer.array(compact: jobsText)
        writer.endObject()
    }
}

package struct BriefAllocation: Equatable, Sendable, JSONWritable {
    package let allocation: Shared<Allocation>
    /// Of its version of its job, among those of the answer.
    package let jobPosition: Int

    init(_ allocation: Shared<Allocation>, jobPosition: Int) {
        self.allocation = allocation
        self.jobPosition = jobPosition
    }

    package func write(to writer: inout JSONWriter) {
        let allocation = allocation.value
        writer.beginObject()
        writer.member("AllocModifyIndex", allocation.allocModifyIndex)
        writer.member("AllocatedResources", allocation.resources.value)
        writer.member("ClientStatus", allocation.clientStatus.rawValue)
        writer.member("DeploymentID", allocation.deploymentID)
        writer.member("DesiredStatus", allocation.desiredStatus.rawValue)
        writer.member("ID", allocation.id)
        writer.member("JobPosition", jobPosition)
        writer.member("Name", allocation.name)
        writer.member("NodeID", allocation.nodeID)
        writer.member("TaskGroup", allocation.group)
        writer.endObject()
    }
}

/// The index at which something was written.
package struct WriteIndexResponse: Equatable, Sendable, JSONWritable {
    package var index: UInt64

    package init(index: UInt64) { self.index = index }

    /// - Throws: when it is none.
    package init(parsing body: [UInt8]) throws(APIError) {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body), of: .allocations)
        index = try fields.uint64("Index", default: 0)
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.endObject()
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

// The same bodies as in NodeAgentRequests and NodeAgentResponses, from the node's side.

extension Node {
    /// With its secret: what it registers with.
    package func writeRegistration(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attributes", orNull: attributes)
        writer.member("Datacenter", datacenter)
        writer.member("Drivers", orNull: drivers)
        writer.member("ID", id)
        writer.member("Meta", orNull: meta)
        writer.member("Name", name)
        writer.member("NodeClass", nodeClass)
        writer.member("NodePool", nodePool)
        writer.member("NodeResources", resources)
        writer.member("ReservedResources", reserved)
        writer.member("SecretID", secretID)
        writer.member("Status", status.rawValue)
        writer.endObject()
    }
}

/// Bodies that a node sends.
package enum NodeAgentBody {
    package static func registration(of nodes: [Node]) -> [UInt8] {
        JSONWriter.encode(Batch(nodes: nodes))
    }

    package static func heartbeat(of ids: [UniqueID], _ status: NodeStatus) -> [UInt8] {
        JSONWriter.encode(IDs(name: "NodeIDs", ids: ids, status: status))
    }

    package static func nodes(_ ids: [UniqueID]) -> [UInt8] {
        JSONWriter.encode(IDs(name: "NodeIDs", ids: ids))
    }

    package static func allocations(_ ids: [UniqueID]) -> [UInt8] {
        JSONWriter.encode(IDs(name: "AllocIDs", ids: ids))
    }

    package static func updates(_ updates: [AllocationUpdate]) -> [UInt8] {
        JSONWriter.encode(Updates(updates: updates))
    }

    private struct Batch: JSONWritable {
        let nodes: [Node]

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.key("Nodes")
            writer.beginArray()
            for node in nodes { node.writeRegistration(to: &writer) }
            writer.endArray()
            writer.endObject()
        }
    }

    private struct IDs: JSONWritable {
        let name: String
        let ids: [UniqueID]
        var status: NodeStatus?

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member(name, ids.map(\.description))
            if let status { writer.member("Status", status.rawValue) }
            writer.endObject()
        }
    }

    private struct Updates: JSONWritable {
        let updates: [AllocationUpdate]

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Alloc", updates)
            writer.endObject()
        }
    }
}

extension AllocationUpdate: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("ClientDescription", clientDescription)
        writer.member("ClientStatus", clientStatus.rawValue)
        if let isHealthy {
            writer.key("DeploymentStatus")
            writer.beginObject()
            writer.member("Healthy", isHealthy)
            writer.member(instant: "Timestamp", healthUnixNanoseconds)
            writer.endObject()
        }
        writer.member("ID", id)
        writer.member("TaskStates", orNull: taskStates?.value ?? [:])
        writer.endObject()
    }
}

/// What a node is answered when it registers or is heard.
package struct NodeAgentAnswer: Equatable, Sendable {
    package var heartbeatTTL: GoDuration
    package var index: UInt64
    /// HTTP interfaces of the servers that are alive.
    package var servers: [String]

    /// - Throws: when it is none.
    package init(parsing body: [UInt8]) throws(APIError) {
        let fields = try BodyFields(try ConfigurationKind.node.parse(body: body), of: .node)
        heartbeatTTL = GoDuration(nanoseconds: try fields.int64("HeartbeatTTL"))
        index = try fields.uint64("Index", default: 0)
        servers = try fields.strings("Servers", max: 1024)
    }
}

/// By allocation the index of its last change that concerns its node.
package struct NodeAllocationIndexes: Equatable, Sendable {
    package var indexes: [(id: UniqueID, index: UInt64)]
    package var index: UInt64

    package static let limits = JSONLimits(depthMax: 8, bytesMax: 64 << 20, valuesMax: 1 << 21)

    /// - Throws: when it is none.
    package init(parsing body: [UInt8]) throws(APIError) {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body, limits: Self.limits),
            of: .allocations)
        index = try fields.uint64("Index", default: 0)
        indexes = []
        guard case .object(let members) = fields.value("Allocs") else { return }
        for member in members {
            guard let id = UniqueID(member.name), case .number(let number) = member.node.value,
                let index = number.uint64
            else { throw fields.refusal("Allocs", "has what is no allocation's index") }
            indexes.append((id, index))
        }
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.index == right.index && left.indexes.elementsEqual(right.indexes, by: ==)
    }
}

/// What a node must know of an allocation to run it.
package struct Assignment: Equatable, Sendable {
    package var id: UniqueID
    package var nodeID: UniqueID
    package var allocModifyIndex: UInt64
    package var isToRun: Bool
    /// Whether the servers know that it has ended: then it is over, whatever else they say.
    package var hasEnded = false
    package var jobType: JobType
    package var group: TaskGroup
    /// Whether a deployment waits to hear how it does.
    package var isInDeployment: Bool

    package init(
        id: UniqueID, nodeID: UniqueID, allocModifyIndex: UInt64, isToRun: Bool,
        jobType: JobType, group: TaskGroup, isInDeployment: Bool = false
    ) {
        self.id = id
        self.nodeID = nodeID
        self.allocModifyIndex = allocModifyIndex
        self.isToRun = isToRun
        self.jobType = jobType
        self.group = group
        self.isInDeployment = isInDeployment
    }

    package static let limits = JSONLimits(depthMax: 64, bytesMax: 16 << 20, valuesMax: 1 << 20)

    /// Reads the answer to a pull.
    ///
    /// - Throws: when it is none.
    package static func parse(_ body: [UInt8]) throws(APIError) -> [Assignment] {
        let fields = try BodyFields(
            try ConfigurationKind.allocations.parse(body: body, limits: limits), of: .allocations)
        var assignments: [Assignment] = []
        for allocation in try fields.objects("Allocs", max: NodeAgentBounds.allocationsMax) {
            assignments.append(try Assignment(allocation))
        }
        return assignments
    }

    private init(_ fields: BodyFields) throws(APIError) {
        guard let id = try fields.uniqueID("ID") else { throw fields.refusal("ID", "is missing") }
        guard let nodeID = try fields.uniqueID("NodeID") else {
            throw fields.refusal("NodeID", "is missing")
        }
        let job = try Job.decode(try fields.object("Job")).job
        let name = try fields.string("TaskGroup", default: "")
        guard let group = job.groups.first(where: { $0.name == name }) else {
            throw fields.refusal("TaskGroup", "is none of its job")
        }
        self.init(
            id: id, nodeID: nodeID,
            allocModifyIndex: try fields.uint64("AllocModifyIndex", default: 0),
            isToRun: try fields.string("DesiredStatus", default: "run") == "run",
            jobType: job.type, group: group,
            isInDeployment: try fields.uniqueID("DeploymentID") != nil)
        let status: Allocation.ClientStatus = try fields.choice("ClientStatus", default: .pending)
        hasEnded = status != .pending && status != .running
    }
}

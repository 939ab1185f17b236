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

    /// Asks for what a node needs of them, and no more.
    package static func allocations(_ ids: [UniqueID]) -> [UInt8] {
        JSONWriter.encode(IDs(name: "AllocIDs", ids: ids, isBrief: true))
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
        var isBrief = false

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member(name, ids)
            if isBrief { writer.member("Brief", true) }
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
    /// Of the last change to one of the nodes.
    package var nodeModifyIndex: UInt64
    /// HTTP interfaces of the servers that are alive.
    package var servers: [String]

    /// - Throws: when it is none.
    package init(parsing body: [UInt8]) throws(APIError) {
        let fields = try BodyFields(try ConfigurationKind.node.parse(body: body), of: .node)
        heartbeatTTL = GoDuration(nanoseconds: try fields.int64("HeartbeatTTL"))
        index = try fields.uint64("Index", default: 0)
        nodeModifyIndex = try fields.uint64("NodeModifyIndex", default: 0)
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

// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What nodes send, apart from one node's registration and what they tell of allocations.
package enum NodeAgentBounds {
    /// Of nodes in one request that changes something.
    package static let nodesMax = 8192
    /// Of nodes that one question is about.
    package static let watchedMax = 16_384
    package static let allocationsMax = 8192
    package static let eventsMax = NodeEvent.keptMax
    /// Of a body that names many.
    package static let listLimits = JSONLimits(depthMax: 16, bytesMax: 1 << 20, valuesMax: 1 << 17)
}

/// The body that registers many nodes: `{"Nodes": […]}`.
package struct NodeBatchRequest: Equatable, Sendable {
    package var nodes: [Node]

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> NodeBatchRequest {
        let fields = try BodyFields(
            try ConfigurationKind.node.parse(body: body, limits: NodeAgentBounds.listLimits),
            of: .node)
        var nodes: [Node] = []
        for element in try fields.elements("Nodes", max: NodeAgentBounds.nodesMax) {
            nodes.append(try Node.decode(from: element))
        }
        // Nothing is written for nobody.
        guard !nodes.isEmpty else { throw fields.refusal("Nodes", "names no node") }
        guard Set(nodes.map(\.id)).count == nodes.count else {
            throw fields.refusal("Nodes", "two have one ID")
        }
        return NodeBatchRequest(nodes: nodes)
    }
}

/// The body of a heartbeat: `{"Status": "ready"}`, with `NodeIDs` where it is of many.
package struct NodeHeartbeatRequest: Equatable, Sendable {
    package var nodeIDs: [UniqueID]
    package var status: NodeStatus

    package init(nodeIDs: [UniqueID], status: NodeStatus) {
        self.nodeIDs = nodeIDs
        self.status = status
    }

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> NodeHeartbeatRequest {
        let fields = try BodyFields(
            try ConfigurationKind.node.parse(body: body, limits: NodeAgentBounds.listLimits),
            of: .node)
        let status: NodeStatus = try fields.choice("Status", default: .ready)
        // That a node is not heard of is for the servers to find.
        guard status != .disconnected else {
            throw fields.refusal("Status", "\"disconnected\" is not a node's to say")
        }
        var known: Set<UniqueID> = []
        return NodeHeartbeatRequest(
            nodeIDs: try fields.uniqueIDs("NodeIDs", max: NodeAgentBounds.nodesMax)
                .filter { known.insert($0).inserted },
            status: status)
    }
}

/// A body that names nodes or allocations.
package struct IDListRequest: Equatable, Sendable {
    package var ids: [UniqueID]
    /// Of allocations: whether no more of them is asked for than a node needs.
    package var isBrief = false

    /// - Throws: 400 that names the field.
    package static func parse(nodes body: [UInt8]) throws(APIError) -> IDListRequest {
        try parse(body, .node, "NodeIDs", nodeNames, max: NodeAgentBounds.watchedMax)
    }

    private static let nodeNames = JSONScanner.Names("NodeIDs", "Brief")
    private static let allocationNames = JSONScanner.Names("AllocIDs", "Brief")

    /// - Throws: 400 that names the field.
    package static func parse(allocations body: [UInt8]) throws(APIError) -> IDListRequest {
        try parse(
            body, .allocations, "AllocIDs", allocationNames, max: NodeAgentBounds.allocationsMax)
    }

    private static func parse(
        _ body: [UInt8], _ kind: ConfigurationKind, _ name: String, _ names: JSONScanner.Names,
        max: Int
    ) throws(APIError) -> IDListRequest {
        if let request = scan(body, names, max: max) { return request }
        let fields = try BodyFields(
            try kind.parse(body: body, limits: NodeAgentBounds.listLimits), of: kind)
        // One that is named many times is meant once.
        var known: Set<UniqueID> = []
        return IDListRequest(
            ids: try fields.uniqueIDs(name, max: max).filter { known.insert($0).inserted },
            isBrief: try fields.bool("Brief", default: false))
    }

    /// What nodes send all the time, read in one pass; nil for what is not plain and right.
    private static func scan(
        _ body: [UInt8], _ names: JSONScanner.Names, max: Int
    ) -> IDListRequest? {
        var scanner = JSONScanner(body, limits: NodeAgentBounds.listLimits)
        var request = IDListRequest(ids: [])
        guard scanner.beginObject() else { return nil }
        var members = JSONScanner.Members(of: names)
        while let place = scanner.next(&members) {
            guard place == 0 else {
                request.isBrief = scanner.bool() ?? false
                continue
            }
            var (known, count) = (Set<UniqueID>(), 0)
            guard scanner.beginArray() else { continue }
            while scanner.nextElement() {
                count += 1
                guard count <= max, let id = UniqueID(ascii: scanner.ascii()) else { return nil }
                if known.insert(id).inserted { request.ids.append(id) }
            }
        }
        return scanner.isAtEnd() ? request : nil
    }
}

/// The body with which a node tells of itself: `{"Events": […]}`.
package struct NodeEventsRequest: Equatable, Sendable {
    package var events: [NodeEvent]

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> NodeEventsRequest {
        let fields = try BodyFields(try ConfigurationKind.node.parse(body: body), of: .node)
        var events: [NodeEvent] = []
        for event in try fields.objects("Events", max: NodeAgentBounds.eventsMax) {
            events.append(
                NodeEvent(
                    message: try event.shortText("Message"),
                    subsystem: try event.shortText("Subsystem"),
                    details: try event.stringMap("Details"),
                    unixNanoseconds: try event.time("Timestamp") ?? 0))
        }
        guard !events.isEmpty else { throw fields.refusal("Events", "is missing") }
        return NodeEventsRequest(events: events)
    }
}

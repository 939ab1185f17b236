// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP

/// What a request about nodes wants, read.
enum NodeWish {
    case list(ListPage, prefix: String, showsResources: Bool)
    case show(UniqueID)
    case allocations(UniqueID, ListPage)
    case setEligibility(UniqueID, SchedulingEligibility)
    case drain(UniqueID, NodeDrainRequest)
    case evaluate(UniqueID)
    case purge(UniqueID)
    case register([Node])
    case heartbeat([UniqueID], NodeStatus)
    /// What is newer than the index; all of it with 0.
    case watch([UniqueID], after: UInt64)
    case pull([UniqueID], isBrief: Bool)
    /// With the node that they all must be of, if there is one.
    case update([AllocationUpdate], node: UniqueID?)
    case addEvents(UniqueID, [NodeEvent])
}

extension Server {
    /// - Throws: ``APIError`` 400 that names what cannot be read.
    func nodeWish(_ call: Call, _ endpoint: NodeEndpoint) throws(APIError) -> NodeWish {
        switch endpoint {
        case .nodes:
            return .list(
                try ListPage(call, of: .nodes), prefix: call.query.first("prefix") ?? "",
                showsResources: try call.flag("resources"))
        case .registerNodes:
            return .register(try NodeBatchRequest.parse(body: call.request.body).nodes)
        case .nodeHeartbeats:
            let request = try NodeHeartbeatRequest.parse(body: call.request.body)
            return .heartbeat(request.nodeIDs, request.status)
        case .watchNodes:
            return .watch(
                try IDListRequest.parse(nodes: call.request.body).ids,
                after: try call.watchIndex())
        case .pullAllocations:
            let request = try IDListRequest.parse(allocations: call.request.body)
            return .pull(request.ids, isBrief: request.isBrief)
        case .updateAllocations:
            return .update(try AllocationUpdate.parse(body: call.request.body), node: nil)
        default:
            return try nodeWish(call, endpoint, of: try call.nodeID())
        }
    }

    private func nodeWish(
        _ call: Call, _ endpoint: NodeEndpoint, of id: UniqueID
    ) throws(APIError) -> NodeWish {
        let body = call.request.body
        switch endpoint {
        case .node: return .show(id)
        case .nodeAllocations: return .allocations(id, try ListPage(call, of: .allocations))
        case .setNodeEligibility:
            return .setEligibility(id, try NodeEligibilityRequest.parse(body: body).eligibility)
        case .drainNode: return .drain(id, try call.drainRequest())
        case .evaluateNode: return .evaluate(id)
        case .purgeNode: return .purge(id)
        case .registerNode:
            let node = try Node.parse(body: body)
            guard node.id == id else {
                throw APIError(
                    status: 400, message: "Error parsing node: field ID: is not the path's")
            }
            return .register([node])
        case .nodeHeartbeat:
            return .heartbeat([id], try NodeHeartbeatRequest.parse(body: body).status)
        case .watchNode: return .watch([id], after: 0)
        case .updateNodeAllocations:
            return .update(try AllocationUpdate.parse(body: body), node: id)
        case .addNodeEvents:
            return .addEvents(id, try NodeEventsRequest.parse(body: body).events)
        case .nodes, .registerNodes, .nodeHeartbeats, .watchNodes, .pullAllocations,
            .updateAllocations:
            preconditionFailure("\(endpoint) is of no single node")
        }
    }
}

extension Call {
    fileprivate func nodeID() throws(APIError) -> UniqueID {
        guard let id = UniqueID(parameters[0]) else {
            throw APIError(
                status: 400, message: "\(BodyText.shown(parameters[0])) is no id of a node")
        }
        return id
    }

    fileprivate func watchIndex() throws(APIError) -> UInt64 {
        guard let text = query.first("index"), !text.isEmpty else { return 0 }
        guard let index = UInt64(text) else {
            throw APIError(status: 400, message: "Invalid index")
        }
        return index
    }

    /// Older clients say `?enable=` and nothing else, and mean all at once.
    fileprivate func drainRequest() throws(APIError) -> NodeDrainRequest {
        guard request.body.isEmpty, query.contains("enable") else {
            return try NodeDrainRequest.parse(body: request.body)
        }
        let spec = NodeDrainRequest.DrainSpec(
            deadline: GoDuration(nanoseconds: -1_000_000_000))
        return NodeDrainRequest(spec: try flag("enable") ? spec : nil)
    }
}

/// A client's words, in a message.
private enum BodyText {
    static func shown(_ text: String) -> String { "\"\(text.prefix(64))\"" }
}

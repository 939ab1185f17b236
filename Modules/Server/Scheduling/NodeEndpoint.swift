// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletHTTP
import MartletState

/// What can be asked about nodes: by operators, and by the nodes themselves under `/v1/martlet`.
enum NodeEndpoint: Sendable, CaseIterable {
    case nodes
    case node
    case nodeAllocations
    case setNodeEligibility
    case drainNode
    case evaluateNode
    case purgeNode

    // Of nodes. Those in the plural are for one process that is many nodes with one secret.
    case registerNode
    case registerNodes
    case nodeHeartbeat
    case nodeHeartbeats
    case watchNode
    case watchNodes
    case pullAllocations
    case updateNodeAllocations
    case updateAllocations
    case addNodeEvents

    static let routes: [(path: String, methods: [RequestHead.Method: Endpoint])] = [
        ("/nodes", [.get: .nodes(.nodes)]),
        ("/node/:id", [.get: .nodes(.node)]),
        ("/node/:id/allocations", [.get: .nodes(.nodeAllocations)]),
        ("/node/:id/eligibility", writing(.setNodeEligibility)),
        ("/node/:id/drain", writing(.drainNode)),
        ("/node/:id/evaluate", writing(.evaluateNode)),
        ("/node/:id/purge", writing(.purgeNode)),
        ("/martlet/node/:id", writing(.registerNode)),
        ("/martlet/nodes", writing(.registerNodes)),
        ("/martlet/node/:id/heartbeat", writing(.nodeHeartbeat)),
        ("/martlet/nodes/heartbeat", writing(.nodeHeartbeats)),
        (
            "/martlet/node/:id/allocations",
            writing(.updateNodeAllocations).merging([.get: .nodes(.watchNode)]) { $1 }
        ),
        ("/martlet/nodes/allocations", [.post: .nodes(.watchNodes)]),
        ("/martlet/allocations/pull", [.post: .nodes(.pullAllocations)]),
        ("/martlet/allocations", writing(.updateAllocations)),
        ("/martlet/node/:id/events", writing(.addNodeEvents)),
    ]

    private static func writing(_ endpoint: NodeEndpoint) -> [RequestHead.Method: Endpoint] {
        [.put: .nodes(endpoint), .post: .nodes(endpoint)]
    }

    /// Repeating it changes nothing.
    var isRead: Bool {
        switch self {
        case .nodes, .node, .nodeAllocations, .watchNode, .watchNodes, .pullAllocations: true
        case .setNodeEligibility, .drainNode, .evaluateNode, .purgeNode, .registerNode,
            .registerNodes, .nodeHeartbeat, .nodeHeartbeats, .updateNodeAllocations,
            .updateAllocations, .addNodeEvents:
            false
        }
    }

    var requirement: Requirement {
        switch self {
        case .nodes, .node, .nodeAllocations: .operation(.nodeRead)
        case .setNodeEligibility, .drainNode, .evaluateNode, .purgeNode: .operation(.nodeWrite)
        case .registerNode, .registerNodes, .nodeHeartbeat, .nodeHeartbeats, .watchNode,
            .watchNodes, .pullAllocations, .updateNodeAllocations, .updateAllocations,
            .addNodeEvents:
            .nodeSecret
        }
    }

    /// Sent all the time by every node: no audit log has it.
    var isRoutine: Bool {
        switch self {
        case .nodeHeartbeat, .nodeHeartbeats, .updateNodeAllocations, .updateAllocations: true
        default: false
        }
    }

    /// The table whose changes end its waiting; nil for what answers at once.
    var watchedTable: State.Table? {
        switch self {
        case .nodes, .node: .nodes
        case .nodeAllocations, .watchNode, .watchNodes: .allocations
        default: nil
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletState

/// What can be asked about pools of nodes.
enum PoolEndpoint: Sendable, Equatable, CaseIterable {
    case nodePools
    case nodePool
    case nodePoolNodes
    case nodePoolJobs
    /// Its body says which.
    case putAnyNodePool
    case putNodePool
    case deleteNodePool

    static let table: [(path: String, methods: [RequestHead.Method: PoolEndpoint])] = [
        (
            "/node/pools",
            [.get: .nodePools, .put: .putAnyNodePool, .post: .putAnyNodePool]
        ),
        (
            "/node/pool/:name",
            [
                .get: .nodePool, .put: .putNodePool, .post: .putNodePool,
                .delete: .deleteNodePool,
            ]
        ),
        ("/node/pool/:name/nodes", [.get: .nodePoolNodes]),
        ("/node/pool/:name/jobs", [.get: .nodePoolJobs]),
    ]

    /// Repeating it changes nothing.
    var isRead: Bool {
        switch self {
        case .nodePools, .nodePool, .nodePoolNodes, .nodePoolJobs: true
        case .putAnyNodePool, .putNodePool, .deleteNodePool: false
        }
    }

    /// What is in a pool takes what its own list takes, besides.
    var requirement: Requirement {
        switch self {
        case .nodePools, .putAnyNodePool: .filtered
        case .nodePool, .nodePoolNodes, .nodePoolJobs: .nodePool(.read)
        case .putNodePool: .nodePool(.write)
        case .deleteNodePool: .nodePool(.delete)
        }
    }

    /// The table whose changes a blocking query waits for; nil for what answers at once.
    var watchedTable: State.Table? {
        switch self {
        case .nodePools, .nodePool: .pools
        case .nodePoolNodes: .nodes
        case .nodePoolJobs: .jobs
        case .putAnyNodePool, .putNodePool, .deleteNodePool: nil
        }
    }
}

/// What a request about pools wants, read.
enum PoolWish {
    /// Pools, or what is in one.
    case list(ListPage)
    case show
    case put(NodePool)
    case delete
}

extension Server {
    /// - Throws: ``APIError`` 400 that names what cannot be read.
    func poolWish(_ call: Call, _ endpoint: PoolEndpoint) throws(APIError) -> PoolWish {
        switch endpoint {
        case .nodePools: return .list(try ListPage(call, of: .pools))
        case .nodePoolNodes:
            _ = try call.flag("resources")
            return .list(try ListPage(call, of: .nodes))
        case .nodePoolJobs:
            _ = try call.checkedNamespace()
            return .list(try ListPage(call, of: .jobs))
        case .nodePool: return .show
        case .putAnyNodePool: return .put(try NodePool.parse(body: call.request.body))
        case .putNodePool:
            return .put(
                try NodePool.parse(body: call.request.body, named: call.parameters[0]))
        case .deleteNodePool: return .delete
        }
    }
}

extension Call {
    /// The pool that its path names.
    var poolName: String { parameters[0] }

    /// As ``Call/watchedIndex(in:)``.
    func poolIndex(of endpoint: PoolEndpoint, in tables: SchedulerTables) -> UInt64 {
        switch endpoint {
        case .nodePool: tables.pool(poolName)?.modifyIndex ?? tables.poolIndex
        case .nodePoolNodes: tables.nodeIndex
        case .nodePoolJobs: tables.jobIndex
        default: tables.poolIndex
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHTTP

/// What can be asked of a server.
enum Endpoint: Sendable, Equatable {
    case raftConfiguration
    case removePeer
    case transferLeadership
    case autopilotConfiguration
    case setAutopilotConfiguration
    case autopilotHealth
    case autopilotState
    case autopilotPlan
    case raftHistory
    case schedulerConfiguration
    case setSchedulerConfiguration
    case saveSnapshot
    case restoreSnapshot
    case statusLeader
    case statusPeers
    case statusIsLeader
    case regions
    case agentSelf
    case agentMembers
    case agentHealth
    case monitor
    case eventStream
    case agentJoin
    case agentForceLeave
    case keyringList
    case keyringInstall
    case keyringUse
    case keyringRemove
    case metrics
    case livez
    case readyz
    case aclBootstrap
    case aclPolicies
    case aclPolicy
    case setACLPolicy
    case deleteACLPolicy
    case aclTokens
    case aclToken
    case aclOwnToken
    case createACLToken
    case updateACLToken
    case deleteACLToken
    case aclRoles
    case aclRole
    case aclRoleByName
    case createACLRole
    case updateACLRole
    case deleteACLRole
    case jobs(JobEndpoint)
    case nodes(NodeEndpoint)
    case pools(PoolEndpoint)
    case page(PageFile)
    /// Where the page is, for who asks without knowing.
    case pageElsewhere
}

/// The HTTP surface, as a table. The operator's paths are also served without `/v1`, as the
/// published specification prints some of them; so are probes, as those who probe expect. What it
/// names, `docs/api/openapi.json` describes.
enum Routes {
    static let table =
        ownTable + JobEndpoint.table.map { ($0.path, $0.methods.mapValues(Endpoint.jobs)) }
        + NodeEndpoint.routes
        + PoolEndpoint.table.map { ($0.path, $0.methods.mapValues(Endpoint.pools)) }

    private static let ownTable: [(path: String, methods: [RequestHead.Method: Endpoint])] = [
        ("/operator/raft/configuration", [.get: .raftConfiguration]),
        ("/operator/raft/peer", [.delete: .removePeer]),
        (
            "/operator/raft/transfer-leadership",
            [.put: .transferLeadership, .post: .transferLeadership]
        ),
        (
            "/operator/autopilot/configuration",
            [.get: .autopilotConfiguration, .put: .setAutopilotConfiguration]
        ),
        ("/operator/autopilot/health", [.get: .autopilotHealth]),
        ("/operator/autopilot/state", [.get: .autopilotState]),
        ("/operator/autopilot/plan", [.get: .autopilotPlan]),
        ("/operator/raft/history", [.get: .raftHistory]),
        (
            "/operator/scheduler/configuration",
            [
                .get: .schedulerConfiguration, .put: .setSchedulerConfiguration,
                .post: .setSchedulerConfiguration,
            ]
        ),
        (
            "/operator/snapshot",
            [.get: .saveSnapshot, .put: .restoreSnapshot, .post: .restoreSnapshot]
        ),
        ("/status/leader", [.get: .statusLeader]),
        ("/status/peers", [.get: .statusPeers]),
        ("/status/is-leader", [.get: .statusIsLeader]),
        ("/regions", [.get: .regions]),
        ("/agent/self", [.get: .agentSelf]),
        ("/agent/members", [.get: .agentMembers]),
        ("/agent/health", [.get: .agentHealth]),
        ("/agent/monitor", [.get: .monitor]),
        ("/event/stream", [.get: .eventStream]),
        ("/agent/join", [.put: .agentJoin, .post: .agentJoin]),
        ("/agent/force-leave", [.put: .agentForceLeave, .post: .agentForceLeave]),
        ("/agent/keyring/list", [.get: .keyringList]),
        ("/agent/keyring/install", [.put: .keyringInstall, .post: .keyringInstall]),
        ("/agent/keyring/use", [.put: .keyringUse, .post: .keyringUse]),
        ("/agent/keyring/remove", [.put: .keyringRemove, .post: .keyringRemove]),
        ("/metrics", [.get: .metrics]),
        ("/livez", [.get: .livez]),
        ("/readyz", [.get: .readyz]),
        ("/acl/bootstrap", [.put: .aclBootstrap, .post: .aclBootstrap]),
        ("/acl/policies", [.get: .aclPolicies]),
        (
            "/acl/policy/:name",
            [
                .get: .aclPolicy, .put: .setACLPolicy, .post: .setACLPolicy,
                .delete: .deleteACLPolicy,
            ]
        ),
        ("/acl/tokens", [.get: .aclTokens]),
        ("/acl/token", [.put: .createACLToken, .post: .createACLToken]),
        ("/acl/token/self", [.get: .aclOwnToken]),
        (
            "/acl/token/:accessor",
            [
                .get: .aclToken, .put: .updateACLToken, .post: .updateACLToken,
                .delete: .deleteACLToken,
            ]
        ),
        ("/acl/roles", [.get: .aclRoles]),
        ("/acl/role", [.put: .createACLRole, .post: .createACLRole]),
        ("/acl/role/name/:name", [.get: .aclRoleByName]),
        (
            "/acl/role/:id",
            [
                .get: .aclRole, .put: .updateACLRole, .post: .updateACLRole,
                .delete: .deleteACLRole,
            ]
        ),
    ]

    /// Where an endpoint is, without what a path names: `/v1/acl/policy/:name`.
    static func path(of endpoint: Endpoint) -> String {
        guard let row = table.first(where: { $0.methods.values.contains(endpoint) }) else {
            return "/ui"
        }
        return "/v1\(row.path)"
    }

    /// For people: not of the interface, and so without a version.
    private static let page: [Router<Endpoint>.Route] =
        PageFile.allCases.map { .init(methods: [.get: .page($0)], path: $0.path) }
        + ["/", "/ui"].map { .init(methods: [.get: .pageElsewhere], path: $0) }

    static let router = Router<Endpoint>(
        table.flatMap { row in
            let isAlsoBare =
                row.path.hasPrefix("/operator/") || row.path == "/livez" || row.path == "/readyz"
            return (isAlsoBare ? ["/v1", ""] : ["/v1"]).map { prefix in
                Router<Endpoint>.Route(methods: row.methods, path: prefix + row.path)
            }
        } + page)

    static func isProbe(_ head: RequestHead) -> Bool {
        guard case .found(let endpoint, _) = router.match(method: head.method, path: head.path)
        else { return false }
        return endpoint == .livez || endpoint == .readyz || endpoint == .statusIsLeader
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletState

/// A request with its query understood.
///
/// Behind one reference, which it has alone while it is changed: a call is handed on many times, and holds
/// on to much.
struct Call {
    private final class Content {
        var facts: Facts

        init(_ facts: Facts) { self.facts = facts }
    }

    private struct Facts {
        var request: APIRequest
        let endpoint: Endpoint
        let parameters: [String]
        var caller: Caller
        var trace: WriteTrace?
        let isStale: Bool
        let isPretty: Bool
        let isExplained: Bool
        let blocking: BlockingQuery?
        let hold: Duration
        var queryWait: QueryWait?
        var wish = Wish.answer
    }

    private var content: Content

    private mutating func change(_ change: (inout Facts) -> Void) {
        if !isKnownUniquelyReferenced(&content) { content = Content(content.facts) }
        change(&content.facts)
    }

    var request: APIRequest {
        get { content.facts.request }
        set { change { $0.request = newValue } }
    }
    var endpoint: Endpoint { content.facts.endpoint }
    /// The parts of the path that stand for something, in order.
    var parameters: [String] { content.facts.parameters }
    var caller: Caller {
        get { content.facts.caller }
        set { change { $0.caller = newValue } }
    }
    /// Of a write that is traced.
    var trace: WriteTrace? {
        get { content.facts.trace }
        set { change { $0.trace = newValue } }
    }
    /// Answer from what this server has, however old.
    var isStale: Bool { content.facts.isStale }
    var isPretty: Bool { content.facts.isPretty }
    /// The owner of the token that is presented wants to know why it is refused.
    var isExplained: Bool { content.facts.isExplained }
    /// How long it may wait for a leader.
    var hold: Duration { content.facts.hold }
    /// Of a read that waits for something new.
    var blocking: BlockingQuery? { content.facts.blocking }
    /// Between a blocking query and its connection.
    var queryWait: QueryWait? {
        get { content.facts.queryWait }
        set { change { $0.queryWait = newValue } }
    }
    /// What it wants, read once by ``Server/validate(_:)``.
    var wish: Wish {
        get { content.facts.wish }
        set { change { $0.wish = newValue } }
    }

    /// Kept apart, since a call is handed on many times and what few of them want is large.
    indirect enum Wish {
        /// To be told something.
        case answer
        case command(Command)
        case peer(PeerSelector)
        /// Gossip ports, as an operator writes them.
        case join([String])
        /// A member by its name.
        case forceLeave(String, prune: Bool)
        case key(GossipKey)
        case dryRun(DryRunRequest)
        case history(HistoryFilter)
        case probe(isVerbose: Bool)
        case acl(ACLWish)
        case jobs(JobWish)
        case node(NodeWish)
        case pool(PoolWish)
        case monitor(MonitorRequest)
        case events(EventRequest)
        /// What its client has of the page already: the value of `If-None-Match`.
        case page(had: String?)
    }

    /// - Throws: ``APIError`` 400 for a parameter that cannot be read.
    init(
        _ request: APIRequest, _ endpoint: Endpoint, _ parameters: [Substring] = [],
        of caller: Caller, limits: HTTPServiceLimits, default hold: Duration
    ) throws(APIError) {
        let query = request.query
        content = Content(
            Facts(
                request: request, endpoint: endpoint, parameters: parameters.map(String.init),
                caller: caller, isStale: try Self.flag("stale", in: query),
                isPretty: query.contains("pretty") && query.first("pretty") != "0",
                isExplained: try Self.flag("explain", in: query),
                blocking: endpoint.watchedTable == nil ? nil : try BlockingQuery(query),
                hold: try Self.hold(query, limits, default: hold)))
    }

    private static func hold(
        _ query: Query, _ limits: HTTPServiceLimits, default hold: Duration
    ) throws(APIError) -> Duration {
        guard let text = query.first("wait_for_leader") else { return hold }
        do {
            return min(max(.zero, try GoDuration(parsing: text).duration), limits.leaderHoldMax)
        } catch {
            throw APIError(status: 400, message: "Invalid wait_for_leader: \(error)")
        }
    }

    var query: Query { request.query }

    consuming func with(_ body: [UInt8]) -> Call {
        if !body.isEmpty || !request.body.isEmpty { change { $0.request.body = body } }
        return self
    }

    /// Absent, `false` and `0` are no; empty, `true` and `1` are yes, in any case of letters.
    func flag(_ name: String) throws(APIError) -> Bool { try Self.flag(name, in: query) }

    /// As ``flag(_:)``, of one that was looked at when the call came.
    func isOn(_ name: String) -> Bool { query.first(name).flatMap(Self.truth(of:)) ?? false }

    private static func flag(_ name: String, in query: Query) throws(APIError) -> Bool {
        guard let text = query.first(name) else { return false }
        guard let isOn = truth(of: text) else {
            throw APIError(
                status: 400,
                message: "Failed to parse value of \"\(name)\" (\"\(text.prefix(64))\") as a bool")
        }
        return isOn
    }

    private static func truth(of text: String) -> Bool? {
        switch text.lowercased() {
        case "", "1", "true", "t": true
        case "0", "false", "f": false
        default: nil
        }
    }

    /// Repeating it changes nothing.
    var isRead: Bool { endpoint.isRead }

    /// A node's, sent again and again.
    var isRoutine: Bool {
        if case .nodes(let endpoint) = endpoint { endpoint.isRoutine } else { false }
    }

    /// Answered from the replicated state, which every server has; linearizable once its leader has
    /// named a read index.
    var isAnsweredFromState: Bool {
        switch endpoint {
        case .raftConfiguration, .autopilotConfiguration, .schedulerConfiguration, .raftHistory,
            .aclPolicies, .aclPolicy, .aclTokens, .aclToken, .aclOwnToken, .aclRoles, .aclRole,
            .aclRoleByName, .saveSnapshot:
            true
        case .jobs(let endpoint): endpoint.isAnsweredFromState
        case .nodes(let endpoint): endpoint.isRead
        case .pools(let endpoint): endpoint.isRead
        default: false
        }
    }

    /// Done by the server that is asked, with its gossip.
    var isAgentAction: Bool {
        switch endpoint {
        case .agentJoin, .agentForceLeave, .keyringList, .keyringInstall, .keyringUse,
            .keyringRemove:
            true
        default: false
        }
    }

    /// Answered without the leader and without its index: judged once, where its head has come.
    var isJudgedHereOnly: Bool {
        switch endpoint {
        case .agentSelf, .agentMembers, .monitor, .eventStream: true
        default: isAgentAction
        }
    }

    /// Whoever may read what is old may do so by tables that are.
    var isJudgedByOwnTables: Bool { isStale && isRead }

    /// With what was found of its caller.
    func known(by access: Access?, because reason: Decision.Reason?) -> Call {
        var call = self
        call.change { facts in
            facts.caller.access = access
            facts.caller.decision = reason
        }
        return call
    }

    /// Method and place, of which there are few.
    var traceName: String { "\("\(request.method)".uppercased()) \(Routes.path(of: endpoint))" }

    var isAboutKeyring: Bool {
        isAgentAction && endpoint != .agentJoin && endpoint != .agentForceLeave
    }

    /// Any server may answer, provided that it knows a leader.
    var isAnsweredByAnyServerWithLeader: Bool {
        endpoint == .statusLeader || endpoint == .statusPeers
    }
}

extension Endpoint {
    /// Repeating it changes nothing.
    var isRead: Bool {
        switch self {
        case .removePeer, .transferLeadership, .setAutopilotConfiguration,
            .setSchedulerConfiguration, .restoreSnapshot, .agentJoin, .agentForceLeave,
            .keyringInstall, .keyringUse, .keyringRemove, .aclBootstrap, .setACLPolicy,
            .deleteACLPolicy, .createACLToken, .updateACLToken, .deleteACLToken, .createACLRole,
            .updateACLRole, .deleteACLRole:
            false
        case .raftConfiguration, .autopilotConfiguration, .autopilotHealth, .autopilotState,
            .autopilotPlan, .raftHistory, .schedulerConfiguration, .statusLeader, .statusPeers,
            .statusIsLeader, .livez, .readyz, .regions, .agentSelf, .agentMembers, .agentHealth,
            .monitor, .eventStream, .keyringList, .metrics,
            .saveSnapshot, .aclPolicies, .aclPolicy, .aclTokens, .aclToken, .aclOwnToken,
            .aclRoles, .aclRole, .aclRoleByName, .page, .pageElsewhere:
            true
        case .jobs(let endpoint): endpoint.isRead
        case .nodes(let endpoint): endpoint.isRead
        case .pools(let endpoint): endpoint.isRead
        }
    }

    /// The longest body that is read for it.
    var bodyBytesMax: Int {
        switch self {
        case .restoreSnapshot: APIRequest.streamedBodyBytesMax
        default: 1 << 20
        }
    }

    /// Whether it is carried out while its body comes, as ``APIRequest/stream``.
    var takesBodyInPieces: Bool { self == .restoreSnapshot }

    /// Whether its body or its answer may be longer than what one server passes on in a frame.
    var goesInPieces: Bool { takesBodyInPieces || self == .saveSnapshot }

    /// Whether a server that is well may work on it for minutes.
    var isLongWork: Bool { goesInPieces || self == .jobs(.collectGarbage) }
}

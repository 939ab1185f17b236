// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletState
import MartletTransport

/// What the leader made of a call.
enum LeadOutcome {
    case answered(APIResponse)
    /// This server does not lead, and has proposed nothing.
    case notLeader

    /// nil for none.
    var status: Int? {
        switch self {
        case .answered(let response): response.status
        case .notLeader: nil
        }
    }
}

// MARK: - Checks that need no leader

extension Server {
    /// Arguments, in the order in which a client should learn of its mistakes.
    func validate(_ call: inout Call) throws(APIError) {
        switch call.endpoint {
        case .raftConfiguration, .autopilotConfiguration, .schedulerConfiguration,
            .autopilotHealth, .autopilotState:
            try validateBlocking(call)
        case .autopilotPlan:
            call.wish = .dryRun(try DryRunRequest(call.query))
        case .raftHistory:
            call.wish = .history(
                try HistoryFilter(
                    limit: call.query.first("limit"), after: call.query.first("after"),
                    id: call.query.first("id"), action: call.query.first("action")))
        case .removePeer:
            call.wish = .peer(
                try PeerSelector(
                    call.query,
                    none: "Must specify either ?id with the server's ID or ?address with IP:port "
                        + "of peer to remove",
                    both: "Must specify only one of ?id or ?address", isEmptyAllowed: true))
        case .transferLeadership:
            call.wish = .peer(
                try PeerSelector(
                    call.query, none: "must specify id or address",
                    both: "must specify either id or address, and once", isEmptyAllowed: false))
        case .setAutopilotConfiguration:
            let configuration = try AutopilotConfiguration.parse(body: call.request.body)
            call.wish = .command(
                .setAutopilot(configuration, cas: try call.checkAndSetIndex()))
        case .setSchedulerConfiguration:
            let configuration = try SchedulerConfiguration.parse(body: call.request.body)
            call.wish = .command(
                .setScheduler(configuration, cas: try call.checkAndSetIndex()))
        case .agentJoin, .agentForceLeave, .keyringInstall, .keyringUse, .keyringRemove:
            call.wish = try agentWish(call)
        case .aclBootstrap, .aclPolicies, .aclPolicy, .setACLPolicy, .deleteACLPolicy, .aclTokens,
            .aclToken, .aclOwnToken, .createACLToken, .updateACLToken, .deleteACLToken, .aclRoles,
            .aclRole, .aclRoleByName, .createACLRole, .updateACLRole, .deleteACLRole:
            call.wish = try aclWish(call)
        case .jobs(let endpoint):
            call.wish = try jobWish(call, endpoint)
        case .statusLeader, .statusPeers, .regions, .agentSelf, .agentMembers, .agentHealth,
            .keyringList, .metrics, .saveSnapshot, .restoreSnapshot, .page, .pageElsewhere:
            break
        case .monitor: call.wish = .monitor(try MonitorRequest(call))
        case .eventStream: call.wish = .events(try EventRequest(call.query))
        case .nodes(let endpoint): call.wish = .node(try nodeWish(call, endpoint))
        case .pools(let endpoint): call.wish = .pool(try poolWish(call, endpoint))
        case .livez, .readyz, .statusIsLeader:
            call.wish = .probe(isVerbose: try call.flag("verbose"))
        }
    }

    /// Nothing here blocks; what cannot be read is a mistake all the same.
    private func validateBlocking(_ call: Call) throws(APIError) {
        if let wait = call.query.first("wait"), !wait.isEmpty {
            do {
                _ = try GoDuration(parsing: wait)
            } catch {
                throw APIError(status: 400, message: "Invalid wait time")
            }
        }
        if let index = call.query.first("index"), !index.isEmpty, UInt64(index) == nil {
            throw APIError(status: 400, message: "Invalid index")
        }
    }
}

extension Call {
    /// `?cas`, if it is there: the first of several.
    func checkAndSetIndex() throws(APIError) -> UInt64? {
        guard let text = query.first("cas") else { return nil }
        return try parseIndex(text)
    }
}

/// Which server a request is about: by id or by address, and by one of them.
struct PeerSelector {
    enum Kind: Equatable {
        case id
        case address
    }

    let kind: Kind
    let text: String

    init(_ query: Query, none: String, both: String, isEmptyAllowed: Bool) throws(APIError) {
        let ids = query.all("id")
        let addresses = query.all("address")
        guard !ids.isEmpty || !addresses.isEmpty else { throw APIError(status: 400, message: none) }
        guard ids.isEmpty || addresses.isEmpty, ids.count + addresses.count == 1 else {
            throw APIError(status: 400, message: both)
        }
        kind = ids.isEmpty ? .address : .id
        text = ids.first ?? addresses[0]
        guard isEmptyAllowed || !text.isEmpty else {
            throw APIError(status: 400, message: "the \(name) must not be empty")
        }
    }

    var name: String { kind == .id ? "id" : "address" }

    func find(in configuration: Configuration) -> Configuration.Server? {
        switch kind {
        case .id: ServerID(text).flatMap { configuration[$0] }
        case .address: configuration.members.first { $0.address == text }
        }
    }

    var notFound: String {
        "\(name) \"\(String(text.prefix(256)))\" was not found in the Raft configuration"
    }
}

// MARK: - Answers of any server

extension Server {
    /// nil for what needs a leader.
    func answerLocally(_ call: Call) -> APIResponse? {
        switch call.endpoint {
        case .regions: encode(JSONList([options.region]), call)
        case .agentSelf: encode(agentSelf(), call)
        case .agentMembers: encode(agentMembers(), call)
        case .agentHealth: agentHealth()
        case .metrics: metrics(call)
        case .page(let file): page(file, call)
        case .pageElsewhere: PageAnswer.elsewhere.response
        case .livez, .readyz, .statusIsLeader: probe(call)
        case .raftConfiguration where call.isStale:
            encode(raftConfiguration(), call, freshness: freshness(index: configurationIndex))
        case .autopilotConfiguration where call.isStale: autopilot(call, isLeader: false)
        case .schedulerConfiguration where call.isStale: scheduler(call, isLeader: false)
        case .statusLeader where call.isStale:
            encode(JSONString(leaderAddress ?? ""), call)
        case .statusPeers where call.isStale: answerWithLeader(call)
        case .raftHistory where call.isStale: history(call, isLeader: false)
        case .aclPolicies, .aclPolicy, .aclTokens, .aclToken, .aclOwnToken, .aclRoles, .aclRole,
            .aclRoleByName:
            call.isStale ? aclAnswer(call, isLeader: false) : nil
        case .jobs(let endpoint): answerLocally(call, endpoint)
        case .nodes where call.isStale && call.isRead: nodeAnswer(call, isLeader: false)
        case .pools(let endpoint) where call.isStale && call.isRead:
            poolAnswer(call, endpoint, isLeader: false)
        default: nil
        }
    }

    func answerWithLeader(_ call: Call) -> APIResponse {
        if call.endpoint == .statusLeader { return encode(JSONString(leaderAddress ?? ""), call) }
        return encode(JSONList(replica.outlook.configuration.members.map(\.address)), call)
    }

    var leaderAddress: String? {
        guard let leader = replica.outlook.status.leader else { return nil }
        return replica.outlook.configuration[leader]?.address
            ?? network.members[leader]?.info.peerAddress
    }

    private var configurationIndex: UInt64 { replica.outlook.configurationIndex.number }

    func encode(
        _ value: some JSONWritable, _ call: Call, freshness: APIResponse.Freshness? = nil
    ) -> APIResponse {
        .json(JSONWriter.encode(value, pretty: call.isPretty), freshness: freshness)
    }

    func freshness(index: UInt64, isLeader: Bool = false) -> APIResponse.Freshness {
        APIResponse.Freshness(
            index: index, knowsLeader: isLeader || replica.outlook.status.leader != nil,
            lastContactMilliseconds: isLeader ? 0 : lastContact.milliseconds)
    }

    /// How old this server's picture may be: since it heard of a leader or was one, or since it started.
    var lastContact: Duration {
        if replica.outlook.status.role == .leader { return .zero }
        return max(.zero, loop.now - (lastLeadership ?? startedAt))
    }

    /// When it last heard of a leader, or was one; nil for never.
    var lastLeadership: Duration? {
        guard let heard = replica.core.lastLeaderContact else { return steward.ledUntil }
        return max(heard, steward.ledUntil ?? heard)
    }

    private func raftConfiguration() -> RaftConfigurationResponse {
        let leader = replica.outlook.status.leader
        return RaftConfigurationResponse(
            index: configurationIndex,
            servers: replica.outlook.configuration.members.map { server in
                RaftServer(
                    address: server.address, id: server.id.description,
                    isLeader: server.id == leader, node: steward.name(of: server.id),
                    raftProtocol: "3", isVoter: server.role == .voter)
            })
    }

    func autopilot(_ call: Call, isLeader: Bool) -> APIResponse {
        guard let configuration = replica.state.autopilot else {
            return .text(500, "autopilot config not initialized yet")
        }
        let fresh = freshness(index: configuration.modifyIndex, isLeader: isLeader)
        if call.isPretty { return encode(configuration, call, freshness: fresh) }
        if autopilotCache?.index != configuration.modifyIndex {
            autopilotCache = CachedBody(
                index: configuration.modifyIndex,
                bytes: JSONWriter.encode(configuration, pretty: false))
        }
        return .json(autopilotCache?.bytes ?? [], freshness: fresh)
    }

    private func scheduler(_ call: Call, isLeader: Bool) -> APIResponse {
        guard let configuration = replica.state.scheduler else {
            return .text(500, "scheduler config not initialized yet")
        }
        let fresh = freshness(index: configuration.modifyIndex, isLeader: isLeader)
        return encode(
            SchedulerConfigurationResponse(
                index: configuration.modifyIndex, knownLeader: fresh.knowsLeader,
                lastContact: isLeader ? .zero : GoDuration(lastContact),
                schedulerConfig: configuration),
            call, freshness: fresh)
    }
}

// MARK: - Answers of the leader

extension Server {
    /// Reads are judged by the tables that they read; what is done here, by those of a leader.
    func lead(_ call: Call, done: @escaping (LeadOutcome) -> Void) {
        switch call.endpoint {
        case .raftConfiguration, .autopilotConfiguration, .schedulerConfiguration,
            .autopilotHealth, .autopilotState, .autopilotPlan, .raftHistory, .aclPolicies,
            .aclPolicy, .aclTokens, .aclToken, .aclOwnToken, .aclRoles, .aclRole, .aclRoleByName:
            readLinearizably(call, done)
        case .aclBootstrap, .setACLPolicy, .deleteACLPolicy, .createACLToken, .updateACLToken,
            .deleteACLToken, .createACLRole, .updateACLRole, .deleteACLRole:
            judged(call, done) { $0.changeACL(call, done) }
        case .jobs where call.isAnsweredFromState, .pools where call.isRead:
            readLinearizably(call, done)
        case .jobs(let endpoint):
            judged(call, done) { $0.changeJobs(call, endpoint, done) }
        case .setAutopilotConfiguration, .setSchedulerConfiguration:
            judged(call, done) { $0.write(call, done) }
        case .removePeer:
            judged(call, done) { $0.removePeer(call, done) }
        case .transferLeadership:
            judged(call, done) { $0.transferLeadership(call, done) }
        case .nodes: leadNodes(call, done)
        case .pools(let endpoint):
            judged(call, done) { $0.changePools(call, endpoint, done) }
        case .saveSnapshot:
            saveLinearizably(call, done)
        case .restoreSnapshot:
            judged(call, done) { $0.restoreArchive(call, done) }
        case .statusLeader, .statusPeers:
            done(.answered(answerWithLeader(call)))
        case .regions, .agentSelf, .agentMembers, .agentHealth, .metrics, .livez, .readyz,
            .statusIsLeader, .agentJoin, .agentForceLeave, .keyringList, .keyringInstall,
            .keyringUse, .keyringRemove, .monitor, .eventStream, .page, .pageElsewhere:
            judged(call, done) {
                done(.answered($0.answerLocally(call) ?? .text(404, "asked of another server")))
            }
        }
    }

    /// Here if this server leads, or with a read index of its leader: the answer is the same.
    func readLinearizably(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        if call.endpoint == .saveSnapshot { return saveLinearizably(call, done) }
        linearizably(done) { server in
            if let refusal = server.refusal(of: call) { return .answered(refusal) }
            return server.readHere(call)
        }
    }

    /// By a state that is as new as it has to be.
    private func readHere(_ call: Call) -> LeadOutcome {
        switch call.endpoint {
        case .aclPolicies, .aclPolicy, .aclTokens, .aclToken, .aclOwnToken, .aclRoles, .aclRole,
            .aclRoleByName:
            .answered(aclAnswer(call, isLeader: true))
        case .jobs(let endpoint):
            .answered(jobAnswer(call, endpoint, isLeader: true))
        case .nodes:
            .answered(nodeAnswer(call, isLeader: true))
        case .pools(let endpoint):
            .answered(poolAnswer(call, endpoint, isLeader: true))
        case .autopilotConfiguration:
            .answered(autopilot(call, isLeader: true))
        case .schedulerConfiguration:
            .answered(scheduler(call, isLeader: true))
        case .autopilotHealth:
            health(call)
        case .autopilotState:
            autopilotState(call)
        case .autopilotPlan:
            autopilotPlan(call)
        case .raftHistory:
            .answered(history(call, isLeader: true))
        default:
            .answered(
                encode(
                    raftConfiguration(), call,
                    freshness: freshness(index: configurationIndex, isLeader: true)))
        }
    }

    /// Calls `done` with what `read` makes of the state at an instant at which that is current.
    private func linearizably(
        _ done: @escaping (LeadOutcome) -> Void, read: @escaping (Server) -> LeadOutcome
    ) {
        replica.read { [weak self] outcome in
            guard let self, case .ready(_, let validUntil) = outcome else {
                return done(.notLeader)
            }
            let answer = read(self)
            // The process may have been paused between the lease and the reading.
            if let validUntil, self.loop.now >= validUntil {
                return self.linearizably(done, read: read)
            }
            done(answer)
        }
    }

    private func write(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard case .command(let command) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        propose(signed(command), for: call, done) { server, result, index in
            server.written(call, result, at: index)
        }
    }

    /// Puts a command into the log; `done` is called once, with what `answer` makes of its result and
    /// its index, or with why there is none.
    func propose(
        _ command: Command, for call: Call, _ done: @escaping (LeadOutcome) -> Void,
        answer: @escaping (Server, CommandResult, UInt64) -> APIResponse
    ) {
        replica.propose(command.encoded(), trace: call.trace) { [weak self] outcome in
            guard let self else { return done(.notLeader) }
            switch outcome {
            case .applied(let result, let index):
                done(.answered(answer(self, result, index.number)))
            case .refused(.busy):
                var response = APIResponse.text(503, self.replica.busyReason)
                response.retryAfter = 1
                done(.answered(response))
            case .refused(.tooLarge(let limit)):
                done(.answered(.text(413, "a command is at most \(limit) bytes")))
            case .refused(.notLeader), .refused(.transferring):
                done(.notLeader)
            case .unknown:
                done(.answered(self.unknownOutcome()))
            case .failed(let reason):
                done(
                    .answered(
                        .text(500, "this server is out of service until its restart: \(reason)")))
            }
        }
    }

    /// With its author, for the history, once every server can apply that.
    private func signed(_ command: Command) -> Command {
        guard serverThatCannotApply(Command.historyVersion) == nil else { return command }
        let author = HistoryEvent.Author(unixNanoseconds: loop.wallClockNanoseconds)
        switch command {
        case .setAutopilot(let configuration, let cas, _):
            return .setAutopilot(configuration, cas: cas, by: author)
        case .setScheduler(let configuration, let cas, _):
            return .setScheduler(configuration, cas: cas, by: author)
        case .initializeAutopilot, .initializeScheduler, .putServer, .removeServer, .restoreBegin,
            .restoreChunk, .restoreEnd, .recordEvent, .recordLeader, .setUpgradeBaseline, .acl,
            .scheduling:
            return command
        }
    }

    private func written(
        _ call: Call, _ result: CommandResult, at index: UInt64
    ) -> APIResponse {
        let isAutopilot = call.endpoint == .setAutopilotConfiguration
        let isUpdated: Bool
        let answer: UInt64
        switch result {
        case .applied(let modifyIndex): (isUpdated, answer) = (true, modifyIndex)
        case .casFailed: (isUpdated, answer) = (false, index)
        case .unchanged: (isUpdated, answer) = (false, index)
        case .refused(let reason):
            return .text(500, "the command was not understood: \(reason)")
        case .aclRefused(let refusal):
            return .text(400, refusal.description)
        case .schedulerRefused(let refusal):
            return .text(400, refusal.description)
        }
        if isAutopilot { return encode(JSONBool(isUpdated), call) }
        var response = encode(SchedulerSetResponse(index: answer, updated: isUpdated), call)
        response.writeIndex = answer
        return response
    }

    private func removePeer(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard case .peer(let selector) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        guard let target = selector.find(in: replica.outlook.configuration) else {
            // "Not there" is an answer that only a leader may give.
            return linearizably(done) { _ in .answered(.text(404, selector.notFound)) }
        }
        guard target.id == id, replica.core.configuration.voterCount > 1 else {
            return remove(target, attempts: 40, notFound: selector.notFound, done)
        }
        // Afterwards it leads no more, and can note nothing.
        let index = replica.core.configurationIndex
        note(.remove, of: id, from: index, to: index, "requested")
        loop.atEndOfTurn { [weak self] in
            guard let self else { return done(.notLeader) }
            self.remove(target, attempts: 40, notFound: selector.notFound, done)
        }
    }

    /// A change waits for the one before it, which is a matter of one round trip.
    private func remove(
        _ target: Configuration.Server, attempts: Int, notFound: String,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        let before = replica.core.configurationIndex
        replica.change(.remove(target.id), ifConfigurationIndex: nil) { [weak self] outcome in
            guard let self else { return done(.notLeader) }
            switch outcome {
            case .accepted(let index, let term):
                self.replica.whenCommitted(index, term: term) { [weak self] isCommitted in
                    guard !isCommitted else {
                        self?.note(.remove, of: target.id, from: before, to: index, "applied")
                        return done(.answered(.empty))
                    }
                    done(
                        .answered(
                            self?.unknownOutcome() ?? .text(500, Self.unknownOutcomeText)))
                }
            case .unchanged:
                done(.answered(.empty))
            case .refused:
                done(.notLeader)
            case .inProgress, .conflict, .notCaughtUp:
                guard attempts > 0 else {
                    var response = APIResponse.text(
                        503, "another membership change is under way: try again")
                    response.retryAfter = 1
                    return done(.answered(response))
                }
                self.later(.milliseconds(50)) { [weak self] in
                    self?.remove(target, attempts: attempts - 1, notFound: notFound, done)
                }
            case .unknownServer:
                done(.answered(.text(404, notFound)))
            case .lastVoter:
                done(
                    .answered(
                        .text(
                            409, "this is the last voter: removing it would end the cluster")))
            case .invalid:
                done(.answered(.text(400, "the change is not possible")))
            }
        }
    }

    func later(_ delay: Duration, _ body: @escaping () -> Void) {
        laterTimers += 1
        let key = laterTimers
        let timer = loop.makeTimer { [weak self] in
            self?.laterArmed[key] = nil
            body()
        }
        laterArmed[key] = timer
        timer.arm(at: loop.now + delay)
    }

    private func transferLeadership(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard case .peer(let selector) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        let configuration = replica.outlook.configuration
        guard let target = selector.find(in: configuration), let own = configuration[id] else {
            return done(.answered(.text(404, selector.notFound)))
        }
        let answer = { [weak self] (isNoop: Bool) in
            guard let self else { return done(.notLeader) }
            done(
                .answered(
                    self.encode(
                        TransferLeadershipResponse(
                            from: .init(address: own.address, id: own.id.description),
                            to: .init(address: target.address, id: target.id.description),
                            isNoop: isNoop),
                        call)))
        }
        if target.id != id, target.role == .voter {
            let index = replica.core.configurationIndex
            note(.transferLeadership, of: target.id, from: index, to: index, "requested")
        }
        // What was noted goes first: nothing is written while leadership is handed over.
        loop.atEndOfTurn { [weak self] in
            guard let self else { return done(.notLeader) }
            self.transferLeadership(to: target.id, notFound: selector.notFound, answer, done)
        }
    }

    private func transferLeadership(
        to target: ServerID, notFound: String, _ answer: @escaping (_ isNoop: Bool) -> Void,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        replica.transfer(to: target) { outcome in
            switch outcome {
            case .done: answer(false)
            case .noop: answer(true)
            case .refused: done(.notLeader)
            case .unknownServer: done(.answered(.text(404, notFound)))
            case .notVoter:
                done(.answered(.text(400, "server \(target) is not a voter: it cannot lead")))
            case .inProgress:
                var response = APIResponse.text(
                    503, "another leadership transfer is under way: try again")
                response.retryAfter = 1
                done(.answered(response))
            case .timedOut:
                done(
                    .answered(
                        .text(
                            500,
                            "server \(target) did not take over in time; the leader is "
                                + "the same as before")))
            case .lost:
                done(
                    .answered(
                        .text(500, "leadership was lost during the transfer, not to the target")))
            }
        }
    }
}

extension Duration {
    /// Whole milliseconds, 0 for negative ones.
    var milliseconds: UInt64 {
        // Below 18 s, as most are, a division of 64 bits is enough.
        let whole = attoseconds
        if whole >> 64 == 0 { return UInt64(truncatingIfNeeded: whole) / 1_000_000_000_000_000 }
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(clamping: seconds).multipliedReportingOverflow(by: 1000).partialValue
            &+ UInt64(attoseconds / 1_000_000_000_000_000)
    }
}

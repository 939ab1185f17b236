// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletTransport

/// A request that cannot go on without a leader, until one is known or its time is over.
struct LeaderWaiter {
    let deadline: Duration
    /// Called once: true when there is a leader to ask.
    let resume: (_ hasLeader: Bool) -> Void
}

/// Bytes of an object that changes seldom, made once per version.
struct CachedBody {
    let index: UInt64
    let bytes: [UInt8]
}

/// How a request finds its endpoint, and an endpoint its leader.
extension Server {
    /// Serves a client's request that ``admit(_:from:decided:)`` has let in; `respond` is called
    /// once.
    func serve(_ call: Call, body: [UInt8], respond: @escaping (APIResponse) -> Void) {
        let call = call.with(body)
        guard let trace = call.trace else { return serve(whole: call, respond: respond) }
        trace.end(.receive)
        serve(whole: call) { response in
            trace.finish(status: response.status)
            respond(response)
        }
    }

    private func serve(whole call: Call, respond: @escaping (APIResponse) -> Void) {
        guard let audit, !call.isRead, !call.isRoutine else {
            return perform(call, respond: respond)
        }
        performAudited(call, in: audit, respond: respond)
    }

    /// A method of its own: what its closures hold is made for no read.
    private func performAudited(
        _ call: Call, in audit: AuditLog, respond: @escaping (APIResponse) -> Void
    ) {
        audited(call, in: audit, respond: respond) { [weak self] respond in
            guard let self else { return respond(.text(503, "the server is stopping")) }
            self.perform(call, respond: respond)
        }
    }

    private func perform(_ call: Call, respond: @escaping (APIResponse) -> Void) {
        var call = call
        do throws(APIError) {
            try validate(&call)
        } catch {
            return respond(.text(error.status, error.message))
        }
        guard let query = call.blocking else {
            return carryOut(call, deadline: loop.now + call.hold, respond: respond)
        }
        answer(call, after: query, respond: respond) { [weak self] respond in
            guard let self else { return respond(.text(503, "the server is stopping")) }
            self.carryOut(call, deadline: self.loop.now + call.hold, respond: respond)
        }
    }

    /// A request that another server passed on: answered here, or given back.
    func serveForwarded(
        _ request: APIRequest, of caller: Caller, trace carrier: String? = nil,
        reply: @escaping (ForwardReply) -> Void
    ) {
        guard
            case .found(let endpoint, let parameters) = Routes.router.match(
                method: request.method, path: request.path)
        else { return reply(.answered(.text(404, "no such endpoint"))) }
        do throws(APIError) {
            var call = try self.call(request, endpoint, parameters, of: caller)
            try validate(&call)
            if call.isAboutKeyring {
                let asked = call
                return judgedHere(asked, reply) { [weak self] in
                    self?.serveKeyring(asked, reply: reply)
                }
            }
            if call.endpoint == .monitor {
                let asked = call
                return judgedHere(asked, reply) { [weak self] in
                    self?.serveMonitor(asked, reply)
                }
            }
            guard replica.outlook.status.role == .leader else { return reply(.notLeader) }
            let trace = trace(call, under: carrier)
            call.trace = trace
            lead(call) { outcome in
                trace?.finish(status: outcome.status)
                switch outcome {
                case .answered(let response): reply(.answered(response))
                case .notLeader: reply(.notLeader)
                }
            }
        } catch {
            reply(.answered(.text(error.status, error.message)))
        }
    }

    /// What another server goes on tracing; what that does not trace is not traced here either.
    private func trace(_ call: Call, under carrier: String?) -> WriteTrace? {
        guard let tracer = environment.tracer, let carrier = TraceParent.checked(carrier),
            !call.isRead
        else { return nil }
        return WriteTrace(call.traceName, under: carrier, by: tracer, loop: loop)
    }

    /// Local answers at once; the leader's here or through the leader; without one, the request
    /// waits until its deadline.
    private func carryOut(
        _ call: Call, deadline: Duration, respond: @escaping (APIResponse) -> Void
    ) {
        if let response = answerLocally(call) { return respond(response) }
        if call.isAgentAction { return act(call, respond: respond) }
        if call.endpoint == .monitor { return monitor(call, respond) }
        if call.endpoint == .eventStream { return respond(streamEvents(call)) }
        if call.endpoint == .saveSnapshot, call.isStale {
            return save(isLeader: false, respond)
        }
        if let failure = replica.failure {
            return respond(
                .text(
                    500,
                    "this server is out of service until its restart, its storage failed: \(failure)"
                ))
        }
        let again = { [weak self] in
            guard let self else { return respond(.text(503, "the server is stopping")) }
            if call.request.hasBegunBody { return respond(Self.bodyIsGone) }
            call.trace?.begin(.wait)
            self.awaitLeader(until: deadline) { [weak self] hasLeader in
                guard let self else { return respond(.text(503, "the server is stopping")) }
                guard hasLeader else { return respond(self.noLeader(call)) }
                call.trace?.end(.wait)
                self.carryOut(call, deadline: deadline, respond: respond)
            }
        }
        let status = replica.outlook.status
        if status.role == .leader {
            lead(call) { outcome in
                switch outcome {
                case .answered(let response): respond(response)
                case .notLeader: again()
                }
            }
        } else if call.isAnsweredByAnyServerWithLeader {
            guard status.leader != nil else { return again() }
            respond(answerWithLeader(call))
        } else if call.isAnsweredFromState, let leader = status.leader,
            network.canBeAskedToRead(leader)
        {
            readLinearizably(call) { [weak self] outcome in
                switch outcome {
                case .answered(let response):
                    self?.counters.followerReads += 1
                    respond(response)
                case .notLeader: again()
                }
            }
        } else if let leader = status.leader, network.isConnected(to: leader) {
            pass(call, on: leader, respond: respond, again: again)
        } else {
            again()
        }
    }

    /// Has the leader carry it out. Bodies in pieces have a connection of their own, if the leader
    /// knows of such; for one that does not, a body is gathered, and must be short.
    private func pass(
        _ call: Call, on leader: ServerID, respond: @escaping (APIResponse) -> Void,
        again: @escaping () -> Void
    ) {
        call.trace?.begin(.forward)
        let passed = { [weak self] (result: ForwardResult) in
            call.trace?.end(.forward, failure: result.failure)
            switch result {
            case .replied(.answered(let response)): respond(response)
            case .replied(.notLeader), .notSent: again()
            case .lost where call.isRead: again()
            case .lost:
                respond(self?.unknownOutcome() ?? .text(500, Self.unknownOutcomeText))
            }
        }
        let credential = call.caller.credential
        if case .node = credential, !network.canPassNodes(to: leader) {
            // Passed on without its secret a node would be told that it is not itself, and give up.
            return respond(
                Self.notNow(
                    "this server and the leader speak an older protocol, without secrets of nodes: "
                        + "upgrade it, or ask another"))
        }
        counters.forwardsSent += 1
        if call.endpoint.goesInPieces, network.canPassStreams(to: leader) {
            return network.passStream(call.request, of: credential, to: leader, done: passed)
        }
        withWholeBody(call, respond: respond) { [weak self] whole in
            guard let self else { return respond(.text(503, "the server is stopping")) }
            self.network.forward(
                whole.request, of: credential, to: leader, isLong: call.endpoint.isLongWork,
                trace: whole.trace?.carrier(of: .forward), done: passed)
        }
    }

    /// Goes on with the body as a whole, within the bound of one that a server passes on.
    func withWholeBody(
        _ call: Call, respond: @escaping (APIResponse) -> Void, then go: @escaping (Call) -> Void
    ) {
        guard let body = call.request.stream else { return go(call) }
        let bytesMax = min(call.endpoint.bodyBytesMax, APIRequest.bodyBytesMax)
        SourceCollector.collect(body.source, bytesMax: bytesMax) { result in
            switch result {
            case .success(let bytes):
                var whole = call.with(bytes)
                whole.request.stream = nil
                go(whole)
            case .failure(.tooLarge):
                respond(.text(413, "the body is longer than \(bytesMax) bytes"))
            case .failure(.failed(let reason)): respond(.text(400, reason))
            }
        }
    }

    /// The leader changed, and what was sent cannot be asked for again.
    private static var bodyIsGone: APIResponse {
        notNow(
            "leadership changed while the request was on its way: nothing was done, send it again")
    }

    private static func notNow(_ text: String) -> APIResponse {
        var response = APIResponse.text(503, text)
        response.retryAfter = 1
        return response
    }

    static let unknownOutcomeText =
        "leadership lost while committing log: the write may or may not have been applied"

    func unknownOutcome() -> APIResponse { .text(500, Self.unknownOutcomeText) }

    func noLeader(_ call: Call) -> APIResponse {
        if call.endpoint == .agentHealth { return agentHealth() }
        let servers = replica.outlook.configuration.members.map(\.id)
        let text: String
        if servers.isEmpty {
            let found = network.members.aliveCount
            let founders = Founding.candidates(own: network.own, members: network.members.all)
                .count { !$0.isNonVoter }
            text =
                "No cluster leader: this server belongs to no cluster yet; "
                + (options.bootstrapExpect > 0
                    ? "\(founders) of \(options.bootstrapExpect) expected servers found"
                        + (otherExpectations.map { ", but \($0)" } ?? "")
                    : "it founds none (bootstrap_expect is 0) and \(found - 1) other servers have "
                        + "let it in")
                + (network.refusalToJoin.map { "; \($0)" } ?? "")
        } else {
            // Those without a vote elect nobody.
            let configuration = replica.outlook.configuration
            let voters = servers.filter(configuration.isVoter)
            let reachable = network.reachableCount(of: voters)
            text =
                "No cluster leader: \(reachable) of \(voters.count) voters "
                + "reachable, \(configuration.quorum) needed"
                + (reachable >= configuration.quorum ? "; none has been elected yet" : "")
                + (servers.contains(id) ? "" : "; this server is none of them")
                + (network.refusal(by: servers).map { "; another refuses this one: \($0)" } ?? "")
                + (replica.diskTrouble(of: "this server").map { "; \($0)" } ?? "")
        }
        return Self.notNow(text)
    }

    // MARK: Waiting

    private static var waitersMax: Int { 16_384 }

    func awaitLeader(until deadline: Duration, resume: @escaping (Bool) -> Void) {
        guard loop.now < deadline, waitingForLeader.count < Self.waitersMax, !isStopped else {
            return resume(false)
        }
        waitingForLeader.append(LeaderWaiter(deadline: deadline, resume: resume))
        armLeaderTimer()
    }

    /// Tries again whenever there may be a leader: it is here, or it is known and connected. The
    /// timer also covers a link to the leader that opens later than the leader is known.
    private func armLeaderTimer() {
        guard !isLeaderTimerArmed, !waitingForLeader.isEmpty else { return }
        isLeaderTimerArmed = true
        leaderTimer?.arm(at: loop.now + .milliseconds(20))
    }

    func expireLeaderWaiters() {
        isLeaderTimerArmed = false
        if let leader = replica.outlook.status.leader,
            leader == id || network.isConnected(to: leader)
        {
            wakeLeaderWaiters()
        }
        let now = loop.now
        let expired = waitingForLeader.filter { $0.deadline <= now }
        waitingForLeader.removeAll { $0.deadline <= now }
        for waiter in expired { waiter.resume(false) }
        armLeaderTimer()
    }

    func wakeLeaderWaiters() {
        let waiting = waitingForLeader
        guard !waiting.isEmpty else { return }
        waitingForLeader = []
        for waiter in waiting { waiter.resume(true) }
    }

    func compress(_ body: [UInt8]) -> [UInt8]? {
        do {
            return try environment.compression.gzip(body)
        } catch {
            logger.warning("an answer could not be compressed", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

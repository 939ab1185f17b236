// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletRaft
import MartletState
import MartletTransport

/// Who may do what. A call is judged where its head has come, before its body is read, and again
/// where it is carried out: by tables as new as the state that it reads or changes. So a token that
/// was made is good on every server at once, and one that was revoked on none.
///
/// | call                | judged by                                                           |
/// |---------------------|---------------------------------------------------------------------|
/// | a read with `?stale` | this server's tables, however old                                  |
/// | of the state, read  | the tables at the read index                                        |
/// | of the leader       | the leader's tables, once it has applied an entry of its own term   |
/// | of this server      | the tables at a read index; without a leader, this server's tables  |
extension Server {
    /// By this server's tables as they are now.
    func judge(_ call: Call) -> Judgement {
        guard options.acl.isEnabled else { return .allowed(nil, reason: nil) }
        let requirement = call.endpoint.requirement
        // Whose nodes they are is found out where they are looked up.
        if requirement == .nothing || requirement == .nodeSecret {
            return .allowed(nil, reason: nil)
        }
        switch call.caller.credential {
        case .malformed, .node:
            return .refused(AccessRefusal(kind: .malformed))
        case .server:
            return judgeServer(call)
        case .anonymous:
            if requirement == .token { return .refused(AccessRefusal(kind: .missing)) }
            return judge(call, requirement, access.anonymousAccess(in: replica.state))
        case .token(let digest):
            guard let known = access.access(digest, in: replica.state) else {
                return .refused(AccessRefusal(kind: .unknown))
            }
            if known.token?.isExpired(at: loop.wallClockNanoseconds) == true {
                return .refused(AccessRefusal(kind: .expired, access: known))
            }
            return judge(call, requirement, known)
        }
    }

    private func judge(
        _ call: Call, _ requirement: Requirement, _ access: Access
    ) -> Judgement {
        let operation: Operation
        switch requirement {
        case .operation(let asked): operation = asked
        case .namespace(let capability): operation = .namespace(call.namespace, capability)
        case .nodePool(let capability): operation = .nodePool(call.poolName, capability)
        case .nothing, .token, .filtered, .nodeSecret: return .allowed(access, reason: nil)
        }
        let decision = access.rules.decide(operation)
        return decision.isAllowed
            ? .allowed(access, reason: decision.reason)
            : .refused(AccessRefusal(kind: .denied, access: access, reason: decision.reason))
    }

    /// A server of the cluster may take itself out, and nothing else.
    private func judgeServer(_ call: Call) -> Judgement {
        guard call.endpoint == .removePeer, let peer = call.caller.server,
            call.query.all("id") == ["\(peer)"], !call.query.contains("address")
        else { return .refused(AccessRefusal(kind: .denied)) }
        return .allowed(nil, reason: nil)
    }

    // MARK: Before the body

    /// Calls `done` once, in this call or later: with the call as its caller is known, or with what
    /// the caller is told instead.
    func authorize(_ call: Call, done: @escaping (Authorization) -> Void) {
        switch judge(call) {
        case .allowed(let access, let reason)
        where call.isJudgedByOwnTables || !call.isJudgedHereOnly:
            done(.known(call.known(by: access, because: reason)))
        case .refused(let refusal) where call.isJudgedByOwnTables:
            done(.denied(denial(refusal, of: call)))
        case .allowed, .refused:
            authorizeByNewest(call, until: loop.now + call.hold, done: done)
        }
    }

    private func authorizeByNewest(
        _ call: Call, until deadline: Duration,
        done: @escaping (Authorization) -> Void
    ) {
        withNewestTables(until: deadline, isPatient: !call.isJudgedHereOnly) {
            [weak self] isNewest in
            guard let self else {
                return done(.denied(AccessDenial(.text(503, "the server is stopping"))))
            }
            switch self.judge(call) {
            case .allowed(let access, let reason):
                done(.known(call.known(by: access, because: reason)))
            case .refused(let refusal) where isNewest || call.isJudgedHereOnly:
                done(.denied(self.denial(refusal, of: call)))
            case .refused:
                // A token may have been made since: who has no leader cannot know.
                done(.denied(AccessDenial(self.noLeader(call))))
            }
        }
    }

    /// Calls `done` once this server has applied all that was acknowledged before, or cannot find
    /// out. The impatient do not wait for a leader.
    private func withNewestTables(
        until deadline: Duration, isPatient: Bool, done: @escaping (_ isNewest: Bool) -> Void
    ) {
        guard replica.failure == nil else { return done(false) }
        let again = { [weak self] in
            guard let self, isPatient || self.replica.outlook.status.leader != nil else {
                return done(false)
            }
            self.awaitLeader(until: deadline) { [weak self] hasLeader in
                guard let self, hasLeader else { return done(false) }
                self.withNewestTables(until: deadline, isPatient: isPatient, done: done)
            }
        }
        guard let leader = replica.outlook.status.leader,
            leader == id || network.canBeAskedToRead(leader)
        else { return again() }
        replica.read { outcome in
            if case .ready = outcome { done(true) } else { again() }
        }
    }

    func denial(_ refusal: AccessRefusal, of call: Call) -> AccessDenial {
        counters.accessRefused += 1
        return AccessDenial(
            refusal.response(of: call.endpoint, isExplained: call.isExplained), refusal)
    }

    // MARK: Where it is carried out

    /// What the caller is told instead of being served; nil if it may go on.
    func refusal(of call: Call) -> APIResponse? {
        guard case .refused(let refusal) = judge(call) else { return nil }
        return denial(refusal, of: call).response
    }

    /// Goes on with a call that this server leads, by tables that hold everything acknowledged by
    /// any leader before: those of a new leader do once it has applied an entry of its own term.
    func judged(
        _ call: Call, _ done: @escaping (LeadOutcome) -> Void,
        then go: @escaping (Server) -> Void
    ) {
        guard options.acl.isEnabled, call.endpoint.requirement != .nothing,
            !replica.hasAppliedOwnTerm
        else { return judgedNow(call, done, then: go) }
        replica.read { [weak self] outcome in
            guard let self, case .ready = outcome else { return done(.notLeader) }
            self.judgedNow(call, done, then: go)
        }
    }

    private func judgedNow(
        _ call: Call, _ done: (LeadOutcome) -> Void, then go: (Server) -> Void
    ) {
        if let refusal = refusal(of: call) { return done(.answered(refusal)) }
        go(self)
    }

    /// A part in a call that concerns every server, asked for by another one.
    func judgedHere(
        _ call: Call, _ reply: @escaping (ForwardReply) -> Void, then go: @escaping () -> Void
    ) {
        guard options.acl.isEnabled else { return go() }
        authorizeByNewest(call, until: loop.now + call.hold) { outcome in
            switch outcome {
            case .known: go()
            case .denied(let denial): reply(.answered(denial.response))
            }
        }
    }
}

/// What was found of a call's caller.
enum Authorization {
    /// It may go on, as what it is known for.
    case known(Call)
    case denied(AccessDenial)
}

/// What a caller is told who is not listened to.
struct AccessDenial {
    let response: APIResponse
    /// nil where nobody could judge.
    let refusal: AccessRefusal?

    init(_ response: APIResponse, _ refusal: AccessRefusal? = nil) {
        self.response = response
        self.refusal = refusal
    }
}

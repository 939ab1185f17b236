// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Servers of the tests.
let A = ServerID(high: 0, low: 1)
let B = ServerID(high: 0, low: 2)
let C = ServerID(high: 0, low: 3)
let D = ServerID(high: 0, low: 4)
let E = ServerID(high: 0, low: 5)

func voters(_ ids: ServerID..., nonVoters: [ServerID] = []) -> Configuration {
    Configuration(
        servers: ids.map { .init(id: $0, address: "a", role: .voter) }
            + nonVoters.map { .init(id: $0, address: "a", role: .nonVoter) })
}

/// The founding entry, then one command for each further term: `log(1, 1, 2)` ends at (3, 2).
func log(_ configuration: Configuration, _ terms: [UInt64]) -> [Entry] {
    terms.enumerated().map { position, term in
        position == 0
            ? Entry(
                index: LogIndex(1), term: Term(term), kind: .configuration,
                payload: configuration.encoded())
            : command(UInt64(position + 1), term)
    }
}

func command(_ index: UInt64, _ term: UInt64) -> Entry {
    Entry(
        index: LogIndex(index), term: Term(term), kind: .command,
        payload: [UInt8(truncatingIfNeeded: index), UInt8(truncatingIfNeeded: term)])
}

/// One core under test: inputs in, the effects of the last input at hand.
struct Subject {
    var core: RaftCore
    var now = Duration.zero
    var effects: [Effect] = []
    /// The last write that was asked for.
    var written = WriteSequence(0)
    /// Of each step.
    var handOutBytesMax = Int.max

    static let timing = Timing.scaled(by: 1)

    init(
        _ id: ServerID = A, _ configuration: Configuration = voters(A, B, C),
        terms: [UInt64] = [1], term: UInt64? = nil, vote: ServerID? = nil, commit: UInt64 = 1,
        limits: Limits = Limits(), options: Options = Options(), seed: UInt64 = 1
    ) {
        let last = terms.last ?? 0
        self.init(
            id,
            Restored(
                hardState: HardState(term: Term(term ?? last), vote: vote), snapshot: nil,
                entries: log(configuration, terms), previousIndex: .zero, previousTerm: .zero,
                commitHint: LogIndex(commit)), limits: limits, options: options, seed: seed)
    }

    init(
        _ id: ServerID, _ restored: Restored, limits: Limits = Limits(),
        options: Options = Options(), seed: UInt64 = 1
    ) {
        core = RaftCore(
            id: id, timing: Self.timing, limits: limits, seed: seed, restored: restored, at: .zero,
            options: options)
    }

    @discardableResult
    mutating func step(_ input: Input, after span: Duration = .zero) -> [Effect] {
        now += span
        effects = []
        core.step(input, at: now, handingOut: handOutBytesMax, into: &effects)
        core.checkInvariants()
        for case .persist(let write) in effects { written = write.sequence }
        return effects
    }

    @discardableResult
    mutating func receive(_ message: Message, from server: ServerID) -> [Effect] {
        step(.received(message, from: server))
    }

    @discardableResult
    mutating func persist() -> [Effect] { step(.persisted(through: written)) }

    /// Lets the deadline come.
    @discardableResult
    mutating func timeOut() -> [Effect] {
        now = max(now, core.deadline ?? now)
        return step(.ticked)
    }

    // MARK: - Messages in

    @discardableResult
    mutating func append(
        from leader: ServerID = B, term: UInt64, after previous: (UInt64, UInt64),
        terms: [UInt64] = [], commit: UInt64 = 0, round: UInt64 = 0
    ) -> [Effect] {
        let entries = terms.enumerated().map { command(previous.0 + UInt64($0) + 1, $1) }
        return receive(
            .appendRequest(
                AppendRequest(
                    term: Term(term), previousIndex: LogIndex(previous.0),
                    previousTerm: Term(previous.1), entries: entries, commit: LogIndex(commit),
                    round: round, session: LogIndex(1))), from: leader)
    }

    @discardableResult
    mutating func ask(
        from candidate: ServerID, term: UInt64, last: (UInt64, UInt64), isPreVote: Bool = false,
        isTransfer: Bool = false
    ) -> [Effect] {
        receive(
            .voteRequest(
                VoteRequest(
                    term: Term(term), isPreVote: isPreVote, lastLogIndex: LogIndex(last.0),
                    lastLogTerm: Term(last.1), isTransfer: isTransfer)), from: candidate)
    }

    @discardableResult
    mutating func vote(
        from voter: ServerID, term: UInt64, isPreVote: Bool = false, isGranted: Bool = true
    ) -> [Effect] {
        let response = VoteResponse(term: Term(term), isPreVote: isPreVote, isGranted: isGranted)
        return receive(.voteResponse(response), from: voter)
    }

    @discardableResult
    mutating func accept(
        from follower: ServerID, match: UInt64, round: UInt64 = 0, session: UInt64 = 1,
        last: UInt64? = nil, term: Term? = nil, voteHold: Duration = .zero
    ) -> [Effect] {
        let index = LogIndex(last ?? match)
        return receive(
            .appendResponse(
                AppendResponse(
                    term: term ?? core.term, outcome: .accepted(match: LogIndex(match)),
                    round: round, session: LogIndex(session), lastIndex: index,
                    lastTerm: core.term(at: index) ?? .zero, voteHold: voteHold)),
            from: follower)
    }

    // MARK: - Effects out

    var sent: [(message: Message, to: ServerID)] {
        effects.compactMap { effect in
            if case .send(let message, let server) = effect { (message, server) } else { nil }
        }
    }

    var voteRequests: [VoteRequest] {
        sent.compactMap { if case .voteRequest(let request) = $0.message { request } else { nil } }
    }

    var voteResponses: [VoteResponse] {
        sent.compactMap { if case .voteResponse(let answer) = $0.message { answer } else { nil } }
    }

    func appends(to server: ServerID? = nil) -> [AppendRequest] {
        sent.compactMap {
            guard case .appendRequest(let request) = $0.message else { return nil }
            return server == nil || $0.to == server ? request : nil
        }
    }

    var answers: [AppendResponse] {
        sent.compactMap { if case .appendResponse(let answer) = $0.message { answer } else { nil } }
    }

    var writes: [Write] {
        effects.compactMap { if case .persist(let write) = $0 { write } else { nil } }
    }

    var committed: [Entry] {
        effects.flatMap { effect -> [Entry] in
            if case .committed(let entries) = effect { entries } else { [] }
        }
    }

    var changeOutcome: ChangeDecision.Outcome? {
        for case .changeDecided(let decision) in effects { return decision.outcome }
        return nil
    }

    var transferOutcome: TransferOutcome? {
        for case .transferDecided(let outcome) in effects { return outcome }
        return nil
    }

    var reads: [UInt64: ReadOutcome] {
        var reads: [UInt64: ReadOutcome] = [:]
        for case .readDecided(let id, let outcome) in effects { reads[id] = outcome }
        return reads
    }

    var readRequests: [ReadRequest] {
        sent.compactMap { if case .readRequest(let request) = $0.message { request } else { nil } }
    }

    var readResponses: [ReadResponse] {
        sent.compactMap { if case .readResponse(let answer) = $0.message { answer } else { nil } }
    }

    var observations: [Observation] {
        effects.compactMap { if case .observed(let seen) = $0 { seen } else { nil } }
    }

    var role: Role { core.status.role }
    var last: [UInt64] { [core.lastIndex.number, core.lastTerm.number] }
    var terms: [UInt64] {
        (core.firstIndex.number..<(core.lastIndex.number + 1)).compactMap {
            core.term(at: LogIndex($0))?.number
        }
    }

    // MARK: - Ready-made

    /// A candidate in its next term whose vote is durable; it has asked the others.
    static func candidate(
        _ configuration: Configuration = voters(A, B, C), terms: [UInt64] = [1],
        term: UInt64? = nil, limits: Limits = Limits(), options: Options = Options()
    ) -> Subject {
        var subject = Subject(
            A, configuration, terms: terms, term: term, limits: limits, options: options)
        subject.step(.campaignRequested)
        for server in configuration.servers where server.id != A && server.role == .voter {
            guard subject.role == .preCandidate else { break }
            subject.vote(from: server.id, term: subject.core.term.number + 1, isPreVote: true)
        }
        subject.persist()
        return subject
    }

    /// A leader that has written its first entry and waits for others to have it.
    static func newLeader(
        _ configuration: Configuration = voters(A, B, C), terms: [UInt64] = [1],
        term: UInt64? = nil, limits: Limits = Limits(), options: Options = Options()
    ) -> Subject {
        var subject = candidate(
            configuration, terms: terms, term: term, limits: limits, options: options)
        for server in configuration.servers where server.id != A && server.role == .voter {
            guard subject.role == .candidate else { break }
            subject.vote(from: server.id, term: subject.core.term.number)
        }
        return subject
    }

    /// A leader whose first entry is committed everywhere.
    static func leader(
        _ configuration: Configuration = voters(A, B, C), terms: [UInt64] = [1],
        term: UInt64? = nil, limits: Limits = Limits(), options: Options = Options()
    ) -> Subject {
        var subject = newLeader(
            configuration, terms: terms, term: term, limits: limits, options: options)
        subject.persist()
        for server in configuration.servers where server.id != A {
            subject.accept(from: server.id, match: subject.core.lastIndex.number)
        }
        return subject
    }
}

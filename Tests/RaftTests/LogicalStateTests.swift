// SPDX-License-Identifier: Apache-2.0
@testable import MartletRaft
import Testing

/// The search over small scopes takes two cores for one when their logical states are equal.
@Suite("Logical state") struct LogicalStateTests {
    private static func restored(vote: ServerID? = nil) -> Restored {
        Restored(
            hardState: HardState(term: Term(1), vote: vote), snapshot: nil,
            entries: log(voters(A, B, C), [1]), previousIndex: .zero, previousTerm: .zero,
            commitHint: .zero)
    }

    private static func core(
        seed: UInt64 = 1, at now: Duration = .zero, vote: ServerID? = nil
    ) -> RaftCore {
        RaftCore(
            id: A, timing: .scaled(by: 1), limits: Limits(), seed: seed,
            restored: restored(vote: vote), at: now)
    }

    private func words(_ core: RaftCore) -> [UInt64] {
        var state = LogicalState()
        core.appendLogicalState(to: &state)
        return state.words
    }

    /// A after each input.
    private func history(seed: UInt64, from begin: Duration, _ inputs: [Input]) -> [[UInt64]] {
        var core = Self.core(seed: seed, at: begin)
        var effects: [Effect] = []
        return inputs.map { input in
            core.step(input, at: begin + .milliseconds(1), into: &effects)
            return words(core)
        }
    }

    private static let election: [Input] = [
        .campaignRequested,
        .received(
            .voteResponse(VoteResponse(term: Term(2), isPreVote: true, isGranted: true)), from: B),
        .persisted(through: WriteSequence(1)),
        .received(
            .voteResponse(VoteResponse(term: Term(2), isPreVote: false, isGranted: true)), from: B),
        .proposed([[1]]),
        .readRequested(id: 7),
        .transferRequested(to: B),
    ]

    @Test("Seeds and the time of day make no difference")
    func leavesTimeOut() {
        let early = history(seed: 1, from: .zero, Self.election)
        let late = history(seed: 99, from: .seconds(5_000), Self.election)

        #expect(early == late)
    }

    @Test("Each step of an election, a proposal, a read and a transfer makes another state")
    func tellsStatesApart() {
        let states = history(seed: 1, from: .zero, Self.election) + [words(Self.core())]

        #expect(Set(states).count == states.count)
    }

    @Test("The vote counts")
    func seesVotes() {
        #expect(words(Self.core(vote: B)) != words(Self.core(vote: C)))
    }

    @Test("Whether the leader was heard lately counts, and when exactly does not")
    func seesLoyalty() {
        let heartbeat = AppendRequest(
            term: Term(1), previousIndex: LogIndex(1), previousTerm: Term(1), entries: [],
            commit: .zero, round: 0, session: LogIndex(1))
        var core = Self.core()
        var effects: [Effect] = []
        core.step(.received(.appendRequest(heartbeat), from: B), at: .zero, into: &effects)
        let heard = words(core)
        core.step(.unreachable(B), at: .milliseconds(100), into: &effects)
        let stillHeard = words(core)
        core.step(.unreachable(B), at: .milliseconds(501), into: &effects)

        #expect(heard == stillHeard)
        #expect(words(core) != heard)
    }

    @Test("Every stored property is in the words or is known to decide nothing")
    func isComplete() throws {
        var core = Self.core()
        var effects: [Effect] = []
        for input in Self.election { core.step(input, at: .milliseconds(1), into: &effects) }
        func names(_ path: any MirrorPath...) -> [String] {
            var value: Any = core
            for step in path { value = Mirror(reflecting: value).descendant(step) ?? value }
            return Mirror(reflecting: value).children.compactMap(\.label)
        }

        // Left out: id, timing, limits and options are given; now, generator and the instants are time and
        // chance; outbox and restoring are empty between steps; what waits for a peer's disk is only told; the last
        // two follow from the rest, and so do
        // the leadership's part in the configuration.
        #expect(
            names() == [
                "id", "timing", "limits", "options", "now", "generator", "outbox", "hardState",
                "log",
                "snapshot", "configurations", "writes", "commitIndex", "handedOutIndex",
                "restoredCommit", "restoring", "role", "leader", "following", "campaigning",
                "leadership", "electionDeadline", "attempts", "lastStatus",
                "lastConfiguration", "announcedRevision", "recovery",
            ])
        #expect(names("log") == ["storage", "head", "previousIndex", "previousTerm"])
        #expect(names("configurations") == ["versions", "revision"])
        #expect(names("configurations", "versions", 0) == ["index", "configuration", "sessions"])
        #expect(
            names("writes") == [
                "pending", "issued", "issuedSequence", "durableSequence", "hardStateSequence",
                "durableIndex", "now", "bytes", "finished",
            ])
        #expect(
            names("following") == [
                "lastContact", "boundUntil", "verified", "leaderCommit", "isAcknowledgementOwed",
                "round",
                "session", "deferred", "reads",
            ])
        #expect(names("campaigning") == ["granted", "refused", "isTransfer", "isAsked"])
        #expect(
            names("leadership") == [
                "peers", "votesIncoming", "votesOutgoing", "incomingQuorum", "outgoingQuorum",
                "firstIndex", "electedAt", "heartbeatDeadline", "pause", "uncommittedBytes",
                "reads",
                "lease", "transfer", "hasOfferedTransfer", "scratch",
            ])
        #expect(
            names("leadership", "peers", 0) == [
                "id", "session", "votesIncoming", "votesOutgoing", "isLeaving", "match", "next",
                "state", "inflight", "inflightBytes", "lastContact", "heardAt", "lastIndex",
                "lastTerm", "unwrittenSince", "roundSent", "roundEchoed", "commitSent",
                "isHeartbeatDue",
                "stalledHeartbeats",
                "isTailUnsure", "boundUntil", "observedState", "snapshotNotBefore", "catchUp",
                "recovery", "recoveryIndex",
            ])
        #expect(names("leadership", "reads") == ["round", "current", "waiting"])
        let transfer = try #require(core.leadership.transfer)
        #expect(
            Mirror(reflecting: transfer).children.compactMap(\.label)
                == ["target", "deadline", "isAsked", "isOwn"])
        #expect(
            names("following", "reads")
                == ["question", "answered", "waiting", "leader", "term", "lastID"])
    }

    @Test("Every field of a message is in the words")
    func coversMessages() {
        func count(_ message: Any) -> Int { Mirror(reflecting: message).children.count }
        func words(_ message: Message) -> Int {
            var state = LogicalState()
            state.add(message)
            return state.words.count
        }
        let vote = VoteRequest(
            term: .zero, isPreVote: false, lastLogIndex: .zero, lastLogTerm: .zero,
            isTransfer: false)
        let voted = VoteResponse(term: .zero, isPreVote: false, isGranted: false)
        let append = AppendRequest(
            term: .zero, previousIndex: .zero, previousTerm: .zero, entries: [], commit: .zero,
            round: 0, session: .zero)
        let appended = AppendResponse(
            term: .zero, outcome: .accepted(match: .zero), round: 0, session: .zero,
            lastIndex: .zero, lastTerm: .zero)
        let installed = SnapshotResponse(
            term: .zero, lastIndex: .zero, isInstalled: false, match: .zero, session: .zero)

        // One word each, one for the kind, one more for the kind of an outcome and for a duration.
        #expect(words(.voteRequest(vote)) == count(vote) + 1)
        #expect(words(.voteResponse(voted)) == count(voted) + 1)
        #expect(words(.appendRequest(append)) == count(append) + 1)
        #expect(words(.appendResponse(appended)) == count(appended) + 3)
        #expect(words(.snapshotResponse(installed)) == count(installed) + 1)
        let asked = ReadRequest(term: .zero, id: 0)
        let answered = ReadResponse(term: .zero, id: 0, index: nil)
        #expect(words(.readRequest(asked)) == count(asked) + 1)
        #expect(words(.readResponse(answered)) == count(answered) + 1)
        #expect(words(.timeoutNow(TimeoutNow(term: .zero))) == count(TimeoutNow(term: .zero)) + 1)
    }
}

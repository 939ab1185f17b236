// SPDX-License-Identifier: Apache-2.0

/// What servers say to each other. The sender's id travels beside the message: the transport knows
/// whom it talks to.
public enum Message: Equatable, Sendable {
    /// A candidate asks for a vote, or whether one would be given.
    case voteRequest(VoteRequest)
    /// A voter's answer.
    case voteResponse(VoteResponse)
    /// A leader's entries, or its heartbeat.
    case appendRequest(AppendRequest)
    /// What a follower did with them.
    case appendResponse(AppendResponse)
    /// A leader hands over.
    case timeoutNow(TimeoutNow)
    /// What became of a snapshot.
    case snapshotResponse(SnapshotResponse)
    /// A follower asks for a read index.
    case readRequest(ReadRequest)
    /// Its leader names one, or does not lead.
    case readResponse(ReadResponse)

    /// The term that the sender spoke in (for a pre-vote: the term it would campaign in).
    public var term: Term {
        switch self {
        case .voteRequest(let message): message.term
        case .voteResponse(let message): message.term
        case .appendRequest(let message): message.term
        case .appendResponse(let message): message.term
        case .timeoutNow(let message): message.term
        case .snapshotResponse(let message): message.term
        case .readRequest(let message): message.term
        case .readResponse(let message): message.term
        }
    }
}

/// Asks for a vote (RequestVote, Raft Figure 2), or whether one would be given (pre-vote,
/// dissertation §9.6).
public struct VoteRequest: Equatable, Sendable {
    /// The term of the campaign: for a pre-vote the one that would follow.
    public var term: Term
    public var isPreVote: Bool
    /// Where the candidate's log ends: who has more refuses (Raft §5.4.1).
    public var lastLogIndex: LogIndex
    public var lastLogTerm: Term
    /// The leader asked the candidate to take over: voters need not wait out their own timeout
    /// (dissertation §4.2.3).
    public var isTransfer: Bool

    public init(
        term: Term, isPreVote: Bool, lastLogIndex: LogIndex, lastLogTerm: Term, isTransfer: Bool
    ) {
        self.term = term
        self.isPreVote = isPreVote
        self.lastLogIndex = lastLogIndex
        self.lastLogTerm = lastLogTerm
        self.isTransfer = isTransfer
    }
}

/// A voter's answer; sent only when the vote is durable.
public struct VoteResponse: Equatable, Sendable {
    /// A granted pre-vote repeats the term that was asked about; anything else is the voter's own.
    public var term: Term
    public var isPreVote: Bool
    public var isGranted: Bool

    public init(term: Term, isPreVote: Bool, isGranted: Bool) {
        self.term = term
        self.isPreVote = isPreVote
        self.isGranted = isGranted
    }
}

/// Replicates entries; without any it is a heartbeat (AppendEntries, Raft Figure 2).
public struct AppendRequest: Equatable, Sendable {
    /// The leader's term, and the entry before the first: the follower must have it.
    public var term: Term
    public var previousIndex: LogIndex
    public var previousTerm: Term
    /// Contiguous, beginning at `previousIndex + 1`.
    public var entries: [Entry]
    public var commit: LogIndex
    /// The leader's round of confirmation: an answer that echoes it proves that the follower still
    /// followed after the round began (dissertation §6.4).
    public var round: UInt64
    /// Names the follower's life in the configuration: the index of the entry that added it. An
    /// answer from an earlier life does not count.
    public var session: LogIndex
    /// The attempt to recover that has succeeded (``AppendResponse/recovery``).
    public var recovered: UInt64?

    /// Tells a server that it has recovered.
    public var isRecovered: Bool { recovered != nil }

    public init(
        term: Term, previousIndex: LogIndex, previousTerm: Term, entries: [Entry],
        commit: LogIndex, round: UInt64, session: LogIndex, recovered: UInt64? = nil
    ) {
        self.term = term
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.entries = entries
        self.commit = commit
        self.round = round
        self.session = session
        self.recovered = recovered
    }
}

/// A follower's answer to an append: what is durable there, or where the logs may part.
public struct AppendResponse: Equatable, Sendable {
    /// Whether the entry before the request's was there.
    public enum Outcome: Equatable, Sendable {
        /// Durable up to here, and equal to the leader's log up to here.
        case accepted(match: LogIndex)
        /// No entry (`previousIndex`, `previousTerm`) here. The follower's last entry that could be
        /// shared: its log's last index at or before `previousIndex` whose term is not above
        /// `previousTerm`, so that each rejection skips a whole term.
        case rejected(previousIndex: LogIndex, hintIndex: LogIndex, hintTerm: Term)
    }

    /// The follower's term, and what it did.
    public var term: Term
    public var outcome: Outcome
    /// Echoes of the request.
    public var round: UInt64
    public var session: LogIndex
    /// The follower's last log entry, for health.
    public var lastIndex: LogIndex
    public var lastTerm: Term
    /// How long since it heard this leader the follower votes for nobody else, by its own clock:
    /// what a lease is made of. 0 for a follower without leases.
    public var voteHold: Duration
    /// The follower lost log or vote records, and numbers its attempt to recover, anew with each
    /// start: the answer counts for nothing that needs a majority.
    public var recovery: UInt64?

    /// The answer of a server that is recovering.
    public var isRecovering: Bool { recovery != nil }

    public init(
        term: Term, outcome: Outcome, round: UInt64, session: LogIndex, lastIndex: LogIndex,
        lastTerm: Term, voteHold: Duration = .zero, recovery: UInt64? = nil
    ) {
        self.term = term
        self.outcome = outcome
        self.round = round
        self.session = session
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.voteHold = voteHold
        self.recovery = recovery
    }
}

/// A follower asks its leader from which index on a read is linearizable (dissertation §6.4).
public struct ReadRequest: Equatable, Sendable {
    /// The term of the leader that is asked.
    public var term: Term
    /// The follower's; never used for another question, in no life.
    public var id: UInt64

    public init(term: Term, id: UInt64) {
        self.term = term
        self.id = id
    }
}

/// The answer to a ``ReadRequest``.
public struct ReadResponse: Equatable, Sendable {
    /// Of who answers, and the question's number.
    public var term: Term
    public var id: UInt64
    /// A majority confirmed the leader after it was asked, and so much was committed by then. nil if
    /// whoever was asked does not lead in that term, or is too busy.
    public var index: LogIndex?

    public init(term: Term, id: UInt64, index: LogIndex?) {
        self.term = term
        self.id = id
        self.index = index
    }
}

/// The leader asks its successor to campaign at once (dissertation §3.10).
public struct TimeoutNow: Equatable, Sendable {
    /// The term that the leader leads.
    public var term: Term

    public init(term: Term) { self.term = term }
}

/// What became of a snapshot that the leader sent. Its bytes travel outside Raft; this does not.
public struct SnapshotResponse: Equatable, Sendable {
    /// The receiver's term.
    public var term: Term
    /// The snapshot in question.
    public var lastIndex: LogIndex
    /// Installed durably, or already superseded by what the follower has (`match` says what).
    public var isInstalled: Bool
    public var match: LogIndex
    public var session: LogIndex

    public init(
        term: Term, lastIndex: LogIndex, isInstalled: Bool, match: LogIndex, session: LogIndex
    ) {
        self.term = term
        self.lastIndex = lastIndex
        self.isInstalled = isInstalled
        self.match = match
        self.session = session
    }
}

/// Says that a snapshot is about to come (InstallSnapshot, Raft §7): the head of the stream that
/// carries the bytes.
public struct SnapshotOffer: Equatable, Sendable {
    /// The leader's term, what it offers, and the receiver's life in the configuration.
    public var term: Term
    public var metadata: SnapshotMetadata
    public var session: LogIndex

    public init(term: Term, metadata: SnapshotMetadata, session: LogIndex) {
        self.term = term
        self.metadata = metadata
        self.session = session
    }
}

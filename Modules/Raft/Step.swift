// SPDX-License-Identifier: Apache-2.0

/// Numbers what a core asked its storage to write, in order, from 1.
public struct WriteSequence: Hashable, Comparable, Sendable {
    /// Counts from 1 in each life of a core.
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

/// Something that happened. The instant at which it did comes with it (``RaftCore/step(_:at:handingOut:into:)``).
public enum Input: Equatable, Sendable {
    /// Time passed; nothing else happened. Due whenever ``RaftCore/deadline`` has come.
    case ticked
    /// The shell knows that nobody leads (all servers of a first boot are connected, for instance):
    /// look for votes without waiting for the timeout. Ignored by a leader and by non-voters.
    case campaignRequested
    /// A message came over a connection that belongs to this server.
    case received(Message, from: ServerID)
    /// Commands for the log, in order. All that came in one turn of the loop come in one input.
    /// Answered first of all effects by ``Effect/proposed(_:)``.
    case proposed([[UInt8]])
    /// Answered by ``Effect/changeDecided(_:)``; its commit shows as ``Effect/committed(_:)``.
    case changeProposed(ConfigurationChange)
    /// A linearizable read waits; `id` is the caller's and comes back in ``Effect/readDecided(id:_:)``.
    case readRequested(id: UInt64)
    /// The same, and a server that does not lead asks its leader instead of refusing. Only for a
    /// leader that knows these questions.
    case readRequestedHere(id: UInt64)
    /// Answered by ``Effect/transferDecided(_:)``, at once if it is refused, else when it has ended.
    case transferRequested(to: ServerID)
    /// All writes up to and including this one are durable.
    case persisted(through: WriteSequence)
    /// The transport saw the connection *from* this server reset or end without farewell.
    case connectionLost(ServerID)
    /// Messages to this server may have been lost: what is in flight is to be probed again.
    case unreachable(ServerID)
    /// The shell made a snapshot of its own state machine, and it is durable.
    case snapshotTaken(SnapshotMetadata)
    /// A stream from `from` begins. Answered by ``Effect/snapshotDecided(_:)``.
    case snapshotOffered(SnapshotOffer, from: ServerID)
    /// The bytes of an accepted offer are complete, verified and durable in the snapshot store.
    case snapshotReceived(SnapshotOffer, from: ServerID)
    /// An accepted offer's stream ended early, or its bytes were wrong.
    case snapshotAbandoned(SnapshotOffer, from: ServerID)
    /// The stream that ``Effect/sendSnapshot(_:to:)`` asked for has ended without success.
    case snapshotSendFailed(to: ServerID)
}

/// A wish to change who is in the cluster: one server at a time (dissertation §4.1), or all at once
/// (§4.3).
public struct ConfigurationChange: Equatable, Sendable {
    /// What to change.
    public enum Action: Equatable, Sendable {
        /// Adds a server that receives the log and has no vote; for a known non-voter, and for a
        /// voter, only its address is updated.
        case addNonVoter(ServerID, address: String)
        /// Gives a known non-voter its vote, if it has caught up.
        case promote(ServerID)
        /// Takes a voter's vote away.
        case demote(ServerID)
        /// Takes a server out; one that comes back begins a new life.
        case remove(ServerID)
        /// Exactly these servers. Whoever is to get a vote must be a non-voter that has caught up.
        /// If more than one voter differs this takes two entries, of which the leader appends the
        /// second by itself. All servers must be of a version that knows ``Configuration/isJoint``.
        case replace([Configuration.Server])
    }

    /// The caller's; comes back in the decision.
    public var id: UInt64
    /// The wish itself.
    public var action: Action
    /// Compare-and-set: refused unless the configuration in force is the one of this index. nil for
    /// whichever is in force.
    public var ifConfigurationIndex: LogIndex?

    public init(id: UInt64, action: Action, ifConfigurationIndex: LogIndex?) {
        self.id = id
        self.action = action
        self.ifConfigurationIndex = ifConfigurationIndex
    }
}

/// What storage is to do as one atomic, durable write. Parts apply in the order declared.
public struct Write: Equatable, Sendable {
    /// Its place among the writes; comes back in ``Input/persisted(through:)``.
    public var sequence: WriteSequence
    /// Replaces term and vote.
    public var hardState: HardState?
    /// Drops every entry after this index.
    public var truncateAfter: LogIndex?
    /// Appended after the last entry that is left; contiguous.
    public var entries: [Entry]
    /// Drops the whole log: the next entry is the one after this snapshot. Comes alone with
    /// `hardState`; the snapshot itself is durable already.
    public var resetTo: SnapshotMetadata?
    /// The commit index known when the write was made: a hint for the next start, never a promise.
    public var commitHint: LogIndex

    public init(
        sequence: WriteSequence, hardState: HardState?, truncateAfter: LogIndex?,
        entries: [Entry], resetTo: SnapshotMetadata?, commitHint: LogIndex
    ) {
        self.sequence = sequence
        self.hardState = hardState
        self.truncateAfter = truncateAfter
        self.entries = entries
        self.resetTo = resetTo
        self.commitHint = commitHint
    }
}

/// Something to do, in the order of the list. None waits for another: whatever must follow a
/// durable write comes as an effect of ``Input/persisted(through:)``.
public enum Effect: Equatable, Sendable {
    /// Write, off the loop, in sequence; several may be merged into one commit.
    case persist(Write)
    /// Hand to the transport, which may lose, repeat and reorder it.
    case send(Message, to: ServerID)
    /// Apply these, in order; each index comes once in a core's life (again after a restart).
    case committed([Entry])
    /// Answers the one ``Input/proposed(_:)`` of this step.
    case proposed(ProposalOutcome)
    /// Answers an ``Input/changeProposed(_:)``.
    case changeDecided(ChangeDecision)
    /// Answers the ``Input/readRequested(id:)`` of this id, in this step or a later one.
    case readDecided(id: UInt64, ReadOutcome)
    /// Answers an ``Input/transferRequested(to:)``.
    case transferDecided(TransferOutcome)
    /// Role, term, leader or all of them are others than before.
    case statusChanged(Status)
    /// The configuration in force is another (it was appended, truncated, or came with a snapshot).
    case configurationChanged(Configuration, index: LogIndex)
    /// Entries up to and including this one are in a durable snapshot and no longer needed.
    case compact(through: LogIndex, term: Term)
    /// Open a stream to this server and send the newest durable snapshot, at least as new as the
    /// offer's. The receiver says where to begin.
    case sendSnapshot(SnapshotOffer, to: ServerID)
    /// Answers the ``Input/snapshotOffered(_:from:)`` of this step.
    case snapshotDecided(SnapshotDecision)
    /// Replace the state machine's state by this snapshot, which is durable and verified.
    case restore(SnapshotMetadata)
    /// This server is no longer recovering: ``Restored/isRecovering`` need not be set at its next
    /// start. All that this rests on is durable.
    case recovered
    /// Only with ``Options/observes``.
    case observed(Observation)
}

/// What became of a batch of commands: all of it, or nothing.
public enum ProposalOutcome: Equatable, Sendable {
    /// In the log at `first` and the following indexes; committed if and only if they come back by
    /// ``Effect/committed(_:)`` with this term.
    case accepted(first: LogIndex, term: Term)
    /// Nothing of it is in the log.
    case refused(Refusal)
}

/// Why a wish was not taken. Nothing was done.
public enum Refusal: Equatable, Sendable {
    /// Another server may lead: this one, if it is known.
    case notLeader(leader: ServerID?)
    /// The bound on uncommitted bytes is reached: ask later.
    case busy
    /// Leadership is being handed over.
    case transferring
    /// An entry is larger than ``Limits/entryBytesMax``.
    case tooLarge(limitBytes: Int)
}

/// What became of a ``ConfigurationChange``.
public struct ChangeDecision: Equatable, Sendable {
    /// Accepted, or why not.
    public enum Outcome: Equatable, Sendable {
        /// Appended here; committed once ``Effect/committed(_:)`` brings this index in this term.
        case accepted(LogIndex, term: Term)
        /// The configuration is already so.
        case unchanged
        /// As any wish may be.
        case refused(Refusal)
        /// Another change, or the leader's first entry, is not committed yet, or a joint
        /// configuration is in force.
        case inProgress
        /// Compare-and-set failed; this is the index in force.
        case conflict(current: LogIndex)
        /// The action names a server that is no member.
        case unknownServer
        /// It would leave no voter.
        case lastVoter
        /// A server that is to get a vote has too much to fetch still, does not answer, or is
        /// unknown: ask later.
        case notCaughtUp
        /// More servers than ``Configuration/serversMax``, a server twice, or an address over its
        /// bound.
        case invalid
    }

    /// The caller's, from the change.
    public var id: UInt64
    /// What was decided.
    public var outcome: Outcome

    public init(id: UInt64, outcome: Outcome) {
        self.id = id
        self.outcome = outcome
    }
}

/// What became of a linearizable read.
public enum ReadOutcome: Equatable, Sendable {
    /// Linearizable once the state machine has applied this index; the core has handed it out.
    /// `validUntil` is set if it was a lease that answered: then the state has to be read before
    /// that instant, and before any later effect: a message that hands leadership over ends the lease.
    /// Look at the clock *after* reading: the process may have been paused at any point before; if it
    /// is too late, ask again. nil if a majority confirmed this one read.
    case ready(at: LogIndex, validUntil: Duration? = nil)
    /// Ask the leader, or ask again.
    case refused(Refusal)
}

/// How a hand-over of leadership ended.
public enum TransferOutcome: Equatable, Sendable {
    /// The target leads in a newer term, as far as this server knows: it has stepped down.
    case done(to: ServerID)
    /// The target leads already: it is this server.
    case noop
    /// As any wish may be.
    case refused(Refusal)
    /// The target is no member.
    case unknownServer
    /// The target has no vote.
    case notVoter
    /// Another transfer is under way.
    case inProgress
    /// The target did not take over within an election timeout; this server leads on.
    case timedOut
    /// Leadership was lost in another way meanwhile.
    case lost
}

/// Whether the bytes of an offered snapshot are wanted.
public enum SnapshotDecision: Equatable, Sendable {
    /// Take the bytes.
    case accepted
    /// Not needed, or from a past term: a response was sent; close the stream.
    case refused
}

/// What a server does in its term (Raft §5.1).
public enum Role: Equatable, Sendable, CustomStringConvertible {
    /// Takes entries and grants votes; also a server without a vote.
    case follower
    /// Asks who would vote for it, in the term that it is in.
    case preCandidate
    /// Asks for votes in a new term.
    case candidate
    /// Alone in its term: it alone appends.
    case leader

    /// The case's name; without this it would be looked up by reflection.
    public var description: String {
        switch self {
        case .follower: "follower"
        case .preCandidate: "preCandidate"
        case .candidate: "candidate"
        case .leader: "leader"
        }
    }
}

/// Who leads, as one server sees it.
public struct Status: Equatable, Sendable {
    /// What this server does.
    public var role: Role
    public var term: Term
    /// The leader of the term, once it showed itself.
    public var leader: ServerID?

    public init(role: Role, term: Term, leader: ServerID?) {
        self.role = role
        self.term = term
        self.leader = leader
    }
}

/// What the leader knows of one server's log.
public struct Progress: Equatable, Sendable {
    /// How a leader feeds a server.
    public enum State: String, Equatable, Sendable {
        /// Where the logs part is being found.
        case probe
        /// Entries are streamed.
        case replicate
        /// A snapshot is on its way.
        case snapshot
    }

    /// The server in question.
    public var id: ServerID
    /// Everything up to here is durable there and equal to the leader's log.
    public var match: LogIndex
    public var lastIndex: LogIndex
    public var lastTerm: Term
    /// When the last answer of this term came; nil before the first. For the leader itself: now.
    public var lastContact: Duration?
    /// It gets a snapshot, and heartbeats only until that ends.
    public var isReceivingSnapshot: Bool
    public var state: State
    /// What is sent next.
    public var next: LogIndex
    /// Sent and not known to be durable there.
    public var inflightMessages: Int
    public var inflightBytes: Int
    /// It lost log or vote records and counts for no majority.
    public var isRecovering: Bool
    /// It answers, and what is new reaches it within an election timeout.
    public var isCaughtUp: Bool
    /// How long it has had entries of this log, as it says, of which its disk took none; nil if none wait.
    /// It counts from answer to answer: it does not grow while the server is silent.
    public var unwrittenFor: Duration?

    public init(
        id: ServerID, match: LogIndex, lastIndex: LogIndex, lastTerm: Term,
        lastContact: Duration?, isReceivingSnapshot: Bool, state: State, next: LogIndex,
        inflightMessages: Int, inflightBytes: Int, isRecovering: Bool = false,
        isCaughtUp: Bool = true, unwrittenFor: Duration? = nil
    ) {
        self.id = id
        self.match = match
        self.lastIndex = lastIndex
        self.lastTerm = lastTerm
        self.lastContact = lastContact
        self.isReceivingSnapshot = isReceivingSnapshot
        self.state = state
        self.next = next
        self.inflightMessages = inflightMessages
        self.inflightBytes = inflightBytes
        self.isRecovering = isRecovering
        self.isCaughtUp = isCaughtUp
        self.unwrittenFor = unwrittenFor
    }
}

/// Intervals of the algorithm (Raft §5.6, §9.3).
public struct Timing: Equatable, Sendable {
    /// How often a leader shows itself to a follower that it has nothing to send.
    public var heartbeat: Duration
    /// A follower that hears nothing waits between once and twice this, anew each time.
    public var electionTimeout: Duration
    /// A leader that hears no quorum for this long steps down.
    public var checkQuorum: Duration

    public init(heartbeat: Duration, electionTimeout: Duration, checkQuorum: Duration) {
        self.heartbeat = heartbeat
        self.electionTimeout = electionTimeout
        self.checkQuorum = checkQuorum
    }

    /// Heartbeat 50 ms, election timeout 500 to 1,000 ms, check-quorum 500 ms, times `multiplier`.
    public static func scaled(by multiplier: Int) -> Timing {
        Timing(
            heartbeat: .milliseconds(50 * multiplier),
            electionTimeout: .milliseconds(500 * multiplier),
            checkQuorum: .milliseconds(500 * multiplier))
    }

    /// A write that takes longer is one of a disk that hangs: no healthy one takes two election timeouts.
    package var unwrittenMax: Duration { electionTimeout + electionTimeout }
}

/// Bounds on memory and messages.
public struct Limits: Equatable, Sendable {
    /// One message's entries, in bytes of ``Entry/sizeBytes``; a single larger entry goes alone.
    public var appendBytesMax = 256 << 10
    /// One message's entries, in number.
    public var appendEntriesMax = 1024
    /// Unanswered append messages to one follower.
    public var inflightMessagesMax = 64
    /// Unanswered bytes to one follower.
    public var inflightBytesMax = 4 << 20
    /// Proposed and not handed out (``RaftCore/handedOutIndex``), in bytes.
    public var uncommittedBytesMax = 64 << 20
    /// Entries that wait for the own disk, in bytes: beyond, a leader refuses proposals and a
    /// follower takes no more. More than ``inflightBytesMax`` and one message, or a healthy follower
    /// would refuse what its leader may send.
    public var unwrittenBytesMax = 64 << 20
    /// One command.
    public var entryBytesMax = 2 << 20
    /// Kept behind a snapshot for followers that are a little late, in entries.
    public var trailingEntries: UInt64 = 8192
    /// Kept behind a snapshot, in bytes.
    public var trailingBytesMax = 16 << 20

    public init() {}
}

/// What storage held when the server started.
public struct Restored: Equatable, Sendable {
    /// The newest term and vote.
    public var hardState: HardState
    /// The newest durable snapshot, if any.
    public var snapshot: SnapshotMetadata?
    /// Contiguous. Begins at or before the snapshot's next index, or is empty.
    public var entries: [Entry]
    /// What lies just before the first entry: 0, 0 for a log that was never compacted.
    public var previousIndex: LogIndex
    public var previousTerm: Term
    /// Clamped to the log.
    public var commitHint: LogIndex
    /// The server lost log or vote records: it neither campaigns nor grants votes until a leader
    /// says that it is whole again (``Effect/recovered``).
    public var isRecovering: Bool

    public init(
        hardState: HardState, snapshot: SnapshotMetadata?, entries: [Entry],
        previousIndex: LogIndex, previousTerm: Term, commitHint: LogIndex,
        isRecovering: Bool = false
    ) {
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
        self.previousIndex = previousIndex
        self.previousTerm = previousTerm
        self.commitHint = commitHint
        self.isRecovering = isRecovering
    }

    /// A server's first start.
    public static let empty = Restored(
        hardState: .initial, snapshot: nil, entries: [], previousIndex: .zero, previousTerm: .zero,
        commitHint: .zero)
}

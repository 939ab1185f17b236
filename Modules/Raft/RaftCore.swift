// SPDX-License-Identifier: Apache-2.0

/// Raft (Ongaro and Ousterhout 2014; Ongaro's dissertation) as a value: one input in, effects out.
/// No clock, no disk, no socket; randomness is seeded state.
///
/// ```
///              timeout,             quorum would          quorum
///              leader lost          vote, durable vote    voted
///   follower ─────────────▶ preCandidate ─────▶ candidate ──────▶ leader
///      ▲  │                      │  ▲   refused,  │                 │
///      │  │      timeoutNow      │  └─── timeout ─┘                 │
///      │  └──────────────────────┼──────────▶ candidate             │
///      └─────────────────────────┴────────────────┴─────────────────┘
///        a newer term, a leader of this term; a leader also: no quorum heard, removed
/// ```
///
/// Writes are asynchronous. What is in memory is what has been decided; what is durable follows with
/// ``Input/persisted(through:)``. A message that promises something durable waits for the write it
/// depends on; a leader sends entries while it writes them, and counts itself when they are durable.
///
/// - Invariant: `snapshotIndex ≤ commitIndex ≤ lastIndex`, `firstIndex ≤ snapshotIndex + 1`,
///   `durableIndex ≤ lastIndex`.
/// - Invariant: term and commit index never decrease, and a vote is never changed within a term.
public struct RaftCore: Sendable {
    /// The server that this core is.
    public let id: ServerID
    let timing: Timing
    let limits: Limits
    let options: Options
    /// The instant of the step under way.
    var now: Duration
    var generator: Generator
    /// Effects of the step under way; empty between steps.
    var outbox: [Effect] = []

    // What survives a crash (Figure 2), as decided in memory.
    var hardState: HardState
    var log: Log
    var snapshot: SnapshotMetadata?
    var configurations: ConfigurationHistory
    var writes: WriteLedger

    /// Everything up to here is decided for good, as far as this server knows.
    public internal(set) var commitIndex: LogIndex
    /// Up to where ``Effect/committed(_:)`` and ``Effect/restore(_:)`` brought the state machine: ``commitIndex``,
    /// or less while steps were told to hand out no more.
    public internal(set) var handedOutIndex: LogIndex
    /// What the commit hint of the last life allows, until the first step hands it out.
    var restoredCommit: LogIndex
    /// A snapshot that the state machine is to be replaced by in this step.
    var restoring: SnapshotMetadata?

    var role: Role = .follower
    var leader: ServerID?
    var following = Following()
    var campaigning = Campaign()
    var leadership = Leadership()
    /// When a voter that does not lead looks for votes.
    var electionDeadline: Duration
    /// Attempts since a leader was known: they spread further each time.
    var attempts = 0
    var lastStatus: Status
    /// As last announced; another may replace it at the same index.
    var lastConfiguration: (value: Configuration, index: LogIndex)
    private var announcedRevision: UInt64
    /// Numbers this attempt to come back after a loss; nil for a server that lost nothing.
    var recovery: UInt64?

    /// - Precondition: `restored` is what a store gives back: contiguous, with a snapshot for what
    ///   was compacted.
    public init(
        id: ServerID, timing: Timing, limits: Limits, seed: UInt64, restored: Restored,
        at now: Duration, options: Options = Options()
    ) {
        precondition(
            (0...90).contains(options.clockDriftPercentMax)
                && options.priority <= Options.priorityMax, "\(options)")
        self.id = id
        self.timing = timing
        self.limits = limits
        self.options = options
        self.now = now
        generator = Generator(seed: seed)
        snapshot = restored.snapshot
        log = Log(
            previousIndex: restored.previousIndex, previousTerm: restored.previousTerm,
            entries: restored.entries)
        writes = WriteLedger()
        writes.now = now
        let base = restored.snapshot?.lastIndex ?? .zero
        precondition(log.previousIndex <= base, "compacted without a snapshot: \(log.firstIndex)")
        let isJoined = log.term(at: base) == restored.snapshot?.lastTerm ?? .zero
        if !isJoined, let snapshot = restored.snapshot {
            // The last life ended between a snapshot's arrival and the write that drops the log.
            log.reset(to: base, term: snapshot.lastTerm)
            writes.reset(to: snapshot)
        }
        // Nothing is appended in a term that was not stored; but a term must never seem to go back.
        hardState = restored.hardState
        if log.lastTerm > hardState.term {
            hardState = HardState(term: log.lastTerm, vote: nil)
            writes.store(hardState)
        }
        writes.durableIndex = log.lastIndex
        configurations = ConfigurationHistory(snapshot: restored.snapshot)
        configurations.append(log.entries(from: log.firstIndex, through: log.lastIndex))
        commitIndex = base
        handedOutIndex = base
        restoredCommit = max(base, min(restored.commitHint, log.lastIndex))
        electionDeadline = now
        lastStatus = Status(role: .follower, term: hardState.term, leader: nil)
        let newest = configurations.newest
        lastConfiguration = (newest.configuration, newest.index)
        announcedRevision = configurations.revision
        following.verified = base
        // Term 1 is that of the founding, in which nobody leads: no promise was given in it.
        if hardState.term > Term(1) { bind() }
        if restored.isRecovering { recovery = generator.next() }
        let isAlone = configuration.voterCount == 1 && configuration.isVoter(id)
        if !isAlone { electionDeadline += electionDelay() }
    }

    /// One input in, effects appended to a list in order.
    ///
    /// - Parameters:
    ///   - input: What happened.
    ///   - now: Monotonic, from the same clock as ever since `init`; an earlier instant than the last
    ///     counts as the last.
    ///   - bytesMax: Of committed entries that this step may hand out, in bytes of ``Entry/sizeBytes``; a
    ///     single larger one goes alone, and none with 0. What is left goes out with later steps, in order:
    ///     whoever bounds them sees to it that there is one. Reads wait for it.
    ///   - effects: What is to be done, added at the end. All of it before the next input.
    public mutating func step(
        _ input: Input, at now: Duration, handingOut bytesMax: Int = .max,
        into effects: inout [Effect]
    ) {
        if role == .leader { notePause(until: now) }
        self.now = max(self.now, now)
        writes.now = self.now
        swap(&outbox, &effects)
        begin()
        // A leader that was paused for long finds out that it was before it answers anybody.
        if role == .leader, self.now >= leadership.heartbeatDeadline { tick() }
        handle(input)
        finish(handingOut: bytesMax)
        swap(&outbox, &effects)
    }

    private mutating func handle(_ input: Input) {
        switch input {
        case .ticked: tick()
        case .campaignRequested: requestCampaign()
        case .received(let message, let server): receive(message, from: server)
        case .proposed(let commands): propose(commands)
        case .changeProposed(let change): propose(change)
        case .readRequested(let read): requestRead(read)
        case .readRequestedHere(let read): requestReadHere(read)
        case .transferRequested(let target): requestTransfer(to: target)
        case .persisted(let sequence): persisted(through: sequence)
        case .connectionLost(let server): forgetLeader(server)
        case .unreachable(let server): loseTouch(with: server)
        case .snapshotTaken(let metadata): snapshotTaken(metadata)
        case .snapshotOffered(let offer, let server): snapshotOffered(offer, from: server)
        case .snapshotReceived(let offer, let server): snapshotReceived(offer, from: server)
        case .snapshotAbandoned(let offer, let server): snapshotAbandoned(offer, from: server)
        case .snapshotSendFailed(let server): snapshotSendFailed(to: server)
        }
    }

    private mutating func begin() {
        if restoredCommit > commitIndex { commitIndex = restoredCommit }
    }

    /// What follows from the input, in the order that the effects must have: durable writes first,
    /// then what the state machine sees, then what others see.
    private mutating func finish(handingOut bytesMax: Int) {
        if role == .leader {
            advanceCommit()
            continueMembership()
        }
        flushWrites()
        handOut(bytesMax: bytesMax)
        advanceFollowerReads()
        if role == .leader {
            advanceReads()
            replicate()
            advanceTransfer()
            observePeers()
            settleMembership()
        }
        if configurations.revision != announcedRevision { announceConfiguration() }
        if status != lastStatus {
            lastStatus = status
            outbox.append(.statusChanged(lastStatus))
        }
    }

    private mutating func announceConfiguration() {
        announcedRevision = configurations.revision
        guard lastConfiguration != (configuration, configurationIndex) else { return }
        lastConfiguration = (configuration, configurationIndex)
        outbox.append(.configurationChanged(configuration, index: configurationIndex))
    }

    private mutating func handOut(bytesMax: Int) {
        if let metadata = restoring {
            restoring = nil
            handedOutIndex = max(handedOutIndex, metadata.lastIndex)
            outbox.append(.restore(metadata))
        }
        guard commitIndex > handedOutIndex, bytesMax > 0 else { return }
        let entries = log.entries(
            from: handedOutIndex.next, through: commitIndex, bytesMax: bytesMax)
        guard let last = entries.last else { return }
        handedOutIndex = last.index
        if role == .leader {
            for position in entries.indices
            where entries[position].index >= leadership.firstIndex {
                leadership.uncommittedBytes -= entries[position].sizeBytes
            }
        }
        outbox.append(.committed(entries))
    }

    private mutating func tick() {
        if role == .leader {
            tickLeader()
        } else if canCampaign, now >= electionDeadline {
            if isDiskStalled || (role == .candidate && !campaigning.isAsked) {
                // Its own vote is not durable yet. A new term would need another slow write.
                electionDeadline = now + electionDelay()
            } else {
                startPreVote()
            }
        }
    }

    // MARK: - What the shell asks

    /// The newest term this server knows, durable or not.
    public var term: Term { hardState.term }

    /// Role, term and leader, as last announced by ``Effect/statusChanged(_:)``.
    public var status: Status { Status(role: role, term: hardState.term, leader: leader) }

    /// When ``Input/ticked`` is due next; nil for a server that never campaigns.
    public var deadline: Duration? {
        guard role == .leader else {
            guard canCampaign else { return following.reads.deadline }
            return min(electionDeadline, following.reads.deadline ?? electionDeadline)
        }
        guard let transfer = leadership.transfer else { return leadership.heartbeatDeadline }
        return min(leadership.heartbeatDeadline, transfer.deadline)
    }

    /// The configuration in force: the latest in the log, committed or not (dissertation §4.1).
    public var configuration: Configuration { configurations.newestConfiguration }
    /// The entry that put it in force; what a compare-and-set change names.
    public var configurationIndex: LogIndex { configurations.newestIndex }
    /// This server lost log or vote records, and counts for no majority (``Restored/isRecovering``).
    public var isRecovering: Bool { recovery != nil }
    /// Whether it can no longer be taken back; only then is another change possible.
    public var isConfigurationCommitted: Bool { configurationIndex <= commitIndex }
    /// The first entry that is not compacted.
    public var firstIndex: LogIndex { log.firstIndex }
    /// The last entry, durable or not; before ``firstIndex`` in a log without entries.
    public var lastIndex: LogIndex { log.lastIndex }
    /// The last entry's term.
    public var lastTerm: Term { log.lastTerm }
    /// The own log is durable up to here.
    public var durableIndex: LogIndex { writes.durableIndex }
    /// Proposed by this leader and not committed; 0 for everybody else.
    public var uncommittedBytes: Int { leadership.uncommittedBytes }
    /// The last entry inside the newest durable snapshot; 0 without one.
    public var snapshotIndex: LogIndex { snapshot?.lastIndex ?? .zero }
    /// A follower is receiving a snapshot of this leader.
    public var isSendingSnapshot: Bool { leadership.peers.contains(where: \.isReceivingSnapshot) }

    /// When a follower last heard its leader; for a leader, now.
    public var lastLeaderContact: Duration? { role == .leader ? now : following.lastContact }

    /// Committed entries of the leader, as far as it told, that are not committed here yet. nil until
    /// the log was found to agree with that of the term's leader; 0 for a leader.
    package var entriesBehindLeader: UInt64? {
        if role == .leader { return 0 }
        guard leader != nil, following.leaderCommit > .zero else { return nil }
        return following.leaderCommit.number - min(following.leaderCommit, commitIndex).number
    }

    /// The term of an entry; nil for what is compacted or not there.
    public func term(at index: LogIndex) -> Term? { log.term(at: index) }

    /// The first entry of a new cluster. Store it with `HardState(term: Term(1), vote: nil)` before a
    /// core is made of it.
    public static func foundingEntry(_ configuration: Configuration) -> Entry {
        Entry(
            index: LogIndex(1), term: Term(1), kind: .configuration,
            payload: configuration.encoded())
    }
}

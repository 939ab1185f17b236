// SPDX-License-Identifier: Apache-2.0

/// What a leader knows of one follower, and how it feeds it.
///
/// ```
///             accepted                   next entry is compacted
///   probe ───────────────▶ replicate ─────────────┐
///     ▲ ▲                      │                  ▼
///     │ └──────────────────────┘               snapshot
///     │   rejected, unreachable, stalled          │
///     └───────────────────────────────────────────┘
///             installed, failed, or no longer needed
/// ```
///
/// - Invariant: `match < next`, and everything up to `match` is durable at the follower, unless an
///   older copy of its data was put in the place of that.
struct Peer: Sendable {
    enum State: Equatable, Sendable {
        /// Where the logs part is being found: one message in each heartbeat interval.
        case probe(isAsked: Bool)
        /// Entries are streamed ahead of the answers, within the window.
        case replicate
        /// A snapshot that ends here is on its way; heartbeats only.
        case snapshot(lastIndex: LogIndex)
    }

    /// An append that has not been answered.
    struct Inflight: Sendable {
        var lastIndex: LogIndex
        var bytes: Int
    }

    let id: ServerID
    /// The index of the configuration entry that its life in the configuration began with.
    let session: LogIndex
    /// Its part in the configuration in force; both only while that is joint.
    var votesIncoming = false
    var votesOutgoing = false
    /// Removed by the configuration in force; hears of it until that is committed.
    var isLeaving = false
    var match = LogIndex.zero
    var next: LogIndex
    var state = State.probe(isAsked: false)
    var inflight: [Inflight] = []
    var inflightBytes = 0
    /// When the last answer of this term came.
    var lastContact: Duration?
    /// The same by ``Leadership/clock(at:)``.
    var heardAt: Duration?
    /// Its last log entry, as it said: durable or not.
    var lastIndex = LogIndex.zero
    var lastTerm = Term.zero
    /// Since when, by its answers, it has entries of this log that its disk has not taken, none of them.
    var unwrittenSince: Duration?
    /// The newest round of confirmation that it was told of, and that it echoed.
    var roundSent: UInt64 = 0
    var roundEchoed: UInt64 = 0
    /// What it can know of the commit index from the messages sent so far.
    var commitSent = LogIndex.zero
    var isHeartbeatDue = false
    /// Heartbeats since anything moved although something is in flight.
    var stalledHeartbeats = 0
    /// It says that it has entries which it never acknowledged, although time enough went by.
    var isTailUnsure = false
    /// It votes for nobody else before, by this server's clock; counts with lease reads only.
    var boundUntil = Duration.zero
    /// What was told of ``state`` last.
    var observedState: Progress.State?
    /// A failed transfer of a snapshot is not repeated before.
    var snapshotNotBefore: Duration?
    var catchUp: CatchUp
    /// It lost log or vote records, and this numbers its attempt to come back: then it counts for
    /// nothing that needs a majority (see RaftCore+Recovery).
    var recovery: UInt64?
    /// The first entry that proves, once it is committed, that this leader was one after the loss.
    var recoveryIndex = LogIndex.zero

    /// - Parameter last: the end of the leader's log.
    init(id: ServerID, session: LogIndex, next: LogIndex, last: LogIndex, at now: Duration) {
        self.id = id
        self.session = session
        self.next = next
        catchUp = CatchUp(end: last, startedAt: now)
    }

    var isVoter: Bool { votesIncoming || votesOutgoing }

    /// Whether a leader with this log has nothing to say to it: most of the time, after most steps.
    ///
    /// - Parameters:
    ///   - last: the end of the leader's log.
    ///   - round: the newest of confirmation.
    ///   - configurationIndex: of the configuration in force, if that is committed; else 0.
    func isQuiet(last: LogIndex, round: UInt64, committed configurationIndex: LogIndex) -> Bool {
        state == .replicate && next > last && !isHeartbeatDue && roundSent == round
            && commitSent >= configurationIndex
    }

    var isRecovering: Bool { recovery != nil }

    var isReceivingSnapshot: Bool {
        if case .snapshot = state { true } else { false }
    }

    var progressState: Progress.State {
        switch state {
        case .probe: .probe
        case .replicate: .replicate
        case .snapshot: .snapshot
        }
    }

    mutating func probe(from index: LogIndex) {
        state = .probe(isAsked: false)
        next = max(index, match.next)
        clearWindow()
    }

    /// - Parameter unwrittenBytes: what it has beyond `match` and has not stored: it goes on filling
    ///   the window, so that a slow disk is not sent ever more.
    mutating func stream(from index: LogIndex, unwrittenBytes: Int = 0) {
        state = .replicate
        next = max(index, match.next)
        clearWindow()
        guard next > match.next else { return }
        inflight.append(Inflight(lastIndex: next.previous, bytes: unwrittenBytes))
        inflightBytes = unwrittenBytes
    }

    mutating func sent(through last: LogIndex, bytes: Int) {
        inflight.append(Inflight(lastIndex: last, bytes: bytes))
        inflightBytes += bytes
        next = last.next
    }

    /// Everything up to `index` is durable there.
    mutating func acknowledge(_ index: LogIndex) {
        guard index > match else { return }
        match = index
        next = max(next, index.next)
        stalledHeartbeats = 0
        var answered = 0
        while answered < inflight.count, inflight[answered].lastIndex <= index {
            inflightBytes -= inflight[answered].bytes
            answered += 1
        }
        inflight.removeFirst(answered)
    }

    /// How long its disk has taken nothing of what it has, from answer to answer: one that answers
    /// no more says nothing of its disk.
    var unwrittenFor: Duration? {
        guard let unwrittenSince, let lastContact else { return nil }
        return lastContact - unwrittenSince
    }

    private mutating func clearWindow() {
        inflight.removeAll(keepingCapacity: true)
        inflightBytes = 0
        stalledHeartbeats = 0
    }
}

/// Whether a follower keeps up, measured in rounds: each is to bring what the leader's log held when
/// the round began (dissertation §4.2.1). If the last round took less than an election timeout, a
/// vote for this server stops nobody for longer than that. There are as many rounds as it takes, one
/// after the other, and nothing waits for them: who asks too early is refused.
struct CatchUp: Sendable {
    private(set) var end: LogIndex
    private var startedAt: Duration
    private var lastRound: Duration?

    init(end: LogIndex, startedAt now: Duration) {
        self.end = end
        startedAt = now
    }

    /// - Parameter last: the end of the leader's log.
    mutating func reached(_ match: LogIndex, last: LogIndex, at now: Duration) {
        guard match >= end else { return }
        lastRound = now - startedAt
        end = last
        startedAt = now
    }

    /// Also the round under way must not have taken longer: whoever went silent is not caught up.
    func isDone(within limit: Duration, at now: Duration) -> Bool {
        guard let lastRound else { return false }
        return lastRound < limit && now - startedAt < limit
    }
}

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
/// - Invariant: `match < next`, and everything up to `match` is durable at the follower.
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
    /// The index of the configuration entry that added it.
    let session: LogIndex
    var isVoter: Bool
    /// Removed by the configuration in force; hears of it until that is committed.
    var isLeaving = false
    var match = LogIndex.zero
    var next: LogIndex
    var state = State.probe(isAsked: false)
    var inflight: [Inflight] = []
    var inflightBytes = 0
    /// When the last answer of this term came.
    var lastContact: Duration?
    /// Its last log entry, as it said: durable or not.
    var lastIndex = LogIndex.zero
    var lastTerm = Term.zero
    /// The newest round of confirmation that it was told of, and that it echoed.
    var roundSent: UInt64 = 0
    var roundEchoed: UInt64 = 0
    /// What it can know of the commit index from the messages sent so far.
    var commitSent = LogIndex.zero
    var isHeartbeatDue = false
    /// Heartbeats since anything moved although something is in flight.
    var stalledHeartbeats = 0
    /// Heartbeats in which nothing moved before what is in flight counts as lost. Three: one answer
    /// may be lost and one late.
    private static let stalledHeartbeatsMax = 3
    var isStalled: Bool { stalledHeartbeats > Self.stalledHeartbeatsMax }
    /// A failed transfer of a snapshot is not repeated before.
    var snapshotNotBefore: Duration?

    init(id: ServerID, session: LogIndex, isVoter: Bool, next: LogIndex) {
        self.id = id
        self.session = session
        self.isVoter = isVoter
        self.next = next
    }

    var isReceivingSnapshot: Bool {
        if case .snapshot = state { true } else { false }
    }

    mutating func probe(from index: LogIndex) {
        state = .probe(isAsked: false)
        next = max(index, match.next)
        clearWindow()
    }

    mutating func stream(from index: LogIndex) {
        state = .replicate
        next = max(index, match.next)
        clearWindow()
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

    private mutating func clearWindow() {
        inflight.removeAll(keepingCapacity: true)
        inflightBytes = 0
        stalledHeartbeats = 0
    }
}

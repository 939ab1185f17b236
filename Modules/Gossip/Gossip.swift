// SPDX-License-Identifier: Apache-2.0

/// Who is there: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips, Currey 2017) as
/// a value. One input in, effects out; no clock, no socket, seeded randomness.
///
/// ```
///              probe unanswered                 nobody heard from it in time
///   alive ─────────────────────▶ suspect ──────────────────────────────────▶ failed
///     ▲ │                          │                                           │
///     │ │ says that it leaves      │ raises its incarnation                    │ forced out
///     │ ▼                          ▼                                           ▼
///     │ leaving ─────────────▶   alive                                       left ──▶ erased
///     │    │     says that it left, or falls silent                            ▲
///     │    └───────────────────────────────────────────────────────────────────┘
///     └── a higher incarnation, from any of these: it restarted, or contradicts
/// ```
///
/// What is said of a server is a set of flags under an incarnation, united in any order
/// (``Standing``); suspicion is each server's own and never outlives an incarnation.
///
/// - Invariant: the others are at most ``membersMax`` − 1, and only those that `admits` lets in.
/// - Invariant: no incarnation ever goes back while its server is remembered.
/// - Invariant: only this server raises its own incarnation, and only others' flags stand against
///   it for a moment: it contradicts each that it hears of.
package struct Gossip: Sendable {
    /// The largest datagram, before it is sealed: with a seal of 29 bytes and the headers of UDP
    /// and IPv6 it fits the smallest packet that IPv6 carries in one piece (1,280 bytes).
    package static let packetBytesMax = 1_200
    /// The largest message over a stream: everything known of every member.
    package static let exchangeBytesMax = 80 * 1_024
    /// Members that are remembered, this server included.
    package static let membersMax = 64
    /// Whether `other` belongs to the pool of `own`. A pure function of the two.
    package typealias Admission = @Sendable (_ other: NodeRecord, _ own: NodeRecord) -> Bool

    /// What this server says of itself.
    package internal(set) var own: NodeRecord
    let timing: GossipTiming
    let admits: Admission

    /// The instant of the step under way.
    var now: Duration
    var generator: Generator
    /// What the step under way has brought about; empty between steps.
    var outbox: [GossipEffect] = []
    var changedIDs: [NodeID] = []
    var counters = GossipMetrics()

    var presence: Presence = .present
    var ownSince: Duration
    /// How often this life was contradicted by somebody who called itself alive.
    var impostures = 0
    var table = MemberTable()
    var queue = BroadcastQueue()
    var probing: Probing
    var relays = RelayTable()
    var awareness: Awareness

    var gossipAt: Duration
    var exchangeAt: Duration
    var reconnectAt: Duration
    var reapAt: Duration

    /// - Precondition: `own` is well-formed.
    package init(
        own: NodeRecord, timing: GossipTiming = .lan, seed: UInt64, at now: Duration,
        admits: @escaping Admission
    ) {
        precondition(own.isWellFormed, "a record that others refuse: \(own.address)")
        self.own = own
        self.timing = timing
        self.admits = admits
        self.now = now
        var generator = Generator(seed: seed)
        ownSince = now
        awareness = Awareness(limit: timing.awarenessLimit)
        // Servers that start together are not to speak all at once.
        probing = Probing(
            firstAt: now + generator.duration(upTo: timing.probeInterval),
            sequence: generator.next())
        gossipAt = now
        exchangeAt = now + generator.duration(upTo: timing.exchangeInterval)
        reconnectAt = now + generator.duration(upTo: timing.reconnectInterval)
        reapAt = now + Self.reapInterval
        self.generator = generator
    }

    package var metrics: GossipMetrics {
        var metrics = counters
        metrics.awareness = awareness.score
        metrics.broadcasts = queue.count
        return metrics
    }

    /// All members, ordered by id, this server included.
    package var members: [GossipMember] {
        var members = table.entries.filter { !$0.standing.isErased }.map(\.member)
        members.insert(ownMember, at: members.firstIndex { $0.id > own.id } ?? members.count)
        return members
    }

    package subscript(id: NodeID) -> GossipMember? {
        if id == own.id { return ownMember }
        guard let entry = table[id], !entry.standing.isErased else { return nil }
        return entry.member
    }

    private var ownMember: GossipMember {
        GossipMember(record: own, status: ownStanding.status, isSuspect: false, since: ownSince)
    }

    /// Takes one input; what follows from it is appended to `effects`. `now` is monotonic; an
    /// earlier one than before counts as the same.
    package mutating func step(
        _ input: GossipInput, at now: Duration, into effects: inout [GossipEffect]
    ) {
        self.now = max(self.now, now)
        absorbPause()
        take(input)
        doWhatIsDue()
        for id in changedIDs where self[id] != nil { outbox.append(.changed(id)) }
        changedIDs.removeAll(keepingCapacity: true)
        effects.append(contentsOf: outbox)
        outbox.removeAll(keepingCapacity: true)
    }

    private mutating func take(_ input: GossipInput) {
        guard !presence.isOver else { return refuseAfterLeaving(input) }
        switch input {
        case .tick, .exchangeFailed: break
        case .packet(let bytes, let address): receive(bytes, from: address)
        case .joinRequested(let address): exchange(with: address)
        case .exchangeReceived(let token, let bytes): receiveStream(bytes, token: token)
        case .exchangeAnswered(let address, let bytes): receiveAnswer(bytes, from: address)
        case .streamPingAnswered(let sequence): probing.answered(sequence)
        case .ownChanged(let address, let payload): changeOwn(address: address, payload: payload)
        case .leaveRequested: leave()
        case .forceLeaveRequested(let id, let prune): forceOut(id, prune: prune)
        }
    }

    /// Others may still send; a stream must be closed by somebody.
    private mutating func refuseAfterLeaving(_ input: GossipInput) {
        switch input {
        case .packet(_, let address), .exchangeAnswered(let address, _): refuse(.left, address)
        case .exchangeReceived: refuse(.left, "")
        case .leaveRequested: outbox.append(.leaveFinished)
        case .tick, .joinRequested, .exchangeFailed, .streamPingAnswered, .ownChanged,
            .forceLeaveRequested:
            break
        }
    }

    mutating func refuse(_ reason: GossipRefusal, _ address: String) {
        counters.refused &+= 1
        outbox.append(.refused(reason, from: address))
    }

    mutating func noteChange(of id: NodeID) {
        guard !changedIDs.contains(id) else { return }
        changedIDs.insert(id, at: changedIDs.firstIndex { $0 > id } ?? changedIDs.count)
    }
}

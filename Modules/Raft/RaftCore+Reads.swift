// SPDX-License-Identifier: Apache-2.0

/// Linearizable reads without a log entry (dissertation §6.4), many in one round.
///
/// A round begins with the commit index of that moment and ends when a quorum has echoed its number:
/// only answers to messages sent after it began can carry it. What is asked meanwhile waits for the
/// next round, so there is one round trip for each batch however many ask.
struct ReadQueue: Sendable {
    enum Reader: Equatable, Sendable {
        case here(UInt64)
        case follower(ServerID, id: UInt64)
    }

    struct Round: Sendable {
        var number: UInt64
        var index: LogIndex
        var readers: [Reader]
    }

    /// Waiting and unanswered reads that a leader keeps; more are refused as busy. Each costs 32
    /// bytes: the bound is for a leader that hears nobody until check-quorum ends it.
    static let readsMax = 1 << 16

    /// The number of the newest round; each append carries it.
    var round: UInt64 = 0
    var current: Round?
    var waiting: [Reader] = []

    var count: Int { waiting.count + (current?.readers.count ?? 0) }
}

extension RaftCore {
    mutating func requestRead(_ read: UInt64) {
        guard role == .leader else {
            outbox.append(.readDecided(id: read, .refused(.notLeader(leader: leader))))
            return
        }
        guard leadership.reads.count < ReadQueue.readsMax else {
            outbox.append(.readDecided(id: read, .refused(.busy)))
            return
        }
        leadership.reads.waiting.append(.here(read))
    }

    /// A follower has one question at a time: a new one replaces an old one that waits.
    mutating func receive(_ request: ReadRequest, from server: ServerID) {
        let reader = ReadQueue.Reader.follower(server, id: request.id)
        guard role == .leader, request.term == term, leadership.position(of: server) != nil,
            leadership.reads.count < ReadQueue.readsMax
        else { return answer(reader, with: nil) }
        if leadership.reads.current?.readers.contains(reader) == true { return }  // Asked twice.
        leadership.reads.waiting.removeAll {
            if case .follower(server, _) = $0 { true } else { false }
        }
        leadership.reads.waiting.append(reader)
    }

    /// Ends the round if a quorum has confirmed it, and begins the next if somebody waits. Until an
    /// entry of its own term is committed a leader does not know how far its predecessors got.
    mutating func advanceReads() {
        if let current = leadership.reads.current, isConfirmed(current),
            handedOutIndex >= current.index
        {
            leadership.reads.current = nil
            for reader in current.readers { answer(reader, with: current.index) }
        }
        guard !leadership.reads.waiting.isEmpty, hasCommittedOwnTerm else { return }
        if let leaseEnd, handedOutIndex == commitIndex { answerUnderLease(until: leaseEnd) }
        guard leadership.reads.current == nil, !leadership.reads.waiting.isEmpty else { return }
        beginRound()
        leadership.reads.current = ReadQueue.Round(
            number: leadership.reads.round, index: commitIndex, readers: leadership.reads.waiting)
        leadership.reads.waiting = []
        // A single voter needs nobody else.
        if let current = leadership.reads.current, isConfirmed(current) { advanceReads() }
    }

    /// Only the own reads: nobody could check the lease again after a follower has read its state.
    private mutating func answerUnderLease(until end: Duration) {
        var others: [ReadQueue.Reader] = []
        for reader in leadership.reads.waiting {
            switch reader {
            case .here(let read):
                outbox.append(.readDecided(id: read, .ready(at: commitIndex, validUntil: end)))
            case .follower:
                others.append(reader)
            }
        }
        leadership.reads.waiting = others
    }

    private mutating func answer(_ reader: ReadQueue.Reader, with index: LogIndex?) {
        switch reader {
        case .here(let read):
            let outcome = index.map { ReadOutcome.ready(at: $0) }
            outbox.append(
                .readDecided(id: read, outcome ?? .refused(.notLeader(leader: leader))))
        case .follower(let server, let read):
            let response = ReadResponse(term: term, id: read, index: index)
            outbox.append(.send(.readResponse(response), to: server))
            // It waits until it has so much committed itself: tell it now, not with a heartbeat.
            guard let index, let position = leadership.position(of: server) else { return }
            if leadership.peers[position].commitSent < index {
                leadership.peers[position].isHeartbeatDue = true
            }
        }
    }

    mutating func refuseReads() {
        let reads = leadership.reads
        for reader in (reads.current?.readers ?? []) + reads.waiting { answer(reader, with: nil) }
    }

    private mutating func isConfirmed(_ round: ReadQueue.Round) -> Bool {
        hasMajority { $0.roundEchoed >= round.number }
    }
}

// SPDX-License-Identifier: Apache-2.0

/// Linearizable reads without a log entry (dissertation §6.4), many in one round.
///
/// A round begins with the commit index of that moment and ends when a quorum has echoed its number:
/// only answers to messages sent after it began can carry it. What is asked meanwhile waits for the
/// next round, so there is one round trip for each batch however many ask.
struct ReadQueue: Sendable {
    struct Round: Sendable {
        var index: LogIndex
        var ids: [UInt64]
    }

    /// Waiting and unanswered reads that a leader keeps; more are refused as busy. Each costs eight
    /// bytes: the bound is for a leader that hears nobody until check-quorum ends it.
    static let readsMax = 1 << 16

    /// The number of the newest round; each append carries it.
    var round: UInt64 = 0
    var current: Round?
    var waiting: [UInt64] = []
}

extension RaftCore {
    mutating func requestRead(_ read: UInt64) {
        guard role == .leader else {
            outbox.append(.readDecided(id: read, .refused(.notLeader(leader: leader))))
            return
        }
        let pending = leadership.reads.waiting.count + (leadership.reads.current?.ids.count ?? 0)
        guard pending < ReadQueue.readsMax else {
            outbox.append(.readDecided(id: read, .refused(.busy)))
            return
        }
        leadership.reads.waiting.append(read)
    }

    /// Ends the round if a quorum has confirmed it, and begins the next if somebody waits. Until an
    /// entry of its own term is committed a leader does not know how far its predecessors got.
    mutating func advanceReads() {
        if let current = leadership.reads.current, isRoundConfirmed {
            leadership.reads.current = nil
            for read in current.ids {
                outbox.append(.readDecided(id: read, .ready(at: current.index)))
            }
        }
        guard leadership.reads.current == nil, !leadership.reads.waiting.isEmpty,
            hasCommittedOwnTerm
        else { return }
        leadership.reads.round += 1
        leadership.reads.current = ReadQueue.Round(
            index: commitIndex, ids: leadership.reads.waiting)
        leadership.reads.waiting = []
        if isRoundConfirmed { advanceReads() }  // A single voter needs nobody else.
    }

    func refusalsOfReads() -> [Effect] {
        let reads = leadership.reads
        return ((reads.current?.ids ?? []) + reads.waiting).map {
            .readDecided(id: $0, .refused(.notLeader(leader: leader)))
        }
    }

    private var isRoundConfirmed: Bool {
        let round = leadership.reads.round
        return hasMajority { $0.roundEchoed >= round }
    }
}

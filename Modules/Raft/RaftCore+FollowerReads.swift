// SPDX-License-Identifier: Apache-2.0

/// Linearizable reads of a server that does not lead: it asks its leader for a read index, and waits
/// until it has handed that out (dissertation §6.4).
///
/// One question is under way at a time; what is asked meanwhile waits for the next. Questions have
/// ids that no other life of this server used, and an answer counts only from the leader and in the
/// term that was asked. Whoever asks is refused when the leader changes or does not answer within
/// an election timeout.
struct FollowerReads: Sendable {
    struct Question: Sendable {
        var id: UInt64
        var readers: [UInt64]
        var sentAt: Duration
        var expiresAt: Duration
    }

    /// The leader named the index; it is not handed out here yet.
    struct Answered: Sendable {
        var index: LogIndex
        var readers: [UInt64]
        var expiresAt: Duration
    }

    var question: Question?
    var answered: [Answered] = []
    var waiting: [UInt64] = []
    /// Of whom, and in which term, the above is asked.
    var leader: ServerID?
    var term = Term.zero
    /// Begins at random: a late answer to an earlier life fits no question of this one.
    var lastID: UInt64?

    var isEmpty: Bool { question == nil && answered.isEmpty && waiting.isEmpty }

    /// When the first who waits has waited long enough.
    var deadline: Duration? {
        let answer = answered.first?.expiresAt
        guard let question else { return answer }
        return min(question.expiresAt, answer ?? question.expiresAt)
    }

    var readers: [UInt64] { answered.flatMap(\.readers) + (question?.readers ?? []) + waiting }
}

extension RaftCore {
    mutating func requestReadHere(_ read: UInt64) {
        guard role != .leader else { return requestRead(read) }
        guard leader != nil else {
            outbox.append(.readDecided(id: read, .refused(.notLeader(leader: nil))))
            return
        }
        if following.reads.isEmpty {
            following.reads.leader = leader
            following.reads.term = term
        }
        guard following.reads.waiting.count < ReadQueue.readsMax else {
            outbox.append(.readDecided(id: read, .refused(.busy)))
            return
        }
        following.reads.waiting.append(read)
    }

    mutating func receive(_ response: ReadResponse, from server: ServerID) {
        guard role != .leader, response.term == term, leader == server,
            let question = following.reads.question, question.id == response.id
        else { return }
        following.reads.question = nil
        guard let index = response.index else {
            for read in question.readers {
                outbox.append(.readDecided(id: read, .refused(.notLeader(leader: leader))))
            }
            return
        }
        following.reads.answered.append(
            FollowerReads.Answered(
                index: index, readers: question.readers, expiresAt: question.expiresAt))
    }

    /// What a step changes for those who wait: answers, refusals, the next question.
    mutating func advanceFollowerReads() {
        guard !following.reads.isEmpty else { return }
        let isAskedInVain = following.reads.deadline.map { now >= $0 } ?? false
        guard role != .leader, leader == following.reads.leader, term == following.reads.term,
            !isAskedInVain
        else {
            let readers = following.reads.readers
            following.reads = FollowerReads(lastID: following.reads.lastID)
            for read in readers {
                outbox.append(.readDecided(id: read, .refused(.notLeader(leader: leader))))
            }
            return
        }
        while let first = following.reads.answered.first, first.index <= handedOutIndex {
            following.reads.answered.removeFirst()
            for read in first.readers {
                outbox.append(.readDecided(id: read, .ready(at: first.index)))
            }
        }
        askForReadIndex()
    }

    /// Asks, or asks again when neither question nor answer seems to have arrived: with the same id,
    /// for every answer to it is to a round that began after the first asking.
    private mutating func askForReadIndex() {
        guard let leader else { return }
        if following.reads.question == nil, !following.reads.waiting.isEmpty {
            let id = (following.reads.lastID ?? generator.next()) &+ 1
            following.reads.lastID = id
            following.reads.question = FollowerReads.Question(
                id: id, readers: following.reads.waiting, sentAt: now,
                expiresAt: now + timing.electionTimeout)
            following.reads.waiting = []
        } else if let question = following.reads.question, now - question.sentAt >= timing.heartbeat
        {
            following.reads.question?.sentAt = now
        } else {
            return
        }
        guard let question = following.reads.question else { return }
        outbox.append(.send(.readRequest(ReadRequest(term: term, id: question.id)), to: leader))
    }
}

// SPDX-License-Identifier: Apache-2.0

/// Entries read from the log once and sent to all followers that need the same.
private struct Batch {
    var first: LogIndex
    var entries: [Entry]
    var bytes: Int
}

extension RaftCore {
    /// Heartbeats in which nothing moved before a full window counts as lost. Three: one answer may
    /// be lost and one late.
    private static let stalledHeartbeatsMax = 3

    // MARK: - Sending

    /// Sends each follower what it lacks, as far as its window is open.
    mutating func replicate() {
        var batch: Batch?
        let newest = configurations.newestIndex
        let committed = newest <= commitIndex ? newest : .zero
        for position in leadership.peers.indices
        where !leadership.peers.span[position].isQuiet(
            last: log.lastIndex, round: leadership.reads.round, committed: committed)
        {
            replicate(to: position, sharing: &batch)
        }
    }

    mutating func heartbeat(to position: Int) {
        leadership.peers[position].isHeartbeatDue = true
        // Also with an empty window: an answer from before a restart may have told of entries that
        // the restart lost.
        guard case .replicate = leadership.peers[position].state,
            leadership.peers[position].match.next < leadership.peers[position].next
        else { return }
        leadership.peers[position].stalledHeartbeats += 1
        guard leadership.peers[position].stalledHeartbeats > Self.stalledHeartbeatsMax else {
            return
        }
        let known = sharedIndex(of: leadership.peers[position])
        if known.next < leadership.peers[position].next {
            leadership.peers[position].probe(from: known.next)
            // Empty, with this heartbeat: whoever is silent gets no entries until it answers.
            leadership.peers[position].state = .probe(isAsked: true)
        } else {
            // All arrived. Its disk is slow; or it was restarted, and does not know that what it has
            // is ours: the next heartbeat asks for it.
            leadership.peers[position].stalledHeartbeats = 0
            leadership.peers[position].isTailUnsure = true
        }
    }

    private mutating func replicate(to position: Int, sharing batch: inout Batch?) {
        var hasSent = false
        let state = leadership.peers.span[position].state
        switch state {
        case .probe(let isAsked):
            guard leadership.peers[position].next > log.previousIndex else {
                startSnapshot(to: position)
                break
            }
            if !isAsked {
                hasSent = sendBatch(to: position, sharing: &batch)
                leadership.peers[position].state = .probe(isAsked: true)
                if !hasSent { sendEmpty(to: position) }
                hasSent = true
            }
        case .replicate:
            guard leadership.peers[position].next > log.previousIndex else {
                startSnapshot(to: position)
                break
            }
            while leadership.peers[position].inflight.count < limits.inflightMessagesMax,
                leadership.peers[position].inflightBytes < limits.inflightBytesMax,
                sendBatch(to: position, sharing: &batch)
            {
                hasSent = true
            }
        case .snapshot:
            break
        }
        if !hasSent, leadership.peers[position].isHeartbeatDue || hasNews(for: position) {
            sendEmpty(to: position)
        }
        leadership.peers[position].isHeartbeatDue = false
    }

    /// A round of confirmation, or a change of the configuration that is committed: the next one waits
    /// for it everywhere. That commands are can wait for the next append or heartbeat: nobody waits
    /// for it at a follower.
    ///
    /// `mutating`, or the whole core would be copied for the look.
    private mutating func hasNews(for position: Int) -> Bool {
        let peers = leadership.peers.span
        let hasRound = peers[position].roundSent < leadership.reads.round
        if hasRound, peers[position].isVoter { return true }
        let known = min(commitIndex, peers[position].next.previous)
        return peers[position].commitSent < configurationIndex && configurationIndex <= known
            && peers[position].state == .replicate
    }

    /// False if there is nothing to send.
    private mutating func sendBatch(to position: Int, sharing batch: inout Batch?) -> Bool {
        let next = leadership.peers[position].next
        guard next <= log.lastIndex else { return false }
        if batch?.first != next { batch = makeBatch(from: next) }
        guard let batch, let last = batch.entries.last else { return false }
        send(batch.entries, after: next.previous, to: position)
        if case .replicate = leadership.peers[position].state {
            leadership.peers[position].sent(through: last.index, bytes: batch.bytes)
        }
        leadership.peers[position].commitSent = min(commitIndex, last.index)
        return true
    }

    private func makeBatch(from first: LogIndex) -> Batch {
        var last = first
        var bytes = log[first].sizeBytes
        while last < log.lastIndex, last.number - first.number + 1 < limits.appendEntriesMax {
            let more = log[last.next].sizeBytes
            guard bytes + more <= limits.appendBytesMax else { break }
            bytes += more
            last = last.next
        }
        return Batch(first: first, entries: log.entries(from: first, through: last), bytes: bytes)
    }

    /// A heartbeat. While probing it is the question; else it leans on what the follower has for sure,
    /// so that it is accepted whatever became of the entries in flight; or, after a while, on what it
    /// said that it has.
    mutating func sendEmpty(to position: Int) {
        let end = leadership.peers.span[position].next.previous
        var previous = leadership.peers.span[position].match
        if leadership.peers.span[position].isTailUnsure {
            previous = sharedIndex(of: leadership.peers[position])
            leadership.peers[position].isTailUnsure = false
        }
        if case .probe = leadership.peers.span[position].state { previous = end }
        send([], after: log.term(at: previous) == nil ? .zero : previous, to: position)
        leadership.peers[position].commitSent = min(commitIndex, end)
    }

    private mutating func send(_ entries: [Entry], after previous: LogIndex, to position: Int) {
        let request = AppendRequest(
            term: term, previousIndex: previous,
            previousTerm: previous == .zero ? .zero : log.term(at: previous) ?? .zero,
            entries: entries, commit: commitIndex, round: leadership.reads.round,
            session: leadership.peers[position].session,
            recovered: leadership.peers[position].isRecovering
                ? recovered(leadership.peers[position]) : nil)
        leadership.peers[position].roundSent = leadership.reads.round
        outbox.append(.send(.appendRequest(request), to: leadership.peers[position].id))
    }

    // MARK: - Answers

    mutating func receive(_ response: AppendResponse, from server: ServerID) {
        guard let position = answered(by: server, in: response.term, session: response.session)
        else { return }
        noteLife(response.recovery, of: position)
        guard response.round <= leadership.reads.round else {
            return refuse(.impossibleAnswer, from: server)
        }
        leadership.peers[position].roundEchoed = max(
            leadership.peers[position].roundEchoed, response.round)
        notePromise(response, by: position)
        if response.lastIndex > leadership.peers[position].lastIndex {
            leadership.peers[position].stalledHeartbeats = 0
        }
        leadership.peers[position].lastIndex = response.lastIndex
        leadership.peers[position].lastTerm = response.lastTerm
        let before = leadership.peers[position].match
        switch response.outcome {
        case .accepted(let match):
            accepted(match, by: position)
        case .rejected(let previous, let hint, let hintTerm):
            rejected(after: previous, hint: hint, hintTerm: hintTerm, by: position)
        }
        noteUnwritten(since: before, by: position)
    }

    /// - Parameter before: what it had acknowledged before this answer.
    private mutating func noteUnwritten(since before: LogIndex, by position: Int) {
        let match = leadership.peers[position].match
        guard leadership.peers[position].lastIndex > match,
            !leadership.peers[position].isReceivingSnapshot,
            sharedIndex(of: leadership.peers[position]) > match
        else {
            leadership.peers[position].unwrittenSince = nil
            return
        }
        if match > before || leadership.peers[position].unwrittenSince == nil {
            leadership.peers[position].unwrittenSince = now
        }
    }

    /// The position of a follower that answers this leader, in the life that it is in now. A newer
    /// term ends the leadership, or is followed.
    mutating func answered(by server: ServerID, in answerTerm: Term, session: LogIndex) -> Int? {
        let position = leadership.position(of: server)
        if answerTerm > term {
            if position != nil || configuration.contains(server) {
                becomeFollower(in: answerTerm, of: nil, shownBy: server)
            }
            return nil
        }
        guard role == .leader, answerTerm == term, let position,
            leadership.peers[position].session == session
        else { return nil }
        leadership.peers[position].lastContact = now
        leadership.peers[position].heardAt = leadership.clock(at: now)
        return position
    }

    private mutating func accepted(_ match: LogIndex, by position: Int) {
        guard match <= log.lastIndex else {
            return refuse(.impossibleAnswer, from: leadership.peers[position].id)
        }
        leadership.peers[position].acknowledge(match)
        let reached = leadership.peers[position].match
        leadership.peers[position].catchUp.reached(reached, last: log.lastIndex, at: now)
        switch leadership.peers[position].state {
        case .replicate:
            break
        case .probe:
            // What arrived and is not durable yet need not be sent again.
            let shared = sharedIndex(of: leadership.peers[position])
            leadership.peers[position].stream(
                from: shared.next, unwrittenBytes: bytes(after: reached, through: shared))
        case .snapshot(let lastIndex):
            guard reached >= lastIndex || reached >= log.previousIndex else { break }
            leadership.peers[position].stream(from: reached.next)
            compactLog()
        }
    }

    private func bytes(after first: LogIndex, through last: LogIndex) -> Int {
        var bytes = 0
        var index = max(first, log.previousIndex).next
        while index <= last, bytes < limits.inflightBytesMax {
            bytes += log[index].sizeBytes
            index = index.next
        }
        return bytes
    }

    /// The last entry that the follower is known to share: the same index and term mean the same log
    /// up to there (Raft §5.3, log matching), durable or not.
    private func sharedIndex(of peer: Peer) -> LogIndex {
        guard peer.lastIndex > peer.match, log.term(at: peer.lastIndex) == peer.lastTerm else {
            return peer.match
        }
        return peer.lastIndex
    }

    private mutating func rejected(
        after previous: LogIndex, hint: LogIndex, hintTerm: Term, by position: Int
    ) {
        let peer = leadership.peers[position]
        guard hint <= previous, previous <= log.lastIndex else { return }
        guard previous > peer.match else { return loseMatch(after: previous, hint, by: position) }
        switch peer.state {
        case .probe: guard previous == peer.next.previous else { return }  // An earlier question.
        case .replicate: break
        case .snapshot: return
        }
        // A whole term of ours that it cannot have is skipped as well.
        let shared =
            log.term(at: hint) == hintTerm || hint < log.previousIndex
            ? hint : log.lastIndex(atOrBefore: hint, termAtMost: hintTerm)
        leadership.peers[position].probe(from: min(shared, previous.previous).next)
    }

    /// It lacks what it has acknowledged. Such an answer is one of before, unless it is to what was asked
    /// last, and its log ends earlier: then an older copy of its data was put in the place of that. It
    /// is fed like one of which nothing is known, and what it acknowledged before counts no longer.
    private mutating func loseMatch(
        after previous: LogIndex, _ hint: LogIndex, by position: Int
    ) {
        let peer = leadership.peers[position]
        guard case .probe = peer.state, previous == peer.next.previous, previous > .zero,
            peer.lastIndex < peer.match
        else { return }
        refuse(.impossibleAnswer, from: peer.id)
        leadership.peers[position].match = .zero
        leadership.peers[position].probe(from: min(hint, previous.previous).next)
    }

    /// Messages to this server may be lost.
    mutating func loseTouch(with server: ServerID) {
        guard role == .leader, let position = leadership.position(of: server),
            case .replicate = leadership.peers[position].state
        else { return }
        leadership.peers[position].probe(from: leadership.peers[position].match.next)
        leadership.peers[position].state = .probe(isAsked: true)  // The next heartbeat asks.
    }
}

// SPDX-License-Identifier: Apache-2.0

/// What a server that does not lead knows of the term's leader.
struct Following: Sendable {
    /// Answers that wait for a write; one of a kind for each server, so this bounds strangers.
    static let deferredMax = 1024

    var lastContact: Duration?
    /// This server votes for nobody before, transfers aside (``Lease``).
    var boundUntil = Duration.zero
    /// Our log equals the leader's up to here, durable or not. Grows within a term.
    var verified = LogIndex.zero
    /// The newest commit index that the leader told.
    var leaderCommit = LogIndex.zero
    /// Something that the leader sent is not durable yet; and what its request said.
    var isAcknowledgementOwed = false
    var round: UInt64 = 0
    var session = LogIndex.zero
    var deferred: [RaftCore.Deferred] = []
    var reads = FollowerReads()
}

extension RaftCore {
    mutating func receive(_ message: Message, from server: ServerID) {
        guard server != id else { return refuse(.ownID, from: server) }
        guard isPlausible(message.term) else { return refuse(.absurdTerm, from: server) }
        switch message {
        case .voteRequest(let request): receive(request, from: server)
        case .voteResponse(let response): receive(response, from: server)
        case .appendRequest(let request): receive(request, from: server)
        case .appendResponse(let response): receive(response, from: server)
        case .timeoutNow(let request): receive(request, from: server)
        case .snapshotResponse(let response): receive(response, from: server)
        case .readRequest(let request): receive(request, from: server)
        case .readResponse(let response): receive(response, from: server)
        }
    }

    /// A term that is further ahead than any real one is not followed, so that terms never run out.
    func isPlausible(_ claimed: Term) -> Bool {
        claimed <= term
            || (claimed.number - term.number <= Term.jumpMax && claimed.number < UInt64.max / 2)
    }

    mutating func receive(_ request: AppendRequest, from server: ServerID) {
        guard isWellFormed(request) else { return refuse(.malformed, from: server) }
        guard request.term >= term else {
            reject(request, from: server)
            return
        }
        guard follow(server, in: request.term) else {
            return refuse(.secondLeader, from: server)
        }
        following.round = max(following.round, request.round)
        following.session = request.session
        guard isShared(request) else {
            reject(request, from: server)
            return
        }
        // A disk that is far behind: the leader sees from the answer that they were not taken.
        let entries = isWriteQueueFull ? [] : request.entries
        guard store(entries, after: request.previousIndex) else {
            return refuse(.contradiction, from: server)
        }
        following.leaderCommit = max(following.leaderCommit, request.commit)
        commitIndex = max(commitIndex, min(following.leaderCommit, following.verified))
        endRecovery(told: request.recovered)
        if following.verified > durableIndex || !writes.isHardStateDurable {
            following.isAcknowledgementOwed = true
        }
        // A heartbeat is answered at once: a slow disk is no silence. Entries are when durable.
        let isDurable = following.verified <= durableIndex
        if isDurable || entries.isEmpty, writes.isHardStateDurable {
            acknowledge(to: server)
        }
    }

    /// Takes `server` for the leader of `newTerm`, which is not behind ours. False if that cannot be.
    mutating func follow(_ server: ServerID, in newTerm: Term) -> Bool {
        if newTerm == term {
            guard role != .leader, leader == nil || leader == server else { return false }
        }
        if newTerm > term || role != .follower || leader != server {
            becomeFollower(in: newTerm, of: server, shownBy: server)
            following.round = 0
        }
        following.lastContact = now
        bind()
        attempts = 0
        electionDeadline = now + electionDelay()
        return true
    }

    /// Contiguous, terms sorted and none above the message's, configurations readable, nothing near
    /// the ends of the integers.
    private func isWellFormed(_ request: AppendRequest) -> Bool {
        guard request.previousIndex <= LogIndex.max, request.previousTerm <= request.term,
            (request.previousIndex == .zero) == (request.previousTerm == .zero),
            request.term > .zero
        else { return false }
        var index = request.previousIndex
        var entryTerm = max(request.previousTerm, Term(1))
        for entry in request.entries {
            guard entry.index == index.next, entry.term >= entryTerm, entry.term <= request.term
            else { return false }
            if entry.kind == .configuration, Configuration(encoded: entry.payload) == nil {
                return false
            }
            index = entry.index
            entryTerm = entry.term
        }
        return index <= LogIndex.max
    }

    /// The consistency check (Figure 2, AppendEntries rule 2). What is committed every leader has, so
    /// below that there is nothing to compare.
    private mutating func isShared(_ request: AppendRequest) -> Bool {
        request.previousIndex <= commitIndex
            || log.term(at: request.previousIndex) == request.previousTerm
    }

    /// Rules 3 and 4: what differs goes, with all that follows it; what is there stays. False, and
    /// nothing is done, if that would undo a promise: no leader sends such a thing.
    private mutating func store(_ entries: [Entry], after previous: LogIndex) -> Bool {
        let last = LogIndex(previous.number + UInt64(entries.count))
        let known = entries.firstIndex { entry in
            entry.index > log.previousIndex && log.term(at: entry.index) != entry.term
        }
        if let known {
            let first = entries[known].index
            guard first > following.verified, first > commitIndex else { return false }
            if first <= log.lastIndex { truncate(after: first.previous) }
            append(known == 0 ? entries : Array(entries[known...]))
        }
        // Below what is compacted nothing was compared: it is committed, and so verified, already.
        if last > log.previousIndex { following.verified = max(following.verified, last) }
        return true
    }

    private mutating func truncate(after index: LogIndex) {
        log.truncate(after: index)
        configurations.truncate(after: index)
        writes.truncate(after: index)
    }

    /// Appends in memory and to the write of this step.
    ///
    /// - Returns: What they count for in windows and bounds.
    @discardableResult
    mutating func append(_ entries: [Entry]) -> Int {
        log.append(entries)
        configurations.append(entries)
        let sizeBytes = entries.reduce(0) { $0 + $1.sizeBytes }
        writes.append(entries, sizeBytes: sizeBytes)
        return sizeBytes
    }

    /// The last entry that could be shared, so that the leader skips a whole term at a time.
    private mutating func reject(_ request: AppendRequest, from server: ServerID) {
        let shared = log.lastIndex(
            atOrBefore: request.previousIndex, termAtMost: request.previousTerm)
        let hint = min(max(shared, commitIndex), request.previousIndex)
        let response = AppendResponse(
            term: term,
            outcome: .rejected(
                previousIndex: request.previousIndex, hintIndex: hint,
                hintTerm: log.term(at: hint) ?? .zero),
            round: request.term == term ? following.round : 0, session: request.session,
            lastIndex: log.lastIndex, lastTerm: log.lastTerm, voteHold: voteHold,
            recovery: recovery)
        sendWhenDurable(.appendResponse(response), to: server)
    }

    /// What became durable is acknowledged, the newest only.
    mutating func acknowledgeDurable() {
        guard following.isAcknowledgementOwed, let leader, writes.isHardStateDurable else { return }
        acknowledge(to: leader)
        following.isAcknowledgementOwed = following.verified > durableIndex
    }

    private mutating func acknowledge(to server: ServerID) {
        let response = AppendResponse(
            term: term, outcome: .accepted(match: min(following.verified, durableIndex)),
            round: following.round, session: following.session, lastIndex: log.lastIndex,
            lastTerm: log.lastTerm, voteHold: voteHold,
            recovery: recovery)
        outbox.append(.send(.appendResponse(response), to: server))
    }
}

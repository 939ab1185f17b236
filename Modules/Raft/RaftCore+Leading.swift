// SPDX-License-Identifier: Apache-2.0

/// What only a leader has; made anew for each term that is led.
struct Leadership: Sendable {
    /// The others, in the order of the configuration.
    var peers: [Peer] = []
    /// The own part in the configuration in force, as ``Peer`` has it of the others, and what makes a
    /// majority there; kept because every step asks.
    var votesIncoming = false
    var votesOutgoing = false
    var incomingQuorum = 0
    /// nil unless it is joint.
    var outgoingQuorum: Int?
    /// The first entry of the own term.
    var firstIndex = LogIndex.zero
    var electedAt = Duration.zero
    var heartbeatDeadline = Duration.zero
    /// How long this leader did not run although it should have.
    var pause = Duration.zero
    /// Of the entries that this leader appended and that have not been handed out.
    var uncommittedBytes = 0
    var reads = ReadQueue()
    var lease = Lease()
    var transfer: Transfer?
    /// A transfer away from a disk that hangs was tried.
    var hasOfferedTransfer = false
    /// Kept for its memory.
    var scratch: [LogIndex] = []

    var isVoter: Bool { votesIncoming || votesOutgoing }

    /// Stands while this leader does not run.
    func clock(at instant: Duration) -> Duration { instant - pause }

    // Peers are looked at where they stand: to copy one costs more than the look.

    var hasLeaving: Bool {
        let peers = peers.span
        for position in peers.indices where peers[position].isLeaving { return true }
        return false
    }

    var hasRecovering: Bool {
        let peers = peers.span
        for position in peers.indices where peers[position].recovery != nil { return true }
        return false
    }

    func position(of id: ServerID) -> Int? {
        let peers = peers.span
        for position in peers.indices where peers[position].id == id { return position }
        return nil
    }

    /// Gives out the memory that is kept for lists.
    mutating func takeScratch() -> [LogIndex] {
        var list: [LogIndex] = []
        swap(&list, &scratch)
        list.removeAll(keepingCapacity: true)
        return list
    }

    /// What the voters have made durable.
    func collectMatches(of votes: (borrowing Peer) -> Bool, into list: inout [LogIndex]) {
        let peers = peers.span
        for position in peers.indices
        where votes(peers[position]) && !peers[position].isRecovering {
            list.append(peers[position].match)
        }
    }
}

extension RaftCore {
    mutating func becomeLeader() {
        precondition(role == .candidate, "\(status) cannot lead")
        role = .leader
        leader = id
        attempts = 0
        leadership = Leadership()
        leadership.electedAt = now
        leadership.heartbeatDeadline = now + timing.heartbeat
        leadership.firstIndex = log.lastIndex.next
        // Followers most likely have what we have: they are probed from the end.
        trackPeers()
        if options.leaseReads { beginRound() }
        appendOwn([Entry(index: log.lastIndex.next, term: term, kind: .noop, payload: [])])
    }

    /// Entries of the own term, at the end of the log.
    mutating func appendOwn(_ entries: [Entry]) {
        leadership.uncommittedBytes += append(entries)
    }

    mutating func propose(_ commands: [[UInt8]]) {
        if let refusal = refusal(of: commands) {
            outbox.append(.proposed(.refused(refusal)))
            return
        }
        let first = log.lastIndex.next
        var entries: [Entry] = []
        entries.reserveCapacity(commands.count)
        for command in commands {
            let index = LogIndex(first.number + UInt64(entries.count))
            entries.append(Entry(index: index, term: term, kind: .command, payload: command))
        }
        appendOwn(entries)
        outbox.append(.proposed(.accepted(first: first, term: term)))
    }

    private func refusal(of commands: [[UInt8]]) -> Refusal? {
        guard role == .leader else { return .notLeader(leader: leader) }
        guard leadership.transfer == nil else { return .transferring }
        guard !isDiskStalled, !isWriteQueueFull else { return .busy }
        var bytes = 0
        for command in commands {
            guard command.count <= limits.entryBytesMax else {
                return .tooLarge(limitBytes: limits.entryBytesMax)
            }
            bytes += command.count + Entry.headerBytes
        }
        // Something is always let in, or a batch above the bound could never pass.
        let isFull = leadership.uncommittedBytes + bytes > limits.uncommittedBytesMax
        return isFull && leadership.uncommittedBytes > 0 ? .busy : nil
    }

    // MARK: - Time

    mutating func tickLeader() {
        if now >= leadership.heartbeatDeadline {
            guard hearsQuorum else {
                resign(to: nil, newTerm: term, shownBy: nil, because: .checkQuorum)
                return
            }
            leadership.heartbeatDeadline = now + timing.heartbeat
            if options.leaseReads { beginRound() }
            for position in leadership.peers.indices { heartbeat(to: position) }
        }
        abandonLateTransfer()
        leaveStalledDisk()
    }

    /// Whether a majority answered within the check-quorum interval (dissertation §6.2).
    private var hearsQuorum: Bool { hasMajority { isHeard($0) } }

    /// A leader that was kept from running for a while, by a long turn of its own or a busy machine, has not
    /// read what was said meanwhile: that time is nobody's silence. After two intervals others may have gone
    /// on without it.
    func isHeard(_ peer: borrowing Peer) -> Bool {
        let silence = now - (peer.lastContact ?? leadership.electedAt)
        let silenceHere = leadership.clock(at: now) - (peer.heardAt ?? leadership.electedAt)
        return silenceHere < timing.checkQuorum && silence < timing.checkQuorum * 2
    }

    /// Somebody who runs takes a step in each heartbeat interval.
    mutating func notePause(until instant: Duration) {
        leadership.pause += max(.zero, instant - now - timing.heartbeat)
    }

    /// Whether this server, if it votes, and the voters that pass are a majority; while the
    /// configuration is joint, one of each side. Who is recovering passes nothing.
    func hasMajority(_ passes: (borrowing Peer) -> Bool) -> Bool {
        var incoming = leadership.votesIncoming ? 1 : 0
        var outgoing = leadership.votesOutgoing ? 1 : 0
        let peers = leadership.peers.span
        for position in peers.indices
        where !peers[position].isRecovering && passes(peers[position]) {
            if peers[position].votesIncoming { incoming += 1 }
            if peers[position].votesOutgoing { outgoing += 1 }
        }
        return incoming >= leadership.incomingQuorum
            && outgoing >= leadership.outgoingQuorum ?? 0
    }

    // MARK: - Commit

    /// The largest index that is durable at a majority, if it is of the own term (Raft §5.4.2).
    mutating func advanceCommit() {
        guard commitIndex < log.lastIndex else { return }
        var index = index(
            atMajority: leadership.incomingQuorum, withOwn: leadership.votesIncoming,
            of: { $0.votesIncoming })
        if let quorum = leadership.outgoingQuorum {
            index = min(
                index,
                self.index(
                    atMajority: quorum, withOwn: leadership.votesOutgoing,
                    of: { $0.votesOutgoing }))
        }
        guard index > commitIndex, index >= leadership.firstIndex else { return }
        commitIndex = index
    }

    /// What so many have made durable; 0 if there are fewer.
    private mutating func index(
        atMajority quorum: Int, withOwn isCounted: Bool, of votes: (borrowing Peer) -> Bool
    ) -> LogIndex {
        var reached = leadership.takeScratch()
        leadership.collectMatches(of: votes, into: &reached)
        if isCounted { reached.append(durableIndex) }
        reached.sort(by: >)
        let index = reached.count < quorum ? .zero : reached[quorum - 1]
        leadership.scratch = reached
        return index
    }

    var hasCommittedOwnTerm: Bool { commitIndex >= leadership.firstIndex }

    /// What the leader knows of each server, in the order of ``Configuration/members``; empty for
    /// others.
    public var progress: [Progress] {
        guard role == .leader else { return [] }
        var progress: [Progress] = []
        progress.reserveCapacity(configuration.members.count)
        for server in configuration.members {
            if server.id == id {
                progress.append(ownProgress)
            } else if let position = leadership.position(of: server.id) {
                progress.append(self.progress(of: leadership.peers[position]))
            }
        }
        return progress
    }

    private var ownProgress: Progress {
        Progress(
            id: id, match: durableIndex, lastIndex: log.lastIndex, lastTerm: log.lastTerm,
            lastContact: now, isReceivingSnapshot: false, state: .replicate,
            next: log.lastIndex.next, inflightMessages: 0, inflightBytes: 0,
            unwrittenFor: writes.oldestIssuedAt.map { now - $0 })
    }

    private func progress(of peer: Peer) -> Progress {
        Progress(
            id: peer.id, match: peer.match, lastIndex: peer.lastIndex,
            lastTerm: peer.lastTerm, lastContact: peer.lastContact,
            isReceivingSnapshot: peer.isReceivingSnapshot, state: peer.progressState,
            next: peer.next, inflightMessages: peer.inflight.count,
            inflightBytes: peer.inflightBytes, isRecovering: peer.isRecovering,
            isCaughtUp: isCaughtUp(peer), unwrittenFor: peer.unwrittenFor)
    }
}

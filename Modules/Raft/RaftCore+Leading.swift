// SPDX-License-Identifier: Apache-2.0

/// What only a leader has; made anew for each term that is led.
struct Leadership: Sendable {
    /// The others, in the order of the configuration.
    var peers: [Peer] = []
    /// The first entry of the own term.
    var firstIndex = LogIndex.zero
    var electedAt = Duration.zero
    var heartbeatDeadline = Duration.zero
    /// Of the entries that this leader appended and that are not committed.
    var uncommittedBytes = 0
    var reads = ReadQueue()
    var lease = Lease()
    var transfer: Transfer?
    /// A transfer away from a disk that hangs was tried.
    var hasOfferedTransfer = false
    /// Kept for its memory.
    var scratch: [LogIndex] = []

    func position(of id: ServerID) -> Int? { peers.firstIndex { $0.id == id } }
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
        append(entries)
        leadership.uncommittedBytes += entries.reduce(0) { $0 + $1.sizeBytes }
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
    private var hearsQuorum: Bool {
        let heard = leadership.peers.count {
            $0.isVoter && now - ($0.lastContact ?? leadership.electedAt) < timing.checkQuorum
        }
        return heard + (configuration.isVoter(id) ? 1 : 0) >= configuration.quorum
    }

    // MARK: - Commit

    /// The largest index that is durable at a majority, if it is of the own term (Raft §5.4.2).
    mutating func advanceCommit() {
        leadership.scratch.removeAll(keepingCapacity: true)
        for peer in leadership.peers where peer.isVoter { leadership.scratch.append(peer.match) }
        if configuration.isVoter(id) { leadership.scratch.append(durableIndex) }
        let quorum = configuration.quorum
        guard leadership.scratch.count >= quorum else { return }
        leadership.scratch.sort(by: >)
        let index = leadership.scratch[quorum - 1]
        guard index > commitIndex, index >= leadership.firstIndex else { return }
        commitIndex = index
    }

    var hasCommittedOwnTerm: Bool { commitIndex >= leadership.firstIndex }

    /// What the leader knows of each server, in the order of the configuration; empty for others.
    public var progress: [Progress] {
        guard role == .leader else { return [] }
        return configuration.servers.compactMap { server in
            if server.id == id {
                return Progress(
                    id: id, match: durableIndex, lastIndex: log.lastIndex, lastTerm: log.lastTerm,
                    lastContact: now, isReceivingSnapshot: false, state: .replicate,
                    next: log.lastIndex.next, inflightMessages: 0, inflightBytes: 0)
            }
            return leadership.position(of: server.id).map { position in
                let peer = leadership.peers[position]
                return Progress(
                    id: peer.id, match: peer.match, lastIndex: peer.lastIndex,
                    lastTerm: peer.lastTerm, lastContact: peer.lastContact,
                    isReceivingSnapshot: peer.isReceivingSnapshot, state: peer.progressState,
                    next: peer.next, inflightMessages: peer.inflight.count,
                    inflightBytes: peer.inflightBytes)
            }
        }
    }
}

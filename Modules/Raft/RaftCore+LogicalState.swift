// SPDX-License-Identifier: Apache-2.0

extension RaftCore {
    /// What this core knows, but for time and chance: see ``LogicalState``. Between steps only.
    ///
    /// A test compares the stored properties of every type below with those it knows: a new one must
    /// be added here, or there as one that decides nothing.
    package func appendLogicalState(to state: inout LogicalState) {
        state.add(hardState)
        state.add(commitIndex)
        state.add(handedOutIndex)
        state.add(restoredCommit)
        append(log, to: &state)
        append(configurations, to: &state)
        state.add(optional: snapshot) { $0.add($1) }
        append(writes, to: &state)
        state.add(role.number)
        state.add(optional: leader) { $0.add($1) }
        state.add(optional: recovery) { $0.add($1) }
        state.add(now >= electionDeadline)
        // First, second or later attempt; beyond that they only spread the delays.
        state.add(min(attempts, 2))
        append(following, to: &state)
        // The votes of an attempt that is over are looked at by nobody.
        if role == .preCandidate || role == .candidate { append(campaigning, to: &state) }
        append(leadership, to: &state)
    }

    private func append(_ log: Log, to state: inout LogicalState) {
        state.add(log.previousIndex)
        state.add(log.previousTerm)
        state.add(log.entries(from: log.firstIndex, through: log.lastIndex)) { $0.add($1) }
    }

    private func append(_ history: ConfigurationHistory, to state: inout LogicalState) {
        state.add(history.versions) { state, version in
            state.add(version.index)
            state.add(version.configuration.encoded())
            state.add(version.sessions) { $0.add($1) }
        }
    }

    private func append(_ writes: WriteLedger, to state: inout LogicalState) {
        let durable = writes.durableSequence
        state.add(writes.issuedSequence - durable)
        state.add(writes.hardStateSequence - min(writes.hardStateSequence, durable))
        state.add(writes.durableIndex)
        state.add(writes.bytes)
        state.add(isDiskStalled)
        state.add(writes.issued) { state, write in
            state.add(write.sequence - durable)
            state.add(write.lastIndex)
            state.add(write.bytes)
        }
    }

    private func append(_ following: Following, to state: inout LogicalState) {
        state.add(isRecent(following.lastContact, within: timing.electionTimeout))
        state.add(isBound)
        append(following.reads, to: &state)
        state.add(following.verified)
        state.add(following.leaderCommit)
        state.add(following.isAcknowledgementOwed)
        state.add(following.round)
        state.add(following.session)
        state.add(following.deferred) { state, deferred in
            state.add(deferred.sequence - min(deferred.sequence, writes.durableSequence))
            state.add(deferred.message)
            state.add(deferred.server)
        }
    }

    private func append(_ campaign: Campaign, to state: inout LogicalState) {
        // Who voted counts; in which order does not.
        state.add(campaign.granted.sorted()) { $0.add($1) }
        state.add(campaign.refused.sorted()) { $0.add($1) }
        state.add(campaign.isTransfer)
        state.add(campaign.isAsked)
    }

    private func append(_ leadership: Leadership, to state: inout LogicalState) {
        state.add(leadership.peers) { append($1, to: &$0) }
        state.add(leadership.firstIndex)
        state.add(now >= leadership.heartbeatDeadline)
        state.add(leadership.uncommittedBytes)
        state.add(leadership.reads.round)
        state.add(optional: leadership.reads.current) { state, round in
            state.add(round.number)
            state.add(round.index)
            state.add(round.readers) { append($1, to: &$0) }
        }
        state.add(leadership.reads.waiting) { append($1, to: &$0) }
        state.add(leadership.lease.rounds) { state, round in
            state.add(round.number)
            state.add(isRecent(round.begunAt, within: timing.electionTimeout))
        }
        state.add(leadership.lease.isForfeited)
        state.add(leadership.hasOfferedTransfer)
        state.add(optional: leadership.transfer) { state, transfer in
            state.add(transfer.target)
            state.add(now >= transfer.deadline)
            state.add(transfer.isAsked)
            state.add(transfer.isOwn)
        }
    }

    private func append(_ reader: ReadQueue.Reader, to state: inout LogicalState) {
        switch reader {
        case .here(let read):
            state.add(0)
            state.add(read)
        case .follower(let server, let read):
            state.add(1)
            state.add(server)
            state.add(read)
        }
    }

    private func append(_ reads: FollowerReads, to state: inout LogicalState) {
        state.add(optional: reads.question) { state, question in
            state.add(question.id)
            state.add(question.readers) { $0.add($1) }
            state.add(isRecent(question.sentAt, within: timing.heartbeat))
            state.add(now < question.expiresAt)
        }
        state.add(reads.answered) { state, answer in
            state.add(answer.index)
            state.add(answer.readers) { $0.add($1) }
            state.add(now < answer.expiresAt)
        }
        state.add(reads.waiting) { $0.add($1) }
        state.add(optional: reads.leader) { $0.add($1) }
        state.add(reads.term)
        state.add(optional: reads.lastID) { $0.add($1) }
    }

    private func append(_ peer: Peer, to state: inout LogicalState) {
        state.add(peer.id)
        state.add(peer.session)
        state.add(peer.votesIncoming)
        state.add(peer.votesOutgoing)
        state.add(peer.isLeaving)
        state.add(peer.match)
        state.add(peer.next)
        switch peer.state {
        case .probe(let isAsked): state.add(isAsked ? 1 : 0)
        case .replicate: state.add(2)
        case .snapshot(let lastIndex):
            state.add(3)
            state.add(lastIndex)
        }
        state.add(peer.inflight) { state, message in
            state.add(message.lastIndex)
            state.add(message.bytes)
        }
        state.add(isHeard(peer))
        state.add(isRecent(peer.lastContact, within: timing.electionTimeout))
        state.add(peer.lastIndex)
        state.add(peer.lastTerm)
        state.add(peer.roundSent)
        state.add(peer.roundEchoed)
        state.add(peer.commitSent)
        state.add(peer.isHeartbeatDue)
        state.add(peer.stalledHeartbeats)
        state.add(peer.isTailUnsure)
        state.add(now < peer.boundUntil)
        state.add(peer.catchUp.end)
        state.add(isCaughtUp(peer))
        state.add(optional: peer.recovery) { $0.add($1) }
        state.add(peer.recoveryIndex)
        state.add(peer.snapshotNotBefore.map { now < $0 } ?? false)
    }

    private func isRecent(_ instant: Duration?, within span: Duration) -> Bool {
        instant.map { now - $0 < span } ?? false
    }
}

extension Role {
    fileprivate var number: Int {
        switch self {
        case .follower: 0
        case .preCandidate: 1
        case .candidate: 2
        case .leader: 3
        }
    }
}

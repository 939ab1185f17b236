// SPDX-License-Identifier: Apache-2.0

extension RaftCore {
    /// Stops the process if the state is impossible. Tests call it after every step.
    public func checkInvariants() {
        precondition(outbox.isEmpty, "effects between steps: \(outbox.count)")
        precondition(writes.pending == nil && writes.finished.isEmpty, "a write was not given out")
        precondition(log.previousIndex <= snapshotIndex, "\(firstIndex) after \(snapshotIndex)")
        precondition(snapshotIndex <= commitIndex, "\(snapshotIndex) beyond \(commitIndex)")
        precondition(commitIndex <= lastIndex, "commit \(commitIndex) beyond \(lastIndex)")
        precondition(
            handedOutIndex <= commitIndex, "\(handedOutIndex) handed out of \(commitIndex)")
        precondition(durableIndex <= lastIndex, "durable \(durableIndex) beyond \(lastIndex)")
        precondition(lastTerm <= term, "\(lastTerm) in the log in \(term)")
        precondition(configurationIndex <= lastIndex, "configuration \(configurationIndex)")
        precondition(
            (writes.oldestIssuedAt == nil) == (writes.newestSequence == writes.durableSequence),
            "a write under way without its instant")
        precondition(writes.bytes >= 0, "\(writes.bytes) bytes with storage")
        precondition(lastStatus == status, "unannounced: \(status)")
        precondition(!isRecovering || role == .follower, "\(role) without its records")
        checkConfiguration()
        if role == .leader { checkLeadership() } else { checkFollowing() }
    }

    private func checkConfiguration() {
        let members = configuration.members
        precondition(Set(members.map(\.id)).count == members.count, "a member twice")
        precondition(configurations.newest.sessions.count == members.count, "sessions")
        precondition(
            !configuration.isJoint || configuration.servers.contains { $0.role == .voter },
            "joint, towards nobody")
    }

    private func checkLeadership() {
        precondition(leader == id && hardState.vote == id, "leads without a vote: \(hardState)")
        precondition(leadership.firstIndex <= lastIndex, "no own entry: \(leadership.firstIndex)")
        precondition(term(at: leadership.firstIndex) ?? term == term, "not of the own term")
        let bytes = log.entries(
            from: max(handedOutIndex.next, leadership.firstIndex), through: lastIndex
        ).reduce(0) { $0 + $1.sizeBytes }
        precondition(
            leadership.uncommittedBytes == bytes,
            "\(leadership.uncommittedBytes) bytes counted, \(bytes) uncommitted")
        precondition(
            leadership.votesIncoming == configuration.votesIncoming(id)
                && leadership.votesOutgoing == configuration.votesOutgoing(id)
                && leadership.incomingQuorum == configuration.incomingQuorum
                && leadership.outgoingQuorum
                    == (configuration.isJoint ? configuration.outgoingQuorum : nil),
            "another configuration's majorities")
        let fed = leadership.peers.filter { !$0.isLeaving }.map(\.id)
        precondition(
            fed == configuration.members.map(\.id).filter { $0 != id }, "feeds others: \(fed)")
        for peer in leadership.peers {
            precondition(
                peer.votesIncoming == configuration.votesIncoming(peer.id)
                    && peer.votesOutgoing == configuration.votesOutgoing(peer.id),
                "\(peer.id) counts for what it is not")
            precondition(
                peer.isLeaving || peer.session == configurations.newest.session(of: peer.id),
                "\(peer.id) in another life")
            precondition(peer.match < peer.next, "\(peer.match) and \(peer.next)")
            precondition(peer.next <= lastIndex.next, "\(peer.next) beyond \(lastIndex)")
            precondition(
                peer.inflight.count <= limits.inflightMessagesMax, "\(peer.inflight.count)")
            precondition(
                peer.inflightBytes == peer.inflight.reduce(0) { $0 + $1.bytes },
                "\(peer.inflightBytes) bytes in flight")
        }
    }

    private func checkFollowing() {
        precondition(leader != id, "follows itself")
        precondition(leadership.peers.isEmpty, "peers without a leadership")
        precondition(leadership.uncommittedBytes == 0, "\(leadership.uncommittedBytes) bytes")
        precondition(
            following.reads.isEmpty || following.reads.leader == leader,
            "reads asked of \(String(describing: following.reads.leader)), not the leader")
        precondition(following.verified <= lastIndex, "\(following.verified) beyond \(lastIndex)")
        if role == .candidate {
            precondition(hardState.vote == id, "a candidate without its own vote: \(hardState)")
        }
    }
}

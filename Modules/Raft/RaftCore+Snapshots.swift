// SPDX-License-Identifier: Apache-2.0

extension RaftCore {
    // MARK: - Own snapshots

    mutating func snapshotTaken(_ metadata: SnapshotMetadata) {
        guard metadata.lastIndex > snapshotIndex, metadata.lastIndex <= commitIndex,
            log.term(at: metadata.lastIndex) == metadata.lastTerm
        else { return }
        snapshot = metadata
        compactLog()
    }

    /// Drops what a durable snapshot holds, but for a tail for followers that are a little late, and
    /// for what follows a snapshot that is on its way to somebody.
    mutating func compactLog() {
        guard let snapshot else { return }
        var through = min(snapshot.lastIndex, durableIndex)
        var bytes = 0
        var kept: UInt64 = 0
        while through > log.previousIndex, kept < limits.trailingEntries {
            bytes += log[through].sizeBytes
            guard bytes <= limits.trailingBytesMax else { break }
            kept += 1
            through = through.previous
        }
        for peer in leadership.peers {
            if case .snapshot(let lastIndex) = peer.state { through = min(through, lastIndex) }
        }
        guard through > log.previousIndex else { return }
        log.compact(through: through)
        configurations.compact(through: through)
        outbox.append(.compact(through: log.previousIndex, term: log.previousTerm))
    }

    // MARK: - Sending

    mutating func startSnapshot(to position: Int) {
        if let notBefore = leadership.peers[position].snapshotNotBefore, now < notBefore { return }
        // Nothing is opened to a server that does not answer.
        guard let contact = leadership.peers[position].lastContact,
            now - contact < timing.electionTimeout
        else { return }
        guard let snapshot else {
            preconditionFailure("compacted without a snapshot: \(firstIndex)")
        }
        leadership.peers[position].snapshotNotBefore = now + timing.heartbeat
        leadership.peers[position].state = .snapshot(lastIndex: snapshot.lastIndex)
        let offer = SnapshotOffer(
            term: term, metadata: snapshot, session: leadership.peers[position].session)
        outbox.append(.sendSnapshot(offer, to: leadership.peers[position].id))
    }

    mutating func snapshotSendFailed(to server: ServerID) {
        guard role == .leader, let position = leadership.position(of: server) else { return }
        endSnapshot(to: position, probingFrom: leadership.peers[position].match.next)
    }

    mutating func receive(_ response: SnapshotResponse, from server: ServerID) {
        guard let position = answered(by: server, in: response.term, session: response.session),
            response.match <= log.lastIndex, response.lastIndex <= log.lastIndex
        else { return }
        var known = response.match
        if leadership.peers[position].isRecovering {
            // It does not say which life it is of: what it has shows in the answer to the next append.
            known = response.isInstalled ? response.lastIndex : .zero
        } else {
            leadership.peers[position].acknowledge(response.match)
        }
        endSnapshot(to: position, probingFrom: known.next)
    }

    /// Installed or not: the follower is probed from what it has. If that is still compacted the next
    /// attempt waits for a heartbeat, whoever failed.
    private mutating func endSnapshot(to position: Int, probingFrom next: LogIndex) {
        guard leadership.peers[position].isReceivingSnapshot else { return }
        leadership.peers[position].snapshotNotBefore = now + timing.heartbeat
        leadership.peers[position].probe(from: next)
        compactLog()
    }

    // MARK: - Receiving

    mutating func snapshotOffered(_ offer: SnapshotOffer, from server: ServerID) {
        guard isWellFormed(offer), server != id else {
            outbox.append(.snapshotDecided(.refused))
            return
        }
        guard offer.term >= term, follow(server, in: offer.term) else {
            answer(offer, from: server, isInstalled: false)
            outbox.append(.snapshotDecided(.refused))
            return
        }
        if isSuperseded(offer.metadata) {
            // A snapshot holds nothing that is not committed, so its entries in the log are.
            commitIndex = max(commitIndex, offer.metadata.lastIndex)
            following.verified = max(following.verified, commitIndex)
            answer(offer, from: server, isInstalled: true)
            outbox.append(.snapshotDecided(.refused))
        } else {
            outbox.append(.snapshotDecided(.accepted))
        }
    }

    /// What a snapshot holds is committed whoever sends it: one whose sender was deposed meanwhile is
    /// as good as any.
    mutating func snapshotReceived(_ offer: SnapshotOffer, from server: ServerID) {
        guard isWellFormed(offer), server != id else { return }
        if offer.term >= term { _ = follow(server, in: offer.term) }
        let metadata = offer.metadata
        guard role != .leader, metadata.lastIndex > commitIndex else {
            answer(offer, from: server, isInstalled: metadata.lastIndex <= commitIndex)
            return
        }
        snapshot = metadata
        if log.term(at: metadata.lastIndex) == metadata.lastTerm {
            writes.durableIndex = max(durableIndex, metadata.lastIndex)  // In the snapshot.
        } else {
            log.reset(to: metadata.lastIndex, term: metadata.lastTerm)
            configurations.reset(to: metadata)
            writes.reset(to: metadata)
            following.verified = metadata.lastIndex
        }
        commitIndex = max(commitIndex, metadata.lastIndex)
        following.verified = max(following.verified, metadata.lastIndex)
        restoring = metadata
        answer(offer, from: server, isInstalled: true)
        compactLog()
    }

    mutating func snapshotAbandoned(_ offer: SnapshotOffer, from server: ServerID) {
        guard isWellFormed(offer), server != id else { return }
        answer(offer, from: server, isInstalled: false)
    }

    /// State never goes back, and what the log holds durably need not come again.
    private func isSuperseded(_ metadata: SnapshotMetadata) -> Bool {
        metadata.lastIndex <= commitIndex
            || (metadata.lastIndex <= durableIndex
                && log.term(at: metadata.lastIndex) == metadata.lastTerm)
    }

    private func isWellFormed(_ offer: SnapshotOffer) -> Bool {
        let metadata = offer.metadata
        return isPlausible(offer.term) && offer.term > .zero
            && metadata.lastIndex > .zero && metadata.lastIndex <= LogIndex.max
            && metadata.lastTerm > .zero && metadata.lastTerm <= offer.term
            && metadata.configurationIndex <= metadata.lastIndex
    }

    private mutating func answer(
        _ offer: SnapshotOffer, from server: ServerID, isInstalled: Bool
    ) {
        // What the log has to be durable of to be called installed: also the write that drops it.
        let match = isInstalled ? max(offer.metadata.lastIndex, commitIndex) : commitIndex
        let response = SnapshotResponse(
            term: term, lastIndex: offer.metadata.lastIndex, isInstalled: isInstalled,
            match: match, session: offer.session)
        send(.snapshotResponse(response), to: server, after: writes.newestSequence)
    }
}

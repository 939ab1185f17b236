// SPDX-License-Identifier: Apache-2.0

extension RaftCore {
    /// One change at a time, and none before an entry of the own term is committed: otherwise two
    /// leaders could be elected by majorities that do not meet (Ongaro, raft-dev, 2015).
    mutating func propose(_ change: ConfigurationChange) {
        outbox.append(
            .changeDecided(ChangeDecision(id: change.id, outcome: decision(on: change))))
    }

    private mutating func decision(on change: ConfigurationChange) -> ChangeDecision.Outcome {
        guard role == .leader else { return .refused(.notLeader(leader: leader)) }
        guard leadership.transfer == nil else { return .refused(.transferring) }
        guard hasCommittedOwnTerm, isConfigurationCommitted, !configuration.isJoint else {
            return .inProgress
        }
        if let expected = change.ifConfigurationIndex, expected != configurationIndex {
            return .conflict(current: configurationIndex)
        }
        switch configuration.applying(change.action) {
        case .refused(let outcome):
            return outcome
        case .changed(let changed):
            guard haveCaughtUp(newVotersOf: changed) else { return .notCaughtUp }
            return .accepted(adopt(changed), term: term)
        }
    }

    /// A server that has much to fetch must not get a vote: the majorities that it makes larger would
    /// wait for it (dissertation §4.2.1).
    private func haveCaughtUp(newVotersOf changed: Configuration) -> Bool {
        changed.servers.allSatisfy { server in
            if server.role != .voter || configuration.isVoter(server.id) { return true }
            return leadership.peers.contains { $0.id == server.id && isCaughtUp($0) }
        }
    }

    func isCaughtUp(_ peer: Peer) -> Bool {
        !peer.isRecovering && peer.catchUp.isDone(within: timing.electionTimeout, at: now)
    }

    @discardableResult
    private mutating func adopt(_ changed: Configuration) -> LogIndex {
        let index = log.lastIndex.next
        appendOwn([
            Entry(index: index, term: term, kind: .configuration, payload: changed.encoded())
        ])
        trackPeers()
        return index
    }

    /// What a leader changes by itself, whoever began it: a joint configuration is left as soon as it
    /// is committed, and who lost its records loses its vote. Not while leadership is being handed
    /// over: the target must find the end of the log, and goes on with this when it leads.
    mutating func continueMembership() {
        guard leadership.transfer == nil else { return }
        let hasRecovering = leadership.hasRecovering
        guard hasRecovering || leadership.outgoingQuorum != nil else { return }
        if hasCommittedOwnTerm, isConfigurationCommitted, leadership.isVoter {
            if leadership.outgoingQuorum != nil {
                adopt(configuration.incoming)
            } else if hasRecovering, let demoted = configurationWithoutRecovering {
                adopt(demoted)
            }
        }
        if hasRecovering { proveLeadership() }
    }

    /// Feeds whoever is in the configuration in force, and whoever it removes until it is committed.
    mutating func trackPeers() {
        let version = configurations.newest
        var peers: [Peer] = []
        for (server, session) in zip(version.configuration.members, version.sessions)
        where server.id != id {
            let known = leadership.peers.first { $0.id == server.id }
            var peer = Peer(
                id: server.id, session: session,
                next: max(log.lastIndex, leadership.firstIndex), last: log.lastIndex, at: now)
            if let known, known.session == session {
                peer = known
            } else if let known, !known.isLeaving {  // Demoted; what it lost is lost.
                peer.recovery = known.recovery
                peer.recoveryIndex = known.recoveryIndex
            }
            peer.votesIncoming = version.configuration.votesIncoming(server.id)
            peer.votesOutgoing = version.configuration.votesOutgoing(server.id)
            peers.append(peer)
        }
        for var peer in leadership.peers where !version.configuration.contains(peer.id) {
            peer.votesIncoming = false
            peer.votesOutgoing = false
            peer.isLeaving = true
            peers.append(peer)
        }
        leadership.peers = peers
        leadership.votesIncoming = version.configuration.votesIncoming(id)
        leadership.votesOutgoing = version.configuration.votesOutgoing(id)
        leadership.incomingQuorum = version.configuration.incomingQuorum
        leadership.outgoingQuorum =
            version.configuration.isJoint ? version.configuration.outgoingQuorum : nil
    }

    /// What the commit of a configuration brings: the removed hear of it once more and then nothing;
    /// a leader that is no voter any more has led until here, and hands over.
    mutating func settleMembership() {
        // As ``isConfigurationCommitted``, which copies the core within a step.
        guard configurations.newestIndex <= commitIndex else { return }
        if leadership.hasLeaving {
            for position in leadership.peers.indices
            where leadership.peers[position].isLeaving
                && leadership.peers[position].commitSent < configurationIndex
            {
                sendEmpty(to: position)
            }
            leadership.peers.removeAll(where: \.isLeaving)
        }
        guard !leadership.isVoter else { return }
        let able = leadership.peers.filter { $0.isVoter && !$0.isRecovering }
        let successor = able.reduce(nil as Peer?) { best, peer in
            guard let best, best.match >= peer.match else { return peer }
            return best
        }
        if let successor {
            outbox.append(.send(.timeoutNow(TimeoutNow(term: term)), to: successor.id))
        }
        resign(to: nil, newTerm: term, shownBy: nil, because: .removed)
    }
}

extension Configuration {
    enum Applied {
        case changed(Configuration)
        case refused(ChangeDecision.Outcome)
    }

    func applying(_ action: ConfigurationChange.Action) -> Applied {
        var changed = self
        switch action {
        case .addNonVoter(let id, let address):
            guard address.utf8.count <= Self.addressBytesMax else { return .refused(.invalid) }
            if let position = servers.firstIndex(where: { $0.id == id }) {
                changed.servers[position].address = address
            } else {
                guard servers.count < Self.serversMax else { return .refused(.invalid) }
                changed.servers.append(Server(id: id, address: address, role: .nonVoter))
            }
        case .promote(let id):
            guard let position = servers.firstIndex(where: { $0.id == id }) else {
                return .refused(.unknownServer)
            }
            changed.servers[position].role = .voter
        case .demote(let id):
            guard let position = servers.firstIndex(where: { $0.id == id }) else {
                return .refused(.unknownServer)
            }
            changed.servers[position].role = .nonVoter
        case .remove(let id):
            guard let position = servers.firstIndex(where: { $0.id == id }) else {
                return .refused(.unknownServer)
            }
            changed.servers.remove(at: position)
        case .replace(let servers):
            guard Self.areValid(servers) else { return .refused(.invalid) }
            changed = Configuration(servers: servers)
            if changed.voterCount > 0, needsJointState(toBecome: servers) {
                changed = Configuration(from: self, to: servers)
                guard changed.members.count <= Self.serversMax else { return .refused(.invalid) }
            }
        }
        guard changed.voterCount > 0 else { return .refused(.lastVoter) }
        return changed == self ? .refused(.unchanged) : .changed(changed)
    }

    private static func areValid(_ servers: [Server]) -> Bool {
        servers.count <= serversMax
            && servers.allSatisfy { $0.address.utf8.count <= addressBytesMax }
            && Set(servers.map(\.id)).count == servers.count
    }

    /// Whether ``ConfigurationChange/Action/replace(_:)`` by these takes a joint configuration, which
    /// all servers have to know. Majorities of two configurations that differ in one voter meet.
    public func needsJointState(toBecome servers: [Server]) -> Bool {
        let other = Configuration(servers: servers)
        let gone = self.servers.count { $0.role == .voter && !other.isVoter($0.id) }
        return gone + servers.count { $0.role == .voter && !isVoter($0.id) } > 1
    }
}

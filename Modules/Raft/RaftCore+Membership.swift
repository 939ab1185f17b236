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
        guard hasCommittedOwnTerm, isConfigurationCommitted else { return .inProgress }
        if let expected = change.ifConfigurationIndex, expected != configurationIndex {
            return .conflict(current: configurationIndex)
        }
        switch configuration.applying(change.action) {
        case .refused(let outcome):
            return outcome
        case .changed(let changed):
            let index = log.lastIndex.next
            appendOwn([
                Entry(
                    index: index, term: term, kind: .configuration, payload: changed.encoded())
            ])
            trackPeers()
            return .accepted(index, term: term)
        }
    }

    /// Feeds whoever is in the configuration in force, and whoever it removes until it is committed.
    mutating func trackPeers() {
        let version = configurations.newest
        var peers: [Peer] = []
        for (server, session) in zip(version.configuration.servers, version.sessions)
        where server.id != id {
            let known = leadership.peers.first { $0.id == server.id && $0.session == session }
            var peer =
                known
                ?? Peer(
                    id: server.id, session: session, isVoter: false,
                    next: max(log.lastIndex, leadership.firstIndex))
            peer.isVoter = server.role == .voter
            peers.append(peer)
        }
        for var peer in leadership.peers where !version.configuration.contains(peer.id) {
            peer.isVoter = false
            peer.isLeaving = true
            peers.append(peer)
        }
        leadership.peers = peers
    }

    /// What the commit of a configuration brings: the removed hear of it once more and then nothing;
    /// a leader that is no voter any more has led until here, and hands over.
    mutating func settleMembership() {
        guard isConfigurationCommitted else { return }
        if leadership.peers.contains(where: \.isLeaving) {
            for position in leadership.peers.indices
            where leadership.peers[position].isLeaving
                && leadership.peers[position].commitSent < configurationIndex
            {
                sendEmpty(to: position)
            }
            leadership.peers.removeAll(where: \.isLeaving)
        }
        guard !configuration.isVoter(id) else { return }
        let successor = leadership.peers.filter(\.isVoter).reduce(nil as Peer?) { best, peer in
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
        }
        guard changed.voterCount > 0 else { return .refused(.lastVoter) }
        return changed == self ? .refused(.unchanged) : .changed(changed)
    }
}

// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// The shell of ``Founding``: what is agreed is durable before it is said.
extension Server {
    /// Who has another bootstrap_expect than this server, and which; nil if nobody has. With them no
    /// cluster is founded.
    var otherExpectations: String? {
        let others = network.members.all.filter { member in
            member.status == .alive && member.info.region == options.region
                && member.info.clusterID == nil && member.info.bootstrapExpect > 0
                && member.info.bootstrapExpect != options.bootstrapExpect
        }
        guard options.bootstrapExpect > 0, !others.isEmpty else { return nil }
        return others.map { "\($0.info.fullName) has bootstrap_expect \($0.info.bootstrapExpect)" }
            .joined(separator: ", ")
    }

    private func tellExpectations() {
        let others = otherExpectations
        guard others != expectationsTold else { return }
        expectationsTold = others
        guard let others else { return }
        logger.warning(
            "no cluster is founded with servers of another bootstrap_expect",
            metadata: ["own": "\(options.bootstrapExpect)", "others": "\(others)"])
    }

    func considerFounding() {
        guard metadata.clusterID == nil, !isSavingMetadata, !isStopped else { return }
        tellExpectations()
        for member in network.members.all
        where member.status == .alive && member.info.region == options.region {
            guard let clusterID = member.info.clusterID else { continue }
            network(toldCluster: clusterID, by: member.info)
            if isSavingMetadata || metadata.clusterID != nil { return }
        }
        // It does not know what it has agreed to: it founds nothing, and waits to be told.
        guard !metadata.isRecovering else { return }
        if let founding = metadata.founding {
            if founding.proposer != id {
                // Lost for good, withdrawn, or only slow? Its proposer knows.
                return network.sendFounding(.foundingQuery, to: founding.proposer) {
                    Founding.write(founding, to: &$0)
                }
            }
            if Founding.isOutranked(own: network.own, members: network.members.all) {
                return release()
            }
        }
        let newClusterID: ServerID
        do {
            newClusterID = try ServerID.make(from: environment.crypto)
        } catch {
            logger.error("no random bytes for a cluster id", metadata: ["error": "\(error)"])
            return
        }
        switch Founding.decide(
            own: network.own, members: network.members.all, accepted: metadata.founding,
            newClusterID: newClusterID)
        {
        case .wait:
            break
        case .propose(let founding):
            if metadata.founding == founding {
                propose(founding)
            } else {
                var changed = metadata
                changed.founding = founding
                save(changed) {
                    $0.bound()
                    $0.propose(founding)
                }
            }
        }
    }

    /// Gives an agreement up, durably. Safe for a proposer that has not completed its own, and for
    /// others when their proposer has withdrawn: it never completes what it has withdrawn.
    private func release() {
        var free = metadata
        free.founding = nil
        save(free) { server in
            server.foundingAccepted = []
            server.bound()
        }
    }

    /// Others are told what this server is bound to, now that it is durable.
    private func bound() {
        let proposer = metadata.founding?.proposer
        network.update { $0.boundProposer = proposer }
    }

    private func propose(_ founding: ServerMetadata.Founding) {
        foundingAccepted.insert(id)
        for server in founding.configuration.servers where server.id != id {
            guard !foundingAccepted.contains(server.id) else { continue }
            network.connect(to: server.id, at: server.address)
            network.sendFounding(.foundingProposal, to: server.id) {
                Founding.write(founding, to: &$0)
            }
        }
        completeFounding(founding)
    }

    private func completeFounding(_ founding: ServerMetadata.Founding) {
        let everybody = founding.configuration.servers.map(\.id)
        guard everybody.allSatisfy({ foundingAccepted.contains($0) }), !isSavingMetadata else {
            return
        }
        var complete = metadata
        complete.clusterID = founding.clusterID
        complete.founding = nil
        complete.otherVoters = founding.configuration.voterCount(besides: id)
        let entry = RaftCore.foundingEntry(founding.configuration)
        let hardState = HardState(term: entry.term, vote: nil)
        let log = environment.log
        let store = environment.metadata
        let finished = complete
        isSavingMetadata = true
        // The log first: a cluster id without a log would wait for a leader that never comes.
        logLane.attempt({ () throws(StoreError) in
            try log.commit(LogBatch(hardState: hardState, entries: [entry]))
            try store.save(finished)
        }) { [weak self] result in
            guard let self else { return }
            self.isSavingMetadata = false
            // Half of it may be on the disk: a restart completes it, this life must not go on.
            if case .failure(let error) = result { return self.replica.fail("\(error)") }
            self.founded(founding, metadata: finished, entry: entry, hardState: hardState)
        }
    }

    private func founded(
        _ founding: ServerMetadata.Founding, metadata finished: ServerMetadata, entry: Entry,
        hardState: HardState
    ) {
        setMetadata(finished)
        logger.info(
            "cluster founded",
            metadata: [
                "cluster": "\(founding.clusterID)",
                "servers": "\(founding.configuration.servers.count)",
            ])
        network.update {
            $0.clusterID = founding.clusterID
            $0.hasLog = true
        }
        for server in founding.configuration.servers where server.id != id {
            network.sendFounding(.foundingDone, to: server.id) {
                Founding.write(founding, to: &$0)
            }
        }
        let restored = Restored(
            hardState: hardState, snapshot: nil, entries: [entry], previousIndex: .zero,
            previousTerm: .zero, commitHint: .zero)
        found(with: LoadedReplica(metadata: finished, restored: restored, state: State()))
        replica.step(.campaignRequested)
    }

    func network(
        founding kind: FrameKind, _ payload: inout ByteReader, from peer: MemberInfo,
        session: PeerSession?
    ) throws(ByteError) {
        switch kind {
        case .foundingProposal:
            let proposal = try Founding.read(&payload)
            guard proposal.proposer == peer.id else { return }
            consider(proposal, session: session)
        case .foundingReply:
            let isAccepted = try payload.readBool()
            let proposal = try Founding.read(&payload)
            guard proposal == metadata.founding, proposal.proposer == id else { return }
            if isAccepted {
                foundingAccepted.insert(peer.id)
                completeFounding(proposal)
            }
        case .foundingDone:
            let founding = try Founding.read(&payload)
            // While something else is being stored this waits: members tell of the cluster again.
            guard metadata.clusterID == nil, metadata.founding == founding, !isSavingMetadata
            else { return }
            adopt(founding.clusterID)
        case .foundingQuery:
            let asked = try Founding.read(&payload)
            guard asked.proposer == id, !isSavingMetadata, metadata.founding != asked,
                metadata.clusterID != asked.clusterID
            else { return }
            session?.send(.foundingWithdrawn) { Founding.write(asked, to: &$0) }
        case .foundingWithdrawn:
            let withdrawn = try Founding.read(&payload)
            guard withdrawn == metadata.founding, withdrawn.proposer == peer.id,
                metadata.clusterID == nil, !isSavingMetadata
            else { return }
            release()
        default:
            throw ByteError(offset: 0, reason: "\(kind) is not about a founding")
        }
    }

    private func consider(_ proposal: ServerMetadata.Founding, session: PeerSession?) {
        guard !isSavingMetadata, !metadata.isRecovering,
            Founding.accepts(proposal, own: network.own, accepted: metadata.founding)
        else { return answer(proposal, false, session) }
        if metadata.founding == proposal { return answer(proposal, true, session) }
        var changed = metadata
        changed.founding = proposal
        save(changed) { server in
            server.foundingAccepted = []
            server.bound()
            server.answer(proposal, true, session)
        }
    }

    private func answer(
        _ proposal: ServerMetadata.Founding, _ isAccepted: Bool, _ session: PeerSession?
    ) {
        session?.send(.foundingReply) {
            $0.write(isAccepted)
            Founding.write(proposal, to: &$0)
        }
    }

    /// A peer belongs to a cluster. A server that has neither cluster nor log joins it, unless it
    /// is bound by a founding that may still complete; one that has no log goes over to a newer
    /// life of its cluster: it was told of it by a server of the old one.
    func network(toldCluster clusterID: ServerID, by peer: MemberInfo) {
        let isNewer = RecoveryEpoch.takesUp(network.own, from: peer)
        guard metadata.clusterID == nil || isNewer,
            !network.own.hasLog || metadata.isRecovering, !isSavingMetadata
        else { return }
        if let founding = metadata.founding {
            guard
                founding.clusterID == clusterID || founding.proposer == peer.id
                    || founding.proposer == id
            else { return }
            if founding.clusterID == clusterID { return adopt(clusterID) }
        }
        var changed = metadata
        changed.clusterID = clusterID
        changed.recoveryEpoch = peer.recoveryEpoch
        changed.founding = nil
        save(changed) { $0.adopted(clusterID) }
    }

    /// The founding record on the disk already implies this cluster: what is stored now only says
    /// it more plainly, so nothing has to wait for it.
    private func adopt(_ clusterID: ServerID) {
        var changed = metadata
        changed.clusterID = clusterID
        changed.founding = nil
        setMetadata(changed)
        adopted(clusterID)
        save(changed) { _ in }
    }

    private func adopted(_ clusterID: ServerID) {
        logger.info("this server belongs to a cluster", metadata: ["cluster": "\(clusterID)"])
        let epoch = metadata.recoveryEpoch
        network.update {
            $0.clusterID = clusterID
            $0.recoveryEpoch = epoch
        }
    }

    /// What of this server's record follows from the log is stored when it has changed.
    func keepRecord() {
        guard !isSavingMetadata, !isStopped, replica.failure == nil else { return }
        let configuration = replica.outlook.configuration
        var changed = metadata
        if configuration.voterCount > 0 {
            changed.otherVoters = configuration.voterCount(besides: id)
        }
        if hasRecovered { changed.isRecovering = false }
        guard changed != metadata else { return }
        save(changed) { _ in }
    }

    /// Durable first, then true.
    ///
    /// - Precondition: nothing else is being stored: two records would overwrite each other.
    private func save(_ changed: ServerMetadata, then: @escaping (Server) -> Void) {
        precondition(!isSavingMetadata, "two records of this server at once")
        isSavingMetadata = true
        let store = environment.metadata
        logLane.attempt({ () throws(StoreError) in try store.save(changed) }) {
            [weak self] result in
            guard let self else { return }
            self.isSavingMetadata = false
            if case .failure(let error) = result { return self.replicaStorageFailed(error) }
            self.setMetadata(changed)
            then(self)
            self.considerFounding()
            self.keepRecord()
        }
    }

    private func replicaStorageFailed(_ error: StoreError) {
        logger.error("identity could not be stored", metadata: ["error": "\(error)"])
        guard case .full = error else { return replica.fail("\(error)") }
        later(.seconds(1)) { [weak self] in self?.keepRecord() }
    }
}

// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletACL
import MartletAPI
import MartletBytes
import MartletHTTP
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// One Martlet server: replica, peers, leader's duties and the HTTP API, on one loop.
///
/// Everything here is confined to the loop's thread and synchronous; ``ServerDoor`` is the way in
/// for everybody else.
///
/// - Invariant: no Raft message leaves or enters before the cluster id is durable or follows from a
///   durable founding record.
final class Server {
    let options: ServerOptions
    let environment: ServerEnvironment
    let loop: any Loop
    let logger: Logger
    let network: PeerNetwork
    let seal: GossipSeal
    private(set) var replica: Replica
    private(set) lazy var steward = Steward(server: self)
    private(set) lazy var dispatcher = Dispatcher(server: self)
    private(set) lazy var lender = LaneLender(server: self)
    var logClock = LogClock()
    private(set) var metadata: ServerMetadata
    var front: HTTPFront?
    let audit: AuditLog?
    let logLane: any Lane
    let snapshotLane: any Lane
    /// To pack a state takes long, and keeps nothing else waiting here.
    let archiveLane: any Lane
    let spool: Spool

    /// Requests that wait for a leader.
    var waitingForLeader: [LeaderWaiter] = []
    var leaderTimer: (any LoopTimer)?
    var isLeaderTimerArmed = false
    var snapshotSenders: [ServerID: SnapshotSender] = [:]
    var foundingAccepted: Set<ServerID> = []
    /// What was logged last of who expects another number of servers.
    var expectationsTold: String?
    /// Members that an operator wants erased, and that are in the configuration still.
    var pruning: Set<ServerID> = []
    var isSavingMetadata = false
    /// The leader said so in this life; stored as soon as nothing else is being stored.
    var hasRecovered = false
    var isStopped = false
    var stopCompletions: [() -> Void] = []
    var stopTimer: (any LoopTimer)?
    /// It took itself out of the pool, in this life or in the one before, and is not back.
    var hasLeft: Bool
    private(set) var membersKeeper: MembersKeeper?
    /// How long after its last byte a snapshot's answer is waited for.
    private static let snapshotAnswerMax: Duration = .seconds(1)
    let startedAt: Duration
    var counters = Counters()
    let timings = ServerTimings()
    var autopilotCache: CachedBody?
    /// Rules of tokens, ready to be asked.
    var access = AccessCache()
    /// The first is under way, the others wait for it.
    var keyringChanges: [() -> Void] = []
    var archiveWork = ArchiveWork()
    var events: EventRing
    private(set) lazy var listTurns = ListTurns(loop: loop)
    private(set) lazy var queries = BlockingQueries(
        loop: loop, seed: loop.makeSeed(), state: { [unowned self] in replica.state })
    private(set) lazy var dryRuns = DryRuns(loop: loop)
    var nodeUpdates = NodeUpdates()
    /// One-shot timers under way, by number.
    var laterArmed: [UInt64: any LoopTimer] = [:]
    var laterTimers: UInt64 = 0

    init(
        options: ServerOptions, environment: ServerEnvironment, loaded: LoadedReplica,
        seed: UInt64, logger: Logger
    ) {
        self.options = options
        self.environment = environment
        self.logger = logger
        loop = environment.loop
        startedAt = environment.loop.now
        metadata = loaded.metadata
        events = EventRing(missingThrough: loaded.state.lastAppliedIndex)
        hasLeft = options.remembered.hasLeft && !options.rejoinAfterLeave
        var own = MemberInfo(
            id: loaded.metadata.serverID, name: options.name, region: options.region,
            datacenter: options.datacenter, version: options.version,
            peerAddress: "\(options.advertisedPeerAddress ?? options.peerAddress)",
            gossipAddress: "\(options.advertisedGossipAddress ?? options.gossipAddress)",
            httpAddress: "\(options.advertisedHTTPAddress ?? options.httpAddress)",
            bootstrapExpect: options.bootstrapExpect, isNonVoter: options.isNonVoter,
            clusterID: loaded.metadata.clusterID, recoveryEpoch: loaded.metadata.recoveryEpoch,
            hasLog: loaded.hasLog || loaded.metadata.isRecovering,
            incarnation: UInt64(clamping: environment.loop.wallClockNanoseconds))
        own.redundancyZone = options.redundancyZone ?? ""
        own.upgradeVersion = options.upgradeVersion ?? ""
        own.protocolMax = options.peerProtocolMax
        own.boundProposer = loaded.metadata.founding?.proposer
        seal = GossipSeal(keyring: options.keyring, crypto: environment.crypto)
        network = PeerNetwork(
            own: own, options: options, environment: environment, seal: seal, logger: logger)
        audit = Self.makeAuditLog(options, environment, logger)
        logLane = environment.loop.makeLane(named: "log")
        snapshotLane = environment.loop.makeLane(named: "snapshots")
        archiveLane = environment.loop.makeLane(named: "archives")
        spool = Spool(
            folder: options.spoolPath, files: environment.files, loop: environment.loop)
        replica = Replica(
            loaded, options: options, environment: environment, logLane: logLane,
            snapshotLane: snapshotLane, seed: seed, timings: timings, logger: logger)
    }

    deinit { network.letGo() }

    var id: ServerID { metadata.serverID }

    /// Opens the ports and begins to take part.
    func start() throws(PortFailure) {
        network.delegate = self
        replica.delegate = self
        // Before the ports: a port that is taken must stop a server that has changed nothing.
        let front = HTTPFront(server: self)
        try PortFailure.opening("http", at: options.httpAddress) { () throws(TransportError) in
            try front.listen(on: options.httpAddress)
        }
        self.front = front
        try network.start()
        spool.clear()
        leaderTimer = loop.makeTimer { [weak self] in self?.expireLeaderWaiters() }
        steward.begin(with: replica.outlook.configuration)
        replica.start()
        if !hasLeft { findOthers() }
        membersKeeper = MembersKeeper(
            options: options, environment: environment, lane: snapshotLane, logger: logger
        ) { [unowned self] in
            MembersFile(
                members: Array(
                    network.members.all.filter { $0.info.id != id && $0.status == .alive }
                        .map(\.info).prefix(MembersFile.countMax)),
                hasLeft: hasLeft)
        }
        keepRecord()
        logger.info(
            "server started",
            metadata: [
                "id": "\(id)", "http": "\(front.address ?? options.httpAddress)",
                "rpc": "\(network.own.peerAddress)", "serf": "\(network.own.gossipAddress)",
            ])
        considerFounding()
    }

    /// Whom it knew before it stopped: of the newest first, since they may have moved.
    private func findOthers() {
        for info in options.remembered.members { network.remember(info) }
        for identity in replica.state.servers { seedMember(identity) }
        for server in replica.outlook.configuration.members {
            network.connect(toConfigured: server.id, at: server.address)
        }
    }

    /// A server that the cluster's state tells of is known by name before it answers.
    private func seedMember(_ identity: ServerIdentity) {
        guard let id = ServerID(identity.id) else { return }
        var info = MemberInfo(
            id: id, name: identity.name, region: identity.region,
            datacenter: identity.datacenter, version: identity.version,
            peerAddress: identity.rpcAddress, gossipAddress: identity.gossipAddress,
            httpAddress: identity.httpAddress, bootstrapExpect: 0,
            isNonVoter: identity.isNonVoter, clusterID: metadata.clusterID,
            recoveryEpoch: metadata.recoveryEpoch, hasLog: true, incarnation: 0)
        info.redundancyZone = identity.redundancyZone ?? ""
        info.upgradeVersion = identity.upgradeVersion ?? ""
        network.remember(info)
    }

    /// Replaces the replica by one whose log holds the founding.
    func found(with loaded: LoadedReplica) {
        replica.stop()
        replica = Replica(
            loaded, options: options, environment: environment, logLane: logLane,
            snapshotLane: snapshotLane, seed: loop.makeSeed(), timings: timings, logger: logger)
        replica.delegate = self
        steward.begin(with: replica.outlook.configuration)
        replica.start()
    }

    func setMetadata(_ newMetadata: ServerMetadata) { metadata = newMetadata }
}

// MARK: - Replica's effects

extension Server: ReplicaDelegate {
    func replica(send message: Message, to peer: ServerID) {
        network.send(message, to: peer)
    }

    func replica(sendSnapshot offer: SnapshotOffer, to peer: ServerID) {
        guard let address = network.peerAddress(of: peer), snapshotSenders[peer] == nil else {
            return loop.atEndOfTurn { [weak self] in
                self?.replica.step(.snapshotSendFailed(to: peer))
            }
        }
        let sender = SnapshotSender(
            offer, store: environment.snapshots, lane: snapshotLane, loop: loop,
            hello: network.hello(for: .snapshot),
            refused: { [weak self] error, isOversized in
                self?.network.refuse(error, isOversized: isOversized, from: "\(address)")
            }
        ) { [weak self] isComplete in
            guard let self else { return }
            self.snapshotSenders[peer] = nil
            guard isComplete else { return self.replica.step(.snapshotSendFailed(to: peer)) }
            // All bytes left. If the follower's word never comes, they are sent again: Raft ignores
            // this when it has gone on meanwhile.
            self.later(Self.snapshotAnswerMax) { [weak self] in
                guard let self, self.snapshotSenders[peer] == nil else { return }
                self.replica.step(.snapshotSendFailed(to: peer))
            }
        }
        snapshotSenders[peer] = sender
        logger.info(
            "sending a snapshot",
            metadata: ["to": "\(peer)", "index": "\(offer.metadata.lastIndex.number)"])
        sender.start(to: address, streams: environment.peerStreams)
    }

    func replicaStatusChanged(_ status: Status) {
        counters.statusChanges += 1
        tellStatus(status)
        logger.info(
            "raft status",
            metadata: [
                "role": "\(status.role)", "term": "\(status.term.number)",
                "leader": "\(status.leader.map(\.description) ?? "none")",
            ])
        network.leaderChanged(to: status.leader)
        steward.statusChanged(status)
        dispatcher.statusChanged(status)
        lender.consider()
        if status.leader != nil { wakeLeaderWaiters() }
    }

    func replicaConfigurationChanged(_ configuration: Configuration, index: LogIndex) {
        for server in configuration.members where server.id != id && !hasLeft {
            network.connect(toConfigured: server.id, at: server.address)
        }
        if !network.own.hasLog, replica.core.lastIndex > .zero {
            network.update { $0.hasLog = true }
        }
        network.closeLinksOfGone()
        if !pruning.isEmpty { pruneRemoved() }
        steward.configurationChanged(configuration)
        keepRecord()
    }

    func replicaApplied(through index: LogIndex) {
        logClock.note(index.number, at: loop.now)
        steward.applied()
        dispatcher.applied()
        lender.applied()
        queries.stateChanged()
    }

    func replicaTookSnapshot(at index: LogIndex) { tellSnapshotTaken(at: index) }

    func replicaRecovered() {
        hasRecovered = true
        logger.info("refilled by the leader: this server is whole again")
        keepRecord()
    }

    func replicaObserved(_ observation: Observation) {
        tellObservation(observation)
        switch observation {
        case .campaignStarted(_, let isPreVote):
            if isPreVote { counters.preVotes += 1 } else { counters.campaigns += 1 }
        case .leadershipLost(let reason):
            counters.leadershipsLost += 1
            logger.warning("leadership ended", metadata: ["reason": "\(reason)"])
        case .peerStateChanged(let peer, let state):
            logger.debug(
                "feeding a server", metadata: ["server": "\(peer)", "state": "\(state.rawValue)"])
        case .messageRefused(let peer, let reason):
            network.refuse(reason, from: peer)
        }
    }

    func replicaFailed(_ reason: String) {
        steward.stop()
        dispatcher.stop()
        network.stop()
    }
}

// MARK: - The network's events

extension Server: PeerNetworkDelegate {
    func network(received message: Message, from peer: ServerID) {
        replica.step(.received(message, from: peer))
    }

    func networkLostConnection(from peer: ServerID) {
        replica.step(.connectionLost(peer))
    }

    func networkUnreachable(_ peer: ServerID) {
        lender.linkEnded(to: peer)
        replica.step(.unreachable(peer))
    }

    /// A new connection may lead to a new life of the peer: what went to the old one is lost.
    func networkConnected(to peer: ServerID) {
        lender.consider()
        if let sender = snapshotSenders[peer] { return sender.cancel() }
        replica.step(.snapshotSendFailed(to: peer))
    }

    func network(member info: MemberInfo, became status: SerfStatus) { tellMember(info, status) }

    func networkMembersChanged() {
        considerReturn()
        membersKeeper?.changed()
        considerFounding()
        steward.membersChanged()
    }

    /// Who is with others again has not left: from here on it finds them by itself.
    private func considerReturn() {
        guard hasLeft, stopCompletions.isEmpty,
            network.members.all.contains(where: { $0.info.id != id && $0.status == .alive })
        else { return }
        hasLeft = false
        findOthers()
    }

    func networkConfiguredServers() -> [ServerID] {
        replica.outlook.configuration.members.map(\.id)
    }

    func networkReceiver(for peer: ServerID, session: PeerSession) -> SnapshotReceiver? {
        SnapshotReceiver(
            from: peer, replica: replica, store: environment.snapshots, session: session)
    }

    func network(
        forwarded request: APIRequest, of credential: Credential, trace: String?,
        from peer: ServerID, reply: @escaping (ForwardReply) -> Void
    ) {
        counters.forwardsReceived += 1
        var caller = Caller()
        caller.credential = credential
        caller.server = peer
        serveForwarded(request, of: caller, trace: trace, reply: reply)
    }
}

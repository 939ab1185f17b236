// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletAutopilot
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// What a leader does besides replicating: writes the first configurations, records who the servers
/// are, takes joiners in, gives them a vote when they have caught up, and keeps the health view.
///
/// Runs every ``interval`` while this server leads, and at once on what changes its picture. Its
/// changes are compare-and-set on the configuration that it looked at.
final class Steward {
    unowned let server: Server
    private let options: ServerOptions
    private let loop: any Loop
    private let logger: Logger
    private var timer: (any LoopTimer)?
    private var isLeading = false
    private var leadingSince: Duration = .zero
    private var tracker = HealthTracker()
    private(set) var health: OperatorHealth?

    private var known = Configuration.empty
    /// Who was taken out, and when this server saw it: back in once it is heard, by its own voice,
    /// no sooner than ``rejoinDelay`` after that. One that died lately still counts as alive.
    private var removedAt: [ServerID: Duration] = [:]
    /// Joiners of an older version, each told of once in a leadership.
    private var refused: Set<ServerID> = []
    private var isChanging = false
    private var isInitializing = false
    private var recording: Set<String> = []
    /// Made of what the servers say of themselves, and kept until they say something else.
    private var identities: [ServerID: (info: MemberInfo, identity: ServerIdentity)] = [:]
    private var isScheduled = false

    static let interval: Duration = .milliseconds(500)
    static let rejoinDelay: Duration = .seconds(2)

    init(server: Server) {
        self.server = server
        options = server.options
        loop = server.loop
        logger = server.logger
    }

    private var replica: Replica { server.replica }
    private var network: PeerNetwork { server.network }

    func statusChanged(_ status: Status) {
        let leads = status.role == .leader
        guard leads != isLeading else { return }
        isLeading = leads
        if leads {
            leadingSince = loop.now
            tracker = HealthTracker()
            isChanging = false
            isInitializing = false
            recording = []
            refused = []
            identities = [:]
            let timer = loop.makeTimer { [weak self] in self?.tick() }
            self.timer = timer
            refreshHealth()
            timer.arm(at: loop.now + Self.interval)
            schedule()
        } else {
            timer?.disarm()
            health = nil
        }
    }

    /// The configuration that the server starts with: who leaves it later was in it.
    func begin(with configuration: Configuration) { known = configuration }

    func configurationChanged(_ configuration: Configuration) {
        for server in known.members where !configuration.contains(server.id) {
            removedAt[server.id] = loop.now
        }
        known = configuration
        schedule()
    }

    func membersChanged() { schedule() }

    func applied() { schedule() }

    func stop() {
        isLeading = false
        timer?.disarm()
    }

    private func tick() {
        guard isLeading else { return }
        timer?.arm(at: loop.now + Self.interval)
        refreshHealth()
        work()
    }

    /// At the end of this turn: several reasons in one turn are one piece of work.
    private func schedule() {
        guard isLeading, !isScheduled else { return }
        isScheduled = true
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            self.isScheduled = false
            self.work()
        }
    }

    private func work() {
        guard isLeading, server.replica.core.status.role == .leader else { return }
        initializeConfigurations()
        recordIdentities()
        changeConfiguration()
    }

    // MARK: State that every cluster has

    private func initializeConfigurations() {
        guard !isInitializing, replica.core.isConfigurationCommitted else { return }
        let needsAutopilot = replica.state.autopilot == nil
        let needsScheduler = replica.state.scheduler == nil
        guard needsAutopilot || needsScheduler else { return }
        isInitializing = true
        let done = { [weak self] (outcome: CommandOutcome) in
            self?.isInitializing = false
            // What was refused is tried again with the next tick, not at once.
            if case .applied = outcome { self?.schedule() }
        }
        if needsAutopilot {
            replica.propose(
                Command.initializeAutopilot(options.autopilot).encoded(), done: done)
        }
        if needsScheduler {
            replica.propose(
                Command.initializeScheduler(SchedulerConfiguration()).encoded(), done: done)
        }
    }

    /// Names and addresses of the servers, for those that start while others are away.
    private func recordIdentities() {
        for server in replica.core.configuration.members {
            guard let info = network.members[server.id]?.info, !info.name.isEmpty else { continue }
            guard let identity = identity(of: info) else { continue }
            guard replica.state.server(identity.id) != identity, !recording.contains(identity.id)
            else { continue }
            recording.insert(identity.id)
            replica.propose(Command.putServer(identity).encoded()) { [weak self] _ in
                self?.recording.remove(identity.id)
            }
        }
    }

    private func identity(of info: MemberInfo) -> ServerIdentity? {
        if let known = identities[info.id], known.info == info { return known.identity }
        do {
            let identity = try ServerIdentity(info)
            identities[info.id] = (info, identity)
            return identity
        } catch {
            logger.warning(
                "a server's identity cannot be recorded",
                metadata: ["member": "\(info.fullName)", "error": "\(error)"])
            return nil
        }
    }

    // MARK: Who is in the configuration

    private func changeConfiguration() {
        guard !isChanging, replica.core.isConfigurationCommitted,
            !replica.core.configuration.isJoint
        else { return }
        guard let action = nextAction() else { return }
        isChanging = true
        replica.change(action, ifConfigurationIndex: replica.core.configurationIndex) {
            [weak self] outcome in
            guard let self else { return }
            self.isChanging = false
            if case .accepted(let index, _) = outcome {
                self.logger.info(
                    "membership change",
                    metadata: ["change": "\(action)", "index": "\(index.number)"])
            }
        }
    }

    /// One change at a time: the most urgent first.
    private func nextAction() -> ConfigurationChange.Action? {
        let configuration = replica.core.configuration
        for member in network.members.all where member.status == .alive {
            let info = member.info
            guard info.clusterID == server.metadata.clusterID,
                info.recoveryEpoch == server.metadata.recoveryEpoch
            else { continue }
            guard let present = configuration[info.id] else {
                if let removed = removedAt[info.id],
                    member.lastContact < removed + Self.rejoinDelay
                {
                    continue
                }
                guard canJoin(info) else { continue }
                return .addNonVoter(info.id, address: info.peerAddress)
            }
            if present.address != info.peerAddress, info.id != server.id {
                return .addNonVoter(info.id, address: info.peerAddress)
            }
        }
        return promotion(in: configuration)
    }

    /// A server of an older version stays outside until it is upgraded. One that was not met yet is
    /// looked at again when it was.
    private func canJoin(_ info: MemberInfo) -> Bool {
        guard let canJoin = server.canJoin(info.id) else { return false }
        if !canJoin, refused.insert(info.id).inserted {
            logger.warning(
                "a server cannot join: it runs an older version, which may not read the log",
                metadata: ["member": "\(info.fullName)", "version": "\(info.version)"])
        }
        return canJoin
    }

    private func promotion(in configuration: Configuration) -> ConfigurationChange.Action? {
        for progress in replica.core.progress {
            guard configuration[progress.id]?.role == .nonVoter,
                let member = network.members[progress.id], member.status == .alive,
                !member.info.isNonVoter, progress.isCaughtUp
            else { continue }
            return .promote(progress.id)
        }
        return nil
    }

    // MARK: Health

    /// Computed when leadership starts and every interval; served from memory in between.
    func refreshHealth() {
        let core = replica.core
        let configuration = replica.state.autopilot ?? options.autopilot
        var observations: [ServerObservation] = []
        let progress = core.progress
        for (position, server) in core.configuration.members.enumerated() {
            let isSelf = server.id == self.server.id
            let member = network.members[server.id]
            let known = position < progress.count ? progress[position] : nil
            observations.append(
                ServerObservation(
                    id: server.id.description,
                    name: name(of: server.id),
                    address: server.address,
                    version: member?.info.version
                        ?? replica.state.server(server.id.description)?.version ?? "",
                    serfStatus: isSelf ? .alive : member?.status ?? .none,
                    isLeader: isSelf, isVoter: server.role == .voter,
                    lastContact: isSelf
                        ? .zero : loop.now - (known?.lastContact ?? leadingSince),
                    lastTerm: isSelf ? core.lastTerm.number : known?.lastTerm.number ?? 0,
                    lastIndex: isSelf ? core.lastIndex.number : known?.lastIndex.number ?? 0))
        }
        health = tracker.assess(
            observations,
            leader: LeaderView(
                lastTerm: core.lastTerm.number, lastIndex: core.lastIndex.number),
            configuration: configuration, wallClockNanoseconds: loop.wallClockNanoseconds)
    }

    func name(of id: ServerID) -> String {
        if let info = network.members[id]?.info, !info.name.isEmpty { return info.fullName }
        if let identity = replica.state.server(id.description) {
            return "\(identity.name).\(identity.region)"
        }
        return "(unknown)"
    }

    /// The voter to hand leadership to: connected, and the furthest.
    func successor() -> ServerID? {
        replica.core.progress
            .filter {
                $0.id != server.id && replica.core.configuration.staysVoter($0.id)
                    && !$0.isRecovering
                    && network.isConnected(to: $0.id)
            }
            .max { ($0.match, $1.id) < ($1.match, $0.id) }?.id
    }
}

extension ServerIdentity {
    init(_ info: MemberInfo) throws(StateError) {
        try self.init(
            id: info.id.description, name: info.name, region: info.region,
            datacenter: info.datacenter, rpcAddress: info.peerAddress,
            httpAddress: info.httpAddress, gossipAddress: info.gossipAddress,
            version: info.version, isNonVoter: info.isNonVoter)
    }
}

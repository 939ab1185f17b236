// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletAutopilot
import MartletRaft
import MartletState
import MartletStorage
import MartletTransport

/// What a leader does besides replicating: writes the first configurations, records who the servers
/// are and who leads, and is the loop around Autopilot's two functions: what it sees becomes health,
/// health becomes a plan, and a plan is carried out, each change by compare-and-set on the
/// configuration that the plan looked at.
///
/// ```
///            every 500 ms, and on what changes the picture
///   look ─▶ assess ─▶ plan ──▶ nothing to do, or not due
///    ▲                 │ due: every 10 s, on a change of status or settings, after promotions;
///    │                 ▼      at once for joins, addresses, farewells and promotions
///    └── end, or ◀── carry out, one change after the other
///        conflict
/// ```
final class Steward {
    unowned let server: Server
    let options: ServerOptions
    let loop: any Loop
    let logger: Logger
    private var timer: (any LoopTimer)?
    private var isScheduled = false
    private(set) var isLeading = false
    private(set) var leadingSince: Duration = .zero
    /// When this server's leadership ended; nil if it had none yet.
    private(set) var ledUntil: Duration?

    /// Of this leadership; nil while another server leads.
    private(set) var picture: Picture?
    private(set) var tracker = HealthTracker()
    var round = Round()

    private var known = Configuration.empty
    /// Who was taken out, when this server saw it, and in which life: back in once it is heard, by its
    /// own voice, a while after that. One that died lately still counts as alive; one that started
    /// anew since does not have to wait.
    private(set) var removed: [ServerID: Removal] = [:]
    /// Joiners of an older version, each told of once in a leadership.
    private var refused: Set<ServerID> = []
    private var isInitializing = false
    private var recording: Set<String> = []
    private var isLeaderRecorded = false
    private var settingsIndex: UInt64 = 0
    /// What each server of the configuration answered last: a change of its role does not undo that.
    var answered: [ServerID: Progress] = [:]
    /// Made of what the servers say of themselves, and kept until they say something else.
    private var identities: [ServerID: (info: MemberInfo, identity: ServerIdentity)] = [:]
    /// Of the servers of the configuration, in its order, and what they were made of.
    var portraits: [Portrait] = []
    var sitting: Sitting?
    /// What was looked at when every identity was recorded last, or on its way into the log.
    private var recordedAt: RecordedPicture?

    /// What was seen and judged together, and what follows from it.
    final class Picture {
        let view: ClusterView
        let health: ClusterHealth
        let at: Duration
        /// Made when somebody asks for it: most pictures need none.
        private(set) lazy var plan = Planner.plan(view, health: health, at: at)

        init(_ view: ClusterView, health: ClusterHealth, at: Duration) {
            self.view = view
            self.health = health
            self.at = at
        }
    }

    struct Removal {
        let at: Duration
        let incarnation: UInt64?
    }

    private struct RecordedPicture: Equatable {
        let members: UInt64
        let servers: UInt64
        let configuration: LogIndex
        let hasLabels: Bool
    }

    static let interval: Duration = .milliseconds(500)
    static let roundInterval: Duration = .seconds(10)

    init(server: Server) {
        self.server = server
        options = server.options
        loop = server.loop
        logger = server.logger
    }

    var replica: Replica { server.replica }
    var network: PeerNetwork { server.network }

    func statusChanged(_ status: Status) {
        let leads = status.role == .leader
        guard leads != isLeading else { return }
        isLeading = leads
        if leads {
            leadingSince = loop.now
            tracker = HealthTracker()
            round = Round()
            isInitializing = false
            recording = []
            isLeaderRecorded = false
            refused = []
            identities = [:]
            answered = [:]
            recordedAt = nil
            sitting = nil
            let timer = loop.makeTimer { [weak self] in self?.tick() }
            self.timer = timer
            look()
            timer.arm(at: loop.now + Self.interval)
            schedule()
        } else {
            ledUntil = loop.now
            timer?.disarm()
            picture = nil
        }
    }

    /// The configuration that the server starts with: who leaves it later was in it.
    func begin(with configuration: Configuration) { known = configuration }

    func configurationChanged(_ configuration: Configuration) {
        for server in known.members where !configuration.contains(server.id) {
            removed[server.id] = Removal(
                at: loop.now, incarnation: network.members[server.id]?.info.incarnation)
        }
        known = configuration
        schedule()
    }

    func membersChanged() { schedule() }

    /// Few of the entries concern the steward.
    func applied() {
        guard isLeading else { return }
        let settings = replica.ask { $0.index(of: .autopilot) }
        guard settings != settingsIndex || isInitializing || !isLeaderRecorded else { return }
        settingsIndex = settings
        schedule()
    }

    func stop() {
        isLeading = false
        timer?.disarm()
    }

    private func tick() {
        guard isLeading else { return }
        timer?.arm(at: loop.now + Self.interval)
        work()
    }

    /// At the end of this turn: several reasons in one turn are one piece of work.
    func schedule() {
        guard isLeading, !isScheduled else { return }
        isScheduled = true
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            self.isScheduled = false
            self.work()
        }
    }

    private func work() {
        guard isLeading, replica.outlook.status.role == .leader else { return }
        initializeConfigurations()
        recordLeadership()
        recordIdentities()
        look()
        considerRound()
        server.reapExpiredTokens()
        server.sealNodeSecrets()
    }

    /// Sees and judges, and does nothing. Synchronous: a leader's health is there as soon as
    /// it leads.
    func look() {
        let view = makeView()
        let health = tracker.assess(
            view, at: loop.now, wallClockNanoseconds: loop.wallClockNanoseconds)
        server.tellHealth(health, before: picture?.health)
        if let before = picture?.view, Self.isNews(view, since: before) { round.isDue = true }
        picture = Picture(view, health: health, at: loop.now)
    }

    /// Somebody's status or the settings changed.
    private static func isNews(_ view: ClusterView, since before: ClusterView) -> Bool {
        guard view.configuration == before.configuration,
            view.servers.count == before.servers.count
        else { return true }
        // In place: an observation is large.
        let (now, then) = (view.servers.span, before.servers.span)
        for position in now.indices
        where now[position].serfStatus != then[position].serfStatus
            || now[position].id != then[position].id
        {
            return true
        }
        return false
    }

    /// Said once in a leadership.
    func noteRefusal(of info: MemberInfo, _ reason: String) {
        guard refused.insert(info.id).inserted else { return }
        logger.warning(
            "a server cannot join",
            metadata: [
                "member": "\(info.fullName)", "version": "\(info.version)", "reason": "\(reason)",
            ])
    }

    // MARK: State that every cluster has

    private func initializeConfigurations() {
        guard !isInitializing, replica.outlook.isConfigurationCommitted else { return }
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
        let picture = RecordedPicture(
            members: network.members.revision, servers: replica.ask { $0.index(of: .servers) },
            configuration: replica.outlook.configurationIndex,
            hasLabels: server.canEverybodyApply(Command.historyVersion))
        guard picture != recordedAt else { return }
        recordedAt = picture
        for server in replica.outlook.configuration.members {
            guard let info = network.members[server.id]?.info, !info.name.isEmpty else { continue }
            guard let identity = identity(of: info).map(recordable) else { continue }
            guard replica.ask({ $0.server(identity.id) }) != identity,
                !recording.contains(identity.id)
            else { continue }
            recording.insert(identity.id)
            replica.propose(Command.putServer(identity).encoded()) { [weak self] _ in
                self?.recordedAt = nil
                self?.recording.remove(identity.id)
            }
        }
    }

    /// Without its labels for as long as a server cannot apply them.
    private func recordable(_ identity: ServerIdentity) -> ServerIdentity {
        guard identity.hasLabels, server.serverThatCannotApply(Command.historyVersion) != nil else {
            return identity
        }
        return identity.withoutLabels()
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

    private func recordLeadership() {
        guard !isLeaderRecorded, server.canEverybodyApply(Command.historyVersion),
            replica.outlook.isConfigurationCommitted
        else { return }
        isLeaderRecorded = true
        let term = LeadershipTerm(
            term: replica.outlook.status.term.number, leaderID: server.id.description,
            leaderName: name(of: server.id), sinceUnixNanoseconds: loop.wallClockNanoseconds)
        replica.propose(Command.recordLeader(term).encoded()) { [weak self] outcome in
            if case .applied = outcome { return }
            self?.isLeaderRecorded = false
        }
    }

    func name(of id: ServerID) -> String {
        let info = network.members[id]?.info
        let isNamed = info?.name.isEmpty == false
        return name(of: info, isNamed ? nil : replica.ask { $0.server(id.description) })
    }

    func name(of info: MemberInfo?, _ identity: ServerIdentity?) -> String {
        if let info, !info.name.isEmpty { return info.fullName }
        if let identity { return "\(identity.name).\(identity.region)" }
        return "(unknown)"
    }
}

extension ServerIdentity {
    init(_ info: MemberInfo) throws(StateError) {
        try self.init(
            id: info.id.description, name: info.name, region: info.region,
            datacenter: info.datacenter, rpcAddress: info.peerAddress,
            httpAddress: info.httpAddress, gossipAddress: info.gossipAddress,
            version: info.version, isNonVoter: info.isNonVoter,
            redundancyZone: info.redundancyZone.isEmpty ? nil : info.redundancyZone,
            upgradeVersion: info.upgradeVersion.isEmpty ? nil : info.upgradeVersion)
    }
}

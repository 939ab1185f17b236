// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletRaft
import MartletScheduler
import MartletState
import MartletTransport

/// The leader's half of the scheduler: hands evaluations to workers, checks their plans, writes what is
/// accepted, and watches deployments, drains and heartbeats.
///
/// ```
///   the log ─▶ state ─▶ follow: broker, blocked, ledger, watchers
///                            │ deliveries
///                            ▼
///               lanes: SchedulerLane.evaluate        (snapshots, off the loop; also lent by followers)
///                            │ proposals
///                            ▼
///          PlanQueue ─▶ PlanCheck on the ledger ─▶ one entry of the log, or some
///                            │ results
///                            ▼
///               outcomes, many in one entry ─▶ acknowledged
/// ```
///
/// All of it is made of the state when this server begins to lead, and forgotten when it ends: what was
/// on its way is in the log, or is done again. Confined to the loop.
///
/// - Invariant: while there is nothing of the scheduler in the state, it has no timer and no lane.
/// - Invariant: an evaluation in hand is delivered by the broker under the token that it is held with;
///   answers under another token are of an earlier life and count for nothing.
final class Dispatcher {
    /// An evaluation that is being worked at.
    struct Hand {
        let delivery: EvaluationBroker.Delivery
        var run: EvaluationRun
        /// Of the plan that was submitted.
        var followUps: [Evaluation] = []
        /// Another server could not look at it: this one does.
        var isKept = false
    }

    unowned let server: Server
    let loop: any Loop
    let logger: Logger
    let entryBytesMax: Int

    /// Whether this server leads, and there is something to schedule.
    private(set) var isOn = false
    /// Whether evaluations are handed out: on, and not paused by the operator.
    private(set) var isServing = false
    /// This server leads since before there was anything to schedule: no node has to find it first.
    private var beganEmpty = false
    /// It leads, and has not waited for any node yet.
    var isNew = false
    /// What is being read on a lane; nil: nothing is. Of several that were begun the last one counts.
    var surveying: SurveyScope?
    var surveys: UInt64 = 0
    private var isScheduled = false
    private var timer: (any LoopTimer)?

    var broker = EvaluationBroker()
    var blocked = BlockedEvaluations()
    var plans = PlanQueue()
    var ledger = ClusterLedger()
    /// The log index up to which the state was followed.
    var followed: UInt64 = 0
    private var configurationIndex: UInt64 = 0

    /// By evaluation.
    var hands: [UniqueID: Hand] = [:]
    /// Of this server: they look for it while it leads, and else for the leader (``LaneLender``).
    var workers: [Worker] = []
    var lent = LentLanes()
    /// Connections of those who lend, by number.
    var lenders: [UInt64: PeerSession] = [:]
    /// Those whose next look is due, in order.
    var looking: [UniqueID] = []
    /// Evaluations of submitted plans, by ticket.
    var tickets: [UInt64: UniqueID] = [:]
    /// Plans on their way into the log, in order.
    var flights: [Flight] = []
    var nextFlight: UInt64 = 0
    /// By instance that was there before, how many of them change it or take it away.
    var ahead: [UniqueID: Int] = [:]
    /// It counts on what is not done: made anew before the next check.
    var isLedgerStale = false
    /// Everything waits for the end of a restore.
    private var isHeldByRestore = false
    var outbox = Outbox()

    var nodes: [UniqueID: NodeMemory] = [:]
    var heartbeats: Heartbeats
    /// Nodes that are to be written as down.
    var missed: [UniqueID] = []
    var deployments = DeploymentWatcher()
    /// They are not looked at before.
    var deploymentsRestUntil: Duration = .zero
    var dirtyDeployments = WaitingDeployments()
    var drains = DrainWatch()
    var concerns = NodeConcerns()
    var garbage = GarbageRounds()
    /// After something could not be written: when to try it again.
    var retryAt: Duration?

    /// Of this leadership; made of the system's random bits.
    var ids = IDSource(evaluationID: UniqueID(high: 0, low: 0), snapshotIndex: 0, attempt: 0)
    var random = SeededSequence(seed: 0)
    var counters = DispatchCounters()

    init(server: Server) {
        self.server = server
        loop = server.loop
        logger = server.logger
        entryBytesMax = server.options.raftLimits.entryBytesMax
        heartbeats = Heartbeats(rule: server.options.scheduling.heartbeatRule)
    }

    var replica: Replica { server.replica }
    var tables: SchedulerTables { server.replica.state.scheduling }
    var unixNanoseconds: Int64 { loop.wallClockNanoseconds }

    // MARK: What happens

    func statusChanged(_ status: Status) {
        guard status.role != .leader else { return }
        forgetLenders()
        beganEmpty = false
        end()
    }

    /// After entries were applied, in their order.
    func applied() {
        if isOn {
            if isHeldByRestore, replica.state.restoreIndex == nil { schedule() }
            return follow()
        }
        guard replica.hasAppliedOwnTerm else { return }
        guard tables.isKnown else {
            beganEmpty = true
            return endGarbage(0)
        }
        if server.canEverybodyApply(Command.schedulingVersion) { begin() } else { endGarbage(0) }
    }

    func stop() { end() }

    /// At the end of this turn: what happened in it is worked off together.
    func schedule() {
        guard isOn, !isScheduled else { return }
        isScheduled = true
        loop.atEndOfTurn { [weak self] in
            guard let self else { return }
            self.isScheduled = false
            self.work()
        }
    }

    // MARK: Leading

    private func begin() {
        guard let root = drawID() else { return }
        ids = IDSource(evaluationID: root, snapshotIndex: tables.lastIndex, attempt: 0)
        random = SeededSequence(seed: ids.seed)
        isOn = true
        timer = loop.makeTimer { [weak self] in self?.schedule() }
        makeWorkers()
        isNew = !beganEmpty
        readAll()
    }

    func makeWorkers() {
        let count = server.options.scheduling.workerCount
        guard workers.count < count else { return }
        workers = (1...count).map { Worker(loop.makeLane(named: "scheduler-\($0)")) }
    }

    private func drawID() -> UniqueID? {
        do throws(CryptoError) {
            let id = try ServerID.make(from: server.environment.crypto)
            return UniqueID(high: id.high, low: id.low)
        } catch {
            logger.warning("no scheduling without random bits", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func end() {
        // It may have been asked for before this began.
        endGarbage()
        guard isOn else { return }
        isOn = false
        surveying = nil
        surveys += 1
        setServing(false)
        timer?.disarm()
        timer = nil
        _ = plans.drain()
        tickets = [:]
        flights = []
        ahead = [:]
        outbox = Outbox()
        ledger = ClusterLedger()
        nodes = [:]
        heartbeats = Heartbeats(rule: heartbeats.rule)
        missed = []
        deployments = DeploymentWatcher()
        dirtyDeployments = WaitingDeployments()
        drains = DrainWatch()
        concerns = NodeConcerns()
        retryAt = nil
    }

    /// The operator may pause the broker: then nothing is handed out, and what is in hand is given up.
    func readConfiguration() {
        let configuration = replica.state.scheduler ?? SchedulerConfiguration()
        let isChanged = configuration.modifyIndex != configurationIndex
        configurationIndex = configuration.modifyIndex
        let served = isServing
        setServing(isOn && !configuration.pauseEvalBroker)
        // What did not fit may fit by other rules (F4).
        if isChanged, served, isServing { wakeAll() }
    }

    func setServing(_ serves: Bool) {
        guard serves != isServing else { return }
        isServing = serves
        broker.setEnabled(serves)
        blocked.setEnabled(serves)
        hands = [:]
        looking = []
        guard serves else { return }
        offerAll()
        // What came while nobody listened, or its predecessor was about to wake, is not written anywhere.
        wakeAll()
        schedule()
    }

    // MARK: A turn

    private func work() {
        guard isOn, surveying != .everything, replica.outlook.status.role == .leader else { return }
        // What is decided from here on would come into the log behind the end of the restore, and into
        // another state than it was decided for; what was proposed before comes before it.
        isHeldByRestore = server.awaitsRestore
        guard !isHeldByRestore else { return waitForRestore() }
        let now = loop.now
        broker.advance(to: now)
        wake(blocked.advance(to: now))
        refill()
        missed += heartbeats.advance(to: now)
        watch()
        collectGarbage()
        takeNeedless()
        checkPlans()
        evaluateConcerned()
        deliver()
        flush()
        arm()
    }

    /// It may come to no end, of which nobody tells.
    private func waitForRestore() {
        land()
        timer?.arm(at: loop.now + Self.retryDelay)
    }

    /// What was refused for want of room is offered again.
    private func refill() {
        guard isServing, broker.needsRefill || blocked.needsRefill else { return }
        broker.willRefill()
        blocked.willRefill()
        offerAll()
    }

    private func arm() {
        let instants = [
            broker.nextEventAt, blocked.nextEventAt, heartbeats.nextEventAt, retryAt,
            garbageDueAt, lent.nextEventAt, retryAt == nil ? drains.dueAt : nil,
            retryAt == nil && !dirtyDeployments.isEmpty ? deploymentsRestUntil : nil,
            deployments.nextEventAt.map { $0 > loop.now ? $0 : loop.now + DrainWatch.rest },
            drains.nextEventAt.map { loop.now + Self.wait(until: $0, from: unixNanoseconds) },
        ]
        guard let next = instants.compactMap(\.self).min() else {
            timer?.disarm()
            return
        }
        timer?.arm(at: next)
    }

    /// What is due and was looked at all the same waits for something else: it is looked at again now and
    /// then, and does not make turns spin.
    private static func wait(until: Int64, from now: Int64) -> Duration {
        let (difference, isTooLong) = until.subtractingReportingOverflow(now)
        guard !isTooLong, difference > 0 else { return DrainWatch.rest }
        return .nanoseconds(max(1_000_000, difference))
    }

    // MARK: Writing

    /// How long after something could not be written it is tried again.
    static let retryDelay: Duration = .seconds(1)

    func retryLater() {
        retryAt = min(retryAt ?? .seconds(Int64.max / 4), loop.now + Self.retryDelay)
        schedule()
    }

    /// Puts a command into the log. `done` is told whether it is applied; not at all when this
    /// leadership has ended before.
    func propose(_ command: SchedulerCommand, done: @escaping (Bool) -> Void) {
        propose(encoded: Command.scheduling(command).encoded()) { done($0 != nil) }
    }

    /// `done` gets the log index, or nil if it is certain that the command has changed nothing.
    func propose(encoded: [UInt8], done: @escaping (UInt64?) -> Void) {
        let root = ids.seed
        replica.propose(encoded) { [weak self] outcome in
            guard let self, self.leads(since: root) else { return }
            switch outcome {
            case .applied(.applied, let at), .applied(.unchanged, let at):
                self.tell(done, at.number)
            case .applied(let result, _):
                self.counters.commandsRefused += 1
                self.logger.warning(
                    "a command of the scheduler was refused", metadata: ["result": "\(result)"])
                self.tell(done, nil)
            case .refused: self.tell(done, nil)
            case .unknown, .failed: self.confirm(done, root)
            }
        }
    }

    /// The quorum takes its time, and the command may be applied yet: what was decided counts on it.
    /// What is proposed after it and applied says that it was.
    private func confirm(_ done: @escaping (UInt64?) -> Void, _ root: UInt64) {
        let marker = Command.scheduling(.upsertEvaluations([])).encoded()
        replica.propose(marker) { [weak self] outcome in
            guard let self, self.leads(since: root) else { return }
            if case .applied(_, let at) = outcome { return self.tell(done, at.number) }
            self.server.later(Self.retryDelay) { [weak self] in
                guard let self, self.leads(since: root) else { return }
                self.confirm(done, root)
            }
        }
    }

    func leads(since root: UInt64) -> Bool {
        isOn && ids.seed == root && replica.outlook.status.role == .leader
    }

    /// Who is told looks at a state that is followed.
    private func tell(_ done: (UInt64?) -> Void, _ index: UInt64?) {
        follow()
        done(index)
        schedule()
    }
}

/// A lane that looks at evaluations, one at a time.
final class Worker {
    let lane: any Lane
    let scheduler = SchedulerLane()
    var isBusy = false

    init(_ lane: any Lane) { self.lane = lane }
}

/// What happened while this server led, since it started; shown by `/v1/metrics`.
struct DispatchCounters {
    /// Looks on this server's own lanes.
    var looks: UInt64 = 0
    /// Looks that other servers were asked for, what of them was taken back, and answers that counted
    /// for nothing.
    var looksGiven: UInt64 = 0
    var looksTakenBack: UInt64 = 0
    var lookAnswersRefused: UInt64 = 0
    var deliveries: UInt64 = 0
    var acknowledged: UInt64 = 0
    var rejected: UInt64 = 0
    var plans: UInt64 = 0
    var placements: UInt64 = 0
    /// Parts of plans that did not fit any more.
    var nodesRejected: UInt64 = 0
    var commandsRefused: UInt64 = 0
    var heartbeatsMissed: UInt64 = 0
}

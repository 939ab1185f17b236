// SPDX-License-Identifier: Apache-2.0
import MartletRaft

/// Servers, their disks and the network between them. Nothing happens by itself: each step is asked
/// for, and a copy of the world is another world.
struct ScenarioWorld: Sendable {
    /// What a line's trace shows.
    enum Detail: Sendable {
        /// Every effect: for lines that make one step or a few.
        case everything
        /// What was decided, and no message: for lines that let the world run.
        case decisions
    }

    /// What a server answered last, for `expect`.
    struct Answers: Sendable {
        var proposal: String?
        var change: String?
        var transfer: String?
        var reads: [UInt64: String] = [:]
        /// Until when the last read that a lease answered may be used.
        var leaseEnd: Duration?
    }

    struct Member: Sendable {
        let id: ServerID
        var disk = ScenarioDisk()
        var core: RaftCore?
        /// How often it was started.
        var life = 0
        var isPaused = false
        var isStalled = false
        var diskLatency = Duration.milliseconds(1)
        var diskLatencyMax = Duration.milliseconds(1)
        // Its state machine.
        var applied = LogIndex.zero
        var appliedTerm = Term.zero
        var configuration = Configuration.empty
        var configurationIndex = LogIndex.zero
        var state: [String] = []
        var answers = Answers()
    }

    static let timing = Timing.scaled(by: 1)
    static let networkLatency = Duration.milliseconds(1)
    /// What one line may take, in steps: more is a livelock.
    static let stepsMax = 100_000

    var now = Duration.zero
    /// From when `expect elapsed` counts: the last `mark`.
    var marked = Duration.zero
    var limits = Limits()
    var options = Options()
    /// Of servers that have another than the rest.
    var priorities: [ServerID: UInt8] = [:]
    var founders = Configuration.empty
    var members: [Member] = []
    var network: [ScenarioPacket] = []
    var held: Set<ScenarioLink> = []
    var cut: Set<ScenarioLink> = []
    var sent: [String: Int] = [:]
    var invariants = ScenarioInvariants()
    var generator = ScenarioGenerator(seed: 1)
    var detail = Detail.everything
    var trace: [String] = []

    // MARK: - Servers

    func position(of id: ServerID) -> Int? { members.firstIndex { $0.id == id } }

    func known(_ id: ServerID) throws(ScenarioProblem) -> Int {
        guard let position = position(of: id) else {
            throw ScenarioProblem("there is no server \(id.scenarioName); cluster names them")
        }
        return position
    }

    func core(_ position: Int) throws(ScenarioProblem) -> RaftCore {
        guard let core = members[position].core else {
            throw ScenarioProblem("\(members[position].id.scenarioName) is down")
        }
        return core
    }

    mutating func start(_ position: Int) {
        let disk = members[position].disk
        members[position].life += 1
        members[position].isPaused = false
        members[position].applied = disk.snapshot?.lastIndex ?? .zero
        members[position].appliedTerm = disk.snapshot?.lastTerm ?? .zero
        members[position].configuration = disk.snapshot?.configuration ?? .empty
        members[position].configurationIndex = disk.snapshot?.configurationIndex ?? .zero
        members[position].state = disk.snapshotState
        members[position].answers = Answers()
        var options = options
        options.priority = priorities[members[position].id] ?? options.priority
        let core = RaftCore(
            id: members[position].id, timing: Self.timing, limits: limits,
            seed: members[position].id.low << 32 | UInt64(members[position].life),
            restored: disk.restored, at: now, options: options)
        members[position].core = core
        invariants.started(disk, core)
    }

    /// Of the writes under way the first `keep` reach the disk; what is in memory is gone, and
    /// streams break.
    mutating func crash(_ position: Int, keep: Int = 0) {
        for waiting in members[position].disk.waiting.prefix(keep) {
            members[position].disk.carryOut(waiting.work)
        }
        members[position].disk.waiting = []
        members[position].core = nil
        for packet in network.indices where network[packet].link.from == members[position].id {
            if case .message = network[packet].content { continue }
            network[packet].isLost = true
        }
    }

    // MARK: - Inputs and effects

    /// A server that is down hears nothing.
    mutating func input(_ input: Input, to position: Int) {
        guard var core = members[position].core else { return }
        members[position].core = nil  // Moved out, or the step would copy the log.
        let (term, commit) = (core.term, core.commitIndex)
        var effects: [Effect] = []
        core.step(input, at: now, into: &effects)
        core.checkInvariants()
        members[position].core = core
        invariants.stepped(core, from: term, commit)
        for effect in effects { carryOut(effect, of: position, by: input) }
    }

    private mutating func carryOut(_ effect: Effect, of position: Int, by input: Input) {
        let id = members[position].id
        show(effect, of: id)
        switch effect {
        case .persist(let write):
            enqueue(.write(write), at: position)
            if let core = members[position].core { invariants.wrote(write, core) }
        case .compact(let index, let term):
            enqueue(.compact(through: index, term: term), at: position)
        case .send(let message, let target):
            invariants.sent(message, by: id, to: target, disk: members[position].disk)
            send(.message(message), from: id, to: target)
        case .committed(let entries):
            for entry in entries { apply(entry, at: position) }
        case .sendSnapshot(let offer, let target):
            send(.offer(newest(offer, at: position)), from: id, to: target)
        case .snapshotDecided(let decision):
            guard decision == .accepted, case .snapshotOffered(let offer, let sender) = input,
                let from = self.position(of: sender)
            else { break }
            stream(offer, from: from, to: position)
        case .restore(let metadata):
            restore(metadata, at: position)
        case .statusChanged(let status):
            guard status.role == .leader, let core = members[position].core else { break }
            invariants.leads(core)
        case .proposed(let outcome): members[position].answers.proposal = outcome.scenarioText
        case .changeDecided(let decision):
            members[position].answers.change = decision.outcome.scenarioText
        case .readDecided(let read, let outcome):
            members[position].answers.reads[read] = outcome.scenarioText
            if case .ready(_, let end?) = outcome { members[position].answers.leaseEnd = end }
            invariants.answered(read, of: id, outcome, applied: members[position].applied)
        case .transferDecided(let outcome):
            members[position].answers.transfer = outcome.scenarioText
        case .recovered: members[position].disk.isRecovering = false
        case .configurationChanged, .observed: break
        }
    }

    private mutating func enqueue(_ work: ScenarioDisk.Work, at position: Int) {
        var latency = members[position].diskLatency
        if members[position].diskLatencyMax > latency {
            latency = generator.duration(from: latency, to: members[position].diskLatencyMax)
        }
        let due = max(members[position].disk.waiting.last?.due ?? now, now + latency)
        members[position].disk.waiting.append(ScenarioDisk.Waiting(work: work, due: due))
    }
}

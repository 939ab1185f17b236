// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A task whose command really runs: when it is started, how it is stopped, and what is told of it.
///
///     waiting ──begin──▶ starting ──started──▶ running ──ended──▶ dead, or restarting
///        │                  ▲                     │                          │
///        │                  └──────────── its delay is over ─────────────────┘
///        └──stop──▶ dead                stop ─────▶ stopping ──ended──▶ dead
///
/// What stops gets its signal, and is killed when its time is over.
struct ExecTask: Sendable {
    enum Phase: Equatable, Sendable {
        /// For others of its group.
        case waiting
        case starting(isToStop: Bool)
        case running
        case restarting(until: Duration)
        /// Until it is killed.
        case stopping(until: Duration)
        case dead
    }

    enum Effect: Equatable, Sendable {
        case start(run: Int)
        case recover(run: Int)
        case send(Int32, run: Int)
    }

    static let killSignal: Int32 = 9
    /// What cannot be killed at once is killed again.
    private static let killPause: Duration = .seconds(5)

    let task: JobTask
    /// Whether it starts again also after it has ended well.
    private let isForever: Bool
    private let signal: Int32
    private var restarts: Restarts
    private var record: TaskRecord
    private(set) var phase: Phase
    /// How often it was started.
    private(set) var runs: SavedAllocation.Runs

    init(_ task: JobTask, group: TaskGroup, type: JobType, at instant: NodeInstant) {
        self.init(task, group, type, TaskRecord(), .init(count: 0, isOpen: false), .waiting)
        record.received(at: instant)
        record.settingUp(at: instant)
    }

    /// As an earlier life of this process has left it.
    init(
        _ task: JobTask, group: TaskGroup, type: JobType, state: TaskState,
        runs: SavedAllocation.Runs, at instant: NodeInstant
    ) {
        let phase: Phase =
            if state.state == .dead {
                .dead
            } else if runs.isOpen {
                .starting(isToStop: false)
            } else if runs.count > 0 {
                .restarting(until: instant.now)
            } else {
                .waiting
            }
        self.init(task, group, type, TaskRecord(state), runs, phase)
    }

    private init(
        _ task: JobTask, _ group: TaskGroup, _ type: JobType, _ record: TaskRecord,
        _ runs: SavedAllocation.Runs, _ phase: Phase
    ) {
        self.task = task
        let isService = type == .service || type == .system
        isForever = isService && (task.lifecycle?.isSidecar ?? true)
        restarts = Restarts(task.restartPolicy ?? group.restartPolicy ?? RestartPolicy(for: type))
        signal = Signals.number(of: task.killSignal) ?? Signals.interrupt
        self.record = record
        self.runs = runs
        self.phase = phase
    }

    var state: TaskState { record.state }
    var isDead: Bool { phase == .dead }
    var isRunning: Bool { phase == .running }
    var hasFailed: Bool { state.isFailed }
    var hasEndedWell: Bool { isDead && !hasFailed }

    /// When something happens next, by itself; nil for never.
    var nextEventAt: Duration? {
        switch phase {
        case .restarting(let until), .stopping(let until): until
        case .waiting, .starting, .running, .dead: nil
        }
    }

    /// The task may run, and does.
    mutating func begin() -> [Effect] {
        guard phase == .waiting else { return [] }
        return start()
    }

    /// What is asked for when an earlier life has left it running.
    func recover() -> [Effect] {
        runs.isOpen && !isDead ? [.recover(run: runs.count)] : []
    }

    /// Lets happen what is due.
    mutating func advance(to instant: NodeInstant) -> [Effect] {
        guard let due = nextEventAt, due <= instant.now else { return [] }
        if case .restarting = phase { return start() }
        phase = .stopping(until: instant.now + Self.killPause)
        return [.send(Self.killSignal, run: runs.count)]
    }

    /// What came of a run; of an earlier one nothing is new.
    mutating func heard(_ news: RunNews, of run: Int, at instant: NodeInstant) -> [Effect] {
        guard run == runs.count, runs.isOpen, !isDead else { return [] }
        switch news {
        case .started: return started(at: instant)
        case .ended(let end): ended(end, at: instant)
        case .refused(let why):
            runs.isOpen = false
            phase = .dead
            record.refused(why, at: instant)
        case .neverBegan:
            runs.isOpen = false
            guard phase != .starting(isToStop: false) else { return start() }
            phase = .dead
            record.killed(at: instant)
        }
        return []
    }

    private mutating func start() -> [Effect] {
        phase = .starting(isToStop: false)
        runs = .init(count: runs.count + 1, isOpen: true)
        return [.start(run: runs.count)]
    }

    private mutating func started(at instant: NodeInstant) -> [Effect] {
        guard case .starting(let isToStop) = phase else { return [] }
        phase = .running
        // An earlier life may have told of it.
        if state.state != .running { record.started(at: instant) }
        return isToStop ? stop(at: instant) : []
    }

    private mutating func ended(_ end: TaskEnd, at instant: NodeInstant) {
        runs.isOpen = false
        record.terminated(end, at: instant)
        switch phase {
        case .stopping, .starting(isToStop: true):
            phase = .dead
            return record.killed(at: instant)
        case .waiting, .starting, .running, .restarting, .dead: break
        }
        let next = restarts.next(
            after: end, isForever: isForever, noting: &record, at: instant)
        phase = next.map { .restarting(until: $0) } ?? .dead
    }

    /// Why it is stopped, unless the servers want it.
    enum Reason {
        case wanted
        case siblingFailed(String)
        case leaderEnded
    }

    mutating func stop(for reason: Reason = .wanted, at instant: NodeInstant) -> [Effect] {
        switch phase {
        case .waiting, .restarting:
            note(reason, at: instant)
            phase = .dead
            record.killed(at: instant)
        case .starting(isToStop: false):
            note(reason, at: instant)
            phase = .starting(isToStop: true)
        case .running:
            note(reason, at: instant)
            let patience = task.killTimeout
            phase = .stopping(until: instant.now + patience.duration)
            record.killing(
                "Sent interrupt. Waiting \(patience) before force killing", at: instant)
            return [.send(signal, run: runs.count)]
        case .starting, .stopping, .dead: break
        }
        return []
    }

    private mutating func note(_ reason: Reason, at instant: NodeInstant) {
        switch reason {
        case .wanted: break
        case .siblingFailed(let name): record.siblingFailed(name, at: instant)
        case .leaderEnded: record.leaderEnded(at: instant)
        }
    }
}

/// Names of signals, as jobs write them.
enum Signals {
    static let interrupt: Int32 = 2

    private static let numbers: [(name: String, number: Int32)] = [
        ("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3), ("SIGABRT", 6), ("SIGKILL", 9),
        ("SIGUSR1", 10), ("SIGUSR2", 12), ("SIGALRM", 14), ("SIGTERM", 15), ("SIGCONT", 18),
        ("SIGSTOP", 19), ("SIGTSTP", 20), ("SIGWINCH", 28), ("SIGIO", 29),
    ]

    /// nil for none.
    static func number(of name: String) -> Int32? {
        let upper = name.uppercased()
        return numbers.first { $0.name == upper }?.number
    }
}

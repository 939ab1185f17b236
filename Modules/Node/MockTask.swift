// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// A task of which only the times are real.
///
///     starting ─▶ running ─▶ dead
///                 ▲    │
///                 │    ▼
///                restarting        any of them ──told to stop──▶ stopping ─▶ dead
struct MockTask: Sendable {
    private enum Phase: Sendable {
        case starting(until: Duration)
        /// nil for as long as it may.
        case running(until: Duration?)
        case restarting(until: Duration)
        case stopping(until: Duration)
        case dead
    }

    /// A task that ends at once and starts again at once goes on in the next turn.
    private static let stepsMax = 64

    let name: String
    private let settings: MockSettings
    /// Whether it starts again also after it has ended well.
    private let isForever: Bool
    private var restarts: Restarts
    private var phase: Phase
    private var record = TaskRecord()

    init(
        _ task: JobTask, settings: MockSettings, policy: RestartPolicy, isForever: Bool,
        at instant: NodeInstant
    ) {
        name = task.name
        self.settings = settings
        self.isForever = isForever
        restarts = Restarts(policy)
        phase = .starting(until: instant.now + settings.startDelay.duration)
        record.received(at: instant)
    }

    var state: TaskState { record.state }
    var isDead: Bool { state.state == .dead }
    var isRunning: Bool { state.state == .running }
    var hasFailed: Bool { state.isFailed }

    /// When something happens next; nil for never.
    var nextEventAt: Duration? {
        switch phase {
        case .starting(let until), .restarting(let until), .stopping(let until): until
        case .running(let until): until
        case .dead: nil
        }
    }

    /// Lets everything happen that is due, each at its own time.
    ///
    /// - Returns: whether anything did.
    mutating func advance(to instant: NodeInstant) -> Bool {
        for step in 0..<Self.stepsMax {
            guard let due = nextEventAt, due <= instant.now else { return step > 0 }
            happen(at: instant.at(due))
        }
        return true
    }

    private mutating func happen(at instant: NodeInstant) {
        switch phase {
        case .starting, .restarting: start(at: instant)
        case .running: end(at: instant)
        case .stopping:
            phase = .dead
            record.killed(at: instant)
        case .dead: break
        }
    }

    private mutating func start(at instant: NodeInstant) {
        let ends = [settings.runFor, settings.failAt].compactMap { $0 }.min()
        phase = .running(until: ends.map { instant.now + $0.duration })
        record.started(at: instant)
    }

    private mutating func end(at instant: NodeInstant) {
        let isFailing = settings.failAt.map { $0 <= settings.runFor ?? $0 } ?? false
        let end = TaskEnd.code(Int32(clamping: isFailing ? 1 : settings.exitCode))
        record.terminated(end, at: instant)
        let next = restarts.next(
            after: end, isForever: isForever, noting: &record, at: instant)
        phase = next.map { .restarting(until: $0) } ?? .dead
    }

    /// It can not run at all.
    mutating func refuse(_ why: String, at instant: NodeInstant) {
        phase = .dead
        record.refused(why, at: instant)
    }

    mutating func stop(at instant: NodeInstant) {
        switch phase {
        case .starting, .restarting:
            phase = .dead
            record.killed(at: instant)
        case .running:
            phase = .stopping(until: instant.now + settings.killAfter.duration)
            record.killing("Sent interrupt", at: instant)
        case .stopping, .dead: break
        }
    }
}

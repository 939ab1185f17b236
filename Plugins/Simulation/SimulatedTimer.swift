// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What the loop hands out: its last reference takes the timer with it.
final class SimulatedTimer: LoopTimer {
    private let state: TimerState

    init(_ state: TimerState) { self.state = state }

    deinit { state.end() }

    func arm(at deadline: Duration) { state.arm(at: deadline) }

    func disarm() { state.disarm() }
}

/// A timer as the world's queue sees it. Timers are put off far more often than they fire, so one
/// event stands for all armings: it comes for the earliest, and goes back into the queue when the
/// timer was put off meanwhile.
final class TimerState {
    let loop: SimulatedLoop
    private var body: (() -> Void)?
    /// By the loop's clock; nil while it is not armed.
    private var deadline: Duration?
    /// World time of the event in the queue: no later than ``queuedFor`` by the loop's clock.
    private var queuedAt: Int64?
    private var queuedFor = Duration.zero

    init(loop: SimulatedLoop, fire: @escaping () -> Void) {
        self.loop = loop
        body = fire
    }

    func arm(at deadline: Duration) {
        self.deadline = deadline
        // The event comes first, and finds out that it was put off.
        if queuedAt != nil, queuedFor <= deadline { return }
        queue(deadline, at: loop.worldTime(of: deadline))
    }

    func disarm() { deadline = nil }

    func end() {
        deadline = nil
        body = nil
    }

    /// The loop's clock runs at another rate from here on.
    func clockChanged() {
        if queuedAt != nil { queue(queuedFor, at: loop.worldTime(of: queuedFor)) }
    }

    /// Called for the event in the queue: true if the timer is to fire.
    func isDue() -> Bool {
        let now = loop.timeline.nanoseconds
        // An event that a later, earlier-due arming has overtaken.
        guard let queuedAt, queuedAt <= now else { return false }
        self.queuedAt = nil
        guard let deadline else { return false }
        let dueAt = loop.worldTime(of: deadline)
        guard dueAt <= now else {
            queue(deadline, at: dueAt)
            return false
        }
        self.deadline = nil
        return true
    }

    func fire() { body?() }

    private func queue(_ deadline: Duration, at dueAt: Int64) {
        if let queuedAt, queuedAt <= dueAt {
            queuedFor = min(queuedFor, deadline)
            return
        }
        queuedAt = dueAt
        queuedFor = deadline
        loop.schedule(self, at: dueAt)
    }
}

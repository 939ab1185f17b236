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
    /// World time of ``deadline``, and of the event in the queue.
    private var dueAt: Int64 = 0
    private var queuedAt: Int64?

    init(loop: SimulatedLoop, fire: @escaping () -> Void) {
        self.loop = loop
        body = fire
    }

    func arm(at deadline: Duration) {
        if self.deadline == deadline { return }
        self.deadline = deadline
        queue()
    }

    func disarm() { deadline = nil }

    func end() {
        deadline = nil
        body = nil
    }

    /// The loop's clock runs at another rate from here on.
    func clockChanged() {
        if deadline != nil { queue() }
    }

    /// Called for the event in the queue: true if the timer is to fire.
    func isDue() -> Bool {
        let now = loop.world.nanoseconds
        // An event that a later, earlier-due arming has overtaken.
        guard let queuedAt, queuedAt <= now else { return false }
        self.queuedAt = nil
        guard deadline != nil else { return false }
        guard dueAt <= now else {
            queue()
            return false
        }
        deadline = nil
        return true
    }

    func fire() { body?() }

    private func queue() {
        guard let deadline else { return }
        dueAt = loop.worldTime(of: deadline)
        if let queuedAt, queuedAt <= dueAt { return }
        queuedAt = dueAt
        loop.schedule(self, at: dueAt)
    }
}

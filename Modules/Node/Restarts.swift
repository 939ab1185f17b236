// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// How often a task has ended, and whether it may start again: its restart policy.
struct Restarts: Sendable {
    enum Verdict: Equatable {
        case restart(at: Duration)
        case giveUp
    }

    let policy: RestartPolicy
    /// When the first of those counted ended; the interval begins there.
    private var since: Duration?
    private var count = 0

    init(_ policy: RestartPolicy) { self.policy = policy }

    /// Notes what follows when a run has ended by itself, which is noted already.
    ///
    /// - Parameter isForever: it has to run, and begins again also when it has ended well.
    /// - Returns: when it begins again; nil if it has ended for good.
    mutating func next(
        after end: TaskEnd, isForever: Bool, noting record: inout TaskRecord,
        at instant: NodeInstant
    ) -> Duration? {
        guard !end.isGood || isForever else {
            record.ended(at: instant)
            return nil
        }
        switch ended(at: instant.now) {
        case .restart(let time):
            record.restarting(in: time - instant.now, at: instant)
            return time
        case .giveUp:
            record.gaveUp(policy, at: instant)
            return nil
        }
    }

    /// The task has ended by itself.
    mutating func ended(at now: Duration) -> Verdict {
        let begin: Duration
        if let since, now - since < policy.interval.duration {
            begin = since
        } else {
            begin = now
            count = 0
        }
        since = begin
        guard count >= policy.attempts else {
            count += 1
            return .restart(at: now + policy.delay.duration)
        }
        // What may not start again in this interval starts in the next, or never.
        guard policy.mode == "delay" else { return .giveUp }
        return .restart(at: begin + policy.interval.duration + policy.delay.duration)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletState

/// Requests whose command is in the log and not yet committed, by index.
///
/// A class, because an answer may lead to the next request while this is still at work.
///
/// - Invariant: indexes and moments never decrease from front to back: a leader only appends.
final class WaitingCommands {
    struct Waiter {
        /// Who is told what becomes of it.
        struct Asker {
            let trace: WriteTrace?
            let done: (CommandOutcome) -> Void
        }

        let index: LogIndex
        let term: Term
        let since: Duration
        let asker: Asker
    }

    private var waiters: [Waiter] = []
    /// Those before this position are answered; removed in bulk.
    private var start = 0
    /// Those before this position are durable here, as far as anybody traces that.
    private var synced = 0
    private var tracedCount = 0

    var count: Int { waiters.count - start }

    func add(index: LogIndex, term: Term, at now: Duration, for asker: Waiter.Asker) {
        if asker.trace != nil { tracedCount += 1 }
        waiters.append(Waiter(index: index, term: term, since: now, asker: asker))
    }

    /// For traces: entries up to this one are durable here.
    func durable(through index: LogIndex) {
        guard tracedCount > 0 else { return }
        synced = max(synced, start)
        while synced < waiters.count, waiters[synced].index <= index {
            waiters[synced].asker.trace?.end(.sync)
            synced += 1
        }
    }

    /// This entry is committed and about to be applied.
    ///
    /// - Returns: since when somebody waits for it; nil if nobody does.
    func committed(_ entry: Entry) -> Duration? {
        guard start < waiters.count, waiters[start].index == entry.index,
            waiters[start].term == entry.term
        else { return nil }
        waiters[start].asker.trace?.committed()
        return waiters[start].since
    }

    /// Answers whoever waits for this entry: with its result, or, when another term's entry took
    /// the place, with what is certain then: nothing is known of how that came to be.
    func complete(_ entry: Entry, _ result: CommandResult) {
        while start < waiters.count, waiters[start].index <= entry.index {
            let waiter = waiters[start]
            start += 1
            if waiter.index == entry.index, waiter.term == entry.term {
                tell(waiter, .applied(result, at: entry.index))
            } else {
                tell(waiter, .unknown)
            }
        }
        dropAnswered()
    }

    /// Answers those that wait since `limit` or longer: what becomes of them is not known.
    func expire(since limit: Duration) {
        while start < waiters.count, waiters[start].since <= limit {
            let waiter = waiters[start]
            start += 1
            tell(waiter, .unknown)
        }
        dropAnswered()
    }

    private func tell(_ waiter: Waiter, _ outcome: CommandOutcome) {
        if let trace = waiter.asker.trace {
            tracedCount -= 1
            trace.end(.apply)
        }
        waiter.asker.done(outcome)
    }

    private func dropAnswered() {
        if start == waiters.count {
            waiters.removeAll(keepingCapacity: true)
            (start, synced) = (0, 0)
        } else if start > 1024 {
            waiters.removeFirst(start)
            synced = max(0, synced - start)
            start = 0
        }
    }

    /// Leadership is lost: their fate is another leader's affair.
    func loseAll() {
        let lost = waiters[start...]
        waiters = []
        (start, synced) = (0, 0)
        for waiter in lost { tell(waiter, .unknown) }
    }
}

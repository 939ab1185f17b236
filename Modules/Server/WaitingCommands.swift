// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletState

/// Requests whose command is in the log and not yet committed, by index.
///
/// A class, because an answer may lead to the next request while this is still at work.
///
/// - Invariant: indexes and moments never decrease from front to back: a leader only appends.
final class WaitingCommands {
    private struct Waiter {
        let index: LogIndex
        let term: Term
        let since: Duration
        let done: (CommandOutcome) -> Void
    }

    private var waiters: [Waiter] = []
    /// Those before this position are answered; removed in bulk.
    private var start = 0

    var count: Int { waiters.count - start }

    func add(
        index: LogIndex, term: Term, at now: Duration, done: @escaping (CommandOutcome) -> Void
    ) {
        waiters.append(Waiter(index: index, term: term, since: now, done: done))
    }

    /// Since when somebody waits for this entry; nil if nobody does.
    func since(_ entry: Entry) -> Duration? {
        guard start < waiters.count, waiters[start].index == entry.index,
            waiters[start].term == entry.term
        else { return nil }
        return waiters[start].since
    }

    /// Answers whoever waits for this entry: with its result, or, when another term's entry took
    /// the place, with what is certain then: nothing is known of how that came to be.
    func complete(_ entry: Entry, _ result: CommandResult) {
        while start < waiters.count, waiters[start].index <= entry.index {
            let waiter = waiters[start]
            start += 1
            if waiter.index == entry.index, waiter.term == entry.term {
                waiter.done(.applied(result, at: entry.index))
            } else {
                waiter.done(.unknown)
            }
        }
        dropAnswered()
    }

    /// Answers those that wait since `limit` or longer: what becomes of them is not known.
    func expire(since limit: Duration) {
        while start < waiters.count, waiters[start].since <= limit {
            let waiter = waiters[start]
            start += 1
            waiter.done(.unknown)
        }
        dropAnswered()
    }

    private func dropAnswered() {
        if start == waiters.count {
            waiters.removeAll(keepingCapacity: true)
            start = 0
        } else if start > 1024 {
            waiters.removeFirst(start)
            start = 0
        }
    }

    /// Leadership is lost: their fate is another leader's affair.
    func loseAll() {
        let lost = waiters[start...]
        waiters = []
        start = 0
        for waiter in lost { waiter.done(.unknown) }
    }
}

// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletScheduler
import MartletState

/// Evaluations that are to be written: what ended in one turn goes into the log together.
struct Outbox {
    struct Delivery {
        let id: UniqueID
        let token: UniqueID
    }

    /// Evaluations that are written in one entry, or not at all.
    struct Entry {
        var evaluations: [Evaluation]
        /// Acknowledged when they are written, rejected if they cannot be.
        var delivery: Delivery?
    }

    var entries: [Entry] = []
    /// After a failed write; none of a delivery.
    var later: [Entry] = []
    /// Evaluations that have failed too often and are about to be written so.
    var failing: Set<UniqueID> = []
}

extension Dispatcher {
    private static let batchMax = 512

    /// What newer evaluations made needless, and what no worker could finish.
    func takeNeedless() {
        guard isServing else { return }
        for evaluation in broker.takeCancelled() + blocked.takeDuplicates() {
            guard isOpen(evaluation.id) else { continue }
            var cancelled = evaluation.cancelled()
            cancelled.modifyUnixNanoseconds = unixNanoseconds
            outbox.entries.append(Outbox.Entry(evaluations: [cancelled]))
        }
        for evaluation in broker.failing where !outbox.failing.contains(evaluation.id) {
            guard isOpen(evaluation.id) else {
                broker.forget(evaluation.id)
                continue
            }
            outbox.failing.insert(evaluation.id)
            let next = evaluation.failedFollowUp(
                ids.next(), random: random.next(), unixNanoseconds: unixNanoseconds)
            var failed = evaluation.failed(
                deliveries: broker.limits.deliveriesMax, followedBy: next.id)
            failed.modifyUnixNanoseconds = unixNanoseconds
            outbox.entries.append(Outbox.Entry(evaluations: [failed, next]))
        }
    }

    private func isOpen(_ evaluation: UniqueID) -> Bool {
        tables.evaluation(evaluation).map { !$0.value.status.isTerminal } ?? false
    }

    func flush() {
        var entries: [Outbox.Entry] = []
        swap(&entries, &outbox.entries)
        var rest = entries[...]
        while !rest.isEmpty {
            write(rest.prefix(Self.batchMax))
            rest = rest.dropFirst(Self.batchMax)
        }
    }

    /// As one entry of the log, or as several that fit.
    private func write(_ entries: ArraySlice<Outbox.Entry>) {
        let command = SchedulerCommand.upsertEvaluations(entries.flatMap(\.evaluations))
        let encoded = Command.scheduling(command).encoded()
        guard encoded.count > entryBytesMax else {
            return propose(encoded: encoded) { [weak self] index in
                for entry in entries { self?.answered(entry, isWritten: index != nil) }
            }
        }
        guard entries.count > 1 else {
            for entry in entries { write(large: entry) }
            return
        }
        let half = entries.count / 2
        write(entries.prefix(half))
        write(entries.dropFirst(half))
    }

    /// What was made goes into the log first, and what made it when all of that is there: if it comes to no
    /// end, whoever looks at it again finds what was made, and makes the rest.
    private func write(large entry: Outbox.Entry) {
        guard let first = entry.evaluations.first, entry.evaluations.count > 1 else {
            logger.warning("an evaluation is too large for the log")
            return answered(entry, isWritten: false)
        }
        write(made: entry.evaluations.dropFirst()) { [weak self] isWritten in
            guard let self else { return }
            guard isWritten else { return self.answered(entry, isWritten: false) }
            self.write([Outbox.Entry(evaluations: [first], delivery: entry.delivery)])
        }
    }

    /// One half after the other, as long as both are too large together.
    private func write(
        made evaluations: ArraySlice<Evaluation>, done: @escaping (Bool) -> Void
    ) {
        let command = SchedulerCommand.upsertEvaluations(Array(evaluations))
        let encoded = Command.scheduling(command).encoded()
        guard encoded.count > entryBytesMax else {
            return propose(encoded: encoded) { done($0 != nil) }
        }
        guard evaluations.count > 1 else {
            logger.warning("an evaluation is too large for the log")
            return done(false)
        }
        let half = evaluations.count / 2
        write(made: evaluations.prefix(half)) { [weak self] isWritten in
            guard let self, isWritten else { return done(false) }
            self.write(made: evaluations.dropFirst(half), done: done)
        }
    }

    private func answered(_ entry: Outbox.Entry, isWritten: Bool) {
        switch (entry.delivery, isWritten) {
        case (let delivery?, true): acknowledge(delivery.id, token: delivery.token)
        case (let delivery?, false): reject(delivery.id, token: delivery.token)
        case (nil, true):
            for evaluation in entry.evaluations { outbox.failing.remove(evaluation.id) }
        case (nil, false):
            outbox.later.append(entry)
            retryLater()
        }
    }
}

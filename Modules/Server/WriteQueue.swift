// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletStorage

/// Group commit without a timer: one batch is with the disk, everything that comes meanwhile is
/// merged into the next.
///
/// - Invariant: what was taken and not yet finished is written before anything later.
struct WriteQueue {
    /// A batch and the newest write whose effect it holds.
    struct Taken: Equatable, Sendable {
        let batch: LogBatch
        let through: WriteSequence
    }

    private var waiting: LogBatch?
    private var through = WriteSequence(0)
    private(set) var isInFlight = false

    var isEmpty: Bool { waiting == nil && !isInFlight }

    mutating func add(_ write: Write) {
        precondition(write.sequence > through, "write \(write.sequence) after \(through)")
        through = write.sequence
        var batch = waiting ?? LogBatch()
        if let hardState = write.hardState { batch.hardState = hardState }
        if let snapshot = write.resetTo {
            batch.resetTo = .init(index: snapshot.lastIndex, term: snapshot.lastTerm)
            batch.truncateAfter = nil
            batch.entries = []
        }
        if let last = write.truncateAfter { truncate(&batch, after: last) }
        if batch.entries.isEmpty {
            batch.entries = write.entries
        } else {
            batch.entries += write.entries
        }
        batch.commitHint = write.commitHint
        waiting = batch
    }

    /// Entries that only wait are dropped here; what may be on the disk is truncated there.
    private func truncate(_ batch: inout LogBatch, after last: LogIndex) {
        if let first = batch.entries.first, last.next >= first.index {
            batch.entries.removeSubrange(Int(last.next.number - first.index.number)...)
            return
        }
        batch.entries = []
        if let reset = batch.resetTo, last <= reset.index { return }
        batch.truncateAfter = min(batch.truncateAfter ?? last, last)
    }

    /// The next batch, unless one is with the disk already.
    mutating func take() -> Taken? {
        guard !isInFlight, let batch = waiting else { return nil }
        waiting = nil
        isInFlight = true
        return Taken(batch: batch, through: through)
    }

    mutating func finish() {
        precondition(isInFlight, "no batch is in flight")
        isInFlight = false
    }
}

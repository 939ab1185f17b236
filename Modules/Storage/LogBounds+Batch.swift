// SPDX-License-Identifier: Apache-2.0
public import MartletRaft

extension LogBounds {
    /// The bounds once `batch` is written, by the order of ``LogStore/commit(_:)``. Every store asks
    /// this first, so that all of them refuse the same batches.
    ///
    /// - Throws: ``StoreError/mismatch(_:)`` when the batch does not fit.
    public func applying(_ batch: LogBatch) throws(StoreError) -> LogBounds {
        var next = self
        if let reset = batch.resetTo {
            guard reset.index <= LogIndex.max else { throw .mismatch("reset to \(reset.index)") }
            next = LogBounds(
                previousIndex: reset.index, previousTerm: reset.term, lastIndex: reset.index)
        }
        if let index = batch.truncateAfter {
            guard index >= next.previousIndex else {
                throw .mismatch("truncation after \(index), entries begin after \(next)")
            }
            next.lastIndex = min(next.lastIndex, index)
        }
        for entry in batch.entries {
            guard entry.index == next.lastIndex.next, entry.index <= LogIndex.max else {
                throw .mismatch("\(entry.index) appended after \(next.lastIndex)")
            }
            next.lastIndex = entry.index
        }
        return next
    }

    /// Whether a compaction through `index` has anything to do.
    ///
    /// - Throws: ``StoreError/mismatch(_:)`` when it would pass the last entry.
    public func isShortened(byCompactionThrough index: LogIndex) throws(StoreError) -> Bool {
        guard index <= lastIndex else {
            throw .mismatch("compaction through \(index), the last is \(lastIndex)")
        }
        return index > previousIndex
    }

    /// - Throws: ``StoreError/mismatch(_:)`` when entries from `first` on are compacted.
    public func checkRead(from first: LogIndex) throws(StoreError) {
        guard first > previousIndex else {
            throw .mismatch("read from \(first), entries begin after \(previousIndex)")
        }
    }
}

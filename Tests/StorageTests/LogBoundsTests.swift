// SPDX-License-Identifier: Apache-2.0
import MartletContracts
import MartletRaft
import MartletStorage
import Testing

@Suite("Bounds of a log") struct LogBoundsTests {
    /// Entries 11 to 20, after a snapshot at 10 of term 2.
    let bounds = LogBounds(
        previousIndex: LogIndex(10), previousTerm: Term(2), lastIndex: LogIndex(20))

    private func last(_ batch: LogBatch) throws(StoreError) -> UInt64 {
        try bounds.applying(batch).lastIndex.number
    }

    private func expectMismatch(_ batch: LogBatch, _ comment: Comment) {
        let error = #expect(throws: StoreError.self, comment) { _ = try bounds.applying(batch) }
        guard case .mismatch = error else {
            Issue.record("\(String(describing: error)): \(comment)")
            return
        }
    }

    @Test("A batch without entries, reset or truncation leaves them")
    func nothing() throws {
        let batch = LogBatch(hardState: .initial, commitHint: LogIndex(99))
        #expect(try bounds.applying(batch) == bounds)
    }

    @Test("Entries extend them, and must follow the last one without a gap")
    func entries() throws {
        #expect(try last(LogBatch(entries: StoreContract.entries(21...25))) == 25)
        for first in [20, 22] as [UInt64] {
            expectMismatch(
                LogBatch(entries: StoreContract.entries(first...first + 1)), "after \(first)")
        }
        let gap = StoreContract.entries(21...22) + StoreContract.entries(24...24)
        expectMismatch(LogBatch(entries: gap), "a gap inside")
    }

    @Test("Truncation comes before entries, and never extends the log")
    func truncation() throws {
        #expect(try last(LogBatch(truncateAfter: LogIndex(15))) == 15)
        #expect(try last(LogBatch(truncateAfter: LogIndex(30))) == 20)
        #expect(try last(LogBatch(truncateAfter: LogIndex(10))) == 10)
        let replaced = LogBatch(
            truncateAfter: LogIndex(15), entries: StoreContract.entries(16...17))
        #expect(try last(replaced) == 17)
        expectMismatch(LogBatch(truncateAfter: LogIndex(9)), "inside what is compacted")
    }

    @Test("A reset comes first, forwards or back, and drops every entry")
    func reset() throws {
        for index in [5, 15, 50] as [UInt64] {
            let point = LogBatch.ResetPoint(index: LogIndex(index), term: Term(7))
            let expected = LogBounds(
                previousIndex: LogIndex(index), previousTerm: Term(7), lastIndex: LogIndex(index))
            #expect(try bounds.applying(LogBatch(resetTo: point)) == expected)
            let next = StoreContract.entries(index + 1...index + 2)
            #expect(
                try bounds.applying(LogBatch(resetTo: point, entries: next)).lastIndex
                    == LogIndex(index + 2))
            expectMismatch(
                LogBatch(resetTo: point, truncateAfter: LogIndex(index - 1)), "before the reset")
        }
    }

    @Test("No index passes the greatest one")
    func greatest() throws {
        let point = LogBatch.ResetPoint(index: .max, term: Term(3))
        #expect(try last(LogBatch(resetTo: point)) == LogIndex.max.number)
        let over = LogIndex(LogIndex.max.number + 1)
        expectMismatch(
            LogBatch(
                resetTo: point,
                entries: [
                    Entry(index: over, term: Term(3), kind: .command, payload: [])
                ]), "entry \(over)")
        expectMismatch(
            LogBatch(resetTo: LogBatch.ResetPoint(index: over, term: Term(3))), "reset to \(over)")
    }

    @Test("A compaction stays inside the log, and one that was done before is nothing to do")
    func compaction() throws {
        #expect(try !bounds.isShortened(byCompactionThrough: LogIndex(9)))
        #expect(try !bounds.isShortened(byCompactionThrough: LogIndex(10)))
        #expect(try bounds.isShortened(byCompactionThrough: LogIndex(11)))
        #expect(try bounds.isShortened(byCompactionThrough: LogIndex(20)))
        #expect(throws: StoreError.self) {
            _ = try bounds.isShortened(byCompactionThrough: LogIndex(21))
        }
    }

    @Test("A read begins after what is compacted")
    func read() throws {
        try bounds.checkRead(from: LogIndex(11))
        try bounds.checkRead(from: LogIndex(21))
        #expect(throws: StoreError.self) { try bounds.checkRead(from: LogIndex(10)) }
        #expect(throws: StoreError.self) { try bounds.checkRead(from: .zero) }
    }

    @Test("They count their entries")
    func count() {
        #expect(bounds.count == 10)
        #expect(LogBounds.empty.count == 0)
    }
}

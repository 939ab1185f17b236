// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import MartletStorage
import Testing

@testable import MartletServer

@Suite("Group commit") struct WriteQueueTests {
    private static func entries(_ range: ClosedRange<UInt64>, term: UInt64 = 1) -> [Entry] {
        range.map { Entry(index: LogIndex($0), term: Term(term), kind: .noop, payload: []) }
    }

    private static func write(
        _ sequence: UInt64, hardState: HardState? = nil, truncateAfter: UInt64? = nil,
        entries: [Entry] = [], resetTo: SnapshotMetadata? = nil
    ) -> Write {
        Write(
            sequence: WriteSequence(sequence), hardState: hardState,
            truncateAfter: truncateAfter.map(LogIndex.init), entries: entries, resetTo: resetTo,
            commitHint: LogIndex(sequence))
    }

    @Test("What comes while a batch is with the disk is the next batch")
    func groups() throws {
        var queue = WriteQueue()
        queue.add(Self.write(1, entries: Self.entries(1...1)))
        let firstTaken = queue.take()
        let first = try #require(firstTaken)
        queue.add(Self.write(2, entries: Self.entries(2...3)))
        queue.add(Self.write(3, entries: Self.entries(4...4)))
        let none = queue.take()
        #expect(none == nil)
        queue.finish()
        let secondTaken = queue.take()
        let second = try #require(secondTaken)

        #expect(first.batch.entries.map(\.index.number) == [1])
        #expect(first.through == WriteSequence(1))
        #expect(second.batch.entries.map(\.index.number) == [2, 3, 4])
        #expect(second.through == WriteSequence(3))
        #expect(second.batch.commitHint == LogIndex(3))
    }

    @Test("A truncation drops entries that only wait, and reaches the disk for the others")
    func truncation() throws {
        var queue = WriteQueue()
        queue.add(Self.write(1, entries: Self.entries(5...8)))
        queue.add(Self.write(2, truncateAfter: 6, entries: Self.entries(7...7, term: 2)))
        let mergedTaken = queue.take()
        let merged = try #require(mergedTaken)
        #expect(merged.batch.truncateAfter == nil)
        #expect(merged.batch.entries.map(\.term.number) == [1, 1, 2])
        queue.finish()

        queue.add(Self.write(3, entries: Self.entries(8...9, term: 2)))
        queue.add(Self.write(4, truncateAfter: 3, entries: Self.entries(4...4, term: 3)))
        let deeperTaken = queue.take()
        let deeper = try #require(deeperTaken)
        #expect(deeper.batch.truncateAfter == LogIndex(3))
        #expect(deeper.batch.entries.map(\.index.number) == [4])
    }

    @Test("A reset forgets what waited for the log, and keeps term and vote")
    func reset() throws {
        let snapshot = SnapshotMetadata(
            lastIndex: LogIndex(20), lastTerm: Term(4), configuration: .empty,
            configurationIndex: .zero, sizeBytes: 0, checksum: 0)
        var queue = WriteQueue()
        queue.add(
            Self.write(
                1, hardState: HardState(term: Term(4), vote: nil), truncateAfter: 2,
                entries: Self.entries(3...9)))
        queue.add(Self.write(2, resetTo: snapshot))
        queue.add(Self.write(3, entries: Self.entries(21...22, term: 4)))
        let takenTaken = queue.take()
        let taken = try #require(takenTaken)

        #expect(taken.batch.hardState?.term == Term(4))
        #expect(taken.batch.resetTo == .init(index: LogIndex(20), term: Term(4)))
        #expect(taken.batch.truncateAfter == nil)
        #expect(taken.batch.entries.map(\.index.number) == [21, 22])
    }

    @Test("Merged batches leave the log that the single writes would", arguments: 1...40)
    func sameAsOneByOne(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var queue = WriteQueue()
        var expected: [Entry] = []
        var stored: [Entry] = []
        for sequence in 1...60 as ClosedRange<UInt64> {
            var truncateAfter: UInt64?
            if !expected.isEmpty, generator.next() % 3 == 0 {
                let keep = generator.next() % UInt64(expected.count + 1)
                truncateAfter = keep
                expected.removeSubrange(Int(keep)...)
            }
            let first = UInt64(expected.count) + 1
            let new = Self.entries(first...(first + generator.next() % 4), term: sequence)
            expected += new
            queue.add(Self.write(sequence, truncateAfter: truncateAfter, entries: new))
            if generator.next() % 4 == 0, let taken = queue.take() {
                Self.apply(taken.batch, to: &stored)
                queue.finish()
            }
        }
        if let taken = queue.take() { Self.apply(taken.batch, to: &stored) }
        #expect(stored == expected)
    }

    private static func apply(_ batch: LogBatch, to log: inout [Entry]) {
        if let last = batch.truncateAfter { log.removeSubrange(Int(last.number)...) }
        log += batch.entries
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletBytes
package import MartletRaft
package import MartletStorage
import Synchronization

/// What the record "log" holds, rewritten by every commit.
///
/// | offset | width   | meaning                                                      |
/// |--------|---------|--------------------------------------------------------------|
/// | 0      | 8       | term                                                         |
/// | 8      | 1 or 17 | vote: 0, or 1 and the id                                     |
/// | then   | 8, 8, 8 | index and term before the first entry, index of the last     |
/// | then   | 8       | commit hint                                                  |
struct LogState: Sendable {
    static let key = Array("log".utf8)
    var hardState = HardState.initial
    var bounds = LogBounds.empty
    var commitHint = LogIndex.zero

    /// As a new store's.
    var isUnused: Bool { hardState == .initial && bounds == .empty }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 64)
        writer.write(hardState.term.number)
        writer.write(hardState.vote)
        writer.write(bounds.previousIndex.number)
        writer.write(bounds.previousTerm.number)
        writer.write(bounds.lastIndex.number)
        writer.write(commitHint.number)
        return Records.seal(writer.bytes, at: Self.key)
    }

    static func decode(_ record: [UInt8]) throws(Fault) -> LogState {
        var reader = try Records.unseal(record, at: key)
        return try Records.decoding(key) { () throws(ByteError) in
            var state = LogState()
            state.hardState.term = Term(try reader.readUInt64())
            state.hardState.vote = try reader.readOptionalServerID()
            state.bounds.previousIndex = LogIndex(try reader.readUInt64())
            state.bounds.previousTerm = Term(try reader.readUInt64())
            state.bounds.lastIndex = LogIndex(try reader.readUInt64())
            state.commitHint = LogIndex(try reader.readUInt64())
            try reader.finish()
            guard state.bounds.previousIndex <= state.bounds.lastIndex,
                state.bounds.lastIndex <= LogIndex.max,
                state.commitHint <= state.bounds.lastIndex
            else { throw ByteError(offset: 0, reason: "bounds \(state.bounds)") }
            return state
        }
    }
}

/// The log in LMDB: one record per entry, and term, vote and bounds in the same environment, so that
/// a vote commits with its entries.
package final class LMDBLogStore: LogStore {
    /// Entries that one transaction of a compaction deletes: about 10 ms, so that appends wait no
    /// longer.
    static let compactionStep: UInt64 = 10_000

    private let database: Database
    private let state: Mutex<LogState>

    init(database: Database, state: LogState) {
        self.database = database
        self.state = Mutex(state)
    }

    package var bounds: LogBounds { state.withLock { $0.bounds } }

    package func hardState() throws(StoreError) -> HardState {
        try database.checkUsable()
        return state.withLock { $0.hardState }
    }

    package func commitHint() throws(StoreError) -> LogIndex {
        try database.checkUsable()
        return state.withLock { $0.commitHint }
    }

    package func commit(_ batch: LogBatch) throws(StoreError) {
        try database.checkUsable()
        let before = state.withLock { $0 }
        var after = before
        after.bounds = try before.bounds.applying(batch)
        after.hardState = batch.hardState ?? before.hardState
        after.commitHint = min(batch.commitHint ?? before.commitHint, after.bounds.lastIndex)
        let kept = after.bounds.lastIndex.number - UInt64(batch.entries.count)
        let purpose: SpaceReserve.Purpose =
            if !batch.entries.isEmpty {
                .takesSpace
            } else if batch.resetTo != nil || batch.truncateAfter != nil {
                .freesSpace
            } else {
                .staysSmall
            }
        try database.write(purpose) { (transaction) throws(Fault) in
            let entries = database.tables[0]
            let from = batch.resetTo != nil ? 0 : kept + 1
            if batch.resetTo != nil || kept < before.bounds.lastIndex.number {
                _ = try transaction.delete(from: Records.key(from), in: entries) { _ in true }
            }
            for entry in batch.entries { try transaction.append(entry, in: entries) }
            try Self.save(after, in: transaction, database)
        }
        state.withLock { $0 = after }
    }

    package func read(
        from first: LogIndex, countMax: Int, bytesMax: Int
    ) throws(StoreError) -> [Entry] {
        try database.checkUsable()
        let bounds = self.bounds
        try bounds.checkRead(from: first)
        guard first <= bounds.lastIndex, countMax > 0 else { return [] }
        return try database.read { (transaction) throws(Fault) in
            var found: [Entry] = []
            var bytes = 0
            let start = Records.key(first.number)
            try transaction.walk(database.tables[0], from: start) { (key, record) throws(Fault) in
                let expected = first.number + UInt64(found.count)
                guard Records.number(key) == expected else {
                    throw .store(.corrupt("entry \(expected) is missing"))
                }
                let entry = try Records.entry(record, at: key)
                bytes += entry.payload.count
                guard found.isEmpty || bytes <= bytesMax else { return false }
                found.append(entry)
                return found.count < countMax
            }
            guard !found.isEmpty else { throw .store(.corrupt("\(first) is missing")) }
            return found
        }
    }

    package func compact(through index: LogIndex, term: Term) throws(StoreError) {
        try database.checkUsable()
        guard try bounds.isShortened(byCompactionThrough: index) else { return }
        guard try self.term(at: index) == term else {
            throw .mismatch("\(index) is not of \(term)")
        }
        while bounds.previousIndex < index {
            var after = state.withLock { $0 }
            let step = min(
                after.bounds.previousIndex.number + Self.compactionStep, index.number)
            after.bounds.previousTerm = try self.term(at: LogIndex(step))
            after.bounds.previousIndex = LogIndex(step)
            try database.write(.freesSpace) { (transaction) throws(Fault) in
                _ = try transaction.delete(from: Records.key(0), in: database.tables[0]) {
                    Records.number($0).map { $0 <= step } ?? false
                }
                try Self.save(after, in: transaction, database)
            }
            state.withLock { $0 = after }
        }
        // LMDB hands out what a transaction freed only after the next one: without this commit, a
        // full map would refuse the append that follows.
        let settled = state.withLock { $0 }
        try database.write(.freesSpace) { (transaction) throws(Fault) in
            try Self.save(settled, in: transaction, database)
        }
    }

    package func close() { database.close() }

    private func term(at index: LogIndex) throws(StoreError) -> Term {
        guard let entry = try read(from: index, countMax: 1, bytesMax: 0).first else {
            throw .corrupt("\(index) is missing")
        }
        return entry.term
    }

    static func save(
        _ state: LogState, in transaction: borrowing Transaction, _ database: Database
    ) throws(Fault) {
        try transaction.put(state.encoded(), at: LogState.key, in: database.tables[1])
    }
}

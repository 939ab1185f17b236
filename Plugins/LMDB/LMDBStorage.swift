// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
package import MartletStorage

/// The stores of one server in LMDB: `log/` holds log, term, vote and identity, `snapshots/` the
/// snapshots, apart so that writing one does not make the log wait for the other's transaction. The
/// file `FORMAT` beside them says that both have been begun (``FormatMarker``).
package struct LMDBStorage: Sendable {
    package struct Options: Sendable {
        /// Address space, not memory or disk. A log is kept a few 16 MiB behind its snapshot and a
        /// snapshot has room thrice: 16 GiB is hundreds of times that, and costs nothing.
        package var mapBytes = 16 << 30
        /// A map that is full all the same doubles, up to here; then the store is full.
        package var mapBytesMax = 1 << 40

        package init() {}
    }

    package let log: LMDBLogStore
    package let metadata: LMDBMetadataStore
    package let snapshots: LMDBSnapshotStore

    /// Opens, verifies every page and every entry, and makes what is missing.
    ///
    /// - Parameter directory: exists; the stores make their own folders in it.
    /// - Throws: ``StoreError/corrupt(_:)`` naming page or record, ``StoreError/locked(_:)``,
    ///   ``StoreError/unknownFormat(found:known:)``.
    package static func open(
        directory: String, options: Options = Options()
    ) throws(StoreError) -> LMDBStorage {
        let logFolder = try Folder("\(directory)/log", in: directory)
        let snapshotsFolder = try Folder("\(directory)/snapshots", in: directory)
        let isInitialised = try FormatMarker.isPresent(in: directory)
        let logFile = try FileCheck.verify(logFolder.file, mustHaveContent: isInitialised)
        // The log is committed to first: with content in the other, it can no longer be new.
        let snapshotsFile = try FileCheck.verify(
            snapshotsFolder.file, mustHaveContent: isInitialised)
        guard logFile == .sound || snapshotsFile == .new else {
            throw .corrupt("\(logFolder.file): nothing in it, beside snapshots that have content")
        }

        var state = LogState()
        let log = try Database(
            logFolder, isNew: logFile == .new, tables: ["entries", "meta"],
            mapBytes: options.mapBytes, mapBytesMax: options.mapBytesMax
        ) { (transaction, tables, isNew) throws(Fault) in
            try checkFormat(transaction, tables[1], isNew)
            state = try restore(transaction, tables, isNew)
        }
        guard isInitialised || snapshotsFile == .sound || state.isUnused else {
            throw .corrupt("\(snapshotsFolder.file): nothing in it, beside a log in use")
        }
        let snapshots = try Database(
            snapshotsFolder, isNew: snapshotsFile == .new, tables: ["chunks", "list"],
            mapBytes: options.mapBytes, mapBytesMax: options.mapBytesMax
        ) { (transaction, tables, isNew) throws(Fault) in
            try checkFormat(transaction, tables[1], isNew)
        }
        // Only now is an empty environment a loss. A crash before this line leaves both as they
        // would be without it: empty, or committed to and never used.
        if !isInitialised { try FormatMarker.write(in: directory) }
        return LMDBStorage(
            log: LMDBLogStore(database: log, state: state),
            metadata: LMDBMetadataStore(database: log),
            snapshots: LMDBSnapshotStore(database: snapshots))
    }

    package func close() {
        log.close()
        snapshots.close()
    }

    /// The format: 4 bytes, and their CRC-32C, under a key that sorts first and never moves.
    private static func checkFormat(
        _ transaction: borrowing Transaction, _ table: UInt32, _ isNew: Bool
    ) throws(Fault) {
        let key = Array("!format".utf8)
        if isNew {
            var writer = ByteWriter()
            writer.write(Records.format)
            try transaction.put(Records.seal(writer.bytes, at: key), at: key, in: table)
        }
        guard let record = try transaction.get(key, in: table) else {
            throw Records.damage(key, "missing")
        }
        var reader = try Records.unseal(record, at: key)
        let found = try Records.decoding(key) { () throws(ByteError) in try reader.readUInt32() }
        guard found == Records.format else {
            throw .store(.unknownFormat(found: found, known: Records.format))
        }
    }

    private static func restore(
        _ transaction: borrowing Transaction, _ tables: [UInt32], _ isNew: Bool
    ) throws(Fault) -> LogState {
        if isNew {
            let state = LogState()
            try transaction.put(state.encoded(), at: LogState.key, in: tables[1])
            return state
        }
        guard let record = try transaction.get(LogState.key, in: tables[1]) else {
            throw Records.damage(LogState.key, "missing")
        }
        let state = try LogState.decode(record)
        var expected = state.bounds.previousIndex.number
        try transaction.walk(tables[0], from: [0]) { (key, record) throws(Fault) in
            expected += 1
            guard Records.number(key) == expected else {
                throw .store(.corrupt("entry \(expected) is missing"))
            }
            _ = try Records.head(record, at: key)
            return true
        }
        guard expected == state.bounds.lastIndex.number else {
            throw .store(.corrupt("entries end at \(expected), not \(state.bounds.lastIndex)"))
        }
        return state
    }
}

// SPDX-License-Identifier: Apache-2.0
import CLMDB
import Glibc
import MartletBytes
import MartletStorage
import Synchronization

/// An environment in its folder, verified before it is mapped, with the rules that all stores
/// share: one call at a time, growth when the map is full, and silence after a failed write.
///
/// ```
///              full: nothing changed
///               ┌────┐
///     open ──▶ usable ──── a write or sync failed ──▶ broken
///                 └──────── close ──▶ closed
/// ```
///
/// Every transaction leaves its number in the last of the tables. LMDB's meta page has it too, and
/// nothing else there is protected: if the two differ, the page refers to another transaction's
/// trees.
// SAFETY: `tables` is written by `init` alone; every other stored `var` is read and written inside
// `lock` from then on.
final class Database: @unchecked Sendable {
    private let lock = Mutex<Void>(())
    private let path: String
    private var opened: Opened?
    private var failure: StoreError?
    private var mapBytes: Int
    private let mapBytesMax: Int
    /// Room beyond the bound for what frees space: LMDB copies pages to delete from them.
    private static let reserveBytes = 4 << 20

    /// The tables, in the order of the names.
    private(set) var tables: [UInt32] = []

    private static let stampKey = Array("!transaction".utf8)

    /// - Parameters:
    ///   - isNew: that there is nothing in the environment.
    ///   - prepare: runs with the tables open, in the first transaction of an environment that is
    ///     new, and otherwise in one that only reads.
    init(
        _ folder: consuming Folder, isNew: Bool, tables names: [String], mapBytes: Int,
        mapBytesMax: Int,
        prepare: (borrowing Transaction, [UInt32], _ isNew: Bool) throws(Fault) -> Void
    ) throws(StoreError) {
        path = folder.path
        self.mapBytes = mapBytes
        self.mapBytesMax = max(mapBytes, mapBytesMax)
        do throws(Fault) {
            let environment = try Environment.open(path: path, mapBytes: mapBytes)
            let witness = try SyncWitness(folder.file)
            let reserve = SpaceReserve(try environment.descriptor())
            opened = Opened(
                folder: folder, environment: environment, witness: witness, reserve: reserve)
        } catch {
            throw Self.translate(error, isWrite: false, path: path)
        }
        try syncFolder(path)
        if isNew {
            try write { (transaction) throws(Fault) in
                try openTables(names, creating: true, in: transaction)
                try prepare(transaction, tables, true)
            }
        } else {
            try verify { (transaction) throws(Fault) in
                try openTables(names, creating: false, in: transaction)
                try checkStamp(transaction)
                try prepare(transaction, tables, false)
            }
        }
    }

    private func openTables(
        _ names: [String], creating: Bool, in transaction: borrowing Transaction
    ) throws(Fault) {
        tables = []
        for name in names {
            tables.append(try transaction.openTable(name, creating: creating))
        }
    }

    /// What is there already is opened without a write, so that a full disk does not prevent it.
    private func verify(
        _ body: (borrowing Transaction) throws(Fault) -> Void
    ) throws(StoreError) {
        do throws(Fault) {
            let transaction = try live().environment.begin(isReadOnly: true)
            try body(transaction)
            try transaction.commit()  // Keeps the handles of the tables.
        } catch {
            throw settle(error, isWrite: false)
        }
    }

    /// Throws what made the store unusable, if it is.
    func checkUsable() throws(StoreError) {
        try lock.withLock { (_) throws(StoreError) in
            if let failure { throw failure }
        }
    }

    func read<Result: Sendable>(
        _ body: (borrowing Transaction) throws(Fault) -> Result
    ) throws(StoreError) -> Result {
        try lock.withLock { (_) throws(StoreError) -> Result in
            if let failure { throw failure }
            do throws(Fault) {
                let transaction = try live().environment.begin(isReadOnly: true)
                return try body(transaction)
            } catch {
                throw settle(error, isWrite: false)
            }
        }
    }

    /// Runs `body` in a transaction and commits it; again from its start, in a larger map, as long
    /// as the map is full and may grow.
    func write(
        _ purpose: SpaceReserve.Purpose = .takesSpace,
        _ body: (borrowing Transaction) throws(Fault) -> Void
    ) throws(StoreError) {
        try lock.withLock { (_) throws(StoreError) in
            if let failure { throw failure }
            let limit = mapBytesMax + (purpose == .takesSpace ? 0 : Self.reserveBytes)
            while true {
                do throws(Fault) {
                    try live().admit(purpose)
                    let transaction = try live().environment.begin(isReadOnly: false)
                    try body(transaction)
                    try stamp(transaction)
                    try transaction.commit()
                    try live().committed(purpose)
                    break
                } catch {
                    if case .code(MDB_MAP_FULL, _) = error, mapBytes < limit {
                        try setMap(bytes: min(mapBytes * 2, limit))
                        continue
                    }
                    throw settle(error, isWrite: true)
                }
            }
            if mapBytes > mapBytesMax { try setMap(bytes: mapBytesMax) }
        }
    }

    func close() {
        lock.withLock { _ in
            opened = nil
            failure = failure ?? .broken("the store is closed")
        }
    }

    private func setMap(bytes: Int) throws(StoreError) {
        do throws(Fault) {
            try live().environment.setMap(bytes: bytes)
        } catch {
            throw settle(error, isWrite: true)
        }
        mapBytes = bytes
    }

    private func live() throws(Fault) -> Opened {
        guard let opened else { throw .store(.broken("the store is closed")) }
        return opened
    }

    private func stamp(_ transaction: borrowing Transaction) throws(Fault) {
        let record = Records.seal(Records.key(transaction.number), at: Self.stampKey)
        try transaction.put(record, at: Self.stampKey, in: tables[tables.count - 1])
    }

    private func checkStamp(_ transaction: borrowing Transaction) throws(Fault) {
        let key = Self.stampKey
        guard let record = try transaction.get(key, in: tables[tables.count - 1]) else {
            throw Records.damage(key, "missing")
        }
        var reader = try Records.unseal(record, at: key)
        let number = try Records.decoding(key) { () throws(ByteError) in
            let bytes = try reader.readRaw(count: 8)
            try reader.finish()
            return Records.number(Array(bytes))
        }
        guard number == transaction.number else {
            throw Records.damage(key, "\(number), the meta page has \(transaction.number)")
        }
    }

    private func settle(_ fault: Fault, isWrite: Bool) -> StoreError {
        var error = Self.translate(fault, isWrite: isWrite, path: path)
        if case .full(let text) = error, case .code(let code, _) = fault, code > 0,
            opened?.isDamaged ?? true
        {
            error = .broken(text)
        }
        if case .broken = error { failure = error }
        return error
    }

    /// The one place where codes become ``MartletStorage/StoreError``.
    private static func translate(_ fault: Fault, isWrite: Bool, path: String) -> StoreError {
        switch fault {
        case .store(let error): return error
        case .code(let code, let call):
            let text = describe(code, call)
            switch code {
            case MDB_MAP_FULL, ENOSPC, EDQUOT: return .full(text)
            case EIO where isWrite && isDiskFull(path): return .full(text)
            case MDB_TXN_FULL: return .mismatch("the batch is too large: \(text)")
            case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_BAD_DBI, MDB_NOTFOUND,
                MDB_VERSION_MISMATCH, MDB_INCOMPATIBLE:
                return isWrite ? .broken(text) : .corrupt("\(path): \(text)")
            default: return .broken(text)
            }
        }
    }

    /// LMDB reports a write cut short as EIO, which is how a disk becomes full under a large commit.
    /// Whether it was a sync that failed, ``SyncWitness`` tells.
    private static func isDiskFull(_ path: String) -> Bool {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) < 1 << 20
    }
}

/// What closes together, in the order of declaration: the lock on the folder last.
private final class Opened {
    let environment: Environment
    private let witness: SyncWitness
    private var reserve: SpaceReserve
    private let folder: Folder

    init(
        folder: consuming Folder, environment: consuming Environment,
        witness: consuming SyncWitness, reserve: SpaceReserve
    ) {
        self.folder = folder
        self.environment = environment
        self.witness = witness
        self.reserve = reserve
    }

    func admit(_ purpose: SpaceReserve.Purpose) throws(Fault) {
        try reserve.admit(purpose, used: try environment.usedBytes())
    }

    func committed(_ purpose: SpaceReserve.Purpose) throws(Fault) {
        reserve.committed(purpose, used: try environment.usedBytes())
    }

    /// After a refused write: whether more than that write may be lost. LMDB panics for good once a
    /// meta page failed, because then nobody knows what the disk holds.
    var isDamaged: Bool {
        do throws(Fault) {
            _ = try environment.begin(isReadOnly: false)
            return witness.hasFailed()
        } catch {
            return true
        }
    }
}

/// Tells a write that was refused from one that was accepted and then lost: both may have the same
/// code. Linux (4.13 and later) reports a failed write-back once to each descriptor that was open
/// then, so that a second descriptor still hears of what LMDB's sync was told.
struct SyncWitness: ~Copyable {
    private let descriptor: Int32

    init(_ path: String) throws(Fault) {
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .code(errno, in: "open \(path)") }
    }

    deinit { _ = close(descriptor) }

    borrowing func hasFailed() -> Bool { fdatasync(descriptor) != 0 }
}

// SPDX-License-Identifier: Apache-2.0
import CLMDB
import Glibc
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
// SAFETY: every stored `var` is read and written inside `lock` alone.
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

    /// `prepare` runs in one write transaction with the tables open; `isNew` says that the
    /// environment had nothing in it.
    init(
        _ path: String, in parent: String, tables names: [String], mapBytes: Int,
        mapBytesMax: Int,
        prepare: (borrowing Transaction, [UInt32], _ isNew: Bool) throws(Fault) -> Void
    ) throws(StoreError) {
        let folder = try Folder(path, in: parent)
        self.path = path
        self.mapBytes = mapBytes
        self.mapBytesMax = max(mapBytes, mapBytesMax)
        let isNew = try FileCheck.verify("\(path)/data.mdb") == .new
        do throws(Fault) {
            let environment = try Environment.open(path: path, mapBytes: mapBytes)
            opened = Opened(folder: folder, environment: environment)
        } catch {
            throw Self.translate(error, isWrite: false, path: path)
        }
        try syncFolder(path)
        var found: [UInt32] = []
        try write(canUseReserve: true) { (transaction) throws(Fault) in
            found = []
            for name in names {
                found.append(try transaction.openTable(name, creating: isNew))
            }
            try prepare(transaction, found, isNew)
        }
        tables = found
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
                throw Self.translate(error, isWrite: false, path: path)
            }
        }
    }

    /// Runs `body` in a transaction and commits it; again from its start, in a larger map, as long
    /// as the map is full and may grow.
    func write(
        canUseReserve: Bool = false, _ body: (borrowing Transaction) throws(Fault) -> Void
    ) throws(StoreError) {
        try lock.withLock { (_) throws(StoreError) in
            if let failure { throw failure }
            let limit = mapBytesMax + (canUseReserve ? Self.reserveBytes : 0)
            while true {
                do throws(Fault) {
                    let transaction = try live().environment.begin(isReadOnly: false)
                    try body(transaction)
                    try transaction.commit()
                    break
                } catch {
                    if case .code(MDB_MAP_FULL, _) = error, mapBytes < limit {
                        try setMap(bytes: min(mapBytes * 2, limit))
                        continue
                    }
                    throw settle(error)
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
            throw settle(error)
        }
        mapBytes = bytes
    }

    private func live() throws(Fault) -> Opened {
        guard let opened else { throw .store(.broken("the store is closed")) }
        return opened
    }

    private func settle(_ fault: Fault) -> StoreError {
        let error = Self.translate(fault, isWrite: true, path: path)
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
                return isWrite ? .broken(text) : .corrupt(text)
            default: return .broken(text)
            }
        }
    }

    /// LMDB reports a write cut short as EIO, which is how a disk becomes full under a large commit.
    /// Taking it for "full" is safe even if the disk failed too: nothing refers to the pages of a
    /// transaction that did not commit, and after a failed meta page LMDB refuses all writes.
    private static func isDiskFull(_ path: String) -> Bool {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) < 1 << 20
    }
}

/// What closes together: the environment first, then the lock on its folder.
private final class Opened {
    let folder: Folder
    let environment: Environment

    init(folder: consuming Folder, environment: consuming Environment) {
        self.folder = folder
        self.environment = environment
    }
}

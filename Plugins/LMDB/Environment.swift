// SPDX-License-Identifier: Apache-2.0
import CLMDB
import Glibc
import MartletStorage

/// Why a transaction did not come to its end.
enum Fault: Error {
    /// What LMDB or the kernel returned, and from which call.
    case code(Int32, in: String)
    case store(StoreError)
}

func check(_ code: Int32, _ call: String) throws(Fault) {
    guard code == MDB_SUCCESS else { throw .code(code, in: call) }
}

func describe(_ code: Int32, _ call: String) -> String {
    guard let text = unsafe mdb_strerror(code) else { return "\(call): \(code)" }
    return unsafe "\(call): \(String(cString: text))"
}

/// An open LMDB environment. Closing it with a live transaction is a bug of the caller.
@safe struct Environment: ~Copyable {
    private let handle: OpaquePointer

    private init(owning handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe mdb_env_close(handle) }

    /// Durable commits: none of the flags that trade durability for speed. `MDB_NOTLS`, because a
    /// lane's calls may come from any thread.
    static func open(path: String, mapBytes: Int) throws(Fault) -> Environment {
        var created: OpaquePointer?
        try check(unsafe mdb_env_create(&created), "mdb_env_create")
        guard let created = unsafe created else {
            preconditionFailure("success without a handle")
        }
        let environment = unsafe Environment(owning: created)
        try check(unsafe mdb_env_set_maxdbs(environment.handle, 2), "mdb_env_set_maxdbs")
        try environment.setMap(bytes: mapBytes)
        try check(
            unsafe mdb_env_open(environment.handle, path, UInt32(MDB_NOTLS), 0o600),
            "mdb_env_open")
        return environment
    }

    /// - Precondition: no live transaction: LMDB would unmap under it without a word.
    func setMap(bytes: Int) throws(Fault) {
        try check(unsafe mdb_env_set_mapsize(handle, bytes), "mdb_env_set_mapsize")
    }

    func begin(isReadOnly: Bool) throws(Fault) -> Transaction {
        var created: OpaquePointer?
        try check(
            unsafe mdb_txn_begin(handle, nil, isReadOnly ? UInt32(MDB_RDONLY) : 0, &created),
            "mdb_txn_begin")
        guard let created = unsafe created else {
            preconditionFailure("success without a handle")
        }
        return unsafe Transaction(owning: created)
    }
}

/// A live transaction; aborted unless it is committed.
@safe struct Transaction: ~Copyable {
    private let handle: OpaquePointer
    private var isFinished = false

    init(owning handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { if !isFinished { unsafe mdb_txn_abort(handle) } }

    /// Counts committed writes; a reader sees the number of the last one.
    var number: UInt64 { UInt64(unsafe mdb_txn_id(handle)) }

    /// Durable when it returns.
    consuming func commit() throws(Fault) {
        isFinished = true  // LMDB frees the handle whatever it answers.
        try check(unsafe mdb_txn_commit(handle), "mdb_txn_commit")
    }

    func openTable(_ name: String, creating: Bool) throws(Fault) -> UInt32 {
        var table: UInt32 = 0
        try check(
            unsafe mdb_dbi_open(handle, name, creating ? UInt32(MDB_CREATE) : 0, &table),
            "mdb_dbi_open")
        return table
    }

    func get(_ key: [UInt8], in table: UInt32) throws(Fault) -> [UInt8]? {
        var value = unsafe MDB_val()
        let code = unsafe withValue(key) { (key) -> Int32 in
            unsafe mdb_get(handle, table, &key, &value)
        }
        if code == MDB_NOTFOUND { return nil }
        try check(code, "mdb_get")
        // SAFETY: LMDB's memory is valid until the transaction ends; the copy is made here.
        return unsafe Array(UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
    }

    /// - Parameter isAppend: the key is greater than all others: saves the search and fills pages.
    func put(
        _ value: [UInt8], at key: [UInt8], in table: UInt32, isAppend: Bool = false
    ) throws(Fault) {
        let flags = isAppend ? UInt32(MDB_APPEND) : 0
        let code = unsafe withValue(key) { (key) -> Int32 in
            unsafe withValue(value) { (value) -> Int32 in
                unsafe mdb_put(handle, table, &key, &value, flags)
            }
        }
        try check(code, "mdb_put")
    }

    /// Visits keys from `start` on (from the last key not above it, with `orBefore`), until `body`
    /// answers false.
    func walk(
        _ table: UInt32, from start: [UInt8], orBefore: Bool = false,
        _ body: (_ key: [UInt8], _ value: [UInt8]) throws(Fault) -> Bool
    ) throws(Fault) {
        let cursor = unsafe try Cursor(handle, table)
        var found = try cursor.seek(start)
        if orBefore, found?.key != start { found = try cursor.step(MDB_PREV) }
        while let (key, value) = found {
            guard try body(key, value) else { return }
            found = try cursor.step(MDB_NEXT)
        }
    }

    /// Deletes keys from `start` on as long as `isIncluded` says so; returns how many.
    func delete(
        from start: [UInt8], in table: UInt32, while isIncluded: (_ key: [UInt8]) -> Bool
    ) throws(Fault) -> Int {
        let cursor = unsafe try Cursor(handle, table)
        var count = 0
        var key = try cursor.seekKey(start)
        while let current = key, isIncluded(current) {
            try cursor.delete()
            count += 1
            key = try cursor.currentOrNextKey()
        }
        return count
    }
}

/// A cursor never outlives the transaction that it was opened in: both are local to one call.
@safe private struct Cursor: ~Copyable {
    private let handle: OpaquePointer

    init(_ transaction: OpaquePointer, _ table: UInt32) throws(Fault) {
        var created: OpaquePointer?
        let code = unsafe mdb_cursor_open(transaction, table, &created)
        guard code == MDB_SUCCESS, let created = unsafe created else {
            throw .code(code, in: "mdb_cursor_open")
        }
        unsafe handle = created
    }

    deinit { unsafe mdb_cursor_close(handle) }

    func seek(_ start: [UInt8]) throws(Fault) -> (key: [UInt8], value: [UInt8])? {
        var value = unsafe MDB_val()
        var found = unsafe MDB_val()
        let code = unsafe withValue(start) { (key) -> Int32 in
            let code = unsafe mdb_cursor_get(handle, &key, &value, MDB_SET_RANGE)
            unsafe found = key
            return code
        }
        if code == MDB_NOTFOUND { return nil }
        try check(code, "mdb_cursor_get")
        return unsafe (copy(found), copy(value))
    }

    func seekKey(_ start: [UInt8]) throws(Fault) -> [UInt8]? {
        var value = unsafe MDB_val()
        var found = unsafe MDB_val()
        let code = unsafe withValue(start) { (key) -> Int32 in
            let code = unsafe mdb_cursor_get(handle, &key, &value, MDB_SET_RANGE)
            unsafe found = key
            return code
        }
        if code == MDB_NOTFOUND { return nil }
        try check(code, "mdb_cursor_get")
        return unsafe copy(found)
    }

    func step(_ operation: MDB_cursor_op) throws(Fault) -> (key: [UInt8], value: [UInt8])? {
        var key = unsafe MDB_val()
        var value = unsafe MDB_val()
        let code = unsafe mdb_cursor_get(handle, &key, &value, operation)
        if code == MDB_NOTFOUND { return nil }
        try check(code, "mdb_cursor_get")
        return unsafe (copy(key), copy(value))
    }

    /// After a deletion the cursor stands before what followed, and `MDB_NEXT` goes there.
    func currentOrNextKey() throws(Fault) -> [UInt8]? {
        var key = unsafe MDB_val()
        var value = unsafe MDB_val()
        let code = unsafe mdb_cursor_get(handle, &key, &value, MDB_NEXT)
        if code == MDB_NOTFOUND { return nil }
        try check(code, "mdb_cursor_get")
        return unsafe copy(key)
    }

    func delete() throws(Fault) {
        try check(unsafe mdb_cursor_del(handle, 0), "mdb_cursor_del")
    }

    /// SAFETY: called while the transaction that owns the memory is alive.
    private func copy(_ value: MDB_val) -> [UInt8] {
        unsafe Array(UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
    }
}

/// LMDB reads through the pointer and, for keys and values to write, never writes through it.
private func withValue(_ bytes: [UInt8], _ body: (inout MDB_val) -> Int32) -> Int32 {
    unsafe bytes.withUnsafeBytes { bytes in
        var value = unsafe MDB_val(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        return unsafe body(&value)
    }
}

// SPDX-License-Identifier: Apache-2.0
import CLMDB
import Glibc
import MartletRaft
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

    /// That of the file; LMDB closes it with the environment.
    func descriptor() throws(Fault) -> Int32 {
        var descriptor: Int32 = -1
        try check(unsafe mdb_env_get_fd(handle, &descriptor), "mdb_env_get_fd")
        return descriptor
    }

    /// How much of the file its pages take, free ones included.
    func usedBytes() throws(Fault) -> Int {
        var info = unsafe MDB_envinfo()
        var statistics = MDB_stat()
        try check(unsafe mdb_env_info(handle, &info), "mdb_env_info")
        try check(unsafe mdb_env_stat(handle, &statistics), "mdb_env_stat")
        return unsafe (info.me_last_pgno + 1) * Int(statistics.ms_psize)
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

    func put(_ value: [UInt8], at key: [UInt8], in table: UInt32) throws(Fault) {
        let code = unsafe withValue(key) { (key) -> Int32 in
            unsafe withValue(value) { (value) -> Int32 in
                unsafe mdb_put(handle, table, &key, &value, 0)
            }
        }
        try check(code, "mdb_put")
    }

    /// Adds an entry after all others. It is written in place: nothing is allocated for it.
    func append(_ entry: Entry, in table: UInt32) throws(Fault) {
        let size = Records.headerBytes + entry.payload.count
        var value = unsafe MDB_val(mv_size: size, mv_data: nil)
        let number = entry.index.number.bigEndian
        let code = unsafe withUnsafeBytes(of: number) { bytes in
            var key = unsafe MDB_val(
                mv_size: 8, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            return unsafe mdb_put(
                handle, table, &key, &value, UInt32(MDB_APPEND | MDB_RESERVE))
        }
        try check(code, "mdb_put")
        // SAFETY: LMDB reserved `size` bytes there, which are ours until the next call.
        unsafe Records.encode(
            entry, into: UnsafeMutableRawBufferPointer(start: value.mv_data, count: size))
    }

    /// Visits keys from `start` on (from the last key not above it, with `orBefore`), until `body`
    /// answers false. Key and value are LMDB's own memory, lent for the call.
    func walk(
        _ table: UInt32, from start: [UInt8], orBefore: Bool = false,
        _ body: (_ key: Span<UInt8>, _ value: Span<UInt8>) throws(Fault) -> Bool
    ) throws(Fault) {
        var cursor = unsafe try Cursor(handle, table)
        var isFound = try cursor.seek(start)
        if orBefore, !isFound || [UInt8](copying: cursor.key) != start {
            isFound = try cursor.step(MDB_PREV)
        }
        while isFound {
            guard try body(cursor.key, cursor.value) else { return }
            isFound = try cursor.step(MDB_NEXT)
        }
    }

    /// Deletes keys from `start` on as long as `isIncluded` says so; returns how many.
    func delete(
        from start: [UInt8], in table: UInt32, while isIncluded: (_ key: Span<UInt8>) -> Bool
    ) throws(Fault) -> Int {
        var cursor = unsafe try Cursor(handle, table)
        var count = 0
        var isFound = try cursor.seek(start)
        while isFound, isIncluded(cursor.key) {
            try cursor.delete()
            count += 1
            // The cursor stands before what followed, and the next step goes there.
            isFound = try cursor.step(MDB_NEXT)
        }
        return count
    }
}

/// A cursor never outlives the transaction that it was opened in: both are local to one call.
@safe private struct Cursor: ~Copyable {
    private let handle: OpaquePointer
    private var keyFound = unsafe MDB_val()
    private var valueFound = unsafe MDB_val()

    init(_ transaction: OpaquePointer, _ table: UInt32) throws(Fault) {
        var created: OpaquePointer?
        let code = unsafe mdb_cursor_open(transaction, table, &created)
        guard code == MDB_SUCCESS, let created = unsafe created else {
            throw .code(code, in: "mdb_cursor_open")
        }
        unsafe handle = created
    }

    deinit { unsafe mdb_cursor_close(handle) }

    // SAFETY: LMDB's memory is valid while the transaction lives, which is longer than the cursor,
    // and until a write or a move, which need the cursor exclusively.

    /// Where the cursor stands.
    var key: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span<UInt8>(_unsafeBytes: bytes(keyFound))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    var value: Span<UInt8> {
        @_lifetime(borrow self) get {
            let span = unsafe Span<UInt8>(_unsafeBytes: bytes(valueFound))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Goes to the first key that is not below `start`.
    mutating func seek(_ start: [UInt8]) throws(Fault) -> Bool {
        var found = unsafe MDB_val()
        var content = unsafe MDB_val()
        let code = unsafe withValue(start) { (key) -> Int32 in
            let code = unsafe mdb_cursor_get(handle, &key, &content, MDB_SET_RANGE)
            unsafe found = key
            return code
        }
        return unsafe try arrive(code, found, content)
    }

    mutating func step(_ operation: MDB_cursor_op) throws(Fault) -> Bool {
        var found = unsafe MDB_val()
        var content = unsafe MDB_val()
        let code = unsafe mdb_cursor_get(handle, &found, &content, operation)
        return unsafe try arrive(code, found, content)
    }

    mutating func delete() throws(Fault) {
        try check(unsafe mdb_cursor_del(handle, 0), "mdb_cursor_del")
        unsafe (keyFound, valueFound) = (MDB_val(), MDB_val())
    }

    private mutating func arrive(
        _ code: Int32, _ key: MDB_val, _ value: MDB_val
    ) throws(Fault) -> Bool {
        if code == MDB_NOTFOUND {
            unsafe (keyFound, valueFound) = (MDB_val(), MDB_val())
            return false
        }
        try check(code, "mdb_cursor_get")
        unsafe (keyFound, valueFound) = (key, value)
        return true
    }

    private func bytes(_ value: MDB_val) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)
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

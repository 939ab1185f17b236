// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletStorage

/// Walks an LMDB file with plain reads before anything maps it: LMDB trusts its pages, and a wrong
/// offset in one would crash the process.
///
/// The format of LMDB 0.9 with 64-bit words. Every page, 4,096 bytes or what the meta page says:
///
/// | offset | width | meaning                                                    |
/// |--------|-------|------------------------------------------------------------|
/// | 0      | 8     | its own number                                             |
/// | 10     | 2     | 1 branch, 2 leaf, 4 overflow, 8 meta                       |
/// | 12     | 2, 2  | where node offsets end, where nodes begin                  |
/// | 12     | 4     | of an overflow page: how many pages follow each other      |
/// | 16     | 2 × n | offsets of the nodes, in key order                         |
///
/// A node: low and high half of its size (or of a child's number), flags (or its top 16 bits), key
/// length, 2 bytes each; then key and value. A meta page, from 16 on: magic 4, version 4, address 8,
/// map size 8, the free list's tree at 40 and the main tree at 88 (48 bytes each: page size 4, flags 2,
/// depth 2, branch, leaf and overflow pages, entries, root, 8 each), last page 8, transaction 8.
struct FileCheck: ~Copyable {
    enum Answer { case new, sound }

    private let path: String
    private let descriptor: Int32
    private let pageBytes: Int
    private let filePages: Int
    private var lastPage: UInt64 = 0
    private var seen: [Bool]

    private static let none = UInt64.max
    /// LMDB's cursors have no room for deeper trees.
    private static let depthMax = 32
    /// Dirty pages of one transaction (`MDB_IDL_UM_MAX`): so many may be free beyond the file's end.
    private static let unwrittenMax: UInt64 = 131_071

    /// - Parameter mustHaveContent: it was committed to before: an empty file, or none, is damage.
    static func verify(
        _ path: String, mustHaveContent: Bool
    ) throws(StoreError) -> Answer {
        let descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT {
            guard !mustHaveContent else { throw .corrupt("\(path): is missing") }
            return .new
        }
        guard descriptor >= 0 else { throw systemError("open \(path)") }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        var check = FileCheck(
            path: path, descriptor: descriptor, size: size, pageBytes: pageBytes)
        return try check.run(size: size, mustHaveContent: mustHaveContent)
    }

    private init(path: String, descriptor: Int32, size: Int, pageBytes: Int) {
        self.path = path
        self.descriptor = descriptor
        self.pageBytes = pageBytes
        filePages = size / pageBytes
        seen = [Bool](repeating: false, count: size / pageBytes)
    }

    deinit { _ = close(descriptor) }

    private mutating func run(size: Int, mustHaveContent: Bool) throws(StoreError) -> Answer {
        let head = try bytes(at: 0, count: min(max(size, 0), 2 * pageBytes))
        if mustHaveContent, size < 2 * pageBytes {
            throw damage(0, "only \(size) bytes are left of the file")
        }
        if !mustHaveContent, size <= 2 * pageBytes, isUnborn(head) {
            // Cut short by a crash in its first moments: LMDB begins anew only in an empty file.
            if size != 2 * pageBytes || head.allSatisfy({ $0 == 0 }) {
                guard ftruncate(descriptor, 0) == 0 else { throw systemError("ftruncate") }
            }
            return .new
        }
        guard filePages >= 2 else { throw damage(0, "the file ends inside the meta pages") }
        var newest = 0
        var numbers: [UInt64] = []
        for page in 0..<2 {
            let start = page * pageBytes
            guard head.word(start) == UInt64(page), head.short(start + 10) == 8,
                head.int(start + 16) == 0xBEEF_C0DE, head.int(start + 20) == 1,
                head.int(start + 40) == pageBytes, head.short(start + 44) == 8,
                head.short(start + 92) == 0
            else { throw damage(page, "not a meta page that is known here") }
            numbers.append(head.word(start + 144))
        }
        newest = numbers[1] > numbers[0] ? 1 : 0
        // Transaction n writes page n % 2, as its last write, and is acknowledged after that write
        // is durable. All fields of a meta page lie in one sector, so that a crash leaves the page
        // as it was, n - 2, or as it was to be. In the first case n - 1 on the other page is the
        // newest: going back to it is safe, because nobody was ever told of n. Any other pair of
        // numbers, or a page that is neither, is damage: going back silently might forget a vote.
        // That the newest page's trees are of its own transaction, ``Database`` checks.
        let isFirst = numbers == [0, 0] || numbers == [0, 1]
        guard
            isFirst
                || (numbers[newest] % 2 == newest && numbers[newest] > 0
                    && numbers[newest] - 1 == numbers[1 - newest])
        else { throw damage(newest, "transaction numbers \(numbers) do not follow each other") }
        let meta = newest * pageBytes
        lastPage = head.word(meta + 136)
        guard lastPage >= 1, lastPage <= UInt64(filePages) + Self.unwrittenMax else {
            throw damage(newest, "last page \(lastPage) in a file of \(filePages)")
        }
        seen[0] = true
        seen[1] = true
        if head.word(meta + 128) == Self.none {
            guard !mustHaveContent else { throw damage(newest, "nothing was committed") }
            guard size <= 2 * pageBytes || numbers == [0, 0] else {
                throw damage(newest, "no main tree")
            }
            return .new
        }
        try tree(head, at: meta + 88, kind: .main)
        try tree(head, at: meta + 40, kind: .free)
        return .sound
    }

    /// Nothing but the start of two meta pages that were never committed to.
    private func isUnborn(_ head: [UInt8]) -> Bool {
        if head.allSatisfy({ $0 == 0 }) { return true }
        guard head.count >= 152 else { return head.count < pageBytes && head.word(0) == 0 }
        return head.word(136) == 1 && head.word(144) == 0 && head.word(128) == Self.none
            && (head.count < 2 * pageBytes || head.word(pageBytes + 128) == Self.none)
    }

    private enum Kind { case main, table, free }

    private mutating func tree(_ record: [UInt8], at offset: Int, kind: Kind) throws(StoreError) {
        let root = record.word(offset + 40)
        let depth = Int(record.short(offset + 6))
        if root == Self.none {
            guard depth == 0, record.word(offset + 32) == 0 else {
                throw damage(0, "a tree of depth \(depth) without a root")
            }
            return
        }
        guard depth >= 1, depth <= Self.depthMax else { throw damage(0, "depth \(depth)") }
        var entries: UInt64 = 0
        try page(root, depth: depth, kind: kind, entries: &entries)
        guard entries == record.word(offset + 32) else {
            throw damage(Int(root), "\(entries) entries, \(record.word(offset + 32)) recorded")
        }
    }

    private mutating func page(
        _ number: UInt64, depth: Int, kind: Kind, entries: inout UInt64
    ) throws(StoreError) {
        let place = try visit(number, count: 1)
        let page = try bytes(at: place * pageBytes, count: pageBytes)
        let lower = Int(page.short(12))
        let upper = Int(page.short(14))
        let isLeaf = depth == 1
        guard page.word(0) == number, page.short(8) == 0, page.short(10) == (isLeaf ? 2 : 1),
            lower >= 16, lower % 2 == 0, lower <= upper, upper <= pageBytes
        else { throw damage(place, "not a \(isLeaf ? "leaf" : "branch") page") }
        let count = (lower - 16) / 2
        guard count >= (isLeaf ? 1 : 2) else { throw damage(place, "only \(count) nodes") }
        var used = 0
        for index in 0..<count {
            let node = Int(page.short(16 + 2 * index))
            guard node >= upper, node % 2 == 0, node + 8 <= pageBytes else {
                throw damage(place, "node \(index) lies outside")
            }
            let size = Int(page.int(node))
            let flags = page.short(node + 4)
            let value = node + 8 + Int(page.short(node + 6))
            let isBig = isLeaf && flags & 1 != 0
            let end = value + (isLeaf ? (isBig ? 8 : size) : 0)
            guard end <= pageBytes else { throw damage(place, "node \(index) is too long") }
            used += (end - node + 1) & ~1
            guard isLeaf else {
                let child = UInt64(page.int(node)) | UInt64(flags) << 32
                try self.page(child, depth: depth - 1, kind: kind, entries: &entries)
                continue
            }
            guard flags == 0 || flags == 1 || (flags == 2 && kind == .main && size == 48) else {
                throw damage(place, "node \(index) has flags \(flags)")
            }
            entries += 1
            if kind == .main, flags != 2 { throw damage(place, "not a table") }
            if kind == .main {
                guard page.int(value) == 0, page.short(value + 4) == 0 else {
                    throw damage(place, "a table with unknown flags")
                }
                try tree(page, at: value, kind: .table)
            }
            if kind == .free, value - node != 16 { throw damage(place, "not a free list's key") }
            var content = value
            var source = page
            if isBig {
                source = try overflow(page.word(value), bytes: size, reading: kind == .free)
                content = 16
            }
            if kind == .free { try free(source, at: content, bytes: size, place) }
        }
        guard used <= pageBytes - upper else { throw damage(place, "nodes overlap") }
    }

    private mutating func overflow(
        _ number: UInt64, bytes size: Int, reading: Bool
    ) throws(StoreError) -> [UInt8] {
        let place = try visit(number, count: 1)
        let first = try bytes(at: place * pageBytes, count: pageBytes)
        let pages = Int(first.int(12))
        guard first.word(0) == number, first.short(10) == 4, pages >= 1,
            size <= pages * pageBytes - 16
        else { throw damage(place, "not an overflow page for \(size) bytes") }
        if pages > 1 { _ = try visit(number + 1, count: pages - 1) }
        return reading ? try bytes(at: place * pageBytes, count: 16 + size) : []
    }

    /// One record of the free list: how many, then page numbers, falling.
    private mutating func free(
        _ source: [UInt8], at offset: Int, bytes size: Int, _ place: Int
    ) throws(StoreError) {
        guard size >= 8, size % 8 == 0, source.word(offset) <= UInt64(size / 8 - 1) else {
            throw damage(place, "a free list of \(size) bytes")
        }
        var previous = Self.none
        for index in 0..<Int(source.word(offset)) {
            let number = source.word(offset + 8 + 8 * index)
            guard number >= 2, number <= lastPage, number < previous else {
                throw damage(place, "free page \(number)")
            }
            previous = number
            if number < UInt64(filePages) {
                guard !seen[Int(number)] else {
                    throw damage(Int(number), "free and in use")
                }
                seen[Int(number)] = true
            }
        }
    }

    private mutating func visit(_ number: UInt64, count: Int) throws(StoreError) -> Int {
        guard number >= 2, number <= lastPage, number < UInt64(filePages),
            count <= filePages - Int(number), UInt64(count) <= lastPage - number + 1
        else { throw damage(Int(clamping: number), "outside the file") }
        for page in Int(number)..<Int(number) + count {
            guard !seen[page] else { throw damage(page, "in use twice") }
            seen[page] = true
        }
        return Int(number)
    }

    private func bytes(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = unsafe buffer.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, count, off_t(offset))
        }
        guard got >= 0 else { throw systemError("pread") }
        guard got == count else { throw damage(offset / pageBytes, "the file ends inside") }
        return buffer
    }

    private func damage(_ page: Int, _ reason: String) -> StoreError {
        .corrupt("\(path), page \(page): \(reason)")
    }
}

extension [UInt8] {
    fileprivate func short(_ offset: Int) -> UInt16 {
        UInt16(self[offset]) | UInt16(self[offset + 1]) << 8
    }

    fileprivate func int(_ offset: Int) -> UInt32 {
        UInt32(short(offset)) | UInt32(short(offset + 2)) << 16
    }

    fileprivate func word(_ offset: Int) -> UInt64 {
        UInt64(int(offset)) | UInt64(int(offset + 4)) << 32
    }
}

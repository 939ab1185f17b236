// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletLMDB
import Testing

/// A folder of its own, removed with the object.
final class LMDBFactory: StoreFactory {
    static let files = ["log/data.mdb", "snapshots/data.mdb"]
    static let pageBytes = 4096

    let directory: String
    var options = LMDBStorage.Options()
    private(set) var storage: LMDBStorage?
    /// What LMDB's descriptors of the log's file really are, while another file stands in.
    private var displaced: [(descriptor: Int32, original: Int32)] = []

    /// In memory where there is a file system for that, because no test here cuts the power, and a
    /// slow disk would be most of their time; `isLarge` content goes to a disk all the same.
    init(isLarge: Bool = false) throws {
        let isInMemory = unsafe !isLarge && access("/dev/shm", W_OK) == 0
        let parent = isInMemory ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/martlet-XXXXXX".utf8CString)
        let made = unsafe mkdtemp(&template) != nil
        try #require(made)
        directory = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
    }

    deinit {
        healWrites()
        storage?.close()
        for folder in ["log", "snapshots"] {
            for file in ["data.mdb", "lock.mdb"] {
                _ = unsafe unlink("\(directory)/\(folder)/\(file)")
            }
            _ = unsafe rmdir("\(directory)/\(folder)")
        }
        for file in ["FORMAT", "FORMAT.new"] { _ = unsafe unlink("\(directory)/\(file)") }
        _ = unsafe rmdir(directory)
    }

    func open() throws -> OpenStores {
        let storage = try LMDBStorage.open(directory: directory, options: options)
        self.storage = storage
        return OpenStores(
            log: storage.log, metadata: storage.metadata, snapshots: storage.snapshots)
    }

    func reopen() throws -> OpenStores {
        close()
        return try open()
    }

    func close() {
        healWrites()
        storage?.close()
        storage = nil
    }

    func file(_ name: String) throws -> [UInt8] {
        let descriptor = unsafe Glibc.open("\(directory)/\(name)", O_RDONLY)
        try #require(descriptor >= 0)
        defer { _ = Glibc.close(descriptor) }
        var found = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
        let count = unsafe found.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        try #require(count == found.count)
        return found
    }

    /// Replaces a file; nil removes it.
    func setFile(_ name: String, _ bytes: [UInt8]?) throws {
        guard let bytes else {
            let code = unsafe unlink("\(directory)/\(name)")
            try #require(code == 0 || errno == ENOENT)
            return
        }
        if let end = name.firstIndex(of: "/") {
            _ = unsafe mkdir("\(directory)/\(name[..<end])", 0o700)
        }
        let descriptor = unsafe Glibc.open(
            "\(directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        try #require(descriptor >= 0)
        defer { _ = Glibc.close(descriptor) }
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        try #require(count == bytes.count)
    }

    enum Target { case pages, metaPages }

    /// Lets what LMDB writes to the log's pages, or to its meta pages, go to another file.
    func divert(_ target: Target, to path: String) throws {
        let file = "\(directory)/log/data.mdb"
        let found = (3..<1024 as Range<Int32>).filter { descriptor in
            guard Self.path(of: descriptor) == file else { return false }
            let flags = fcntl(descriptor, F_GETFL)
            return flags & O_ACCMODE != O_RDONLY
                && (flags & O_DSYNC != 0) == (target == .metaPages)
        }
        try #require(found.count == 1, "LMDB has one descriptor for each")
        let other = unsafe Glibc.open(path, O_RDWR)
        try #require(other >= 0)
        displaced.append((found[0], dup(found[0])))
        try #require(dup2(other, found[0]) == found[0])
        _ = Glibc.close(other)
    }

    func healWrites() {
        for (descriptor, original) in displaced {
            _ = dup2(original, descriptor)
            _ = Glibc.close(original)
        }
        displaced = []
    }

    private static func path(of descriptor: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe buffer.withUnsafeMutableBytes {
            guard let start = $0.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/fd/\(descriptor)", start, $0.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }
}

extension LMDBFactory: FaultyStoreFactory {
    func setWritesFailing(_ areFailing: Bool) throws {
        healWrites()
        // Takes every byte, and cannot be synced.
        if areFailing { try divert(.pages, to: "/dev/null") }
    }

    /// Of the pages that were written some are there, in no order; the meta pages come last, and a
    /// crash in the middle is one before them.
    func crash(seed: UInt64, during body: () throws -> Void) throws -> OpenStores {
        let before = try file("log/data.mdb")
        try body()
        let after = try file("log/data.mdb")
        close()
        var found = before
        var generator = seed
        for start in stride(from: 2 * Self.pageBytes, to: after.count, by: Self.pageBytes) {
            generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            guard generator >> 63 == 1 else { continue }
            let end = start + Self.pageBytes
            if found.count < end {
                found += [UInt8](repeating: 0, count: end - found.count)
            }
            found.replaceSubrange(start..<end, with: after[start..<end])
        }
        try setFile("log/data.mdb", found)
        return try open()
    }
}

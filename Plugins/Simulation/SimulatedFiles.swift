// SPDX-License-Identifier: Apache-2.0
import MartletStorage
public import MartletTransport

/// A file system in memory. Only ``replace(_:with:)`` and ``appendDurably(_:to:)`` are durable: a
/// crash takes back what else was appended, and with it a file that had nothing durable. Folders,
/// renames and removals survive.
// SAFETY: guarded by the world's single thread.
public final class SimulatedFiles: Files, @unchecked Sendable {
    private struct File {
        var bytes: [UInt8]
        /// How many of them a crash leaves; nil for a file that a crash removes.
        var durable: Int?
    }

    private var files: [String: File] = [:]
    private var directories: Set<String> = ["/"]
    private var locked: [String: Lock] = [:]
    /// Changes that last are durable steps of this disk.
    unowned var disk: SimulatedDisk?

    init() {}

    public func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8] {
        guard let file = files[path] else { throw .notFound(path: path) }
        guard file.bytes.count <= limitBytes else {
            throw .tooLarge(path: path, limitBytes: limitBytes)
        }
        return file.bytes
    }

    public func readEnd(_ path: String, limitBytes: Int) throws(FileError) -> FileEnd {
        guard let file = files[path] else { throw .notFound(path: path) }
        return FileEnd(bytes: Array(file.bytes.suffix(limitBytes)), sizeBytes: file.bytes.count)
    }

    public func read(
        _ path: String, from offset: Int, limitBytes: Int
    ) throws(FileError) -> [UInt8] {
        guard let file = files[path] else { throw .notFound(path: path) }
        return Array(file.bytes.dropFirst(max(0, offset)).prefix(max(0, limitBytes)))
    }

    public func append(_ bytes: [UInt8], to path: String) throws(FileError) {
        try requireParent(of: path)
        files[path, default: File(bytes: [], durable: nil)].bytes += bytes
    }

    public func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError) {
        try requireParent(of: path)
        try admit(path)
        var file = files[path] ?? File(bytes: [], durable: nil)
        file.bytes += bytes
        file.durable = file.bytes.count
        files[path] = file
    }

    public func list(_ path: String) throws(FileError) -> [String] {
        let folder = Self.folder(path)
        guard directories.contains(folder) else { throw .notFound(path: path) }
        let names = (Array(files.keys) + directories).filter {
            $0 != folder && Self.parent(of: $0) == folder
        }.map { String($0.split(separator: "/").last ?? "") }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func isDirectory(_ path: String) -> Bool { directories.contains(Self.folder(path)) }

    public func exists(_ path: String) -> Bool { files[path] != nil || isDirectory(path) }

    public func isReadableByOthers(_ path: String) -> Bool { false }

    public func makeDirectory(_ path: String) throws(FileError) {
        var folder = Self.folder(path)
        while folder != "/" {
            guard files[folder] == nil else { throw .failed(path: path, reason: "a file") }
            directories.insert(folder)
            folder = Self.parent(of: folder)
        }
    }

    public func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        try requireParent(of: path)
        try admit(path)
        files[path] = File(bytes: bytes, durable: bytes.count)
    }

    public func rename(_ path: String, to newPath: String) throws(FileError) {
        guard path != newPath else { return }
        try requireParent(of: newPath)
        try admit(newPath)
        if let file = files.removeValue(forKey: path) {
            files[newPath] = file
            return
        }
        let (old, new) = (Self.folder(path), Self.folder(newPath))
        guard directories.contains(old), old != "/" else { throw .notFound(path: path) }
        guard !new.hasPrefix(old + "/"), files[new] == nil, !directories.contains(new) else {
            throw .failed(path: newPath, reason: "in the way")
        }
        func moved(_ name: String) -> String {
            name == old || name.hasPrefix(old + "/") ? new + name.dropFirst(old.count) : name
        }
        directories = Set(directories.map(moved))
        files = Dictionary(uniqueKeysWithValues: files.map { (moved($0.key), $0.value) })
    }

    public func remove(_ path: String) throws(FileError) {
        if files.removeValue(forKey: path) != nil { return }
        let folder = Self.folder(path)
        guard directories.contains(folder) else { throw .notFound(path: path) }
        guard try list(folder).isEmpty, folder != "/" else {
            throw .failed(path: path, reason: "not empty")
        }
        directories.remove(folder)
    }

    public func lock(_ directory: String) throws(FileError) -> any FileLock {
        let folder = Self.folder(directory)
        guard directories.contains(folder) else { throw .notFound(path: directory) }
        guard locked[folder] == nil else { throw .locked(path: directory, holder: nil) }
        let lock = Lock(files: self, folder: folder)
        locked[folder] = lock
        return lock
    }

    func erase() {
        files = [:]
        directories = ["/"]
        locked = [:]
    }

    private func admit(_ path: String) throws(FileError) {
        do throws(StoreError) { try disk?.admit() } catch {
            if case .full = error { throw .full(path: path) }
            throw .failed(path: path, reason: "\(error)")
        }
    }

    /// Locks end with the process, and what was not synced is gone.
    func crash() {
        locked = [:]
        for (path, file) in files {
            guard let durable = file.durable else {
                files[path] = nil
                continue
            }
            files[path]?.bytes.removeLast(file.bytes.count - durable)
        }
    }

    // SAFETY: guarded by the world's single thread.
    private final class Lock: FileLock, @unchecked Sendable {
        private weak var files: SimulatedFiles?
        private let folder: String

        init(files: SimulatedFiles, folder: String) {
            self.files = files
            self.folder = folder
        }

        func release() {
            if files?.locked[folder] === self { files?.locked[folder] = nil }
        }
    }

    private func requireParent(of path: String) throws(FileError) {
        guard !isDirectory(path) else { throw .failed(path: path, reason: "a folder") }
        guard directories.contains(Self.parent(of: path)) else { throw .notFound(path: path) }
    }

    private static func folder(_ path: String) -> String {
        path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}

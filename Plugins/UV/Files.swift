// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import MartletTransport

/// The file system by plain blocking calls: for lanes, and for before the loop runs.
package struct UVFiles: Files {
    private static let chunkBytes = 64 * 1024

    package init() {}

    package func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw .lastError(path) }
        guard status.st_size <= limitBytes else {
            throw .tooLarge(path: path, limitBytes: limitBytes)
        }
        // The size is a hint: files of /proc have none, and a file may grow meanwhile.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(max(0, Int(status.st_size)))
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { buffer in
                retrying { unsafe Glibc.read(file.number, buffer.baseAddress, buffer.count) }
            }
            guard count >= 0 else { throw .lastError(path) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limitBytes else {
                throw .tooLarge(path: path, limitBytes: limitBytes)
            }
            bytes += chunk[..<count]
        }
    }

    package func readEnd(_ path: String, limitBytes: Int) throws(FileError) -> FileEnd {
        let file = try Descriptor.open(path, O_RDONLY)
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw .lastError(path) }
        let size = max(0, Int(status.st_size))
        let count = min(size, limitBytes)
        let bytes = try file.read(from: size - count, count: count, path)
        // Somebody cuts it while it is read.
        guard bytes.count == count else { throw .failed(path: path, reason: "it became shorter") }
        return FileEnd(bytes: bytes, sizeBytes: size)
    }

    package func read(
        _ path: String, from offset: Int, limitBytes: Int
    ) throws(FileError) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        return try file.read(from: max(0, offset), count: max(0, limitBytes), path)
    }

    package func append(_ bytes: [UInt8], to path: String) throws(FileError) {
        let file = try Descriptor.open(path, O_WRONLY | O_APPEND | O_CREAT)
        try file.write(bytes, path)
    }

    package func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError) {
        let isNew = !exists(path)
        let file = try Descriptor.open(path, O_WRONLY | O_APPEND | O_CREAT)
        try file.write(bytes, path)
        guard fsync(file.number) == 0 else { throw .lastError(path) }
        if isNew { try Self.sync(folder: Self.parent(of: path)) }
    }

    package func list(_ path: String) throws(FileError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw .lastError(path) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(folder) else { break }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw .lastError(path) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    package func isReadableByOthers(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IROTH != 0
    }

    package func makeDirectory(_ path: String) throws(FileError) {
        if isDirectory(path) { return }
        let parent = Self.parent(of: path)
        if parent != path { try makeDirectory(parent) }
        if unsafe mkdir(path, 0o700) != 0 {
            // Another process may have been faster.
            guard errno == EEXIST, isDirectory(path) else { throw .lastError(path) }
        }
        try Self.sync(folder: parent)
    }

    package func replace(_ path: String, with bytes: [UInt8]) throws(FileError) {
        // One fixed name: what a crash leaves behind is overwritten by the next attempt.
        let temporary = path + ".tmp"
        do throws(FileError) {
            let file = try Descriptor.open(
                temporary, O_WRONLY | O_CREAT | O_TRUNC, saying: path)
            try file.write(bytes, path)
            guard fsync(file.number) == 0 else { throw .lastError(path) }
        } catch {
            unsafe _ = unlink(temporary)
            throw error
        }
        guard unsafe Glibc.rename(temporary, path) == 0 else {
            let error = FileError.lastError(path)
            unsafe _ = unlink(temporary)
            throw error
        }
        try Self.sync(folder: Self.parent(of: path))
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        guard unsafe Glibc.rename(path, newPath) == 0 else { throw .lastError(path) }
        let (from, to) = (Self.parent(of: path), Self.parent(of: newPath))
        try Self.sync(folder: to)
        if from != to { try Self.sync(folder: from) }
    }

    package func remove(_ path: String) throws(FileError) {
        guard unsafe Glibc.remove(path) == 0 else { throw .lastError(path) }
        try Self.sync(folder: Self.parent(of: path))
    }

    package func lock(_ directory: String) throws(FileError) -> any FileLock {
        let path = directory.hasSuffix("/") ? "\(directory)LOCK" : "\(directory)/LOCK"
        let file = try Descriptor.open(path, O_RDWR | O_CREAT)
        let number = file.number
        guard retrying({ Int(flock(number, LOCK_EX | LOCK_NB)) }) == 0 else {
            guard errno == EWOULDBLOCK else { throw .lastError(path) }
            throw .locked(path: directory, holder: holder(in: path))
        }
        guard retrying({ Int(ftruncate(number, 0)) }) == 0 else { throw .lastError(path) }
        try file.write(Array("\(getpid())\n".utf8), path)
        return UVFileLock(file)
    }

    /// The process id in a lock file, unless the holder has not written it yet.
    private func holder(in path: String) -> Int32? {
        do throws(FileError) {
            let text = String(decoding: try read(path, limitBytes: 16), as: UTF8.self)
            return text.hasSuffix("\n") ? Int32(text.dropLast()) : nil
        } catch {
            return nil  // Only its number is missing: that it is locked is known.
        }
    }

    /// Makes what was created, renamed or removed in a folder last.
    private static func sync(folder: String) throws(FileError) {
        let descriptor = try Descriptor.open(folder, O_RDONLY | O_DIRECTORY)
        guard fsync(descriptor.number) == 0 else { throw .lastError(folder) }
    }

    private static func parent(of path: String) -> String {
        var path = Substring(path)
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// The lock goes with the descriptor, so the kernel releases it when the process ends. The file
/// stays: to remove it would let two processes lock two files of one name.
private final class UVFileLock: FileLock {
    private let file: Lock<Descriptor?>

    init(_ file: Descriptor) { self.file = Lock(file) }

    /// Unlocks in so many words: a child process that is just being started shares the lock until
    /// it has become another program.
    func release() {
        file.withLock { file in
            if let file { _ = flock(file.number, LOCK_UN) }
            file = nil
        }
    }
}

/// An open file, closed with its last reference and in the children of this process.
private final class Descriptor: Sendable {
    let number: Int32

    private init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Errors name `name`, or else the path.
    static func open(
        _ path: String, _ flags: Int32, saying name: String? = nil
    ) throws(FileError) -> Descriptor {
        // A zero byte would end the path early, and name another file.
        guard !path.utf8.contains(0) else {
            throw .failed(path: path, reason: "the path contains a zero byte")
        }
        let number = retrying { Int(unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)) }
        guard number >= 0 else { throw .lastError(name ?? path) }
        return Descriptor(Int32(number))
    }

    /// Fewer than `count` at the file's end only.
    func read(from offset: Int, count: Int, _ path: String) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more = unsafe bytes.withUnsafeMutableBytes { buffer in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                return retrying {
                    unsafe pread(number, rest.baseAddress, rest.count, off_t(offset + filled))
                }
            }
            guard more >= 0 else { throw .lastError(path) }
            guard more > 0 else { break }
            filled += more
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    func write(_ bytes: [UInt8], _ path: String) throws(FileError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[written...])
                return retrying { unsafe Glibc.write(number, rest.baseAddress, rest.count) }
            }
            guard count >= 0 else { throw .lastError(path) }
            written += count
        }
    }
}

/// Repeats a call that a signal interrupted.
private func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

extension FileError {
    /// What `errno` says.
    fileprivate static func lastError(_ path: String) -> FileError {
        let code = errno
        return switch code {
        case ENOENT: .notFound(path: path)
        case EACCES, EPERM, EROFS: .denied(path: path)
        case ENOSPC, EDQUOT: .full(path: path)
        default: .failed(path: path, reason: unsafe String(cString: strerror(code)))
        }
    }
}

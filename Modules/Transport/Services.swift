// SPDX-License-Identifier: Apache-2.0

/// Secrets and digests. Any thread.
public protocol Crypto: Sendable {
    /// Unpredictable bytes from the system's generator, for ids, keys and nonces.
    ///
    /// - Throws: ``CryptoError`` when the generator has none: the caller must not go on without.
    func secureRandomBytes(_ count: Int) throws(CryptoError) -> [UInt8]

    /// SHA-256 (FIPS 180-4): 32 bytes.
    func sha256(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8]

    /// A SHA-256 of bytes that come piece by piece.
    func startSHA256() throws(CryptoError) -> any RunningDigest

    /// AES in Galois/counter mode (NIST SP 800-38D): the ciphertext, as long as the plaintext, and
    /// the tag of 16 bytes behind it. One key must never seal twice with one nonce.
    ///
    /// - Parameters:
    ///   - key: 16, 24 or 32 bytes.
    ///   - nonce: 12 bytes.
    ///   - additionalData: is bound to the result and not part of it.
    /// - Throws: ``CryptoError`` for a key or a nonce of another size.
    func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8]

    /// The plaintext of what ``seal(_:key:nonce:additionalData:)`` gave for the same three.
    ///
    /// - Throws: ``CryptoError/notAuthentic`` when anything of it differs: no plaintext gets out.
    func open(
        _ sealed: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]
    ) throws(CryptoError) -> [UInt8]
}

/// A digest that is being made. One thread at a time.
public protocol RunningDigest: AnyObject {
    func update(_ bytes: [UInt8]) throws(CryptoError)
    /// The digest of all that came. Called once; nothing may come after it.
    func finish() throws(CryptoError) -> [UInt8]
}

public struct CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Sealed with another key, nonce or additional data; or changed, or cut, since.
    public static let notAuthentic = CryptoError("the sealed bytes are not authentic")

    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The gzip format (RFC 1952). Any thread.
public protocol Compression: Sendable {
    func gzip(_ bytes: [UInt8]) throws(CompressionError) -> [UInt8]

    /// - Throws: ``CompressionError/tooLarge(limitBytes:)`` as soon as the output would pass the
    ///   limit, however small the input.
    func gunzip(_ bytes: [UInt8], limitBytes: Int) throws(CompressionError) -> [UInt8]

    /// Compresses bytes that come piece by piece, in memory that does not grow with them.
    func startGzip() throws(CompressionError) -> any CompressionStream
    /// Unpacks bytes that come piece by piece. What comes out has no bound here: who takes it counts.
    func startGunzip() throws(CompressionError) -> any CompressionStream
}

/// Bytes on their way through a compression, in or out. One thread at a time.
public protocol CompressionStream: AnyObject {
    /// Takes all of these bytes. `output` gets what comes of them meanwhile, in pieces of 64 KiB at
    /// most; once it gives false, the rest is dropped, and the stream is of no use any more.
    func write(
        _ bytes: [UInt8], output: (ArraySlice<UInt8>) -> Bool
    ) throws(CompressionError)
    /// There is nothing more: `output` gets the rest. Called once.
    ///
    /// - Throws: ``CompressionError/malformed(_:)`` for packed bytes that end too early.
    func finish(output: (ArraySlice<UInt8>) -> Bool) throws(CompressionError)
}

public enum CompressionError: Error, Equatable, Sendable {
    case malformed(String)
    case tooLarge(limitBytes: Int)
    case failed(String)
}

/// The file system. Calls block: on a lane, or before the loop runs.
public protocol Files: Sendable {
    /// - Throws: ``FileError/tooLarge(path:limitBytes:)`` for a file over the limit.
    func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8]
    /// The last bytes of a file of any size: at most so many.
    func readEnd(_ path: String, limitBytes: Int) throws(FileError) -> FileEnd
    /// Bytes of a file from an offset on, at most so many; fewer only at its end, none behind it.
    func read(_ path: String, from offset: Int, limitBytes: Int) throws(FileError) -> [UInt8]
    /// Appends, creating the file; not synced.
    func append(_ bytes: [UInt8], to path: String) throws(FileError)
    /// Appends, creating the file, and returns when the bytes are durable, and the file's name if it
    /// is new. After an error some of them may be in the file.
    func appendDurably(_ bytes: [UInt8], to path: String) throws(FileError)
    /// Names in a folder, sorted by bytes; without `.` and `..`.
    func list(_ path: String) throws(FileError) -> [String]
    func isDirectory(_ path: String) -> Bool
    func exists(_ path: String) -> Bool
    /// Whether users other than the owner and the group may read a file; false where it is not known.
    func isReadableByOthers(_ path: String) -> Bool
    /// Creates the folder and its parents, for the owner alone, and syncs each parent.
    func makeDirectory(_ path: String) throws(FileError)
    /// Temporary file, fsync, rename, fsync of the folder: a crash leaves the old or the new.
    func replace(_ path: String, with bytes: [UInt8]) throws(FileError)
    func rename(_ path: String, to newPath: String) throws(FileError)
    func remove(_ path: String) throws(FileError)
    /// Locks a folder for this process until the lock is released or the process ends.
    ///
    /// - Throws: ``FileError/locked(path:holder:)`` with the process id of the holder, if known.
    func lock(_ directory: String) throws(FileError) -> any FileLock
}

/// See ``Files/readEnd(_:limitBytes:)``.
public struct FileEnd: Equatable, Sendable {
    public let bytes: [UInt8]
    /// Of the whole file.
    public let sizeBytes: Int

    public init(bytes: [UInt8], sizeBytes: Int) {
        self.bytes = bytes
        self.sizeBytes = sizeBytes
    }
}

public protocol FileLock: AnyObject, Sendable {
    func release()
}

public enum FileError: Error, Equatable, Sendable, CustomStringConvertible {
    case notFound(path: String)
    case denied(path: String)
    case full(path: String)
    case tooLarge(path: String, limitBytes: Int)
    case locked(path: String, holder: Int32?)
    case failed(path: String, reason: String)

    public var description: String {
        switch self {
        case .notFound(let path): "\(path): no such file or folder"
        case .denied(let path): "\(path): permission denied"
        case .full(let path): "\(path): no space left on the disk"
        case .tooLarge(let path, let limit): "\(path): larger than \(limit) bytes"
        case .locked(let path, let holder):
            "\(path): in use by " + (holder.map { "process \($0)" } ?? "another process")
        case .failed(let path, let reason): "\(path): \(reason)"
        }
    }
}

/// Other processes, and the signals to this one. Called on the loop's thread.
public protocol Processes: AnyObject {
    /// Starts a process; `exited` is called once, with its exit code or the signal that ended it.
    func start(
        _ executable: String, arguments: [String], environment: [String: String]?,
        exited: @escaping (ProcessExit) -> Void
    ) throws(TransportError) -> any RunningProcess

    /// Calls `received` for each such signal to this process, instead of what it would do.
    func onSignal(_ signal: Int32, received: @escaping () -> Void) throws(TransportError)

    /// This process's id.
    var processID: Int32 { get }
}

public protocol RunningProcess: AnyObject {
    var processID: Int32 { get }
    func send(signal: Int32)
}

public enum ProcessExit: Equatable, Sendable {
    case code(Int32)
    case signal(Int32)
}

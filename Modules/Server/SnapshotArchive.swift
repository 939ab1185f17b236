// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft
import MartletState
import MartletTransport

/// A saved state as operators keep it: a gzip'd tar of `meta.json`, `state.bin` and `SHA256SUMS`, of
/// Nomad's form; what `state.bin` holds is our own, ``MartletState/State``'s snapshot format.
///
/// Packing and unpacking take as long as the state is large, on a lane, and memory that does not grow
/// with it: bytes go through piece by piece, from and to files of the spool.
enum SnapshotArchive {
    static let metaName = "meta.json"
    static let stateName = "state.bin"
    static let sumsName = "SHA256SUMS"
    /// Bound of the two small files.
    static let smallFileBytesMax = 1 << 20

    struct Packed: Sendable {
        let file: any SpoolFile
        let sizeBytes: Int
        /// SHA-256 of all of it, in base64: the `Digest` field's value.
        let digest: String
    }

    /// The sums, which stand before the state's bytes do, and the `Digest`, which is sent before the
    /// archive is: the state is encoded twice, and the archive is in `file` before its first byte goes.
    static func pack(
        _ state: State, _ meta: SnapshotMeta, to file: any SpoolFile, crypto: any Crypto,
        compression: any Compression
    ) -> Result<Packed, ArchiveError> {
        do {
            let state = state.settled()
            let (size, sum) = try measure(state, crypto)
            var meta = meta
            meta.sizeBytes = size
            let metaBytes = JSONWriter.encode(meta)
            let metaSum = hexadecimal(try crypto.sha256(metaBytes))
            let sums = Array("\(metaSum)  \(metaName)\n\(hexadecimal(sum))  \(stateName)\n".utf8)

            let writer = try ArchiveWriter(
                file, unixSeconds: meta.unixSeconds, crypto, compression)
            try writer.add(metaName, metaBytes)
            try writer.begin(stateName, sizeBytes: size)
            var encoder = StateEncoder(state)
            while let piece = encoder.next() { try writer.write(piece) }
            try writer.end(sizeBytes: size)
            try writer.add(sumsName, sums)
            let (bytes, digest) = try writer.finish()
            return .success(
                Packed(file: file, sizeBytes: bytes, digest: Base64.encoded(digest)))
        } catch {
            file.remove()
            return .failure(ArchiveError("\(error)"))
        }
    }

    private static func measure(
        _ state: State, _ crypto: any Crypto
    ) throws(CryptoError) -> (size: Int, sum: [UInt8]) {
        let digest = try crypto.startSHA256()
        var encoder = StateEncoder(state)
        var size = 0
        while let piece = encoder.next() {
            size += piece.count
            try digest.update(piece)
        }
        return (size, try digest.finish())
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A tar on its way through gzip into a file, and its sum.
private final class ArchiveWriter {
    private let file: any SpoolFile
    private let unixSeconds: Int64
    private let gzip: any CompressionStream
    private let digest: any RunningDigest
    private var sizeBytes = 0
    /// What comes out of gzip, until it is worth a call.
    private var waiting: [UInt8] = []

    private static let waitingBytesMax = 256 << 10

    init(
        _ file: any SpoolFile, unixSeconds: Int64, _ crypto: any Crypto,
        _ compression: any Compression
    ) throws {
        self.file = file
        self.unixSeconds = unixSeconds
        gzip = try compression.startGzip()
        digest = try crypto.startSHA256()
    }

    func add(_ name: String, _ content: [UInt8]) throws {
        try begin(name, sizeBytes: content.count)
        try write(content)
        try end(sizeBytes: content.count)
    }

    func begin(_ name: String, sizeBytes: Int) throws {
        try write(Tar.header(of: name, sizeBytes: sizeBytes, unixSeconds: unixSeconds))
    }

    func end(sizeBytes: Int) throws { try write(Tar.padding(after: sizeBytes)) }

    func write(_ bytes: [UInt8]) throws {
        try gzip.write(bytes) {
            waiting += $0; return true
        }
        if waiting.count >= Self.waitingBytesMax { try flush() }
    }

    func finish() throws -> (sizeBytes: Int, digest: [UInt8]) {
        try write(Tar.end)
        try gzip.finish {
            waiting += $0; return true
        }
        try flush()
        return (sizeBytes, try digest.finish())
    }

    private func flush() throws {
        try digest.update(waiting)
        try file.append(waiting)
        sizeBytes += waiting.count
        waiting.removeAll(keepingCapacity: true)
    }
}

/// `meta.json`: what tools show of an archive. A restore looks at the sums and the state only.
struct SnapshotMeta: JSONWritable, Sendable {
    let index: UInt64
    let term: UInt64
    let configuration: Configuration
    let configurationIndex: UInt64
    let wallClockNanoseconds: Int64
    var sizeBytes = 0

    var unixSeconds: Int64 { wallClockNanoseconds / 1_000_000_000 }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Version", 1 as UInt64)
        writer.member("ID", "\(term)-\(index)-\(wallClockNanoseconds / 1_000_000)")
        writer.member("Index", index)
        writer.member("Term", term)
        writer.member("Configuration", Servers(servers: configuration.servers))
        writer.member("ConfigurationIndex", configurationIndex)
        writer.member("Size", UInt64(sizeBytes))
        writer.endObject()
    }

    private struct Servers: JSONWritable {
        let servers: [Configuration.Server]

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Servers", servers.map(Server.init))
            writer.endObject()
        }
    }

    private struct Server: JSONWritable {
        let server: Configuration.Server

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Suffrage", server.role == .voter ? 0 as UInt64 : 1)
            writer.member("ID", server.id.description)
            writer.member("Address", server.address)
            writer.endObject()
        }
    }
}

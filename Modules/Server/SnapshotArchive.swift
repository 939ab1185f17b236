// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft
import MartletState
import MartletTransport

/// A saved state as operators keep it: a gzip'd tar of `meta.json`, `state.bin` and `SHA256SUMS`, of
/// Nomad's form; what `state.bin` holds is our own, ``MartletState/State``'s snapshot format.
///
/// Packing and unpacking take as long as the state is large: on a lane.
enum SnapshotArchive {
    /// Bound of the archive: what an HTTP request may bring, so that whatever is saved can be
    /// restored. A state with every table at its bound packs smaller, unless somebody fills texts with
    /// noise.
    static let bytesMax = APIRequest.bodyBytesMax
    /// Bound of the tar: the largest state, what goes with it, and the blocks around.
    static let tarBytesMax = StateRestore.bytesMax + (256 << 10)

    private static let metaName = "meta.json"
    private static let stateName = "state.bin"
    private static let sumsName = "SHA256SUMS"

    struct Packed: Sendable {
        let bytes: [UInt8]
        /// SHA-256 of `bytes`, in base64: the `Digest` field's value.
        let digest: String
    }

    static func pack(
        _ state: State, _ meta: SnapshotMeta, crypto: any Crypto, compression: any Compression
    ) -> Result<Packed, ArchiveError> {
        let content = state.archived()
        var meta = meta
        meta.sizeBytes = content.count
        var files = [
            Tar.File(name: metaName, content: JSONWriter.encode(meta)),
            Tar.File(name: stateName, content: content),
        ]
        do {
            var sums = ""
            for file in files {
                sums += "\(hexadecimal(try crypto.sha256(file.content)))  \(file.name)\n"
            }
            files.append(Tar.File(name: sumsName, content: Array(sums.utf8)))
            let bytes = try compression.gzip(Tar.write(files, unixSeconds: meta.unixSeconds))
            guard bytes.count <= bytesMax else {
                return .failure(
                    ArchiveError("\(bytes.count) bytes, at most \(bytesMax) could be restored"))
            }
            return .success(Packed(bytes: bytes, digest: Base64.encoded(try crypto.sha256(bytes))))
        } catch {
            return .failure(ArchiveError("\(error)"))
        }
    }

    /// The bytes of the state in an archive of any origin: intact, and a state that this version
    /// reads.
    static func unpack(
        _ bytes: [UInt8], crypto: any Crypto, compression: any Compression
    ) -> Result<[UInt8], ArchiveError> {
        guard bytes.count <= bytesMax else {
            return .failure(ArchiveError("\(bytes.count) bytes, at most \(bytesMax) are taken"))
        }
        do {
            let tar = try compression.gunzip(bytes, limitBytes: tarBytesMax)
            let files = try Tar.read(tar, filesMax: 3)
            try check(files, crypto)
            let state = try content(of: stateName, in: files)
            return check(state: state)
        } catch let error as CompressionError {
            return .failure(ArchiveError(text(error)))
        } catch {
            return .failure(ArchiveError("\(error)"))
        }
    }

    /// Whether a restore can take these bytes.
    static func check(state bytes: [UInt8]) -> Result<[UInt8], ArchiveError> {
        guard bytes.count <= StateRestore.bytesMax else {
            return .failure(
                ArchiveError("a state of \(bytes.count) bytes, at most \(StateRestore.bytesMax)"))
        }
        do {
            _ = try State(decoding: bytes)
            return .success(bytes)
        } catch {
            return .failure(ArchiveError("\(stateName): \(error)"))
        }
    }

    // MARK: Sums

    /// Every file has its sum, and every sum its file.
    private static func check(_ files: [Tar.File], _ crypto: any Crypto) throws {
        let text = String(decoding: try content(of: sumsName, in: files), as: UTF8.self)
        var expected: [String] = []
        for name in [metaName, stateName] {
            let sum = try crypto.sha256(try content(of: name, in: files))
            expected.append("\(hexadecimal(sum))  \(name)")
        }
        let lines = text.split(separator: "\n").map(String.init)
        guard lines.sorted() == expected.sorted() else {
            throw ArchiveError("\(sumsName) does not agree with the other files")
        }
    }

    private static func content(
        of name: String, in files: [Tar.File]
    ) throws(ArchiveError) -> [UInt8] {
        let found = files.filter { $0.name == name }
        guard found.count == 1 else {
            throw ArchiveError("the archive has \(found.count) files named \(name)")
        }
        return found[0].content
    }

    private static func text(_ error: CompressionError) -> String {
        switch error {
        case .malformed(let why): "not gzip, or damaged: \(why)"
        case .tooLarge(let limit): "it unpacks to more than \(limit) bytes"
        case .failed(let why): why
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
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

// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletStorage
import MartletTransport

/// The server's record beside its stores, so that it is known who a server was when its stores are
/// damaged or gone. Replaced as a whole, durably.
///
/// | offset | width   | meaning                                                |
/// |--------|---------|--------------------------------------------------------|
/// | 0      | 8       | "identity"                                             |
/// | 8      | 4       | format, 1                                              |
/// | 12     | 16      | server id                                              |
/// | 28     | 1 or 17 | cluster id: 0, or 1 and the id                         |
/// | then   | 8       | recovery epoch                                         |
/// | then   | 1       | whether it is recovering                               |
/// | then   | 1 or 5  | other voters: 0, or 1 and their number                 |
/// | then   | 1 + n   | founding: 0, or 1, proposer 16, cluster 16, configuration 4 + n |
/// | last   | 4       | CRC-32C of all that precedes, in every format          |
struct IdentityFile: Sendable {
    enum Content: Equatable {
        case absent
        case damaged(String)
        case sound(ServerMetadata)
    }

    let path: String
    let files: any Files

    private static let magic = Array("identity".utf8)
    static let format: UInt32 = 1
    private static let bytesMax = 1 << 18

    /// - Throws: ``StoreError/unknownFormat(found:known:)`` for a newer one, and what the system
    ///   says when it does not let it be read.
    func read() throws(StoreError) -> Content {
        guard files.exists(path) else { return .absent }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.read(path, limitBytes: Self.bytesMax)
        } catch {
            switch error {
            case .tooLarge, .failed: return .damaged("\(error)")
            case .notFound, .denied, .full, .locked: throw StoreError(error)
            }
        }
        let found: UInt32
        do throws(ByteError) {
            var reader = try Self.verified(bytes)
            found = try reader.readUInt32()
            if found == Self.format { return .sound(try Self.metadata(&reader)) }
        } catch {
            return .damaged("\(path): \(error)")
        }
        throw .unknownFormat(found: found, known: Self.format)
    }

    func write(_ metadata: ServerMetadata) throws(StoreError) {
        do throws(FileError) {
            try files.replace(path, with: Self.encoded(metadata))
        } catch {
            throw StoreError(error)
        }
    }

    static func encoded(
        _ metadata: ServerMetadata, format: UInt32 = IdentityFile.format
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: magic)
        writer.write(format)
        metadata.serverID.write(to: &writer)
        writer.write(metadata.clusterID != nil)
        metadata.clusterID?.write(to: &writer)
        writer.write(metadata.recoveryEpoch)
        writer.write(metadata.isRecovering)
        writer.write(metadata.otherVoters != nil)
        if let others = metadata.otherVoters { writer.write(UInt32(clamping: others)) }
        writer.write(metadata.founding != nil)
        if let founding = metadata.founding { Founding.write(founding, to: &writer) }
        writer.write(CRC32C.checksum(writer.span))
        return writer.finish()
    }

    /// What a file of this format holds, of any origin.
    static func decoded(_ bytes: [UInt8]) throws(ByteError) -> ServerMetadata {
        var reader = try verified(bytes)
        let found = try reader.readUInt32()
        guard found == format else {
            throw ByteError(offset: magic.count, reason: "format \(found)")
        }
        return try metadata(&reader)
    }

    /// A reader of what follows the magic word, up to the checksum.
    private static func verified(_ bytes: [UInt8]) throws(ByteError) -> ByteReader {
        var reader = ByteReader(bytes)
        guard try Array(reader.readRaw(count: magic.count)) == magic, reader.remaining >= 4 else {
            throw ByteError(offset: 0, reason: "not a server's identity")
        }
        let content = try reader.readRaw(count: reader.remaining - 4)
        guard try reader.readUInt32() == CRC32C.checksum(Array(bytes.dropLast(4))) else {
            throw ByteError(offset: bytes.count - 4, reason: "the checksum does not match")
        }
        return ByteReader(content)
    }

    private static func metadata(
        _ reader: inout ByteReader
    ) throws(ByteError) -> ServerMetadata {
        var metadata = ServerMetadata(serverID: try ServerID(reading: &reader))
        if try reader.readBool() { metadata.clusterID = try ServerID(reading: &reader) }
        metadata.recoveryEpoch = try reader.readUInt64()
        metadata.isRecovering = try reader.readBool()
        if try reader.readBool() { metadata.otherVoters = Int(try reader.readUInt32()) }
        if try reader.readBool() { metadata.founding = try Founding.read(&reader) }
        try reader.finish()
        return metadata
    }
}

extension StoreError {
    /// What a failed call to the file system means for the data in it.
    init(_ error: FileError) {
        self =
            switch error {
            case .full: .full("\(error)")
            case .locked: .locked("\(error)")
            case .notFound, .denied, .tooLarge, .failed: .broken("\(error)")
            }
    }
}

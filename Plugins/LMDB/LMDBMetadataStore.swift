// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
package import MartletStorage

/// A server's record, beside its log. Content: server id 16, cluster id 1 or 17, recovery epoch 8,
/// whether it is recovering 1, whether other voters are known 1, their number 4, whether a founding
/// follows 1, and of it proposer 16, cluster id 16, configuration 4 + n. Records of earlier versions go
/// from the epoch straight to the founding: their length tells them apart.
package final class LMDBMetadataStore: MetadataStore {
    private static let key = Array("server".utf8)
    private let database: Database

    init(database: Database) { self.database = database }

    package func load() throws(StoreError) -> ServerMetadata? {
        try database.read { (transaction) throws(Fault) -> ServerMetadata? in
            guard let record = try transaction.get(Self.key, in: database.tables[1]) else {
                return nil
            }
            let reader = try Records.unseal(record, at: Self.key)
            return try Records.decoding(Self.key) { () throws(ByteError) in
                try Self.metadata(reader)
            }
        }
    }

    static func metadata(_ content: ByteReader) throws(ByteError) -> ServerMetadata {
        do throws(ByteError) {
            return try metadata(content, isEarlier: false)
        } catch {
            return try metadata(content, isEarlier: true)
        }
    }

    private static func metadata(
        _ content: ByteReader, isEarlier: Bool
    ) throws(ByteError) -> ServerMetadata {
        var reader = content
        var metadata = ServerMetadata(serverID: try reader.readServerID())
        metadata.clusterID = try reader.readOptionalServerID()
        metadata.recoveryEpoch = try reader.readUInt64()
        if !isEarlier {
            metadata.isRecovering = try reader.readBool()
            let isVoterCountKnown = try reader.readBool()
            let others = Int(try reader.readUInt32())
            metadata.otherVoters = isVoterCountKnown ? others : nil
        }
        if try reader.readBool() {
            metadata.founding = ServerMetadata.Founding(
                proposer: try reader.readServerID(), clusterID: try reader.readServerID(),
                configuration: try reader.readConfiguration())
        }
        try reader.finish()
        return metadata
    }

    package func save(_ metadata: ServerMetadata) throws(StoreError) {
        var writer = ByteWriter()
        writer.write(metadata.serverID)
        writer.write(metadata.clusterID)
        writer.write(metadata.recoveryEpoch)
        writer.write(metadata.isRecovering)
        writer.write(metadata.otherVoters != nil)
        writer.write(UInt32(clamping: metadata.otherVoters ?? 0))
        writer.write(metadata.founding != nil)
        if let founding = metadata.founding {
            writer.write(founding.proposer)
            writer.write(founding.clusterID)
            writer.write(bytes: founding.configuration.encoded())
        }
        let record = Records.seal(writer.bytes, at: Self.key)
        try database.write { (transaction) throws(Fault) in
            try transaction.put(record, at: Self.key, in: database.tables[1])
        }
    }
}

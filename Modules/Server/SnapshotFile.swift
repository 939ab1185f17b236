// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletState
import MartletStorage

/// What a snapshot stands for, before its bytes are known.
struct SnapshotPosition: Sendable {
    let lastIndex: LogIndex
    let lastTerm: Term
    let configuration: Configuration
    let configurationIndex: LogIndex
}

/// Snapshots of the state on their way to and from the store. Blocking: on the snapshot lane only.
enum SnapshotFile {
    static let chunkBytes = 256 << 10
    /// A state larger than this is not ours: the tables are configurations and identities.
    static let sizeBytesMax: UInt64 = 1 << 30

    static func write(
        _ state: State, at position: SnapshotPosition, to store: any SnapshotStore
    ) -> Result<SnapshotMetadata, StoreError> {
        let content = state.encoded()
        let metadata = SnapshotMetadata(
            lastIndex: position.lastIndex, lastTerm: position.lastTerm,
            configuration: position.configuration,
            configurationIndex: position.configurationIndex, sizeBytes: UInt64(content.count),
            checksum: CRC32C.checksum(content))
        do {
            try store.begin(metadata)
            var offset = try store.partialBytes(of: metadata)
            while offset < metadata.sizeBytes {
                let end = min(Int(offset) + chunkBytes, content.count)
                try store.write(Array(content[Int(offset)..<end]), at: offset)
                offset = UInt64(end)
            }
            try store.commit()
            return .success(metadata)
        } catch {
            return .failure(error)
        }
    }

    static func read(
        _ metadata: SnapshotMetadata, from store: any SnapshotStore
    ) throws(StoreError) -> State {
        var content: [UInt8] = []
        while UInt64(content.count) < metadata.sizeBytes {
            let chunk = try store.read(
                metadata, from: UInt64(content.count), bytesMax: chunkBytes)
            guard !chunk.isEmpty else { break }
            content += chunk
        }
        guard UInt64(content.count) == metadata.sizeBytes,
            CRC32C.checksum(content) == metadata.checksum
        else { throw .corrupt("the snapshot at \(metadata.lastIndex) is not what was written") }
        do {
            return try State(decoding: content)
        } catch {
            throw .corrupt("the snapshot at \(metadata.lastIndex): \(error)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletBytes
package import MartletRaft
package import MartletStorage

/// Snapshots on a ``MemoryDisk``.
package final class MemorySnapshotStore: SnapshotStore {
    private let session: MemorySession

    package init(disk: MemoryDisk) { session = MemorySession(disk: disk) }

    package func list() throws(StoreError) -> [SnapshotMetadata] {
        try session.read { (contents) throws(StoreError) in contents.snapshots.map(\.metadata) }
    }

    package func partialBytes(of metadata: SnapshotMetadata) throws(StoreError) -> UInt64 {
        try session.read { (contents) throws(StoreError) in
            guard let partial = contents.partial, partial.metadata == metadata else { return 0 }
            return UInt64(partial.content.count)
        }
    }

    package func begin(_ metadata: SnapshotMetadata) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in
            if !metadata.resumes(contents.partial?.metadata) {
                contents.partial = MemoryDisk.Snapshot(metadata: metadata, content: [])
            }
        }
    }

    package func write(_ chunk: [UInt8], at offset: UInt64) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in
            guard let partial = contents.partial else { throw .mismatch("no snapshot was begun") }
            guard offset == UInt64(partial.content.count) else {
                throw .mismatch("a chunk for \(offset), \(partial.content.count) bytes are here")
            }
            guard
                UInt64(chunk.count) <= partial.metadata.sizeBytes
                    - min(
                        offset, partial.metadata.sizeBytes)
            else { throw .mismatch("more than \(partial.metadata.sizeBytes) bytes") }
            try contents.checkRoom(for: chunk.count)
            contents.partial?.content += chunk
        }
    }

    package func commit(_ metadata: SnapshotMetadata) throws(StoreError) {
        var isWrong = false
        try session.write { (contents) throws(StoreError) in
            guard var partial = contents.partial else { throw .mismatch("no snapshot was begun") }
            contents.partial = nil
            let isThis = partial.metadata.mayEnd(as: metadata)
            partial.metadata = metadata
            guard isThis, UInt64(partial.content.count) == partial.metadata.sizeBytes,
                CRC32C.checksum(partial.content) == partial.metadata.checksum
            else {
                isWrong = true
                return
            }
            contents.snapshots.removeAll { $0.metadata == partial.metadata }
            let place =
                contents.snapshots.firstIndex {
                    $0.metadata.lastIndex > partial.metadata.lastIndex
                } ?? contents.snapshots.count
            contents.snapshots.insert(partial, at: place)
            contents.snapshots.removeFirst(max(0, contents.snapshots.count - 2))
        }
        if isWrong { throw .mismatch("snapshot, length or checksum are not those announced") }
    }

    package func abort() throws(StoreError) {
        try session.write { (contents) throws(StoreError) in contents.partial = nil }
    }

    package func read(
        _ metadata: SnapshotMetadata, from offset: UInt64, bytesMax: Int
    ) throws(StoreError) -> [UInt8] {
        try session.read { (contents) throws(StoreError) in
            guard let snapshot = contents.snapshots.first(where: { $0.metadata == metadata })
            else { throw .mismatch("no such snapshot: \(metadata.lastIndex)") }
            let content = snapshot.content.dropFirst(Int(clamping: offset))
            return Array(content.prefix(max(0, bytesMax)))
        }
    }

    package func delete(_ metadata: SnapshotMetadata) throws(StoreError) {
        try session.write { (contents) throws(StoreError) in
            contents.snapshots.removeAll { $0.metadata == metadata }
        }
    }
}

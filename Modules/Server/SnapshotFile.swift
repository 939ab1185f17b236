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

/// Snapshots of the state on their way to and from the store, piece by piece. Blocking: on the snapshot
/// lane only.
enum SnapshotFile {
    static let chunkBytes = StateEncoder.pieceBytes
    /// Beyond every bound of the tables, a restore under way included.
    static let sizeBytesMax: UInt64 = 16 << 30

    /// In one pass: length and checksum are known at its end. What is not whole then can never be continued,
    /// and gives back the room that it took.
    static func write(
        _ state: State, at position: SnapshotPosition, to store: any SnapshotStore,
        unless halt: Halt = Halt()
    ) -> Result<SnapshotMetadata, StoreError> {
        var metadata = SnapshotMetadata(
            lastIndex: position.lastIndex, lastTerm: position.lastTerm,
            configuration: position.configuration,
            configurationIndex: position.configurationIndex, sizeBytes: 0, checksum: 0)
        do throws(StoreError) {
            try store.begin(metadata.unmeasured)
            var encoder = StateEncoder(state)
            while let piece = encoder.next(bytes: chunkBytes) {
                guard !halt.isSet else { throw halted }
                try store.write(piece, at: metadata.sizeBytes)
                metadata.sizeBytes += UInt64(piece.count)
                metadata.checksum = CRC32C.update(metadata.checksum, with: piece)
            }
            try store.commit(metadata)
            return .success(metadata)
        } catch let first {
            do throws(StoreError) {
                try store.abort()
            } catch {
                // The first says more.
            }
            return .failure(first)
        }
    }

    private static let halted = StoreError.mismatch("the server is stopping")

    static func read(
        _ metadata: SnapshotMetadata, from store: any SnapshotStore
    ) throws(StoreError) -> State {
        var decoder = StateDecoder()
        var fault: StateError?
        var (offset, checksum): (UInt64, UInt32) = (0, 0)
        while offset < metadata.sizeBytes {
            let chunk = try store.read(metadata, from: offset, bytesMax: chunkBytes)
            guard !chunk.isEmpty else { break }
            offset += UInt64(chunk.count)
            checksum = CRC32C.update(checksum, with: chunk)
            do throws(StateError) {
                if fault == nil { try decoder.receive(chunk) }
            } catch {
                fault = error
            }
        }
        // What is not what was written says nothing about who wrote it.
        guard offset == metadata.sizeBytes, checksum == metadata.checksum else {
            throw .corrupt("the snapshot at \(metadata.lastIndex) is not what was written")
        }
        do throws(StateError) {
            if let fault { throw fault }
            return try decoder.finish()
        } catch {
            throw .corrupt("the snapshot at \(metadata.lastIndex): \(error)")
        }
    }
}

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

    /// In two passes, unless one piece is all of it: what a snapshot is known by, length and checksum
    /// included, comes first.
    static func write(
        _ state: State, at position: SnapshotPosition, to store: any SnapshotStore,
        unless halt: Halt = Halt()
    ) -> Result<SnapshotMetadata, StoreError> {
        guard let measure = StateEncoder.measure(state, while: { !halt.isSet })
        else { return .failure(halted) }
        let metadata = SnapshotMetadata(
            lastIndex: position.lastIndex, lastTerm: position.lastTerm,
            configuration: position.configuration,
            configurationIndex: position.configurationIndex, sizeBytes: measure.bytes,
            checksum: measure.checksum)
        do {
            try store.begin(metadata)
            let partial = try store.partialBytes(of: metadata)
            if let whole = measure.whole {
                try write(whole, at: 0, to: store, knowing: partial)
            } else {
                var encoder = StateEncoder(state)
                var offset: UInt64 = 0
                while let piece = encoder.next(bytes: chunkBytes) {
                    guard !halt.isSet else { return .failure(halted) }
                    try write(piece, at: offset, to: store, knowing: partial)
                    offset += UInt64(piece.count)
                }
            }
            try store.commit()
            return .success(metadata)
        } catch {
            return .failure(error)
        }
    }

    /// What the store does not have yet of a piece.
    private static func write(
        _ piece: [UInt8], at offset: UInt64, to store: any SnapshotStore, knowing partial: UInt64
    ) throws(StoreError) {
        guard offset + UInt64(piece.count) > partial else { return }
        let known = partial > offset ? Int(partial - offset) : 0
        try store.write(
            known == 0 ? piece : Array(piece.dropFirst(known)), at: offset + UInt64(known))
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

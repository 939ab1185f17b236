// SPDX-License-Identifier: Apache-2.0
public import MartletRaft

/// Snapshots of the state machine: written in chunks, complete or absent, never half.
///
/// Blocking, one lane at a time, like ``LogStore``; the lane may be another than the log's.
public protocol SnapshotStore: AnyObject, Sendable {
    /// The complete ones, oldest first.
    func list() throws(StoreError) -> [SnapshotMetadata]

    /// How many bytes of this snapshot an earlier, interrupted write left here; 0 for none. A
    /// partial snapshot is known by all of its metadata.
    func partialBytes(of metadata: SnapshotMetadata) throws(StoreError) -> UInt64

    /// Starts or resumes the write of a snapshot. At most one is partial: another one is dropped.
    ///
    /// Of one that is being made, length and checksum are not known yet: it is begun with
    /// `SnapshotMetadata.unmeasured`, always from its first byte.
    func begin(_ metadata: SnapshotMetadata) throws(StoreError)

    /// Adds the next bytes of the snapshot begun last. Need not be durable yet.
    ///
    /// - Throws: ``StoreError/mismatch(_:)`` when `offset` is not where the written bytes end.
    func write(_ chunk: [UInt8], at offset: UInt64) throws(StoreError)

    /// Verifies length and CRC-32C, makes the snapshot durable and lists it; older ones may be
    /// dropped from then on, the newest two are kept.
    ///
    /// - Parameter metadata: what it was begun with, or what that lacked.
    /// - Throws: ``StoreError/mismatch(_:)`` when another snapshot was begun, or length or checksum are
    ///   not those of the metadata; the partial snapshot is dropped.
    func commit(_ metadata: SnapshotMetadata) throws(StoreError)

    /// Drops what was begun.
    func abort() throws(StoreError)

    /// Bytes of a complete snapshot from `offset` on, at most `bytesMax`; empty at its end.
    func read(_ metadata: SnapshotMetadata, from offset: UInt64, bytesMax: Int)
        throws(StoreError) -> [UInt8]

    func delete(_ metadata: SnapshotMetadata) throws(StoreError)
}

extension SnapshotMetadata {
    /// The same snapshot before its length and checksum are known.
    public var unmeasured: SnapshotMetadata {
        var metadata = self
        (metadata.sizeBytes, metadata.checksum) = (.max, 0)
        return metadata
    }

    /// Whether length and checksum are known.
    public var isMeasured: Bool { sizeBytes != .max }

    /// Whether a partial snapshot that was begun with `earlier` goes on where it ended when it is begun
    /// with this.
    public func resumes(_ earlier: SnapshotMetadata?) -> Bool { isMeasured && self == earlier }

    /// Whether a snapshot that was begun with this may be committed as `whole`: nothing is another, but
    /// for what was not known.
    public func mayEnd(as whole: SnapshotMetadata) -> Bool {
        self == whole || self == whole.unmeasured
    }
}

// SPDX-License-Identifier: Apache-2.0
public import MartletRaft

/// A snapshot longer than any store's chunk, whose stretches all differ.
public enum StoreSnapshotContent {
    public static let bytes: [UInt8] = (0..<300_001).map {
        UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13)
    }

    /// CRC-32C of ``bytes``, computed apart from any code here.
    public static let checksum: UInt32 = 0x9359_8698

    public static var metadata: SnapshotMetadata {
        SnapshotMetadata(
            lastIndex: LogIndex(1), lastTerm: Term(1), configuration: .empty,
            configurationIndex: .zero, sizeBytes: UInt64(bytes.count), checksum: checksum)
    }
}

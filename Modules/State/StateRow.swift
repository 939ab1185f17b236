// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// A row of a table of the state: how a snapshot writes and reads it. A table whose rows conform is
/// one line of ``State/sections(version:)``.
protocol StateRow: Sendable {
    associatedtype Key: Comparable & Sendable

    /// No row takes more bytes in a snapshot, without its indexes.
    static var bytesMax: Int { get }

    /// Where it stands in its table.
    var key: Key { get }
    var createIndex: UInt64 { get set }
    var modifyIndex: UInt64 { get set }

    /// Without its indexes, which the log gives.
    init(reading reader: inout StateReader) throws(StateError)
    func write(to writer: inout ByteWriter)
}

extension StateRow {
    /// The same row, as it was made and last written then.
    func written(created: UInt64, modified: UInt64) -> Self {
        var row = self
        row.createIndex = created
        row.modifyIndex = modified
        return row
    }

    /// A restore takes rows as they are, so that it takes no time: they have no indexes, which stands
    /// for the restore's.
    func dated(_ restoredIndex: UInt64) -> Self {
        guard createIndex == 0 || modifyIndex == 0 else { return self }
        return written(
            created: createIndex == 0 ? restoredIndex : createIndex,
            modified: modifyIndex == 0 ? restoredIndex : modifyIndex)
    }
}

// Texts, hashes and lists have four bytes before them.

extension ACLPolicy: StateRow {
    static let bytesMax =
        4 * 4 + ACLBounds.nameBytesMax + ACLBounds.descriptionBytesMax + ACLBounds.rulesBytesMax
        + 32
    var key: String { name }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.policy() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

extension ACLToken: StateRow {
    static let bytesMax =
        5 * 4 + 36 + 32 + 2 + ACLBounds.tokenNameBytesMax
        + ACLBounds.linksMax * (4 + ACLBounds.nameBytesMax + 4 + 36) + 8 + 9 + 32
    var key: String { accessorID }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.token() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

extension ACLRole: StateRow {
    static let bytesMax =
        5 * 4 + 36 + ACLBounds.nameBytesMax + ACLBounds.descriptionBytesMax
        + ACLBounds.linksMax * (4 + ACLBounds.nameBytesMax) + 32
    var key: String { id }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.role() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// A row of one of the tables of ``ACLTables``.
protocol ACLRow: Sendable {
    /// Where it stands in its table.
    var key: String { get }
    var createIndex: UInt64 { get set }
    var modifyIndex: UInt64 { get set }

    /// Without its indexes, which the log gives.
    init(reading reader: inout StateReader) throws(StateError)
    func write(to writer: inout ByteWriter)
}

extension ACLRow {
    /// The same row, as it was made and last written then.
    func written(created: UInt64, modified: UInt64) -> Self {
        var row = self
        row.createIndex = created
        row.modifyIndex = modified
        return row
    }
}

extension ACLPolicy: ACLRow {
    var key: String { name }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.policy() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

extension ACLToken: ACLRow {
    var key: String { accessorID }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.token() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

extension ACLRole: ACLRow {
    var key: String { id }
    init(reading reader: inout StateReader) throws(StateError) { self = try reader.role() }
    func write(to writer: inout ByteWriter) { writer.write(self) }
}

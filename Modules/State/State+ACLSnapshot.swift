// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// What a snapshot of version 4 appends:
///
/// | bytes | meaning                                                                 |
/// |-------|-------------------------------------------------------------------------|
/// | 8     | index of the last bootstrap, 0 for none                                 |
/// | 8     | index of the last change to the policies, 0 for none                    |
/// | 4     | number of policies; each: 8: CreateIndex; 8: ModifyIndex; the policy;   |
/// |       | ascending by name                                                       |
/// | 8, 4… | the same for tokens, by accessor id                                     |
/// | 8, 4… | the same for roles, by id                                               |
extension ACLTables {
    func write(to writer: inout ByteWriter) {
        writer.write(bootstrapIndex)
        Self.write(policyTable, changedAt: policyIndex, to: &writer)
        Self.write(tokenTable, changedAt: tokenIndex, to: &writer)
        Self.write(roleTable, changedAt: roleIndex, to: &writer)
    }

    private static func write<Row: ACLRow>(
        _ table: OrderedTable<String, Row>, changedAt index: UInt64, to writer: inout ByteWriter
    ) {
        writer.write(index)
        writer.write(UInt32(table.count))
        for element in table {
            writer.write(element.value.createIndex)
            writer.write(element.value.modifyIndex)
            element.value.write(to: &writer)
        }
    }

    init(_ reader: inout StateReader, lastApplied: UInt64) throws(StateError) {
        self.init()
        bootstrapIndex = try reader.uint64()
        policyIndex = try Self.read(&reader, "policies", max: Self.policiesMax, lastApplied) {
            (policy: ACLPolicy) in insert(policy)
        }
        tokenIndex = try Self.read(&reader, "tokens", max: Self.tokensMax, lastApplied) {
            (token: ACLToken) throws(StateError) in
            guard self.token(token.digest) == nil else {
                throw .malformed("token \(token.accessorID) has the secret of another")
            }
            insert(token)
        }
        roleIndex = try Self.read(&reader, "roles", max: Self.rolesMax, lastApplied) {
            (role: ACLRole) throws(StateError) in
            guard self.role(named: role.name) == nil else {
                throw .malformed("two roles named \(role.name)")
            }
            insert(role)
        }
        guard bootstrapIndex <= tokenIndex else {
            throw .malformed("bootstrap at \(bootstrapIndex), tokens changed at \(tokenIndex)")
        }
        guard bytesCount <= Self.bytesMax else {
            throw .malformed("tokens, policies and roles of \(bytesCount) bytes")
        }
    }

    /// Hands over a table's rows in their order.
    ///
    /// - Returns: the index of the last change to it.
    private static func read<Row: ACLRow>(
        _ reader: inout StateReader, _ rows: String, max: Int, _ lastApplied: UInt64,
        take: (Row) throws(StateError) -> Void
    ) throws(StateError) -> UInt64 {
        let table = try TableHead(&reader, max: max, lastApplied)
        var previous = ""
        for _ in 0..<table.count {
            let (create, modify) = try table.indexes(&reader)
            let row = try Row(reading: &reader)
            guard previous < row.key else { throw .malformed("\(rows) out of order") }
            previous = row.key
            try take(row.written(created: create, modified: modify))
        }
        return table.index
    }
}

/// What stands before a table's rows.
private struct TableHead {
    let index: UInt64
    let count: UInt32

    init(_ reader: inout StateReader, max: Int, _ lastApplied: UInt64) throws(StateError) {
        index = try reader.uint64()
        count = try reader.uint32()
        guard index <= lastApplied, index > 0 || count == 0 else {
            throw .malformed("a table changed at \(index), after \(lastApplied)")
        }
        guard count <= max else { throw .malformed("\(count) rows, at most \(max)") }
    }

    func indexes(_ reader: inout StateReader) throws(StateError) -> (UInt64, UInt64) {
        let create = try reader.uint64()
        let modify = try reader.uint64()
        guard 0 < create, create <= modify, modify <= index else {
            throw .malformed("indexes \(create) and \(modify) of a table changed at \(index)")
        }
        return (create, modify)
    }
}

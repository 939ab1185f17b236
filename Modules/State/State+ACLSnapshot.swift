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
        writer.write(policyIndex)
        writer.write(UInt32(policyTable.count))
        for element in policyTable {
            writer.write(element.value.createIndex)
            writer.write(element.value.modifyIndex)
            writer.write(element.value)
        }
        writer.write(tokenIndex)
        writer.write(UInt32(tokenTable.count))
        for element in tokenTable {
            writer.write(element.value.createIndex)
            writer.write(element.value.modifyIndex)
            writer.write(element.value)
        }
        writer.write(roleIndex)
        writer.write(UInt32(roleTable.count))
        for element in roleTable {
            writer.write(element.value.createIndex)
            writer.write(element.value.modifyIndex)
            writer.write(element.value)
        }
    }

    init(_ reader: inout StateReader, lastApplied: UInt64) throws(StateError) {
        self.init()
        bootstrapIndex = try reader.uint64()
        try readPolicies(&reader, lastApplied)
        try readTokens(&reader, lastApplied)
        try readRoles(&reader, lastApplied)
        guard bootstrapIndex <= tokenIndex else {
            throw .malformed("bootstrap at \(bootstrapIndex), tokens changed at \(tokenIndex)")
        }
        guard bytesCount <= Self.bytesMax else {
            throw .malformed("tokens, policies and roles of \(bytesCount) bytes")
        }
    }

    private mutating func readPolicies(
        _ reader: inout StateReader, _ lastApplied: UInt64
    ) throws(StateError) {
        let table = try TableHead(&reader, max: Self.policiesMax, lastApplied)
        policyIndex = table.index
        var previous = ""
        for _ in 0..<table.count {
            let indexes = try table.indexes(&reader)
            var policy = try reader.policy()
            guard previous < policy.name else { throw .malformed("policies out of order") }
            previous = policy.name
            (policy.createIndex, policy.modifyIndex) = indexes
            insert(policy)
        }
    }

    private mutating func readTokens(
        _ reader: inout StateReader, _ lastApplied: UInt64
    ) throws(StateError) {
        let table = try TableHead(&reader, max: Self.tokensMax, lastApplied)
        tokenIndex = table.index
        var previous = ""
        for _ in 0..<table.count {
            let indexes = try table.indexes(&reader)
            var token = try reader.token()
            guard previous < token.accessorID else { throw .malformed("tokens out of order") }
            guard self.token(token.digest) == nil else {
                throw .malformed("token \(token.accessorID) has the secret of another")
            }
            previous = token.accessorID
            (token.createIndex, token.modifyIndex) = indexes
            insert(token)
        }
    }

    private mutating func readRoles(
        _ reader: inout StateReader, _ lastApplied: UInt64
    ) throws(StateError) {
        let table = try TableHead(&reader, max: Self.rolesMax, lastApplied)
        roleIndex = table.index
        var previous = ""
        for _ in 0..<table.count {
            let indexes = try table.indexes(&reader)
            var role = try reader.role()
            guard previous < role.id else { throw .malformed("roles out of order") }
            guard self.role(named: role.name) == nil else {
                throw .malformed("two roles named \(role.name)")
            }
            previous = role.id
            (role.createIndex, role.modifyIndex) = indexes
            insert(role)
        }
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

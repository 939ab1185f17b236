// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

/// What a snapshot of version 4 or 5 appends:
///
/// | bytes | meaning                                                                 |
/// |-------|-------------------------------------------------------------------------|
/// | 8     | index of the last bootstrap, 0 for none                                 |
/// | …     | the table of policies, by name                                          |
/// | …     | the table of tokens, by accessor id                                     |
/// | …     | the table of roles, by id                                               |
///
/// Tables are as ``StateSection/table(_:max:_:index:rows:restoredIndex:insert:)`` says.
extension ACLTables {
    static func sections(
        _ bounds: Bounds, _ indexes: StateSection.RowIndexes
    ) -> [StateSection] {
        [
            .head(bytesMax: 8) { state, writer in
                writer.write(state.acl.bootstrapIndex)
            } read: { (reader, state) throws(StateError) in
                state.acl.bootstrapIndex = try reader.uint64()
            },
            .table(
                "policies", max: bounds.policies, indexes, index: \.acl.policyIndex,
                rows: { $0.acl.policyTable }, restoredIndex: { $0.acl.restoredIndex },
                insert: { (policy: ACLPolicy, state) throws(StateError) in
                    state.acl.insert(policy)
                    try state.acl.check(bounds)
                }),
            .table(
                "tokens", max: bounds.tokens, indexes, index: \.acl.tokenIndex,
                rows: { $0.acl.tokenTable }, restoredIndex: { $0.acl.restoredIndex },
                insert: { (token: ACLToken, state) throws(StateError) in
                    guard state.acl.token(token.digest) == nil else {
                        throw .malformed("token \(token.accessorID) has the secret of another")
                    }
                    state.acl.insert(token)
                    try state.acl.check(bounds)
                }),
            .table(
                "roles", max: bounds.roles, indexes, index: \.acl.roleIndex,
                rows: { $0.acl.roleTable }, restoredIndex: { $0.acl.restoredIndex },
                insert: { (role: ACLRole, state) throws(StateError) in
                    guard state.acl.role(named: role.name) == nil else {
                        throw .malformed("two roles named \(role.name)")
                    }
                    state.acl.insert(role)
                    try state.acl.check(bounds)
                }),
            .head(bytesMax: 0) { _, _ in
            } read: { (_, state) throws(StateError) in
                guard state.acl.bootstrapIndex <= state.acl.tokenIndex || indexes == .absent else {
                    throw .malformed(
                        "bootstrap at \(state.acl.bootstrapIndex), tokens changed at "
                            + "\(state.acl.tokenIndex)")
                }
            },
        ]
    }

    private func check(_ bounds: Bounds) throws(StateError) {
        guard bytesCount <= bounds.bytes else {
            throw .malformed("tokens, policies and roles of over \(bounds.bytes) bytes")
        }
    }
}

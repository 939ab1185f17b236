// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Reading tokens, policies and roles. Lists are in the order of their keys.
extension State {
    /// Log index of the bootstrap in force; 0 where the first is yet to come. What a reset must name.
    package var bootstrapIndex: UInt64 { acl.bootstrapIndex }

    // MARK: Tokens

    /// Who presents a secret with this digest. O(log n).
    package func token(_ digest: TokenDigest) -> ACLToken? { dated(acl.token(digest)) }

    package func token(accessor: String) -> ACLToken? { dated(acl.tokenTable[accessor]) }

    package var tokenCount: Int { acl.tokenTable.count }

    /// All tokens, or those whose accessor id begins so.
    package func tokens(accessorPrefix prefix: String = "") -> [ACLToken] {
        acl.tokenTable.values(prefix: prefix, acl.restoredIndex)
    }

    /// When the next token expires, in nanoseconds since 1970; nil if none will.
    package var nextTokenExpiry: Int64? { acl.nextExpiry }

    // MARK: Policies

    package func policy(_ name: String) -> ACLPolicy? { dated(acl.policyTable[name]) }

    /// All policies, or those whose name begins so.
    package func policies(namePrefix prefix: String = "") -> [ACLPolicy] {
        acl.policyTable.values(prefix: prefix, acl.restoredIndex)
    }

    // MARK: Roles

    package func role(_ id: String) -> ACLRole? { dated(acl.roleTable[id]) }

    package func role(named name: String) -> ACLRole? { dated(acl.role(named: name)) }

    /// All roles, or those whose id begins so.
    package func roles(idPrefix prefix: String = "") -> [ACLRole] {
        acl.roleTable.values(prefix: prefix, acl.restoredIndex)
    }

    /// Those of a token's roles that there are, for its answers.
    package func roleLinks(of token: ACLToken) -> [ACLTokenResponse.RoleLink] {
        token.roles.compactMap { id in
            role(id).map { ACLTokenResponse.RoleLink(id: id, name: $0.name) }
        }
    }

    private func dated<Row: StateRow>(_ row: Row?) -> Row? { row?.dated(acl.restoredIndex) }
}

extension OrderedTable where Key == String, Value: StateRow {
    fileprivate func values(prefix: String, _ restoredIndex: UInt64) -> [Value] {
        guard !prefix.isEmpty else { return map { $0.value.dated(restoredIndex) } }
        var values: [Value] = []
        for element in suffix(from: prefix) {
            guard element.key.utf8.starts(with: prefix.utf8) else { break }
            values.append(element.value.dated(restoredIndex))
        }
        return values
    }
}

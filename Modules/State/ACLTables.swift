// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Tokens, policies and roles: who may do what. Changed by ``ACLCommand`` only.
///
/// - Invariant: `accessors`, `roleIDs` and `expiries` say what tokens and roles say, for lookups by
///   another key; `bytesCount` is what all rows take in a snapshot, and within ``Bounds/bytes``.
package struct ACLTables: Sendable {
    /// How much there may be: part of what commands and snapshots mean, so that programs of
    /// different versions come to the same.
    package struct Bounds: Equatable, Sendable {
        package let tokens: Int
        package let policies: Int
        package let roles: Int
        /// Of all three together, as ``weight`` counts.
        package let bytes: Int

        /// Those of command and snapshot version 4.
        package static let first = Bounds(
            tokens: 65_536, policies: 4096, roles: 4096, bytes: 24 << 20)
        /// Since version 5: a state of a few gigabytes, which pieces keep out of everybody's way.
        package static let current = Bounds(
            tokens: 1 << 20, policies: 1 << 20, roles: 1 << 16, bytes: 4 << 30)

        package static func of(version: UInt8) -> Bounds { version < 5 ? .first : .current }
    }

    /// What of these bounds only a bootstrap may use: who has lost every token must get in.
    static let resetTokens = 64
    static let resetBytes = 64 << 10

    /// By name.
    var policyTable = OrderedTable<String, ACLPolicy>()
    /// By accessor id.
    var tokenTable = OrderedTable<String, ACLToken>()
    /// By id.
    var roleTable = OrderedTable<String, ACLRole>()
    private var accessors = OrderedTable<TokenDigest, String>()
    private var roleIDs = OrderedTable<String, String>()
    private var expiries = OrderedTable<Expiry, Void>()
    private(set) var bytesCount = 0

    /// Log index of the last change to the table; 0 before any.
    var policyIndex: UInt64 = 0
    var tokenIndex: UInt64 = 0
    var roleIndex: UInt64 = 0
    /// Log index of the bootstrap in force; 0 before the first.
    var bootstrapIndex: UInt64 = 0
    /// Of rows that have none: see ``StateRow/dated(_:)``.
    var restoredIndex: UInt64 = 0

    /// Orders tokens by when they expire.
    private struct Expiry: Comparable, Sendable {
        let unixNanoseconds: Int64
        let accessor: String

        static func < (left: Self, right: Self) -> Bool {
            (left.unixNanoseconds, left.accessor) < (right.unixNanoseconds, right.accessor)
        }
    }

    init() {}

    /// Whether there ever was anything in them.
    var isKnown: Bool { policyIndex > 0 || tokenIndex > 0 || roleIndex > 0 }

    func fits(_ bounds: Bounds) -> Bool {
        tokenTable.count <= bounds.tokens && policyTable.count <= bounds.policies
            && roleTable.count <= bounds.roles && bytesCount <= bounds.bytes
    }

    // MARK: Tokens

    mutating func insert(_ token: ACLToken) {
        removeToken(token.accessorID)
        tokenTable.insert(token, at: token.accessorID)
        accessors.insert(token.accessorID, at: token.digest)
        if let expiry = Self.expiry(of: token) { expiries.insert((), at: expiry) }
        bytesCount += token.weight
    }

    @discardableResult
    mutating func removeToken(_ accessor: String) -> ACLToken? {
        guard let token = tokenTable.remove(accessor) else { return nil }
        accessors.remove(token.digest)
        if let expiry = Self.expiry(of: token) { expiries.remove(expiry) }
        bytesCount -= token.weight
        return token
    }

    /// The first to expire of those that have expired by then.
    func accessors(expiredAt unixNanoseconds: Int64, limit: Int) -> [String] {
        var expired: [String] = []
        for element in expiries {
            guard element.key.unixNanoseconds <= unixNanoseconds, expired.count < limit else {
                break
            }
            expired.append(element.key.accessor)
        }
        return expired
    }

    /// When the next token expires, in nanoseconds since 1970; nil if none will.
    var nextExpiry: Int64? {
        var iterator = expiries.makeIterator()
        return iterator.next()?.key.unixNanoseconds
    }

    /// O(log n). The digest that is found is compared as a whole.
    func token(_ digest: TokenDigest) -> ACLToken? {
        guard let accessor = accessors[digest], let token = tokenTable[accessor],
            token.digest == digest
        else { return nil }
        return token
    }

    private static func expiry(of token: ACLToken) -> Expiry? {
        token.expirationUnixNanoseconds.map {
            Expiry(unixNanoseconds: $0, accessor: token.accessorID)
        }
    }

    // MARK: Policies and roles

    mutating func insert(_ policy: ACLPolicy) {
        removePolicy(policy.name)
        policyTable.insert(policy, at: policy.name)
        bytesCount += policy.weight
    }

    @discardableResult
    mutating func removePolicy(_ name: String) -> ACLPolicy? {
        guard let policy = policyTable.remove(name) else { return nil }
        bytesCount -= policy.weight
        return policy
    }

    /// - Precondition: no other role has its name.
    mutating func insert(_ role: ACLRole) {
        removeRole(role.id)
        roleTable.insert(role, at: role.id)
        let other = roleIDs.insert(role.id, at: role.name)
        precondition(other == nil, "two roles named \(role.name)")
        bytesCount += role.weight
    }

    @discardableResult
    mutating func removeRole(_ id: String) -> ACLRole? {
        guard let role = roleTable.remove(id) else { return nil }
        roleIDs.remove(role.name)
        bytesCount -= role.weight
        return role
    }

    func role(named name: String) -> ACLRole? { roleIDs[name].flatMap { roleTable[$0] } }

    // MARK: Restoring

    /// The same with rows that have no indexes. O(n).
    func undated() -> ACLTables {
        var undated = self
        func undate<Row: StateRow>(_ row: Row) -> Row { row.written(created: 0, modified: 0) }
        for element in policyTable { undated.insert(undate(element.value)) }
        for element in tokenTable { undated.insert(undate(element.value)) }
        for element in roleTable { undated.insert(undate(element.value)) }
        return undated
    }

    /// The same, as if written at `index`, in no time: rows without indexes count as written then. A
    /// reset of the bootstrap that was prepared before fails.
    ///
    /// - Precondition: the rows were read without their indexes.
    func restored(at index: UInt64) -> ACLTables {
        var restored = self
        restored.restoredIndex = index
        restored.policyIndex = index
        restored.tokenIndex = index
        restored.roleIndex = index
        restored.bootstrapIndex = bootstrapIndex > 0 ? index : 0
        return restored
    }
}

extension ACLTables: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        func isEqual<Row: StateRow & Equatable>(
            _ table: (ACLTables) -> OrderedTable<String, Row>
        ) -> Bool {
            table(left).count == table(right).count
                && table(left).elementsEqual(table(right)) {
                    $0.value.dated(left.restoredIndex) == $1.value.dated(right.restoredIndex)
                }
        }
        return left.policyIndex == right.policyIndex && left.tokenIndex == right.tokenIndex
            && left.roleIndex == right.roleIndex && left.bootstrapIndex == right.bootstrapIndex
            && isEqual { $0.policyTable } && isEqual { $0.tokenTable } && isEqual { $0.roleTable }
    }
}

// What one takes in a snapshot, in bytes: 4 for each length, 16 for the two indexes.

extension ACLToken {
    var weight: Int {
        16 + 36 + 32 + 11 + (expirationUnixNanoseconds == nil ? 0 : 8) + 5 * 4 + name.utf8.count
            + hash.count + ACLTables.weight(policies)
            + ACLTables.weight(roles)
    }
}

extension ACLPolicy {
    var weight: Int {
        16 + 4 * 4 + name.utf8.count + description.utf8.count + rules.utf8.count + hash.count
    }
}

extension ACLRole {
    var weight: Int {
        16 + 36 + 5 * 4 + name.utf8.count + description.utf8.count + hash.count
            + ACLTables.weight(policies)
    }
}

extension ACLTables {
    fileprivate static func weight(_ texts: [String]) -> Int {
        texts.reduce(0) { $0 + 4 + $1.utf8.count }
    }
}

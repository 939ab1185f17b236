// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

// How commands and snapshots of version 4 write tokens, policies and roles. A text has its length in
// 32 bits before it, a list the number of its elements. The digest stands for the secret, which is
// nowhere.
//
// Token                                       Policy: name, description, rules and hash.
//
// | bytes | meaning                        |  Role: id, name, description, policies and hash.
// |-------|--------------------------------|
// | …     | accessor id                    |  Change of a token: accessor id; 1: type; 1: Global;
// | 32    | digest of the secret           |  name, policies, roles and hash.
// | 1     | type: 0 client, 1 management   |
// | 1     | Global                         |  A hash has its length in 32 bits before it: 0 or 32.
// | …     | name                           |
// | …     | policies                       |
// | …     | ids of roles                   |
// | 8     | CreateTime, ns since 1970      |
// | 1     | whether ExpirationTime follows |
// | 8     | it                             |
// | …     | hash                           |
//
// Log indexes are not part of them: a command gets them from the log, a snapshot writes CreateIndex
// and ModifyIndex before.

extension ByteWriter {
    mutating func write(_ token: ACLToken) {
        write(string: token.accessorID)
        write(raw: token.digest.bytes)
        write(token.kind)
        write(token.isGlobal)
        write(string: token.name)
        write(texts: token.policies)
        write(texts: token.roles)
        write(token.createUnixNanoseconds)
        write(token.expirationUnixNanoseconds != nil)
        if let expiration = token.expirationUnixNanoseconds { write(expiration) }
        write(bytes: token.hash)
    }

    mutating func write(_ policy: ACLPolicy) {
        write(string: policy.name)
        write(string: policy.description)
        write(string: policy.rules)
        write(bytes: policy.hash)
    }

    mutating func write(_ role: ACLRole) {
        write(string: role.id)
        write(string: role.name)
        write(string: role.description)
        write(texts: role.policies)
        write(bytes: role.hash)
    }

    mutating func write(_ change: ACLTokenChange) {
        write(string: change.accessorID)
        write(change.kind)
        write(change.isGlobal)
        write(string: change.name)
        write(texts: change.policies)
        write(texts: change.roles)
        write(bytes: change.hash)
    }

    mutating func write(texts: [String]) {
        write(UInt32(clamping: texts.count))
        for text in texts { write(string: text) }
    }

    private mutating func write(_ kind: ACLToken.Kind) {
        switch kind {
        case .client: write(0 as UInt8)
        case .management: write(1 as UInt8)
        }
    }
}

extension StateReader {
    mutating func token() throws(StateError) -> ACLToken {
        let accessor = try uuid()
        guard let digest = TokenDigest(try raw(count: TokenDigest.bytesCount)) else {
            throw .malformed("no digest of token \(accessor)")
        }
        let kind = try tokenKind()
        let isGlobal = try bool()
        let name = try text(max: ACLBounds.tokenNameBytesMax)
        let policies = try names()
        let roles = try roleIDs()
        try checkLinks(kind, policies, roles)
        var token = ACLToken(
            accessorID: accessor, digest: digest, name: name, kind: kind, policies: policies,
            roles: roles, isGlobal: isGlobal, createUnixNanoseconds: try int64(),
            expirationUnixNanoseconds: try bool() ? try int64() : nil)
        token.hash = try hash()
        return token
    }

    mutating func policy() throws(StateError) -> ACLPolicy {
        var policy = ACLPolicy(
            name: try name(), description: try text(max: ACLBounds.descriptionBytesMax),
            rules: try text(max: ACLBounds.rulesBytesMax))
        policy.hash = try hash()
        return policy
    }

    mutating func role() throws(StateError) -> ACLRole {
        var role = ACLRole(
            id: try uuid(), name: try name(),
            description: try text(max: ACLBounds.descriptionBytesMax), policies: try names())
        role.hash = try hash()
        return role
    }

    mutating func tokenChange() throws(StateError) -> ACLTokenChange {
        let accessor = try uuid()
        let kind = try tokenKind()
        let isGlobal = try bool()
        let name = try text(max: ACLBounds.tokenNameBytesMax)
        let policies = try names()
        let roles = try roleIDs()
        try checkLinks(kind, policies, roles)
        return ACLTokenChange(
            accessorID: accessor, name: name, kind: kind, policies: policies, roles: roles,
            isGlobal: isGlobal, hash: try hash())
    }

    /// At most ``ACLCommand/batchMax`` elements.
    mutating func batch<Element>(
        _ element: (inout StateReader) throws(StateError) -> Element
    ) throws(StateError) -> [Element] {
        try list(max: ACLCommand.batchMax, element)
    }

    mutating func name() throws(StateError) -> String {
        let name = try text(max: ACLBounds.nameBytesMax)
        guard ACLBounds.isName(name) else { throw .malformed("a name that is none") }
        return name
    }

    mutating func uuid() throws(StateError) -> String {
        let id = try text(max: 36)
        guard ACLBounds.isUUID(id) else { throw .malformed("an id is not a UUID in lower case") }
        return id
    }

    private mutating func names() throws(StateError) -> [String] {
        try list(max: ACLBounds.linksMax) { (reader) throws(StateError) in try reader.name() }
    }

    private mutating func roleIDs() throws(StateError) -> [String] {
        try list(max: ACLBounds.linksMax) { (reader) throws(StateError) in try reader.uuid() }
    }

    private mutating func list<Element>(
        max: Int, _ element: (inout StateReader) throws(StateError) -> Element
    ) throws(StateError) -> [Element] {
        let count = try uint32()
        guard count <= max else { throw .malformed("\(count) elements, at most \(max)") }
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try element(&self)) }
        return elements
    }

    private mutating func tokenKind() throws(StateError) -> ACLToken.Kind {
        switch try uint8() {
        case 0: .client
        case 1: .management
        case let other: throw .malformed("unknown type \(other) of a token")
        }
    }

    private func checkLinks(
        _ kind: ACLToken.Kind, _ policies: [String], _ roles: [String]
    ) throws(StateError) {
        guard (kind == .management) == (policies.isEmpty && roles.isEmpty) else {
            throw .malformed("a \(kind.rawValue) token with or without policies or roles")
        }
    }

    private mutating func hash() throws(StateError) -> [UInt8] {
        let hash = try bytes(max: 32)
        guard hash.isEmpty || hash.count == 32 else {
            throw .malformed("a hash of \(hash.count) bytes")
        }
        return hash
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletBytes

/// What a command does to tokens, policies and roles.
///
/// | kind | command             | fields                                            |
/// |------|---------------------|---------------------------------------------------|
/// | 13   | upsertPolicies      | 4: number; each policy                            |
/// | 14   | deletePolicies      | 4: number; each name                              |
/// | 15   | createToken         | the token                                         |
/// | 16   | updateToken         | the change                                        |
/// | 17   | deleteTokens        | 4: number; each accessor id                       |
/// | 18   | deleteExpiredTokens | 8: ns since 1970; 4: how many at most             |
/// | 19   | createRole          | the role                                          |
/// | 20   | updateRole          | the role                                          |
/// | 21   | deleteRoles         | 4: number; each id                                |
/// | 22   | bootstrap           | 1: whether a reset index follows; 8: it; the      |
/// |      |                     | token; 1: whether older management tokens go      |
///
/// Each carries out the whole of it or, where it is refused, nothing.
package enum ACLCommand: Equatable, Sendable {
    /// Makes those that are not there, replaces those that are.
    case upsertPolicies([ACLPolicy])
    /// Of those that are there; tokens and roles go on naming them, to no effect.
    case deletePolicies(names: [String])
    case createToken(ACLToken)
    case updateToken(ACLTokenChange)
    case deleteTokens(accessors: [String])
    /// The first to expire of those that have expired at `asOf`, nanoseconds since 1970.
    case deleteExpiredTokens(asOf: Int64, limit: UInt32)
    case createRole(ACLRole)
    /// The role with the id gets the rest.
    case updateRole(ACLRole)
    /// All or, if one is unknown, none; tokens go on naming them, to no effect.
    case deleteRoles(ids: [String])
    /// Makes the first management token; where that was done already, only if `reset` is
    /// ``State/bootstrapIndex``.
    case bootstrap(ACLToken, reset: UInt64?, revokesManagement: Bool)

    /// Bound of what one command names.
    package static let batchMax = 4096
}

/// What an update sets of a token; the rest of it stays for its life.
package struct ACLTokenChange: Equatable, Sendable {
    package let accessorID: String
    package let name: String
    package let kind: ACLToken.Kind
    package let policies: [String]
    package let roles: [String]
    /// Must be what it is already.
    package let isGlobal: Bool
    /// As ``MartletAPI/ACLToken/hash``.
    package let hash: [UInt8]

    package init(
        accessorID: String, name: String, kind: ACLToken.Kind, policies: [String],
        roles: [String], isGlobal: Bool, hash: [UInt8]
    ) {
        self.accessorID = accessorID
        self.name = name
        self.kind = kind
        self.policies = policies
        self.roles = roles
        self.isGlobal = isGlobal
        self.hash = hash
    }
}

/// Why the state refuses a command about tokens, policies or roles: what only it can know.
package enum ACLRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownToken(accessor: String)
    /// A token with this accessor, or with this secret, is there.
    case tokenExists(accessor: String)
    case globalToggled(accessor: String)
    case unknownRole(id: String)
    case roleExists(id: String)
    case roleNameTaken(String)
    case unknownPolicy(name: String)
    case bootstrapDone(resetIndex: UInt64)
    case wrongResetIndex(given: UInt64, resetIndex: UInt64)
    /// A table has no room: its bound.
    case full(State.Table, max: Int)
    /// All tables together have no room.
    case tooManyBytes(max: Int)

    /// In Nomad's words where it has such a refusal.
    package var description: String {
        switch self {
        case .unknownToken(let accessor): "cannot find token \(accessor)"
        case .tokenExists(let accessor): "token \(accessor) exists already"
        case .globalToggled: "cannot toggle global mode"
        case .unknownRole(let id): "cannot find role \(id)"
        case .roleExists(let id): "role \(id) exists already"
        case .roleNameTaken(let name): "role with name \(name) already exists"
        case .unknownPolicy(let name): "cannot find policy \(name)"
        case .bootstrapDone(let index): "ACL bootstrap already done (reset index: \(index))"
        case .wrongResetIndex(let given, let index):
            "Invalid bootstrap reset index (specified \(given), reset index: \(index))"
        case .full(let table, let max): "there is no room for more than \(max) \(table)"
        case .tooManyBytes(let max):
            "tokens, policies and roles have no room beyond \(max) bytes together"
        }
    }
}

extension ACLCommand {
    static let kinds: ClosedRange<UInt8> = 13...22

    var kind: UInt8 {
        switch self {
        case .upsertPolicies: 13
        case .deletePolicies: 14
        case .createToken: 15
        case .updateToken: 16
        case .deleteTokens: 17
        case .deleteExpiredTokens: 18
        case .createRole: 19
        case .updateRole: 20
        case .deleteRoles: 21
        case .bootstrap: 22
        }
    }
}

extension ByteWriter {
    mutating func write(_ command: ACLCommand) {
        switch command {
        case .upsertPolicies(let policies):
            write(UInt32(clamping: policies.count))
            for policy in policies { write(policy) }
        case .deletePolicies(let texts), .deleteTokens(let texts), .deleteRoles(let texts):
            write(texts: texts)
        case .createToken(let token): write(token)
        case .updateToken(let change): write(change)
        case .deleteExpiredTokens(let asOf, let limit):
            write(asOf)
            write(limit)
        case .createRole(let role), .updateRole(let role): write(role)
        case .bootstrap(let token, let reset, let revokesManagement):
            Command.write(optional: reset, to: &self)
            write(token)
            write(revokesManagement)
        }
    }
}

extension StateReader {
    /// - Precondition: `kind` is one of ``ACLCommand/kinds``.
    mutating func aclCommand(_ kind: UInt8) throws(StateError) -> ACLCommand {
        switch kind {
        case 13:
            .upsertPolicies(
                try batch { (reader) throws(StateError) in try reader.policy() })
        case 14:
            .deletePolicies(
                names: try batch { (reader) throws(StateError) in try reader.name() })
        case 15: .createToken(try token())
        case 16: .updateToken(try tokenChange())
        case 17:
            .deleteTokens(
                accessors: try batch { (reader) throws(StateError) in try reader.uuid() })
        case 18: .deleteExpiredTokens(asOf: try int64(), limit: try uint32())
        case 19: .createRole(try role())
        case 20: .updateRole(try role())
        case 21:
            .deleteRoles(ids: try batch { (reader) throws(StateError) in try reader.uuid() })
        default: try bootstrap()
        }
    }

    private mutating func bootstrap() throws(StateError) -> ACLCommand {
        let reset = try optional()
        let token = try token()
        guard token.kind == .management else {
            throw .malformed("bootstrap with a token of type \(token.kind.rawValue)")
        }
        return .bootstrap(token, reset: reset, revokesManagement: try bool())
    }
}

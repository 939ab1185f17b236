// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

func digest(_ number: Int) -> TokenDigest {
    var bytes = [UInt8](repeating: 0xD1, count: 32)
    (bytes[0], bytes[31]) = (
        UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)
    )
    guard let digest = TokenDigest(bytes) else { preconditionFailure("32 bytes are a digest") }
    return digest
}

/// No field has its default, none the value of another.
func token(
    _ number: Int, secret: Int? = nil, policies: [String] = ["p1"], roles: [String] = [],
    expires: Int64? = nil
) -> ACLToken {
    var token = ACLToken(
        accessorID: serverID(number), digest: digest(secret ?? number), name: "token é",
        kind: policies.isEmpty && roles.isEmpty ? .management : .client, policies: policies,
        roles: roles, isGlobal: true, createUnixNanoseconds: 1_700_000_000_000_000_001,
        expirationUnixNanoseconds: expires)
    token.hash = [UInt8](repeating: 7, count: 32)
    return token
}

func policy(_ name: String, rules: String = "agent { policy = \"read\" }") -> ACLPolicy {
    var policy = ACLPolicy(name: name, description: "of \(name)", rules: rules)
    policy.hash = [UInt8](repeating: 8, count: 32)
    return policy
}

func role(_ number: Int, name: String? = nil, policies: [String] = ["p1"]) -> ACLRole {
    var role = ACLRole(
        id: serverID(number), name: name ?? "role-\(number)", description: "é", policies: policies)
    role.hash = [UInt8](repeating: 9, count: 32)
    return role
}

func change(
    _ number: Int, policies: [String] = ["p2"], roles: [String] = [], isGlobal: Bool = true
) -> ACLTokenChange {
    ACLTokenChange(
        accessorID: serverID(number), name: "changed", kind: .client, policies: policies,
        roles: roles, isGlobal: isGlobal, hash: [])
}

extension State {
    /// At the next index.
    @discardableResult
    mutating func acl(_ command: ACLCommand) -> CommandResult {
        apply(.acl(command), at: lastAppliedIndex + 1)
    }
}

/// Two policies, a role, a token that expires, one that does not and one that may do everything.
func populated() -> State {
    var state = State()
    state.acl(.upsertPolicies([policy("p2"), policy("p1")]))
    state.acl(.createRole(role(50, name: "ops", policies: ["p1", "p2"])))
    state.acl(.bootstrap(token(1, policies: []), reset: nil, revokesManagement: false))
    state.acl(.createToken(token(2, roles: [serverID(50)])))
    state.acl(.createToken(token(3, expires: 2_000)))
    return state
}

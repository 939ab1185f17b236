// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletState

// What `/v1/acl/` tells. Everybody sees what concerns the own token; management sees everything.

extension Server {
    func aclAnswer(_ call: Call, isLeader: Bool) -> APIResponse {
        let caller = self.reader(of: call)
        switch call.endpoint {
        case .aclPolicies: return policies(call, caller, isLeader)
        case .aclPolicy: return policy(call, caller, isLeader)
        case .aclTokens: return tokens(call, isLeader)
        case .aclToken: return token(call, caller, isLeader)
        case .aclOwnToken: return ownToken(call, caller, isLeader)
        case .aclRoles: return roles(call, caller, isLeader)
        case .aclRole: return role(call, replica.state.role(call.parameters[0]), caller, isLeader)
        default:
            return role(
                call, replica.state.role(named: call.parameters[0]), caller, isLeader)
        }
    }

    /// Who reads, by the tables that are read.
    private struct Reader {
        /// nil for the anonymous.
        let token: ACLToken?
        /// Names of all that the token has, those of its roles among them.
        let policies: [String]

        var isManagement: Bool { token?.kind == .management }
    }

    private func reader(of call: Call) -> Reader {
        guard case .token(let digest) = call.caller.credential,
            let known = access.access(digest, in: replica.state)
        else { return Reader(token: nil, policies: []) }
        return Reader(token: known.token, policies: known.policies)
    }

    private func index(of table: State.Table, _ isLeader: Bool) -> APIResponse.Freshness {
        freshness(index: replica.state.index(of: table), isLeader: isLeader)
    }

    private func missing(_ object: String, _ freshness: APIResponse.Freshness) -> APIResponse {
        var response = APIResponse.text(404, "ACL \(object) not found")
        response.freshness = freshness
        return response
    }

    // MARK: Policies

    private func policies(_ call: Call, _ caller: Reader, _ isLeader: Bool) -> APIResponse {
        let prefix = call.query.first("prefix") ?? ""
        let seen = replica.state.policies(namePrefix: prefix).filter {
            caller.isManagement || caller.policies.contains($0.name)
        }
        return encode(
            JSONList(seen.map(ACLPolicyStub.init)), call,
            freshness: index(of: .policies, isLeader))
    }

    private func policy(_ call: Call, _ caller: Reader, _ isLeader: Bool) -> APIResponse {
        let name = call.parameters[0]
        guard
            caller.isManagement || caller.policies.contains(name)
                || name == ACLPolicy.anonymousName
        else { return .text(403, "Permission denied") }
        guard let policy = replica.state.policy(name) else {
            return missing("policy", index(of: .policies, isLeader))
        }
        return encode(
            ACLPolicyResponse(policy, parsed: parsed(policy)), call,
            freshness: freshness(index: policy.modifyIndex, isLeader: isLeader))
    }

    /// A policy of another version may hold rules that this one does not know.
    private func parsed(_ policy: ACLPolicy) -> ACLRulesResponse? {
        do {
            return try PolicyRules(policy: policy.name, rules: policy.rules).response
        } catch {
            return nil
        }
    }

    // MARK: Tokens

    private func tokens(_ call: Call, _ isLeader: Bool) -> APIResponse {
        let state = replica.state
        let prefix = (call.query.first("prefix") ?? "").lowercased()
        let stubs = state.tokens(accessorPrefix: prefix).map {
            ACLTokenStub($0, roles: state.roleLinks(of: $0))
        }
        return encode(JSONList(stubs), call, freshness: index(of: .tokens, isLeader))
    }

    private func token(_ call: Call, _ caller: Reader, _ isLeader: Bool) -> APIResponse {
        let accessor = call.parameters[0].lowercased()
        guard caller.isManagement || caller.token?.accessorID == accessor else {
            return .text(403, "Permission denied")
        }
        guard let token = replica.state.token(accessor: accessor) else {
            return missing("token", index(of: .tokens, isLeader))
        }
        let isOwn = caller.token?.accessorID == accessor
        return answer(token, secret: isOwn ? call.caller.secret : nil, call, isLeader)
    }

    private func ownToken(_ call: Call, _ caller: Reader, _ isLeader: Bool) -> APIResponse {
        guard let token = caller.token else { return .text(404, "ACL token not found") }
        return answer(token, secret: call.caller.secret, call, isLeader)
    }

    private func answer(
        _ token: ACLToken, secret: String?, _ call: Call, _ isLeader: Bool
    ) -> APIResponse {
        encode(
            ACLTokenResponse(
                token, secretID: secret, roles: replica.state.roleLinks(of: token)),
            call, freshness: freshness(index: token.modifyIndex, isLeader: isLeader))
    }

    // MARK: Roles

    private func roles(_ call: Call, _ caller: Reader, _ isLeader: Bool) -> APIResponse {
        let prefix = call.query.first("prefix") ?? ""
        let seen = replica.state.roles(idPrefix: prefix).filter {
            caller.isManagement || caller.token?.roles.contains($0.id) == true
        }
        return encode(JSONList(seen), call, freshness: index(of: .roles, isLeader))
    }

    private func role(
        _ call: Call, _ role: ACLRole?, _ caller: Reader, _ isLeader: Bool
    ) -> APIResponse {
        let isOwn = role.map { caller.token?.roles.contains($0.id) == true } ?? false
        guard caller.isManagement || isOwn else { return .text(403, "Permission denied") }
        guard let role else { return missing("role", index(of: .roles, isLeader)) }
        return encode(
            role, call, freshness: freshness(index: role.modifyIndex, isLeader: isLeader))
    }
}

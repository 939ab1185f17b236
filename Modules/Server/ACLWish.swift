// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI

/// What a call wants of tokens, policies and roles.
enum ACLWish {
    case bootstrap(ACLBootstrapRequest)
    case putPolicy(ACLPolicyRequest)
    case deletePolicy(name: String)
    case createToken(ACLTokenRequest)
    case updateToken(accessor: String, ACLTokenRequest)
    case deleteToken(accessor: String)
    case createRole(ACLRoleRequest)
    case updateRole(id: String, ACLRoleRequest)
    case deleteRole(id: String)
}

extension Server {
    /// Reads the arguments of a call about access control. What only the leader can know is checked
    /// there.
    func aclWish(_ call: Call) throws(APIError) -> Call.Wish {
        let body = call.request.body
        switch call.endpoint {
        case .aclBootstrap:
            return .acl(.bootstrap(try ACLBootstrapRequest.parse(body: body)))
        case .setACLPolicy:
            return .acl(.putPolicy(try policyRequest(call)))
        case .deleteACLPolicy:
            let name = call.parameters[0]
            guard ACLBounds.isName(name) else {
                throw APIError(status: 404, message: "ACL policy not found")
            }
            return .acl(.deletePolicy(name: name))
        case .createACLToken:
            let request = try ACLTokenRequest.parse(body: body)
            // Clients that change a token may send it here too.
            guard !request.accessorID.isEmpty else { return .acl(.createToken(request)) }
            return .acl(.updateToken(accessor: request.accessorID, request))
        case .updateACLToken:
            let request = try ACLTokenRequest.parse(body: body)
            guard request.accessorID == call.parameters[0] else {
                throw APIError(
                    status: 400, message: "Token accessor ID does not match request path")
            }
            return .acl(.updateToken(accessor: request.accessorID, request))
        case .deleteACLToken:
            return .acl(.deleteToken(accessor: try id(call.parameters[0], of: "token")))
        case .createACLRole:
            let request = try ACLRoleRequest.parse(body: body)
            guard !request.id.isEmpty else { return .acl(.createRole(request)) }
            return .acl(.updateRole(id: try id(request.id, of: "role"), request))
        case .updateACLRole:
            let request = try ACLRoleRequest.parse(body: body)
            guard request.id.isEmpty || request.id == call.parameters[0] else {
                throw APIError(status: 400, message: "ACL role ID does not match request path")
            }
            return .acl(.updateRole(id: try id(call.parameters[0], of: "role"), request))
        case .deleteACLRole:
            return .acl(.deleteRole(id: try id(call.parameters[0], of: "role")))
        default:
            return .answer
        }
    }

    /// An id as the tables have it. What is no UUID is nobody's, and never comes into the log.
    private func id(_ text: String, of object: String) throws(APIError) -> String {
        let id = text.lowercased()
        guard ACLBounds.isUUID(id) else {
            throw APIError(status: 404, message: "cannot find \(object) \(shown(text))")
        }
        return id
    }

    private func policyRequest(_ call: Call) throws(APIError) -> ACLPolicyRequest {
        let request = try ACLPolicyRequest.parse(body: call.request.body)
        guard request.name == call.parameters[0] else {
            throw APIError(
                status: 400, message: "ACL policy name does not match request path")
        }
        do {
            _ = try PolicyRules(policy: request.name, rules: request.rules)
        } catch {
            throw .invalidPolicy(["failed to parse rules: \(error)"])
        }
        return request
    }
}

/// For a message: cut.
private func shown(_ text: String) -> Substring { text.prefix(256) }

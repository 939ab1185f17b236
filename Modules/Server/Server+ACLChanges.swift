// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

// What `/v1/acl/` changes, on the leader. Ids, secrets and times are made here and go into the command;
// a secret is told once, in the answer, and is nowhere else.

extension Server {
    func changeACL(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard case .acl(let wish) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        if let refusal = refusal(
            untilAllApply: Command.aclVersion, without: "access control")
        {
            return done(.answered(refusal))
        }
        do throws(APIError) {
            try change(wish, call, done)
        } catch {
            done(.answered(.text(error.status, error.message)))
        }
    }

    private func change(
        _ wish: ACLWish, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        switch wish {
        case .bootstrap(let request):
            bootstrap(request, call, done)
        case .putPolicy(let request):
            var policy = ACLPolicy(
                name: request.name, description: request.description, rules: request.rules)
            policy.hash = try digest(policy.hashInput)
            changed(.upsertPolicies([policy]), call, done)
        case .deletePolicy(let name):
            changed(.deletePolicies(names: [name]), call, done)
        case .createToken(let request):
            try create(request, call, done)
        case .updateToken(let accessor, let request):
            try update(accessor, request, call, done)
        case .deleteToken(let accessor):
            changed(.deleteTokens(accessors: [accessor.lowercased()]), call, done)
        case .createRole(let request):
            try put(request, id: try freshID(), isNew: true, call, done)
        case .updateRole(let id, let request):
            try put(request, id: id, isNew: false, call, done)
        case .deleteRole(let id):
            changed(.deleteRoles(ids: [id]), call, done)
        }
    }

    /// Proposes what is answered with nothing but its index.
    private func changed(
        _ command: ACLCommand, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) {
        propose(self.command(command), for: call, done) { _, result, index in
            if let refusal = result.aclAnswer { return refusal }
            var response = APIResponse.empty
            response.writeIndex = index
            return response
        }
    }

    // MARK: Tokens

    private func create(
        _ request: ACLTokenRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let now = loop.wallClockNanoseconds
        let secret = try freshID()
        var token = ACLToken(
            accessorID: try freshID(), digest: try tokenDigest(secret), name: request.name,
            kind: request.kind, policies: request.policies, roles: try roleIDs(request.roles),
            isGlobal: request.isGlobal, createUnixNanoseconds: now,
            expirationUnixNanoseconds: try request.expiration(
                create: now, min: options.acl.expirationMin, max: options.acl.expirationMax))
        token.hash = try digest(token.hashInput)
        propose(token, secret: secret, .createToken(token), call, done)
    }

    private func update(
        _ accessor: String, _ request: ACLTokenRequest, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let accessor = accessor.lowercased()
        guard var token = replica.state.token(accessor: accessor) else {
            throw APIError(status: 404, message: "cannot find token \(accessor)")
        }
        try request.checkUpdate(of: token)
        token.name = request.name
        token.kind = request.kind
        token.policies = request.policies
        token.roles = try roleIDs(request.roles)
        let change = ACLTokenChange(
            accessorID: accessor, name: token.name, kind: token.kind, policies: token.policies,
            roles: token.roles, isGlobal: request.isGlobal, hash: try digest(token.hashInput))
        propose(token, secret: nil, .updateToken(change), call, done)
    }

    private func propose(
        _ token: ACLToken, secret: String?, _ command: ACLCommand, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        propose(self.command(command), for: call, done) { server, result, index in
            if let refusal = result.aclAnswer { return refusal }
            let stored = server.replica.state.token(accessor: token.accessorID) ?? token
            var response = server.encode(
                ACLTokenResponse(
                    stored, secretID: secret, roles: server.replica.state.roleLinks(of: stored)),
                call)
            response.writeIndex = index
            return response
        }
    }

    /// By id, or by name; each once.
    private func roleIDs(_ links: [ACLTokenRequest.RoleLink]) throws(APIError) -> [String] {
        var ids: [String] = []
        for link in links {
            let role =
                link.id.isEmpty
                ? replica.state.role(named: link.name) : replica.state.role(link.id)
            guard let role else {
                let name = link.id.isEmpty ? link.name : link.id
                throw .invalid("token", ["cannot find role \(name)"])
            }
            if !ids.contains(role.id) { ids.append(role.id) }
        }
        return ids
    }

    // MARK: Roles

    private func put(
        _ request: ACLRoleRequest, id: String, isNew: Bool, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        for policy in request.policies where replica.state.policy(policy) == nil {
            throw APIError(status: 400, message: "cannot find policy \(policy)")
        }
        var role = ACLRole(
            id: id, name: request.name, description: request.description,
            policies: request.policies)
        role.hash = try digest(role.hashInput)
        let proposed = role
        propose(command(isNew ? .createRole(role) : .updateRole(role)), for: call, done) {
            server, result, index in
            if let refusal = result.aclAnswer { return refusal }
            var response = server.encode(server.replica.state.role(id) ?? proposed, call)
            response.writeIndex = index
            return response
        }
    }

    // MARK: Expiry

    /// Deletes tokens that have expired: they open nothing any more, and only take room.
    func reapExpiredTokens() {
        guard replica.hasAppliedOwnTerm, let expiry = replica.ask({ $0.nextTokenExpiry }),
            expiry <= loop.wallClockNanoseconds, canEverybodyApply(Command.aclVersion)
        else { return }
        let command = ACLCommand.deleteExpiredTokens(
            asOf: loop.wallClockNanoseconds, limit: UInt32(ACLCommand.batchMax))
        replica.propose(self.command(command).encoded()) { _ in }
    }

    // MARK: Chance

    /// A UUID of the system's generator: 122 bits.
    func freshID() throws(APIError) -> String {
        do throws(CryptoError) {
            return try ServerID.make(from: environment.crypto).description
        } catch {
            throw APIError(status: 500, message: "no random bytes for an id: \(error)")
        }
    }

    func digest(_ bytes: [UInt8]) throws(APIError) -> [UInt8] {
        do throws(CryptoError) {
            return try environment.crypto.sha256(bytes)
        } catch {
            throw APIError(status: 500, message: "no digest can be made: \(error)")
        }
    }

    func tokenDigest(_ secret: String) throws(APIError) -> TokenDigest {
        do throws(CryptoError) {
            return try TokenDigest(secret, by: environment.crypto)
        } catch {
            throw APIError(status: 500, message: "no digest can be made: \(error)")
        }
    }
}

extension CommandResult {
    /// What the caller is told of a command that did not do what it was to do; nil if it did.
    var aclAnswer: APIResponse? {
        switch self {
        case .applied, .unchanged: nil
        case .aclRefused(let refusal): .text(refusal.status, refusal.description)
        case .casFailed, .refused, .schedulerRefused:
            .text(500, "the command was not understood: \(self)")
        }
    }
}

extension ACLRefusal {
    fileprivate var status: Int {
        switch self {
        case .unknownToken, .unknownRole: 404
        case .globalToggled, .unknownPolicy, .bootstrapDone, .wrongResetIndex, .tokenExists,
            .roleExists, .roleNameTaken:
            400
        case .full, .tooManyBytes: 507
        }
    }
}

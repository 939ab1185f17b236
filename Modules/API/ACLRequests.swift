// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// The body that makes or changes a token. Other fields of a token are ignored: clients send whole
/// objects back.
package struct ACLTokenRequest: Equatable, Sendable {
    /// By id, or by name where the id is empty.
    package struct RoleLink: Equatable, Sendable {
        package let id: String
        package let name: String
    }

    /// Empty to make a token.
    package let accessorID: String
    package let name: String
    package let kind: ACLToken.Kind
    package let policies: [String]
    package let roles: [RoleLink]
    package let isGlobal: Bool
    /// 0 for none.
    package let expirationTTL: GoDuration
    package let expirationUnixNanoseconds: Int64?

    /// - Throws: 400 that names the field, or in Nomad's words `token 0 invalid: …`.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> ACLTokenRequest {
        let kind = ConfigurationKind.token
        let fields = try BodyFields(try kind.parse(body: body, limits: limits), of: kind)
        var roles: [RoleLink] = []
        for role in try fields.objects("Roles", max: ACLBounds.linksMax) {
            let id = try role.string("ID", default: "")
            let name = try role.string("Name", default: "")
            guard !id.isEmpty || !name.isEmpty else { throw role.refusal("ID", "is missing") }
            roles.append(RoleLink(id: id, name: name))
        }
        return try ACLTokenRequest(fields, roles: roles)
    }

    private init(_ fields: BodyFields, roles: [RoleLink]) throws(APIError) {
        accessorID = try fields.string("AccessorID", default: "")
        name = try fields.string("Name", default: "")
        policies = try fields.strings("Policies", max: ACLBounds.linksMax)
        self.roles = roles
        isGlobal = try fields.bool("Global", default: false)
        expirationTTL = try fields.lenientDuration("ExpirationTTL")
        expirationUnixNanoseconds = try fields.time("ExpirationTime")

        var faults: [String] = []
        if name.utf8.count > ACLBounds.tokenNameBytesMax { faults.append("token name too long") }
        let hasLinks = !policies.isEmpty || !roles.isEmpty
        let kind = ACLToken.Kind(rawValue: try fields.string("Type", default: ""))
        switch kind {
        case .client:
            if !hasLinks { faults.append("client token missing policies or roles") }
        case .management:
            if hasLinks {
                faults.append("management token cannot be associated with policies or roles")
            }
        case nil: faults.append("token type must be client or management")
        }
        for policy in policies where !ACLBounds.isName(policy) {
            faults.append("invalid policy name \(shown(policy))")
        }
        guard let kind, faults.isEmpty else { throw .invalid("token", faults) }
        self.kind = kind
    }

    /// When a token that is made at `create` expires; nil for never.
    ///
    /// - Parameters min, max: `token_min_expiration_ttl` and `token_max_expiration_ttl`.
    /// - Throws: 400 for a span out of these bounds.
    package func expiration(
        create: Int64, min: GoDuration, max: GoDuration
    ) throws(APIError) -> Int64? {
        guard expirationTTL.nanoseconds >= 0 else {
            throw .invalid(
                "token", ["token expiration TTL '\(expirationTTL)' should not be negative"])
        }
        let (byTTL, isTooLate) = create.addingReportingOverflow(expirationTTL.nanoseconds)
        let asked = expirationUnixNanoseconds ?? (expirationTTL == .zero ? nil : byTTL)
        guard let asked else { return nil }
        let (span, isTooFar) = asked.subtractingReportingOverflow(create)
        let expiresIn = GoDuration(nanoseconds: isTooLate || isTooFar ? .max : span)
        var faults: [String] = []
        if asked < create, !isTooLate {
            faults.append("expiration time cannot be before create time")
        }
        if expiresIn > max {
            faults.append(
                "expiration time cannot be more than \(max) in the future (was \(expiresIn))")
        } else if expiresIn < min {
            faults.append(
                "expiration time cannot be less than \(min) in the future (was \(expiresIn))")
        }
        guard faults.isEmpty else { throw .invalid("token", faults) }
        return asked
    }

    /// What may not change of a token that exists: 400 where this would.
    package func checkUpdate(of token: ACLToken) throws(APIError) {
        var faults: [String] = []
        if isGlobal != token.isGlobal { faults.append("cannot toggle global mode") }
        if let time = expirationUnixNanoseconds, time != token.expirationUnixNanoseconds {
            faults.append("cannot update expiration time")
        } else if expirationTTL != .zero,
            token.expirationUnixNanoseconds.map({
                GoDuration(nanoseconds: $0 &- token.createUnixNanoseconds) != expirationTTL
            }) ?? true
        {
            faults.append("cannot update expiration TTL")
        }
        guard faults.isEmpty else { throw .invalid("token", faults) }
    }
}

/// The body that makes or changes a policy.
package struct ACLPolicyRequest: Equatable, Sendable {
    package let name: String
    package let description: String
    package let rules: String

    /// The longest rules have room, every character of them escaped.
    package static let bodyLimits = JSONLimits(
        depthMax: 16, bytesMax: 6 * ACLBounds.rulesBytesMax + (16 << 10), valuesMax: 4096)

    /// - Throws: 400 that names the field, or in Nomad's words `policy 0 invalid: …`. The rules are not
    ///   looked into.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ACLPolicyRequest.bodyLimits
    ) throws(APIError) -> ACLPolicyRequest {
        let kind = ConfigurationKind.policy
        let fields = try BodyFields(try kind.parse(body: body, limits: limits), of: kind)
        guard !fields.has("JobACL") else {
            throw fields.refusal("JobACL", "there are no workload identities here")
        }
        let request = ACLPolicyRequest(
            name: try fields.string("Name", default: ""),
            description: try fields.string("Description", default: ""),
            rules: try fields.string("Rules", default: ""))
        var faults: [String] = []
        if !ACLBounds.isName(request.name) {
            faults.append("invalid name \(shown(request.name))")
        }
        if request.description.utf8.count > ACLBounds.descriptionBytesMax {
            faults.append("description longer than \(ACLBounds.descriptionBytesMax)")
        }
        if request.rules.utf8.count > ACLBounds.rulesBytesMax {
            faults.append("rules longer than \(ACLBounds.rulesBytesMax)")
        }
        guard faults.isEmpty else { throw .invalidPolicy(faults) }
        return request
    }
}

/// The body that makes or changes a role.
package struct ACLRoleRequest: Equatable, Sendable {
    /// Empty to make a role.
    package let id: String
    package let name: String
    package let description: String
    package let policies: [String]

    /// - Throws: 400 that names the field, or in Nomad's words `role 0 invalid: …`.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> ACLRoleRequest {
        let kind = ConfigurationKind.role
        let fields = try BodyFields(try kind.parse(body: body, limits: limits), of: kind)
        var policies: [String] = []
        for link in try fields.objects("Policies", max: ACLBounds.linksMax) {
            let name = try link.string("Name", default: "")
            if !policies.contains(name) { policies.append(name) }
        }
        let request = ACLRoleRequest(
            id: try fields.string("ID", default: ""), name: try fields.string("Name", default: ""),
            description: try fields.string("Description", default: ""), policies: policies)
        var faults: [String] = []
        if !ACLBounds.isName(request.name) { faults.append("invalid name \(shown(request.name))") }
        if request.description.utf8.count > ACLBounds.descriptionBytesMax {
            faults.append("description longer than \(ACLBounds.descriptionBytesMax)")
        }
        if policies.isEmpty { faults.append("at least one policy should be specified") }
        for policy in policies where !ACLBounds.isName(policy) {
            faults.append("invalid policy name \(shown(policy))")
        }
        guard faults.isEmpty else { throw .invalid("role", faults) }
        return request
    }
}

/// The body of a bootstrap, which may be absent.
package struct ACLBootstrapRequest: Equatable, Sendable {
    /// The secret that the first token is to have; nil to let the server make one.
    package let secretID: String?

    /// - Throws: 400 for a secret that is not a UUID: a weak one would be open to all.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> ACLBootstrapRequest {
        guard !body.isEmpty else { return ACLBootstrapRequest(secretID: nil) }
        let kind = ConfigurationKind.bootstrap
        let fields = try BodyFields(try kind.parse(body: body, limits: limits), of: kind)
        let secret = try fields.string("BootstrapSecret", default: "")
        guard secret.isEmpty || ACLBounds.isUUID(secret) else {
            throw APIError(status: 400, message: "invalid acl token: BootstrapSecret is no UUID")
        }
        return ACLBootstrapRequest(secretID: secret.isEmpty ? nil : secret)
    }
}

/// A name that is none, for a message: in quotation marks, and cut.
private func shown(_ name: String) -> String {
    goQuoted(String(name.unicodeScalars.prefix(ACLBounds.nameBytesMax)))
}

extension APIError {
    /// `token 0 invalid: …`, as Nomad lists what is wrong with an object.
    package static func invalid(
        _ object: String, _ faults: [String], status: Int = 400
    ) -> APIError {
        let count = faults.count == 1 ? "1 error" : "\(faults.count) errors"
        let list = faults.map { "\t* \($0)\n" }.joined()
        return APIError(
            status: status, message: "\(object) 0 invalid: \(count) occurred:\n\(list)\n")
    }

    /// Nomad answers a policy that is not valid with 404.
    package static func invalidPolicy(_ faults: [String]) -> APIError {
        invalid("policy", faults, status: 404)
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A token as its own endpoints answer it.
package struct ACLTokenResponse: Equatable, Sendable, JSONWritable {
    package let token: ACLToken
    /// Where the server knows it: when it has just made the token, and for the caller's own.
    package let secretID: String?
    /// Of those roles that exist.
    package let roles: [RoleLink]

    /// A role that a token has.
    package struct RoleLink: Equatable, Sendable, JSONWritable {
        package let id: String
        package let name: String

        package init(id: String, name: String) {
            self.id = id
            self.name = name
        }

        package func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("ID", id)
            writer.member("Name", name)
            writer.endObject()
        }
    }

    package init(_ token: ACLToken, secretID: String? = nil, roles: [RoleLink]) {
        self.token = token
        self.secretID = secretID
        self.roles = roles
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        token.writeMembers(roles: roles, to: &writer)
        if let secretID { writer.member("SecretID", secretID) }
        writer.member("Type", token.kind.rawValue)
        writer.endObject()
    }
}

/// A token as lists show it: without a secret.
package struct ACLTokenStub: Equatable, Sendable, JSONWritable {
    package let token: ACLToken
    package let roles: [ACLTokenResponse.RoleLink]

    package init(_ token: ACLToken, roles: [ACLTokenResponse.RoleLink]) {
        self.token = token
        self.roles = roles
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        token.writeMembers(roles: roles, to: &writer)
        writer.member("Type", token.kind.rawValue)
        writer.endObject()
    }
}

extension ACLToken {
    /// All that stands before `SecretID` and `Type`, in Nomad's order: by name.
    fileprivate func writeMembers(
        roles: [ACLTokenResponse.RoleLink], to writer: inout JSONWriter
    ) {
        writer.member("AccessorID", accessorID)
        writer.member("CreateIndex", createIndex)
        writer.member("CreateTime", Timestamp.rfc3339Nano(unixNanoseconds: createUnixNanoseconds))
        if let expirationUnixNanoseconds {
            let (span, isTooLarge) = expirationUnixNanoseconds.subtractingReportingOverflow(
                createUnixNanoseconds)
            writer.member("ExpirationTTL", GoDuration(nanoseconds: isTooLarge ? .max : span))
            writer.member(
                "ExpirationTime", Timestamp.rfc3339Nano(unixNanoseconds: expirationUnixNanoseconds))
        }
        writer.member("Global", isGlobal)
        writer.member("Hash", Base64.encoded(hash))
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Name", name)
        writer.memberOrNull("Policies", policies)
        writer.memberOrNull("Roles", roles)
    }
}

/// A policy as its own endpoint answers it.
package struct ACLPolicyResponse: Equatable, Sendable, JSONWritable {
    package let policy: ACLPolicy
    /// What its rules come to; nil where they cannot be read.
    package let parsed: ACLRulesResponse?

    package init(_ policy: ACLPolicy, parsed: ACLRulesResponse?) {
        self.policy = policy
        self.parsed = parsed
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", policy.createIndex)
        writer.member("Description", policy.description)
        writer.member("Hash", Base64.encoded(policy.hash))
        writer.key("JobACL")
        writer.null()
        writer.member("ModifyIndex", policy.modifyIndex)
        writer.member("Name", policy.name)
        writer.member("Rules", policy.rules)
        writer.key("RulesJSON")
        if let parsed { parsed.write(to: &writer) } else { writer.null() }
        writer.endObject()
    }
}

/// A policy as lists show it: without its rules.
package struct ACLPolicyStub: Equatable, Sendable, JSONWritable {
    package let policy: ACLPolicy

    package init(_ policy: ACLPolicy) { self.policy = policy }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", policy.createIndex)
        writer.member("Description", policy.description)
        writer.member("Hash", Base64.encoded(policy.hash))
        writer.member("ModifyIndex", policy.modifyIndex)
        writer.member("Name", policy.name)
        writer.endObject()
    }
}

/// In lists too: Nomad's stub of a role has all that the role has.
extension ACLRole: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", createIndex)
        writer.member("Description", description)
        writer.member("Hash", Base64.encoded(hash))
        writer.member("ID", id)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Name", name)
        writer.memberOrNull("Policies", policies.map(PolicyLink.init))
        writer.endObject()
    }

    private struct PolicyLink: JSONWritable {
        let name: String

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("Name", name)
            writer.endObject()
        }
    }
}

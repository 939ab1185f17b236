// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

private func refusal(_ body: () throws(APIError) -> Void) -> APIError? {
    do throws(APIError) {
        try body()
        return nil
    } catch {
        return error
    }
}

private let accessor = "95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e"
private let second: Int64 = 1_000_000_000
/// 2026-11-23T07:59:08.784600312Z.
private let created: Int64 = 1_795_420_748_784_600_312

private func digest() throws -> TokenDigest {
    try #require(TokenDigest([UInt8](repeating: 3, count: 32)))
}

private func token(
    kind: ACLToken.Kind = .client, policies: [String] = ["cli-pol"], expires: Int64? = nil
) throws -> ACLToken {
    var token = ACLToken(
        accessorID: accessor, digest: try digest(), name: "clitok", kind: kind,
        policies: policies, createUnixNanoseconds: created, expirationUnixNanoseconds: expires)
    token.hash = [1, 2, 3]
    (token.createIndex, token.modifyIndex) = (60, 62)
    return token
}

@Suite("Digests of secrets") struct TokenDigestTests {
    @Test("32 bytes are a digest, and come back")
    func bytes() throws {
        let bytes = (0..<32).map { UInt8($0 * 7) }
        #expect(try #require(TokenDigest(bytes)).bytes == bytes)
        #expect(TokenDigest([]) == nil && TokenDigest(bytes + [0]) == nil)
        #expect(TokenDigest(Array(bytes.dropLast())) == nil)
    }

    @Test("Any other bit is another digest, in the order of the bytes")
    func comparison() throws {
        let zero = try #require(TokenDigest([UInt8](repeating: 0, count: 32)))
        for bit in 0..<256 {
            var bytes = [UInt8](repeating: 0, count: 32)
            bytes[bit / 8] = 0x80 >> UInt8(bit % 8)
            let other = try #require(TokenDigest(bytes))
            #expect(other != zero && zero < other && !(other < zero) && other == other)
        }
        #expect(zero == zero && !(zero < zero))
    }
}

@Suite("Tokens as answers") struct ACLTokenResponseTests {
    @Test("A token has Nomad's names in alphabetical order, and the secret only where it is known")
    func token() throws {
        let token = try MartletAPITests.token()
        let text =
            #"{"AccessorID":"\#(accessor)","CreateIndex":60,"#
            + #""CreateTime":"2026-11-23T07:59:08.784600312Z","Global":false,"Hash":"AQID","#
            + #""ModifyIndex":62,"Name":"clitok","Policies":["cli-pol"],"Roles":null,"#
        #expect(
            encoded(ACLTokenResponse(token, secretID: "s", roles: []))
                == text + #""SecretID":"s","Type":"client"}"#)
        #expect(
            encoded(ACLTokenResponse(token, roles: [])) == text + #""Type":"client"}"#)
        #expect(encoded(ACLTokenStub(token, roles: [])) == text + #""Type":"client"}"#)
    }

    @Test("A management token's policies are null; an expiry shows as a span and a time")
    func management() throws {
        let token = try MartletAPITests.token(
            kind: .management, policies: [], expires: created + 3600 * second)
        let text = encoded(ACLTokenStub(token, roles: []))
        #expect(text.contains(#""Policies":null"#) && text.contains(#""Type":"management""#))
        #expect(
            text.contains(
                #","ExpirationTTL":"1h0m0s","ExpirationTime":"2026-11-23T08:59:08.784600312Z","#))
        let roles = [ACLTokenResponse.RoleLink(id: "i", name: "n")]
        #expect(
            encoded(ACLTokenStub(token, roles: roles)).contains(
                #""Roles":[{"ID":"i","Name":"n"}]"#))
    }

    @Test("Policies and roles")
    func others() {
        var policy = ACLPolicy(name: "p", description: "d", rules: "x")
        policy.hash = [1, 2, 3]
        (policy.createIndex, policy.modifyIndex) = (4, 5)
        #expect(
            encoded(ACLPolicyStub(policy))
                == #"{"CreateIndex":4,"Description":"d","Hash":"AQID","ModifyIndex":5,"Name":"p"}"#)
        #expect(
            encoded(ACLPolicyResponse(policy, parsed: nil))
                == #"{"CreateIndex":4,"Description":"d","Hash":"AQID","JobACL":null,"#
                + #""ModifyIndex":5,"Name":"p","Rules":"x","RulesJSON":null}"#)
        var role = ACLRole(id: "i", name: "r", policies: ["p", "q"])
        role.createIndex = 1
        #expect(
            encoded(role)
                == #"{"CreateIndex":1,"Description":"","Hash":"","ID":"i","ModifyIndex":0,"#
                + #""Name":"r","Policies":[{"Name":"p"},{"Name":"q"}]}"#)
    }

    @Test("RulesJSON has Nomad's names, and null for what is not there")
    func rules() {
        #expect(
            encoded(ACLRulesResponse())
                == #"{"Agent":null,"HostVolumes":null,"Namespaces":null,"Node":null,"#
                + #""NodePools":null,"Operator":null,"Plugin":null,"Quota":null}"#)
        var rules = ACLRulesResponse()
        (rules.agent, rules.node, rules.plugin, rules.quota) = ("read", "write", "list", "deny")
        rules.operator = .init(capabilities: ["raft-read"], policy: "")
        rules.hostVolumes = [.init(capabilities: [], name: "v", policy: "scale")]
        let path = ACLRulesResponse.Rule(capabilities: ["list"], name: "x", policy: "")
        let namespace = ACLRulesResponse.Rule(capabilities: ["deny"], name: "n", policy: "deny")
        rules.namespaces = [
            .init(rule: namespace, variables: [path]), .init(rule: namespace, variables: []),
        ]
        let start = #"{"Capabilities":["deny"],"Name":"n","Policy":"deny","Variables":"#
        #expect(
            encoded(rules)
                == #"{"Agent":{"Policy":"read"},"#
                + #""HostVolumes":[{"Capabilities":null,"Name":"v","Policy":"scale"}],"Namespaces":["#
                + start + #"{"Paths":[{"Capabilities":["list"],"PathSpec":"x"}]}},"# + start
                + #"null}],"Node":{"Policy":"write"},"NodePools":null,"Operator":{"Capabilities":"#
                + #"["raft-read"],"Policy":""},"Plugin":{"Policy":"list"},"#
                + #""Quota":{"Policy":"deny"}}"#)
    }

    @Test("What a write can change changes what the hash is made of")
    func hashes() throws {
        let token = try MartletAPITests.token()
        var inputs = [token.hashInput]
        var other = token
        other.name = "x"
        inputs.append(other.hashInput)
        other = token
        other.kind = .management
        inputs.append(other.hashInput)
        other = token
        other.policies = ["cli", "-pol"]
        inputs.append(other.hashInput)
        other = token
        (other.policies, other.roles) = ([], ["cli-pol"])
        inputs.append(other.hashInput)
        #expect(Set(inputs).count == inputs.count)
        #expect(
            ACLPolicy(name: "a", description: "b", rules: "c").hashInput
                != ACLPolicy(name: "a", description: "bc", rules: "").hashInput)
    }
}

@Suite("Requests about tokens, policies and roles") struct ACLRequestTests {
    private func token(_ body: String) throws(APIError) -> ACLTokenRequest {
        try ACLTokenRequest.parse(body: Array(body.utf8))
    }

    private func message(_ body: String) -> String? {
        refusal { () throws(APIError) in _ = try token(body) }?.message
    }

    @Test("What nomad sends to make and to change a token is read")
    func recorded() throws {
        let made = try token(
            #"{"AccessorID":"","SecretID":"","Name":"clitok","Type":"client","Policies":["cli-pol"],"#
                + #""Global":false,"CreateTime":"0001-01-01T00:00:00Z","CreateIndex":0,"#
                + #""ModifyIndex":0}"# + "\n")
        #expect(made.accessorID.isEmpty && made.name == "clitok" && made.kind == .client)
        #expect(made.policies == ["cli-pol"] && made.roles.isEmpty && !made.isGlobal)
        #expect(made.expirationTTL == .zero && made.expirationUnixNanoseconds == nil)
        let management = try token(
            #"{"AccessorID":"","SecretID":"","Name":"","Type":"management","Policies":null,"#
                + #""Global":true,"CreateTime":"0001-01-01T00:00:00Z"}"#)
        #expect(management.kind == .management && management.isGlobal)
        let newer = try token(
            #"{"AccessorID":"\#(accessor)","Type":"client","Roles":[{"ID":"i","Name":""},"#
                + #"{"Name":"ops"}],"ExpirationTTL":"1h30m","ExpirationTime":"#
                + #""2026-11-23T09:59:08.784600312+02:00"}"#)
        #expect(newer.accessorID == accessor && newer.roles.map(\.id) == ["i", ""])
        #expect(newer.roles[1].name == "ops" && newer.expirationTTL == .seconds(5400))
        #expect(newer.expirationUnixNanoseconds == created)
    }

    @Test("A span is a text or a number of nanoseconds")
    func spans() throws {
        for (text, span) in [
            (#""90s""#, 90 * second), ("90000000000", 90 * second), (#""""#, 0), ("null", 0),
            ("0", 0),
        ] as [(String, Int64)] {
            let read = try token(#"{"Type":"management","ExpirationTTL":\#(text)}"#)
            #expect(read.expirationTTL.nanoseconds == span)
        }
        #expect(
            message(#"{"Type":"management","ExpirationTTL":1.5}"#)?.contains("ExpirationTTL")
                == true)
    }

    @Test(
        "What is wrong with a token is told in Nomad's words",
        arguments: [
            (#"{"Type":"client"}"#, "client token missing policies or roles"),
            (
                #"{"Type":"management","Policies":["a"]}"#,
                "management token cannot be associated with policies or roles"
            ),
            (#"{"Type":"x"}"#, "token type must be client or management"),
            ("{}", "token type must be client or management"),
            (#"{"Type":"client","Policies":["a b"]}"#, #"invalid policy name "a b""#),
        ])
    func faults(body: String, fault: String) {
        #expect(
            message(body) == "token 0 invalid: 1 error occurred:\n\t* \(fault)\n\n")
    }

    @Test("Several faults are told together")
    func severalFaults() {
        let name = String(repeating: "n", count: 257)
        #expect(
            message(#"{"Name":"\#(name)","Type":"client"}"#)
                == "token 0 invalid: 2 errors occurred:\n\t* token name too long\n"
                + "\t* client token missing policies or roles\n\n")
    }

    @Test(
        "A body of another form is a 400 that names the field",
        arguments: [
            ("", "Request body is empty"), ("{", "unexpected EOF"), ("[]", "array"),
            (#"{"Type":1}"#, "Type"), (#"{"Policies":"a"}"#, "Policies"),
            (#"{"Policies":[1]}"#, "Policies[0]"), (#"{"Roles":[1]}"#, "Roles[0]"),
            (#"{"Roles":[{}]}"#, "Roles[0].ID"), (#"{"Global":"yes"}"#, "Global"),
            (#"{"ExpirationTime":"tomorrow"}"#, "ExpirationTime"), (#"{"Name":"a"}{}"#, "after"),
            (#"{"Name":"a","name":"b"}"#, "duplicate"),
        ])
    func malformed(body: String, part: String) throws {
        let error = try #require(refusal { () throws(APIError) in _ = try token(body) })
        #expect(error.status == 400 && error.message.hasPrefix("Error parsing ACL token: "))
        #expect(error.message.contains(part), "\(error.message)")
    }

    @Test("There are bounds for policies and roles")
    func bounds() throws {
        func body(_ count: Int) -> String {
            let names = (0..<count).map { "\"p\($0)\"" }.joined(separator: ",")
            return #"{"Type":"client","Policies":[\#(names)]}"#
        }
        #expect(try token(body(64)).policies.count == 64)
        #expect(message(body(65))?.contains("65 elements, at most 64") == true)
    }

    private func expiration(_ fields: String) throws(APIError) -> Int64? {
        try token(#"{"Type":"management",\#(fields)}"#)
            .expiration(create: created, min: .seconds(60), max: .seconds(86_400))
    }

    @Test("A token expires after its span or at its time, within the bounds")
    func expiry() throws {
        #expect(try expiration(#""Name":"""#) == nil)
        #expect(try expiration(#""ExpirationTTL":"1m""#) == created + 60 * second)
        #expect(try expiration(#""ExpirationTTL":"24h""#) == created + 86_400 * second)
        #expect(
            try expiration(#""ExpirationTime":"2026-11-23T08:59:08.784600312Z""#)
                == created + 3600 * second)
    }

    @Test(
        "A span or a time out of the bounds is told in Nomad's words",
        arguments: [
            (#""ExpirationTTL":"59s""#, "cannot be less than 1m0s in the future (was 59s)"),
            (#""ExpirationTTL":"25h""#, "cannot be more than 24h0m0s in the future (was 25h0m0s)"),
            (#""ExpirationTTL":"-1s""#, "TTL '-1s' should not be negative"),
            (#""ExpirationTTL":9223372036854775807"#, "cannot be more than 24h0m0s"),
            (
                #""ExpirationTime":"2026-11-23T07:59:07.784600312Z""#,
                "expiration time cannot be before create time"
            ),
            (#""ExpirationTime":"1700-01-01T00:00:00Z""#, "cannot be before create time"),
        ])
    func expiryFaults(fields: String, fault: String) {
        let told = refusal { () throws(APIError) in _ = try expiration(fields) }
        #expect(told?.message.contains(fault) == true && told?.status == 400)
    }

    @Test("An update may send back what it was answered, and nothing else of what stays")
    func update() throws {
        let known = try MartletAPITests.token(expires: created + 3600 * second)
        func fault(_ fields: String, of token: ACLToken) -> String? {
            refusal { () throws(APIError) in
                try self.token(#"{"Type":"management"\#(fields)}"#).checkUpdate(of: token)
            }?.message
        }
        #expect(fault("", of: known) == nil)
        #expect(
            fault(
                #","ExpirationTTL":"1h0m0s","ExpirationTime":"2026-11-23T08:59:08.784600312Z""#,
                of: known) == nil)
        #expect(fault(#","Global":true"#, of: known)?.contains("cannot toggle global mode") == true)
        #expect(
            fault(#","ExpirationTTL":"2h""#, of: known)?.contains("cannot update expiration TTL")
                == true)
        let unlimited = try MartletAPITests.token()
        #expect(fault(#","ExpirationTTL":"2h""#, of: unlimited) != nil)
        #expect(
            fault(#","ExpirationTime":"2026-11-23T08:59:08.784600312Z""#, of: unlimited)?
                .contains("cannot update expiration time") == true)
    }

    @Test("Policies: name, description and rules, their faults a 404 as in Nomad")
    func policies() throws {
        func parse(_ body: String) throws(APIError) -> ACLPolicyRequest {
            try ACLPolicyRequest.parse(body: Array(body.utf8))
        }
        let read = try parse(
            #"{"Name":"cli-pol","Description":"cli test","Rules":"operator {\n}\n","CreateIndex":0,"#
                + #""ModifyIndex":0}"#)
        #expect(read.name == "cli-pol" && read.description == "cli test")
        #expect(read.rules == "operator {\n}\n")
        let name = refusal { () throws(APIError) in _ = try parse(#"{"Name":"a b"}"#) }
        #expect(
            name
                == APIError(
                    status: 404,
                    message: "policy 0 invalid: 1 error occurred:\n\t* invalid name \"a b\"\n\n"))
        let job = refusal { () throws(APIError) in
            _ = try parse(#"{"Name":"a","JobACL":{"Namespace":"default"}}"#)
        }
        #expect(job?.status == 400 && job?.message.contains("JobACL") == true)
        #expect(try parse(#"{"Name":"a","JobACL":null}"#).name == "a")
        let long = String(repeating: "d", count: 257)
        let description = refusal { () throws(APIError) in
            _ = try parse(#"{"Name":"a","Description":"\#(long)"}"#)
        }
        #expect(description?.message.contains("description longer than 256") == true)
    }

    @Test("Roles: their policies by name, each once, and at least one")
    func roles() throws {
        func parse(_ body: String) throws(APIError) -> ACLRoleRequest {
            try ACLRoleRequest.parse(body: Array(body.utf8))
        }
        let read = try parse(
            #"{"ID":"i","Name":"r","Policies":[{"Name":"a"},{"Name":"b"},{"Name":"a"}]}"#)
        #expect(read.id == "i" && read.policies == ["a", "b"])
        let none = refusal { () throws(APIError) in _ = try parse(#"{"Name":"r"}"#) }
        #expect(none?.message.contains("at least one policy should be specified") == true)
        #expect(none?.status == 400 && none?.message.hasPrefix("role 0 invalid: ") == true)
        let huge = String(repeating: "x", count: 100_000)
        let name = refusal { () throws(APIError) in
            _ = try parse(#"{"Name":"\#(huge)","Policies":[{"Name":"a"}]}"#)
        }
        #expect((name?.message.utf8.count ?? .max) < 400)
    }

    @Test("A bootstrap's secret is a UUID, or the server makes one")
    func bootstrap() throws {
        func parse(_ body: String) throws(APIError) -> String? {
            try ACLBootstrapRequest.parse(body: Array(body.utf8)).secretID
        }
        for body in ["", "{}", "null", #"{"BootstrapSecret":""}"#] {
            #expect(try parse(body) == nil)
        }
        #expect(try parse(#"{"BootstrapSecret":"\#(accessor)"}"#) == accessor)
        for secret in ["admin", accessor.uppercased(), accessor + "0"] {
            let error = refusal { () throws(APIError) in
                _ = try parse(#"{"BootstrapSecret":"\#(secret)"}"#)
            }
            #expect(error?.status == 400 && error?.message.contains(secret) == false)
        }
    }
}

@Suite("Times in RFC 3339") struct TimestampReadingTests {
    @Test(
        "What is written reads back",
        arguments: [0, 1, -1, created, -5_000_000_000, 951_782_400_000_000_000])
    func roundTrip(nanoseconds: Int64) {
        let text = Timestamp.rfc3339Nano(unixNanoseconds: nanoseconds)
        #expect(Timestamp.unixNanoseconds(rfc3339: text) == nanoseconds)
    }

    @Test(
        "Forms, and what is none",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0),
            ("1970-01-01T01:00:00+01:00", 0), ("1969-12-31T23:30:00-00:30", 0),
            ("1970-01-01T00:00:00.5Z", 500_000_000),
            ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000_000),
            ("1900-02-29T00:00:00Z", nil), ("2026-02-29T00:00:00Z", nil),
            ("2026-13-01T00:00:00Z", nil), ("2026-00-01T00:00:00Z", nil),
            ("2026-04-31T00:00:00Z", nil), ("1970-01-01T24:00:00Z", nil),
            ("1970-01-01T00:60:00Z", nil), ("1970-01-01T00:00:60Z", nil),
            ("1970-01-01T00:00:00", nil), ("1970-01-01T00:00:00.Z", nil),
            ("1970-01-01 00:00:00Z", nil), ("1970-01-01T00:00:00+1:00", nil),
            ("1970-01-01T00:00:00ZZ", nil), ("0001-01-01T00:00:00Z", nil),
            ("9999-12-31T23:59:59Z", nil), ("", nil), ("x", nil),
        ] as [(String, Int64?)])
    func forms(text: String, nanoseconds: Int64?) {
        #expect(Timestamp.unixNanoseconds(rfc3339: text) == nanoseconds)
    }
}

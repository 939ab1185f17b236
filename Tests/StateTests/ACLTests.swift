// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletState
import Testing

@Suite("Policies") struct PolicyTableTests {
    @Test("A policy is made, replaced and deleted, and keeps the index of its making")
    func life() {
        var state = State()
        #expect(state.acl(.upsertPolicies([policy("a"), policy("b")])) == .applied(modifyIndex: 1))
        #expect(state.acl(.upsertPolicies([policy("a", rules: "")])) == .applied(modifyIndex: 2))

        #expect(state.policy("a")?.rules == "" && state.policy("a")?.createIndex == 1)
        #expect(state.policy("a")?.modifyIndex == 2 && state.policy("b")?.modifyIndex == 1)
        #expect(state.index(of: .policies) == 2 && state.index(of: .tokens) == 0)
        #expect(state.policies().map(\.name) == ["a", "b"])

        #expect(state.acl(.deletePolicies(names: ["a", "none"])) == .applied(modifyIndex: 3))
        #expect(state.acl(.deletePolicies(names: ["a"])) == .unchanged)
        #expect(state.policy("a") == nil && state.index(of: .policies) == 3)
        #expect(state.acl(.upsertPolicies([])) == .unchanged && state.index(of: .policies) == 3)
    }

    @Test("Lists take a prefix")
    func prefix() {
        var state = State()
        state.acl(.upsertPolicies(["a", "ab", "abc", "b", "B"].map { policy($0) }))
        #expect(state.policies(namePrefix: "ab").map(\.name) == ["ab", "abc"])
        #expect(state.policies(namePrefix: "x").isEmpty)
        #expect(state.policies().count == 5)
    }
}

@Suite("Tokens") struct TokenTableTests {
    @Test("A token is found by its accessor and by the digest of its secret")
    func lookup() {
        var state = populated()
        #expect(state.token(digest(2))?.accessorID == serverID(2))
        #expect(state.token(accessor: serverID(2))?.digest == digest(2))
        #expect(state.token(digest(9)) == nil && state.tokenCount == 3)
        #expect(state.token(accessor: serverID(2))?.createIndex == 4)
        #expect(state.tokens().map(\.accessorID) == [1, 2, 3].map { serverID($0) })
        #expect(state.tokens(accessorPrefix: serverID(3)).count == 1)
        #expect(
            state.roleLinks(of: token(9, roles: [serverID(50), serverID(9)])).map(\.name) == ["ops"]
        )

        #expect(state.acl(.deleteTokens(accessors: [serverID(2)])) == .applied(modifyIndex: 6))
        #expect(state.token(digest(2)) == nil && state.index(of: .tokens) == 6)
    }

    @Test("A token's accessor and secret are its own")
    func unique() {
        var state = populated()
        #expect(
            state.acl(.createToken(token(2, secret: 9)))
                == .aclRefused(.tokenExists(accessor: serverID(2))))
        #expect(
            state.acl(.createToken(token(9, secret: 2)))
                == .aclRefused(.tokenExists(accessor: serverID(9))))
        #expect(state.index(of: .tokens) == 5)
    }

    @Test("An update changes what it may, and nothing of the secret, the times and the making")
    func update() throws {
        var state = populated()
        #expect(
            state.acl(.updateToken(change(3, roles: [serverID(50)]))) == .applied(modifyIndex: 6))
        let token = try #require(state.token(digest(3)))
        #expect(
            token.name == "changed" && token.policies == ["p2"] && token.roles == [serverID(50)])
        #expect(token.expirationUnixNanoseconds == 2_000 && token.createIndex == 5)
        #expect(token.modifyIndex == 6 && token.isGlobal && token.hash.isEmpty)
        #expect(state.nextTokenExpiry == 2_000)
    }

    @Test("What an update and a new token may not")
    func refusals() {
        var state = populated()
        #expect(
            state.acl(.updateToken(change(9)))
                == .aclRefused(.unknownToken(accessor: serverID(9))))
        #expect(
            state.acl(.updateToken(change(3, isGlobal: false)))
                == .aclRefused(.globalToggled(accessor: serverID(3))))
        #expect(
            state.acl(.updateToken(change(3, roles: [serverID(51)])))
                == .aclRefused(.unknownRole(id: serverID(51))))
        #expect(
            state.acl(.createToken(token(9, roles: [serverID(51)])))
                == .aclRefused(.unknownRole(id: serverID(51))))
        #expect(
            state.acl(.deleteTokens(accessors: [serverID(2), serverID(9)]))
                == .aclRefused(.unknownToken(accessor: serverID(9))))
        #expect(state.tokenCount == 3 && state.index(of: .tokens) == 5)
    }

    @Test("Those that have expired go, the first to expire first, so many at a time")
    func expiry() {
        var state = State()
        #expect(state.nextTokenExpiry == nil)
        for number in 1...5 { state.acl(.createToken(token(number, expires: Int64(60 - number)))) }
        state.acl(.createToken(token(6)))
        #expect(state.nextTokenExpiry == 55)
        #expect(state.acl(.deleteExpiredTokens(asOf: 54, limit: 9)) == .unchanged)
        #expect(state.acl(.deleteExpiredTokens(asOf: 58, limit: 2)) == .applied(modifyIndex: 8))
        #expect(state.tokens().map(\.accessorID) == [1, 2, 3, 6].map { serverID($0) })
        state.acl(.deleteExpiredTokens(asOf: 58, limit: .max))
        #expect(state.tokens().map(\.accessorID) == [1, 6].map { serverID($0) })
        #expect(token(1, expires: 59).isExpired(at: 59) && !token(1, expires: 59).isExpired(at: 58))
        #expect(!token(1).isExpired(at: .max))
    }
}

@Suite("Roles") struct RoleTableTests {
    @Test("A role is found by id and by name, and its name can change")
    func life() {
        var state = populated()
        #expect(state.role(named: "ops")?.id == serverID(50))
        #expect(
            state.acl(.updateRole(role(50, name: "admins"))) == .applied(modifyIndex: 6))
        #expect(state.role(named: "ops") == nil && state.role(named: "admins")?.createIndex == 2)
        #expect(state.role(serverID(50))?.policies == ["p1"] && state.index(of: .roles) == 6)
        #expect(state.acl(.createRole(role(51, name: "ops"))) == .applied(modifyIndex: 7))
        #expect(state.roles().map(\.name) == ["admins", "ops"])
        #expect(state.acl(.deleteRoles(ids: [serverID(50)])) == .applied(modifyIndex: 8))
        #expect(state.role(named: "admins") == nil)
        // The token goes on naming it.
        #expect(state.token(digest(2))?.roles == [serverID(50)])
    }

    @Test("Names are taken once, ids and policies must be known; what is refused changes nothing")
    func refusals() {
        var state = populated()
        state.acl(.createRole(role(51)))
        #expect(
            state.acl(.createRole(role(50))) == .aclRefused(.roleExists(id: serverID(50))))
        #expect(
            state.acl(.createRole(role(52, name: "ops"))) == .aclRefused(.roleNameTaken("ops")))
        #expect(
            state.acl(.updateRole(role(51, name: "ops"))) == .aclRefused(.roleNameTaken("ops")))
        #expect(
            state.acl(.updateRole(role(52))) == .aclRefused(.unknownRole(id: serverID(52))))
        #expect(
            state.acl(.createRole(role(52, policies: ["p1", "x"])))
                == .aclRefused(.unknownPolicy(name: "x")))
        #expect(
            state.acl(.deleteRoles(ids: [serverID(50), serverID(52)]))
                == .aclRefused(.unknownRole(id: serverID(52))))
        #expect(state.roles().count == 2 && state.index(of: .roles) == 6)
        // Its own name is no other's.
        #expect(state.acl(.updateRole(role(51))) == .applied(modifyIndex: state.lastAppliedIndex))
    }
}

@Suite("Bootstrap") struct BootstrapTests {
    private func bootstrap(
        _ number: Int, reset: UInt64? = nil, revoking: Bool = false
    ) -> ACLCommand {
        .bootstrap(token(number, policies: []), reset: reset, revokesManagement: revoking)
    }

    @Test("It is done once, and again only with the index that the last one left")
    func once() {
        var state = State()
        #expect(state.bootstrapIndex == 0)
        #expect(state.acl(bootstrap(1)) == .applied(modifyIndex: 1) && state.bootstrapIndex == 1)
        #expect(state.acl(bootstrap(2)) == .aclRefused(.bootstrapDone(resetIndex: 1)))
        #expect(
            state.acl(bootstrap(2, reset: 5))
                == .aclRefused(.wrongResetIndex(given: 5, resetIndex: 1)))
        #expect(state.acl(bootstrap(2, reset: 1)) == .applied(modifyIndex: 4))
        #expect(state.bootstrapIndex == 4)
        #expect(
            state.acl(bootstrap(3, reset: 1))
                == .aclRefused(.wrongResetIndex(given: 1, resetIndex: 4)))
        #expect(state.tokens().map(\.kind) == [.management, .management])
    }

    @Test("Before the first one an index does no harm")
    func early() {
        var state = State()
        #expect(state.acl(bootstrap(1, reset: 9)) == .applied(modifyIndex: 1))
    }

    @Test("On wish all older management tokens go, and no others")
    func revocation() {
        var state = populated()
        state.acl(.createToken(token(4, policies: [])))
        #expect(state.acl(bootstrap(5, reset: 3, revoking: true)) == .applied(modifyIndex: 7))
        #expect(state.tokens().map(\.accessorID) == [2, 3, 5].map { serverID($0) })
        #expect(state.token(digest(1)) == nil && state.token(digest(5))?.kind == .management)
    }

    @Test("A secret that a token has already is refused, and nobody is revoked")
    func taken() {
        var state = populated()
        let command = ACLCommand.bootstrap(
            token(9, secret: 2, policies: []), reset: 3, revokesManagement: true)
        #expect(state.acl(command) == .aclRefused(.tokenExists(accessor: serverID(9))))
        #expect(state.tokenCount == 3 && state.bootstrapIndex == 3)
    }

    @Test("The texts are Nomad's")
    func texts() {
        #expect(
            ACLRefusal.bootstrapDone(resetIndex: 7).description
                == "ACL bootstrap already done (reset index: 7)")
        #expect(
            ACLRefusal.wrongResetIndex(given: 5, resetIndex: 7).description
                == "Invalid bootstrap reset index (specified 5, reset index: 7)")
        #expect(ACLRefusal.unknownToken(accessor: "x").description == "cannot find token x")
    }
}

@Suite("What a state says of callers") struct StateAccessTests {
    @Test("A caller's rights follow its token, its roles and their policies")
    func rights() throws {
        var state = populated()
        var cache = AccessCache()
        func access(_ number: Int) -> Access? { cache.access(digest(number), in: state) }

        #expect(access(1)?.rules.decide(.aclManage).isAllowed == true)
        #expect(access(2)?.policies == ["p1", "p2"] && access(3)?.policies == ["p1"])
        #expect(access(3)?.rules.decide(.agentRead).isAllowed == true)
        state.acl(.upsertPolicies([policy("p1", rules: "agent { policy = \"deny\" }")]))
        #expect(access(3)?.rules.decide(.agentRead).isAllowed == false)
        state.acl(.deleteTokens(accessors: [serverID(3)]))
        #expect(access(3) == nil)
        state.acl(.deleteRoles(ids: [serverID(50)]))
        #expect(access(2)?.policies == ["p1"])
    }
}

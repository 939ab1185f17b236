// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletState

/// Without the bytes of commands, which take long for tables at their bounds.
@Suite("Bounds of tokens, policies and roles") struct ACLBoundsTests {
    private func distinct(_ number: Int, kind: ACLToken.Kind = .client) -> ACLToken {
        var bytes = [UInt8](repeating: 1, count: 32)
        for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: number >> (8 * place)) }
        guard let digest = TokenDigest(bytes) else { preconditionFailure("32 bytes are a digest") }
        return ACLToken(
            accessorID: serverID(number), digest: digest, name: "", kind: kind,
            policies: kind == .client ? ["p"] : [], createUnixNanoseconds: 0)
    }

    @Test("There is room for so many policies; a command that breaks the bound changes nothing")
    func policies() {
        var tables = ACLTables()
        let many = ACLCommand.upsertPolicies((0..<4096).map { policy("p\($0)") })
        #expect(tables.apply(many, at: 1) == .applied(modifyIndex: 1))
        let before = tables
        let more = ACLCommand.upsertPolicies([policy("p0", rules: "x"), policy("one-more")])
        #expect(tables.apply(more, at: 2) == .aclRefused(.full(.policies, max: 4096)))
        #expect(tables == before && tables.bytesCount == before.bytesCount)
    }

    @Test("There is room for so many roles")
    func roles() {
        var tables = ACLTables()
        _ = tables.apply(.upsertPolicies([policy("p1")]), at: 1)
        for number in 0..<4096 {
            #expect(
                tables.apply(.createRole(role(number)), at: 2) == .applied(modifyIndex: 2))
        }
        let more = tables.apply(.createRole(role(4096)), at: 3)
        #expect(more == .aclRefused(.full(.roles, max: 4096)))
    }

    @Test("There is room for so many tokens; the last places are a bootstrap's")
    func tokens() {
        var tables = ACLTables()
        let max = 65_536 - 64
        for number in 0..<max { _ = tables.apply(.createToken(distinct(number)), at: 1) }
        #expect(
            tables.apply(.createToken(distinct(max)), at: 2)
                == .aclRefused(.full(.tokens, max: max)))
        for number in 0..<64 {
            let reset = tables.bootstrapIndex
            let result = tables.apply(
                .bootstrap(
                    distinct(max + number, kind: .management), reset: reset,
                    revokesManagement: false), at: UInt64(number + 3))
            #expect(result == .applied(modifyIndex: UInt64(number + 3)))
        }
        let last = ACLCommand.bootstrap(
            distinct(70_000, kind: .management), reset: 66, revokesManagement: false)
        #expect(tables.apply(last, at: 67) == .aclRefused(.full(.tokens, max: 65_536)))
        // Who revokes makes room.
        let revoking = ACLCommand.bootstrap(
            distinct(70_000, kind: .management), reset: 66, revokesManagement: true)
        #expect(tables.apply(revoking, at: 68) == .applied(modifyIndex: 68))
    }

    @Test("All have so many bytes together; what makes them fewer is taken")
    func bytes() {
        var tables = ACLTables()
        let large = String(repeating: "x", count: ACLBounds.rulesBytesMax)
        var count = 0
        while case .applied = tables.apply(
            .upsertPolicies([policy("p\(count)", rules: large)]), at: 1)
        {
            count += 1
        }
        let max = ACLTables.Bounds.first.bytes - (64 << 10)
        #expect(count == 382 && tables.bytesCount <= max)
        let refused = tables.apply(.upsertPolicies([policy("more", rules: large)]), at: 2)
        #expect(refused == .aclRefused(.tooManyBytes(max: max)))
        let smaller = tables.apply(.upsertPolicies([policy("p0", rules: "")]), at: 3)
        #expect(smaller == .applied(modifyIndex: 3))
    }

    @Test("Commands of version 5 have more room; those of version 4 are refused where it is used")
    func largeBounds() throws {
        var state = State()
        let many = ACLCommand.upsertPolicies((0..<4096).map { policy("p\($0)") })
        state.acl(many)
        let more = ACLCommand.upsertPolicies([policy("one-more")])
        #expect(state.acl(more) == .aclRefused(.full(.policies, max: 4096)))
        #expect(state.encoded()[0] == 4)
        let index = state.lastAppliedIndex + 1
        let result = state.apply(Command.acl(more, bounds: .current).encoded(), at: index)
        #expect(result == .applied(modifyIndex: index))
        let bytes = state.encoded()
        let read = try State(decoding: bytes)
        #expect(bytes[0] == 5 && read == state)
        #expect(isMalformed(stateFault([4] + bytes.dropFirst())))
        #expect(state.acl(more) == .aclRefused(.full(.policies, max: 4096)))
        state.acl(.deletePolicies(names: ["one-more"]))
        #expect(state.encoded()[0] == 4)
        #expect(isMalformed(stateFault([5] + state.encoded().dropFirst())))
    }

    @Test("Bytes are counted as a snapshot has them, after every change")
    func weights() {
        var state = populated()
        func expectExact(_ place: String) {
            var without = state
            without.acl = ACLTables()
            without.acl.policyIndex = 1
            // The same but for the rows.
            let bytes = state.encoded().count - without.encoded().count
            #expect(bytes == state.acl.bytesCount, "\(place)")
        }
        expectExact("made")
        state.acl(.updateToken(change(3, policies: ["a", "bc"], roles: [serverID(50)])))
        state.acl(.updateRole(role(50, name: "other", policies: ["p1"])))
        state.acl(.upsertPolicies([policy("p1", rules: "")]))
        expectExact("changed")
        state.acl(.deleteTokens(accessors: [serverID(3)]))
        state.acl(.deletePolicies(names: ["p1"]))
        state.acl(.deleteRoles(ids: [serverID(50)]))
        expectExact("deleted")
    }

    @Test("The largest archive can be restored")
    func archive() {
        // 4,096 servers of 8 texts of 257 bytes, 40 bytes and a bit more for the id; the rest is small.
        let servers = State.serversMax * (7 * 257 + 38 + 2)
        let small = servers + ACLTables.Bounds.first.bytes + (1 << 10)
        #expect(small <= StateRestore.unstagedBytesMax)
        #expect(servers + ACLTables.Bounds.current.bytes + (1 << 10) <= StateRestore.bytesMax)
    }
}

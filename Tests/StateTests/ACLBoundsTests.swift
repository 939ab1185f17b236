// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
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
        #expect(count == 382 && tables.bytesCount <= ACLTables.bytesMax - (64 << 10))
        let refused = tables.apply(.upsertPolicies([policy("more", rules: large)]), at: 2)
        #expect(refused == .aclRefused(.tooManyBytes(max: ACLTables.bytesMax - (64 << 10))))
        let smaller = tables.apply(.upsertPolicies([policy("p0", rules: "")]), at: 3)
        #expect(smaller == .applied(modifyIndex: 3))
    }

    @Test("Bytes are counted as a snapshot has them, after every change")
    func weights() {
        var state = populated()
        func expectExact(_ place: String) {
            var writer = ByteWriter()
            state.acl.write(to: &writer)
            // The heads of three tables and the index of the bootstrap come on top.
            #expect(writer.finish().count == state.acl.bytesCount + 8 + 3 * 12, "\(place)")
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
        #expect(servers + ACLTables.bytesMax + (1 << 10) <= StateRestore.bytesMax)
    }
}

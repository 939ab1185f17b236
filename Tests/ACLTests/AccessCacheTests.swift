// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import Testing

/// Tables that count how often they are asked.
private final class Tables: AccessTables {
    var tokens: [TokenDigest: ACLToken] = [:]
    var policies: [String: ACLPolicy] = [:]
    var roles: [String: ACLRole] = [:]
    var index: UInt64 = 1
    private(set) var tokenReads = 0

    func token(_ digest: TokenDigest) -> ACLToken? {
        tokenReads += 1
        return tokens[digest]
    }

    func policy(_ name: String) -> ACLPolicy? { policies[name] }
    func role(_ id: String) -> ACLRole? { roles[id] }

    var accessStamp: AccessStamp { AccessStamp(tokens: index, policies: index, roles: index) }

    func put(_ name: String, _ rules: String) {
        index += 1
        var policy = ACLPolicy(name: name, rules: rules)
        policy.modifyIndex = index
        policies[name] = policy
    }

    func put(
        _ number: UInt8, kind: ACLToken.Kind = .client, policies: [String] = [],
        roles: [String] = []
    ) {
        index += 1
        tokens[digest(number)] = ACLToken(
            accessorID: "token-\(number)", digest: digest(number), name: "", kind: kind,
            policies: policies, roles: roles, createUnixNanoseconds: 0)
    }
}

/// A cache over tables.
private final class Callers {
    private let tables: Tables
    private var cache: AccessCache

    init(of tables: Tables, capacity: Int = 8) {
        self.tables = tables
        cache = AccessCache(capacity: capacity)
    }

    var count: Int { cache.count }

    func access(_ number: UInt8) -> Access? { cache.access(digest(number), in: tables) }

    func anonymous() -> Access { cache.anonymousAccess(in: tables) }
}

private func digest(_ number: UInt8) -> TokenDigest {
    guard let digest = TokenDigest([UInt8](repeating: number, count: 32)) else {
        preconditionFailure("32 bytes are a digest")
    }
    return digest
}

@Suite("The cache of callers") struct AccessCacheTests {
    private let read = #"operator { policy = "read" }"#

    @Test("A token is read once, until the tables change")
    func hit() throws {
        let tables = Tables()
        tables.put("r", read)
        tables.put(1, policies: ["r", "gone"])
        let callers = Callers(of: tables)
        let first = try #require(callers.access(1))
        let second = try #require(callers.access(1))

        #expect(first === second && tables.tokenReads == 1)
        #expect(first.policies == ["r"] && first.token?.accessorID == "token-1")
        #expect(first.rules.decide(.autopilotRead).isAllowed)

        tables.put("r", #"operator { policy = "deny" }"#)
        let third = try #require(callers.access(1))
        #expect(!third.rules.decide(.autopilotRead).isAllowed && tables.tokenReads == 2)
    }

    @Test("A token that is gone is unknown at once, and one that never was is not kept")
    func gone() throws {
        let tables = Tables()
        tables.put(1, kind: .management)
        let callers = Callers(of: tables, capacity: 2)
        #expect(callers.access(1)?.rules.decide(.aclManage).isAllowed == true)
        #expect(callers.access(2) == nil && callers.count == 1)
        tables.tokens = [:]
        tables.index += 1
        #expect(callers.access(1) == nil && callers.count == 0)
    }

    @Test("Roles give their policies; roles and policies that are not there give nothing")
    func roles() throws {
        let tables = Tables()
        tables.put("r", read)
        tables.put("w", #"agent { policy = "write" }"#)
        tables.roles["x"] = ACLRole(id: "x", name: "x", policies: ["w", "r", "none"])
        tables.put(1, policies: ["r"], roles: ["x", "y"])
        let callers = Callers(of: tables)
        let access = try #require(callers.access(1))
        #expect(access.policies == ["r", "w"])
        #expect(access.rules.decide(.agentWrite).isAllowed)

        tables.roles = [:]
        tables.index += 1
        let after = try #require(callers.access(1))
        #expect(after.policies == ["r"] && !after.rules.decide(.agentWrite).isAllowed)
    }

    @Test("A policy that cannot be read takes all rights of the token")
    func unreadable() throws {
        let tables = Tables()
        tables.put("r", read)
        tables.put("new", "future { policy = \"deny\" }")
        tables.put(1, policies: ["r", "new"])
        let callers = Callers(of: tables)
        let access = try #require(callers.access(1))
        #expect(access.rules.decide(.autopilotRead).reason == .unreadable(policy: "new"))
    }

    @Test("Without a token the policy anonymous counts, if there is one")
    func anonymous() {
        let tables = Tables()
        let callers = Callers(of: tables)
        #expect(!callers.anonymous().rules.decide(.autopilotRead).isAllowed)
        #expect(callers.anonymous().policies.isEmpty)
        tables.put("anonymous", read)
        #expect(callers.anonymous().rules.decide(.autopilotRead).isAllowed)
        #expect(callers.anonymous() === callers.anonymous())
        tables.policies = [:]
        tables.index += 1
        #expect(!callers.anonymous().rules.decide(.autopilotRead).isAllowed)
    }

    @Test("The cache has a bound, and who calls often stays")
    func bound() throws {
        let tables = Tables()
        for number in 1...20 as ClosedRange<UInt8> { tables.put(number, kind: .management) }
        let callers = Callers(of: tables, capacity: 4)
        for number in 1...20 as ClosedRange<UInt8> {
            #expect(callers.access(number) != nil)
            #expect(callers.access(1) != nil)
            #expect(callers.count <= 4)
        }
        let reads = tables.tokenReads
        #expect(callers.access(1) != nil && tables.tokenReads == reads)
        #expect(callers.access(2) != nil && tables.tokenReads == reads + 1)
    }

    @Test("Whatever comes and goes, the cache says what the tables say")
    func model() {
        var random = SplitMix(state: 5)
        let tables = Tables()
        let callers = Callers(of: tables, capacity: 5)
        for _ in 0..<5_000 {
            let number = UInt8.random(in: 1...9, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0: tables.put(number, kind: Bool.random(using: &random) ? .client : .management)
            case 1:
                tables.tokens[digest(number)] = nil
                tables.index += 1
            default:
                let access = callers.access(number)
                #expect(access?.token == tables.tokens[digest(number)])
            }
            #expect(callers.count <= 5)
        }
    }
}

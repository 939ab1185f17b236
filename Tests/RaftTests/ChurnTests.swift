// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

/// Seven servers whose membership never rests: one at a time and jointly, between one and seven
/// voters, with transfers, crashes, cuts, and disks that lose what they held.
struct Churn {
    var cluster: Cluster
    /// Only losses that the cluster is to survive: one server at a time, and never where the others
    /// are no majority. Without it they happen at any time, and only safety is claimed.
    let isMeasured: Bool
    var losses = 0

    init(seed: UInt64, isMeasured: Bool) {
        self.isMeasured = isMeasured
        let voters = 1 + Int(seed % 5)
        cluster = Cluster(seed: seed, voters: voters, spares: 7 - voters)
        cluster.run(for: .seconds(2))
        cluster.faults = seed % 3 == 0 ? .none : .rough
    }

    mutating func storm() {
        for round in 0..<60 {
            cluster.run(for: .milliseconds(10 + cluster.generator.below(120)))
            disturb()
            if cluster.generator.chance(isMeasured ? 8 : 12) { lose() }
            for position in cluster.servers.indices {
                guard cluster.servers[position].core?.status.role == .leader else { continue }
                lead(position, round)
            }
        }
        cluster.faults = .none
        cluster.cut = []
        cluster.blocked = nil
        for position in cluster.servers.indices where cluster.servers[position].core == nil {
            cluster.start(position)
        }
    }

    private mutating func lead(_ position: Int, _ round: Int) {
        cluster.input(.proposed([[UInt8(round)], [1, 2, 3]]), to: position)
        let read = UInt64(cluster.reads.count)
        cluster.reads[read] = cluster.committedMax
        cluster.input(.readRequested(id: read), to: position)
        if cluster.generator.chance(40) { change(at: position) }
        if cluster.generator.chance(6) {
            cluster.input(.transferRequested(to: anyone()), to: position)
        }
    }

    private mutating func anyone() -> ServerID {
        Cluster.id(1 + cluster.generator.below(cluster.servers.count))
    }

    private mutating func disturb() {
        let victim = cluster.generator.below(7)
        switch cluster.generator.below(14) {
        case 0: cluster.cut = [victim]
        case 1: cluster.cut = [victim, cluster.generator.below(7), cluster.generator.below(7)]
        case 2, 3, 4: cluster.cut = []
        case 5: cluster.blocked = (victim, cluster.generator.below(7))
        case 6: cluster.blocked = nil
        case 7, 8: ClusterTests.crashOrStart(&cluster, victim)
        case 9:
            for position in cluster.servers.indices where cluster.servers[position].core == nil {
                cluster.start(position)
            }
        default: break
        }
    }

    private mutating func change(at leader: Int) {
        // Whoever takes a voter away while another is recovering asks for a standstill.
        if isMeasured, cluster.servers.contains(where: \.disk.isRecovering) { return }
        let id = anyone()
        let action: ConfigurationChange.Action =
            switch cluster.generator.below(8) {
            case 0, 1: .addNonVoter(id, address: "a")
            case 2, 3: .promote(id)
            case 4: .demote(id)
            case 5: .remove(id)
            default: .replace(replacement(for: leader))
            }
        let change = ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)
        cluster.input(.changeProposed(change), to: leader)
        tearApart(leader)
    }

    /// Where a joint configuration could go wrong: the sides lose sight of each other while it is on
    /// its way.
    private mutating func tearApart(_ leader: Int) {
        guard let configuration = cluster.servers[leader].core?.configuration,
            configuration.isJoint, cluster.generator.chance(70)
        else { return }
        cluster.run(for: .microseconds(cluster.generator.below(4_000)))
        cluster.cut = Set(
            configuration.servers.filter { $0.role == .voter }.map { Int($0.id.low) - 1 })
        if cluster.generator.chance(50) { cluster.cut.formSymmetricDifference([leader]) }
        cluster.run(for: .milliseconds(cluster.generator.below(3_000)))
    }

    /// Those there are, with other roles, less some, plus some; or the other way round.
    private mutating func replacement(for leader: Int) -> [Configuration.Server] {
        var servers = cluster.servers[leader].core?.configuration.servers ?? []
        if cluster.generator.chance(50) {
            for position in servers.indices {
                servers[position].role = servers[position].role == .voter ? .nonVoter : .voter
            }
            return servers
        }
        for position in servers.indices where cluster.generator.chance(40) {
            servers[position].role = cluster.generator.chance(60) ? .voter : .nonVoter
        }
        if cluster.generator.chance(40), !servers.isEmpty {
            servers.remove(at: cluster.generator.below(servers.count))
        }
        let id = anyone()
        if !servers.contains(where: { $0.id == id }) {
            servers.append(.init(id: id, address: "b", role: .nonVoter))
        }
        return servers
    }

    private mutating func lose() {
        let victim = cluster.generator.below(7)
        guard !isMeasured || isSurvivable(victim) else { return }
        losses += 1
        cluster.lose(victim)
        if cluster.generator.chance(70) { cluster.start(victim) }
    }

    private func isSurvivable(_ victim: Int) -> Bool {
        let id = cluster.servers[victim].id
        guard !cluster.servers.contains(where: \.disk.isRecovering), let leader = cluster.leader,
            cluster.servers[leader].core?.configuration.contains(id) == true
        else { return false }
        return cluster.servers.allSatisfy { server in
            var known: [Configuration] = []
            for entry in server.disk.entries.filter({ $0.kind == .configuration }).suffix(2) {
                if let configuration = Configuration(encoded: entry.payload) {
                    known.append(configuration)
                }
            }
            if let core = server.core { known.append(core.configuration) }
            return known.allSatisfy { $0.servers.isEmpty || $0.hasMajority { $0 != id } }
        }
    }
}

@Suite("Seeded clusters whose membership never rests (I1 to I8)") struct ChurnTests {
    @Test("Safety, and progress after the faults", arguments: 0..<6)
    func churn(group: Int) throws {
        var joint = 0
        var recoveries = 0
        for seed in (group * 10)..<(group * 10 + 10) {
            var churn = Churn(seed: UInt64(seed), isMeasured: true)
            churn.storm()
            try Self.settle(&churn.cluster, seed)
            joint += churn.cluster.jointCommitted
            recoveries += churn.cluster.recoveries
        }
        #expect(joint > 0 && recoveries > 0, "the churn was too mild to prove anything")
    }

    static func settle(_ cluster: inout Cluster, _ seed: Int) throws {
        cluster.run(for: .seconds(10))
        let elected = cluster.leader
        let leader = try #require(elected, "no leader, seed \(seed)")
        let index = cluster.servers[leader].core?.lastIndex ?? .zero
        cluster.input(.proposed([[7]]), to: leader)
        cluster.run(for: .seconds(2))
        let core = try #require(cluster.servers[leader].core)
        #expect(core.commitIndex > index, "nothing commits, seed \(seed)")
        #expect(!core.configuration.isJoint, "still joint, seed \(seed)")
        for server in core.configuration.members {
            let other = cluster.servers[Int(server.id.low) - 1]
            #expect(other.core?.commitIndex == core.commitIndex, "\(server), seed \(seed)")
            #expect(other.core?.term == core.term, "\(server), seed \(seed)")
            #expect(other.core?.isRecovering == false, "\(server), seed \(seed)")
        }
    }

    @Test("Safety alone, whoever loses whatever, whenever", arguments: 0..<4)
    func losses(group: Int) {
        var losses = 0
        for seed in (group * 10)..<(group * 10 + 10) {
            var churn = Churn(seed: UInt64(seed), isMeasured: false)
            churn.storm()
            churn.cluster.run(for: .seconds(5))
            losses += churn.losses
        }
        #expect(losses > 0)
    }
}

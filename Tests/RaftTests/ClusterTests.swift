// SPDX-License-Identifier: Apache-2.0
import MartletRaft
import Testing

@Suite("Seeded clusters (I1 to I8)") struct ClusterTests {
    /// A few simulated seconds of everything at once, then peace.
    static func storm(seed: UInt64, isTracing: Bool = false) -> Cluster {
        var cluster = Cluster(seed: seed, voters: 3, spares: 2)
        cluster.isTracing = isTracing
        cluster.run(for: .seconds(2))
        cluster.faults = .rough
        for round in 0..<40 {
            cluster.run(for: .milliseconds(20 + cluster.generator.below(100)))
            disturb(&cluster)
            for position in cluster.servers.indices {
                guard cluster.servers[position].core?.status.role == .leader else { continue }
                cluster.input(.proposed([[UInt8(round)], [], [1, 2, 3]]), to: position)
                let read = UInt64(cluster.reads.count)
                cluster.reads[read] = cluster.committedMax
                cluster.input(.readRequested(id: read), to: position)
                if cluster.generator.chance(25) { change(&cluster, at: position) }
                if cluster.generator.chance(5) {
                    let target = Cluster.id(1 + cluster.generator.below(5))
                    cluster.input(.transferRequested(to: target), to: position)
                }
            }
        }
        cluster.faults = .none
        cluster.cut = []
        cluster.blocked = nil
        for position in cluster.servers.indices where cluster.servers[position].core == nil {
            cluster.start(position)
        }
        return cluster
    }

    static func disturb(_ cluster: inout Cluster) {
        let count = cluster.servers.count
        let victim = cluster.generator.below(count)
        switch cluster.generator.below(12) {
        case 0: cluster.cut = [victim]
        case 1: cluster.cut = [victim, cluster.generator.below(count)]
        case 2, 3, 4: cluster.cut = []
        case 5: cluster.blocked = (victim, cluster.generator.below(count))
        case 6: cluster.blocked = nil
        case 7, 8: crashOrStart(&cluster, victim)
        case 9:
            for position in cluster.servers.indices where cluster.servers[position].core == nil {
                cluster.start(position)
            }
        default: break
        }
    }

    static func crashOrStart(_ cluster: inout Cluster, _ victim: Int) {
        guard cluster.servers[victim].core != nil else {
            cluster.start(victim)
            return
        }
        cluster.crash(victim)
        let id = cluster.servers[victim].id
        for position in cluster.servers.indices {
            cluster.input(.connectionLost(id), to: position)
            cluster.input(.unreachable(id), to: position)
        }
    }

    static func change(_ cluster: inout Cluster, at leader: Int) {
        let id = Cluster.id(1 + cluster.generator.below(5))
        let action: ConfigurationChange.Action =
            switch cluster.generator.below(5) {
            case 0, 1: .addNonVoter(id, address: "a")
            case 2: .promote(id)
            case 3: .demote(id)
            default: .remove(id)
            }
        let change = ConfigurationChange(id: 1, action: action, ifConfigurationIndex: nil)
        cluster.input(.changeProposed(change), to: leader)
    }

    @Test("Safety under faults, and progress within 20 timeouts after them", arguments: 0..<8)
    func storms(group: Int) throws {
        var reads = 0
        var snapshots = 0
        for seed in (group * 25)..<(group * 25 + 25) {
            var cluster = Self.storm(seed: UInt64(seed))
            cluster.run(for: .seconds(8))
            let elected = cluster.leader
            let leader = try #require(elected, "no leader, seed \(seed)")
            let index = cluster.servers[leader].core?.lastIndex ?? .zero
            cluster.input(.proposed([[7]]), to: leader)
            cluster.run(for: .seconds(2))
            let core = try #require(cluster.servers[leader].core)
            #expect(core.commitIndex > index, "nothing commits, seed \(seed)")
            for server in core.configuration.servers {
                let other = cluster.servers[Int(server.id.low) - 1]
                #expect(other.core?.commitIndex == core.commitIndex, "\(server), seed \(seed)")
                #expect(other.core?.term == core.term, "\(server), seed \(seed)")
            }
            reads += cluster.readsAnswered
            snapshots += cluster.snapshotsRestored
        }
        #expect(reads > 0 && snapshots > 0, "the storm was too mild to prove anything")
    }

    @Test("I8: equal seeds and inputs give equal effects, to the byte", arguments: [1, 2])
    func determinism(seed: UInt64) {
        let once = Self.storm(seed: seed, isTracing: true)
        let again = Self.storm(seed: seed, isTracing: true)
        let other = Self.storm(seed: seed + 100, isTracing: true)

        #expect(once.trace == again.trace)
        #expect(once.trace != other.trace)
    }
}

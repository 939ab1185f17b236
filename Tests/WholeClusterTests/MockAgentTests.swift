// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import Testing

@Suite("One process that is many nodes") struct MockAgentTests {
    private static func nodes(_ count: UInt64) -> [Node] {
        (1...count).map { number in
            var node = Node(
                id: UniqueID(high: 7, low: number), secretID: UniqueID(high: 8, low: 8),
                name: "n\(number)", resources: NodeResources(cpu: 4000, memoryMB: 8192))
            node.status = .ready
            node.drivers["mock"] = DriverState()
            return node
        }
    }

    private static func count(
        _ word: String, _ cluster: SimulatedCluster, at server: SimulatedCluster.Node
    ) -> Int {
        let list = cluster.ask(server, .get, "/v1/nodes")
        return list.text.components(word)
    }

    @Test("They register through a follower, stay, and go on with another server when it dies")
    func life() throws {
        let cluster = SimulatedCluster(seed: 91, count: 3) { _ in }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let fleet = cluster.mockNodes(Self.nodes(600), servers: [follower, leader])
        fleet.start()
        cluster.world.run(for: .seconds(5))
        #expect(fleet.registeredCount == 600)
        #expect(Self.count("\"Status\":\"ready\"", cluster, at: leader) == 600)
        cluster.kill(follower)
        cluster.world.run(for: .seconds(30))
        // One that its servers have forgotten is registered again.
        let id = UniqueID(high: 7, low: 5)
        #expect(cluster.ask(leader, .put, "/v1/node/\(id)/purge").status == 200)
        #expect(cluster.ask(leader, .get, "/v1/node/\(id)").status == 404)
        cluster.world.run(for: .seconds(60))
        #expect(cluster.ask(leader, .get, "/v1/node/\(id)").status == 200)
        #expect(Self.count("\"Status\":\"ready\"", cluster, at: leader) == 600)
        fleet.stop()
    }
}

extension String {
    /// How often `word` stands in it.
    fileprivate func components(_ word: String) -> Int { ranges(of: word).count }
}

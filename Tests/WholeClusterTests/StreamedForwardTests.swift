// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

@Suite("Archives through a follower") struct StreamedForwardTests {
    private static let path = "/v1/operator/snapshot"

    @Test(
        "A state that was saved through a follower is restored through one, of either version",
        arguments: [4, 5])
    func roundTrip(protocolMax: UInt16) throws {
        let cluster = SimulatedCluster(seed: 71, count: 3) { $0.peerProtocolMax = protocolMax }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let saved = try cluster.ask(follower, .get, Self.path).get()
        #expect(saved.status == 200)
        #expect(saved.header("Digest") != nil)
        #expect(saved.header("Content-Type") == "application/x-gzip")
        let archive = saved.body
        _ = try cluster.ask(
            follower, .put, "/v1/operator/autopilot/configuration",
            body: #"{"MaxTrailingLogs": 77}"#
        ).get()
        let restored = try cluster.ask(follower, .put, Self.path, bytes: archive).get()
        #expect(restored.status == 200)
        let configuration = try cluster.ask(
            follower, .get, "/v1/operator/autopilot/configuration"
        ).get()
        #expect(!String(decoding: configuration.body, as: UTF8.self).contains("77"))
    }

    @Test("A body that is no archive is refused by the leader, in its own words")
    func damaged() throws {
        let cluster = SimulatedCluster(seed: 72, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let refused = try cluster.ask(follower, .put, Self.path, bytes: [1, 2, 3]).get()
        #expect(refused.status == 500)
        #expect(
            String(decoding: refused.body, as: UTF8.self)
                .hasPrefix("failed to restore from snapshot: "))
    }

    @Test("Without a leader nothing of the body is asked for")
    func noLeader() throws {
        let cluster = SimulatedCluster(seed: 73, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        for node in cluster.nodes where node !== follower { cluster.kill(node) }
        cluster.world.run(for: .seconds(3))
        let answer = try cluster.ask(follower, .put, Self.path, bytes: [1, 2, 3]).get()
        #expect(answer.status == 503)
        #expect(String(decoding: answer.body, as: UTF8.self).hasPrefix("No cluster leader"))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletHarness
import MartletRaft
import MartletSimulation
import Testing

@testable import MartletServer

@Suite("A server that had left") struct RejoiningTests {
    private static func hasLeft(_ node: SimulatedCluster.Node) -> Bool? {
        guard let door = node.door else { return nil }
        var hasLeft: Bool?
        node.host.perform { hasLeft = door.assumeIsolated { $0.server?.hasLeft } }
        return hasLeft
    }

    @Test("It is back for good once an operator has joined it, and not before")
    func joined() throws {
        let cluster = SimulatedCluster(seed: 51, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let leaver = try #require(cluster.nodes.first { $0 !== leader })
        cluster.stop(leaver, isLeaving: true)
        leaver.options.join = []
        cluster.start(leaver)
        cluster.world.run(for: .seconds(5))
        #expect(Self.hasLeft(leaver) == true)
        let queryText = "address=\(leader.options.gossipAddress)"
        let door = try #require(leaver.door)
        leaver.host.perform {
            door.assumeIsolated { door in
                do {
                    let request = APIRequest(
                        method: .put, path: "/v1/agent/join", queryText: queryText, body: [])
                    let call = try door.server?.call(request, .agentJoin, [], of: Caller())
                    if let call { door.server?.serve(call, body: []) { _ in } }
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
        cluster.world.run(for: .seconds(5))
        #expect(Self.hasLeft(leaver) == false)
        cluster.kill(leaver)
        cluster.start(leaver)
        cluster.world.run(for: .seconds(1))
        #expect(Self.hasLeft(leaver) == false, "so says its file, too")
    }

    @Test("It finds the others by itself if it is configured to")
    func rejoinAfterLeave() throws {
        let cluster = SimulatedCluster(seed: 52, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(3))
        let leaver = try #require(cluster.nodes.first { $0 !== leader })
        let id = try #require(cluster.info(of: leaver)?.id)
        cluster.stop(leaver, isLeaving: true)
        #expect(cluster.overview(of: leader)?.configuration.contains(id) == false)
        leaver.options.join = []
        leaver.options.rejoinAfterLeave = true
        cluster.start(leaver)
        cluster.world.run(for: .seconds(20))
        #expect(cluster.overview(of: leader)?.configuration.isVoter(id) == true)
        #expect(Self.hasLeft(leaver) == false)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHarness
import MartletRaft
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

@Suite("Snapshots on their way") struct SnapshotSendingTests {
    private static func senders(_ cluster: SimulatedCluster, _ node: SimulatedCluster.Node) -> Int {
        var count = 0
        node.host.perform {
            count = node.door?.assumeIsolated { $0.server?.snapshotSenders.count ?? 0 } ?? 0
        }
        return count
    }

    @Test("A transfer is over as soon as the follower has what it needs", arguments: 1...4)
    func ends(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3) {
            $0.snapshotEntries = 5
            $0.raftLimits.trailingEntries = 0
        }
        let lines = Lines()
        cluster.tell = { lines.texts.append("\($0) \($1)") }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        cluster.kill(follower)
        for number in 1...30 as ClosedRange<UInt64> {
            var configuration = AutopilotConfiguration()
            configuration.maxTrailingLogs = number
            let command = Command.setAutopilot(configuration, cas: nil).encoded()
            leader.host.perform {
                leader.door?.assumeIsolated { $0.server?.replica.propose(command) { _ in } }
            }
            cluster.world.run(for: .milliseconds(20))
        }
        cluster.start(follower)
        var waited: Duration = .zero
        while !lines.texts.contains(where: { $0.contains("state restored") }), waited < .seconds(5)
        {
            cluster.world.run(for: .milliseconds(1))
            waited += .milliseconds(1)
        }
        #expect(lines.texts.contains { $0.contains("state restored") })
        cluster.world.run(for: .milliseconds(20))
        #expect(Self.senders(cluster, leader) == 0)
    }
}

private final class Lines {
    var texts: [String] = []
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletNode
import MartletSimulation
import MartletTransport

extension SimulatedCluster {
    /// A process on the clients' machine that is many nodes.
    package final class MockNodes {
        private let cluster: SimulatedCluster
        private let agent: NodeAgent<MockFleet>

        /// - Parameter servers: whom it asks, the first of them first.
        fileprivate init(_ cluster: SimulatedCluster, nodes: [MartletAPI.Node], servers: [Node]) {
            self.cluster = cluster
            agent = NodeAgent(
                loop: cluster.clientHost.loop, streams: cluster.clientHost.streams,
                settings: .init(
                    servers: servers.map(\.httpAddress), nodes: nodes), fleet: MockFleet())
        }

        package func start() { cluster.clientHost.perform { agent.start() } }

        package func stop() { cluster.clientHost.perform { agent.stop() } }

        package var registeredCount: Int { agent.registeredCount }

        /// Allocations that have not ended.
        package var runningCount: Int { agent.fleet.count }
    }

    package func mockNodes(_ nodes: [MartletAPI.Node], servers: [Node]) -> MockNodes {
        MockNodes(self, nodes: nodes, servers: servers)
    }
}

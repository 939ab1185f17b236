// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletNode
import MartletSimulation
import MartletTransport

/// A machine with nodes on it that only pretend to run things.
final class NodeMachine {
    let host: SimulatedHost
    let nodes: [MartletAPI.Node]
    private let agent: NodeAgent<MockFleet>

    init(_ host: SimulatedHost, number: Int, nodes count: Int, servers: [SocketAddress]) {
        self.host = host
        nodes = (1...count).map { place in
            var node = MartletAPI.Node(
                id: UniqueID(high: 0x6E6F_6465, low: UInt64(number * 100 + place)),
                secretID: UniqueID(high: 0x7365_6372, low: UInt64(number)),
                name: "node-\(number)-\(place)",
                resources: NodeResources(cpu: 2_000, memoryMB: 2_048, diskMB: 10_000))
            node.attributes = ["kernel.name": "linux"]
            node.drivers = ["mock": DriverState()]
            node.status = .ready
            return node
        }
        agent = NodeAgent(
            loop: host.loop, streams: host.streams,
            settings: .init(servers: servers, nodes: nodes), fleet: MockFleet())
    }

    func start() { host.perform { agent.start() } }

    /// Instances that have not ended, or of which that is to be told yet; ascending.
    var instances: [UniqueID] { agent.fleet.ids }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation
import Testing

@testable import MartletServer

/// One server, and a raw connection to its HTTP port.
struct HTTPStage {
    let cluster: SimulatedCluster
    let node: SimulatedCluster.Node
    let client: RawPeer

    init(seed: UInt64, configure: (inout ServerOptions) -> Void = { _ in }) throws {
        cluster = SimulatedCluster(seed: seed, count: 1, configure: configure)
        cluster.startAll()
        node = try #require(cluster.settle())
        client = RawPeer(cluster)
    }

    func open(_ text: String) -> RawPeer.Talk {
        client.say(
            Array(text.utf8), to: node, port: 4646, for: .milliseconds(50), keepsOpen: true)
    }

    func say(_ text: String, on talk: RawPeer.Talk) {
        client.say(Array(text.utf8), on: talk, for: .milliseconds(50))
    }

    /// Enters the server.
    func enter(_ body: @escaping (Server) -> Void) throws {
        let door = try #require(node.door)
        let boxed = Boxed(value: body)
        node.host.perform {
            door.assumeIsolated { door in
                if let server = door.server { boxed.value(server) }
            }
        }
    }
}

/// Everything of a simulated world runs on the test's one thread.
// SAFETY: never leaves that thread.
private struct Boxed<Value>: @unchecked Sendable { let value: Value }

extension RawPeer.Talk {
    var text: String { String(decoding: answer, as: UTF8.self) }
    /// The status lines that came, in order.
    var statuses: [String] {
        text.split(separator: "HTTP/1.1 ").map { String($0.prefix(3)) }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

private let monitor = "/v1/agent/monitor"

@Suite("The log of a server as it is written") struct MonitorTests {
    private func cluster(
        _ seed: UInt64, configure: (inout ServerOptions) -> Void = { _ in }
    ) -> SimulatedCluster {
        let cluster = SimulatedCluster(seed: seed, count: 3, configure: configure)
        for node in cluster.nodes {
            node.options.logWatch = LogWatch { 1_622_541_600_123_456_789 }
        }
        cluster.startAll()
        return cluster
    }

    @Test("Lines come as they are logged, alone or in frames, at the watcher's level")
    func forms() throws {
        let cluster = cluster(91)
        let leader = try #require(cluster.settle())
        let survivor = try #require(cluster.nodes.first { $0 !== leader })
        let plain = cluster.watch(survivor, monitor + "?plain=true")
        let json = cluster.watch(survivor, monitor + "?plain=true&log_json=true")
        let framed = cluster.watch(survivor, monitor + "?log_level=debug")
        let errors = cluster.watch(survivor, monitor + "?plain=true&log_level=error")
        #expect(plain.contentType == "text/plain; charset=utf-8")
        #expect(framed.contentType == "application/json")
        cluster.kill(leader)
        cluster.world.run(for: .seconds(8))
        #expect(plain.lines.contains { $0.contains(" [INFO]  nomad: raft status: leader=") })
        #expect(json.lines.allSatisfy { $0.hasPrefix("{\"@level\":\"") })
        #expect(json.lines.count == plain.lines.count)
        #expect(framed.lines.allSatisfy { $0.hasPrefix("{\"Data\":\"") && $0.hasSuffix("\"}") })
        #expect(!framed.lines.isEmpty)
        #expect(errors.lines.isEmpty)
        #expect(plain.end == nil)
    }

    @Test("A quiet log has a heartbeat in frames, and nothing in plain text")
    func heartbeat() throws {
        let cluster = cluster(92)
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(20))
        let framed = cluster.watch(leader, monitor + "?log_level=error")
        let plain = cluster.watch(leader, monitor + "?log_level=error&plain=1")
        cluster.world.run(for: .seconds(25))
        #expect(framed.text == "{}\n{}\n")
        #expect(plain.text.isEmpty)
        #expect(plain.end == nil)
    }

    @Test("Another server's log comes through the one that is asked")
    func elsewhere() throws {
        let cluster = cluster(93)
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let third = try #require(cluster.nodes.first { $0 !== leader && $0 !== follower })
        cluster.world.run(for: .seconds(2))
        let thirdID = try #require(cluster.overview(of: third)?.id)
        for name in [third.name, third.name + ".global", "\(thirdID)"] {
            let watch = cluster.watch(follower, monitor + "?plain=true&server_id=\(name)")
            #expect(watch.status == 200, "\(name)")
            cluster.end(watch)
        }
        let watch = cluster.watch(follower, monitor + "?plain=true&server_id=\(third.name)")
        cluster.world.run(for: .seconds(120))
        #expect(watch.end == nil)
        let leads = cluster.watch(follower, monitor + "?server_id=leader")
        #expect(leads.status == 200)
        cluster.kill(leader)
        cluster.world.run(for: .seconds(8))
        #expect(watch.lines.contains { $0.contains("raft status") })
        cluster.kill(third)
        cluster.world.run(for: .seconds(2))
        #expect(watch.end != nil)
        #expect(cluster.ask(follower, .get, monitor + "?server_id=leader").status == 503)
        let nobody = cluster.ask(follower, .get, monitor + "?server_id=nobody")
        #expect(nobody.status == 404)
        #expect(nobody.text == "No server is known by the name of nobody")
    }

    @Test(
        "What cannot be meant is refused by name",
        arguments: [
            ("log_level=loud", "Unknown log level: loud"),
            ("plain=maybe", #"Failed to parse value of "plain" ("maybe") as a bool"#),
            ("node_id=a&server_id=b", "Cannot target node and client simultaneously"),
        ])
    func refused(query: String, text: String) throws {
        let cluster = cluster(94)
        let leader = try #require(cluster.settle())
        let answer = cluster.ask(leader, .get, monitor + "?" + query)
        #expect(answer.status == 400)
        #expect(answer.text == text)
    }

    @Test("So many watch one log")
    func bound() throws {
        let cluster = cluster(95)
        let leader = try #require(cluster.settle())
        let watches = (0..<33).map { _ in cluster.watch(leader, monitor) }
        #expect(watches.map(\.status) == [Int](repeating: 200, count: 32) + [503])
        cluster.end(watches[0])
        #expect(cluster.watch(leader, monitor).status == 200)
    }
}

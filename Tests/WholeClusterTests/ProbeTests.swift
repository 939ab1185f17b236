// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

/// What supervisors and load balancers are told, in every state that a server can be in.
@Suite("Probes") struct ProbeTests {
    private static let paths = ["/livez", "/readyz", "/v1/livez", "/v1/readyz"]

    /// Statuses of liveness, readiness and leadership, each answered within a round trip.
    private func statuses(_ cluster: SimulatedCluster, _ node: SimulatedCluster.Node) -> [Int] {
        ["/livez", "/readyz", "/v1/status/is-leader"].map { path in
            let start = cluster.world.now
            let status = cluster.ask(node, .get, path).status
            #expect(cluster.world.now - start < .milliseconds(50), "\(path) of \(node.name)")
            return status
        }
    }

    @Test("A healthy cluster is live and ready everywhere, and led in one place", arguments: 1...5)
    func healthy(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        for node in cluster.nodes {
            #expect(statuses(cluster, node) == [200, 200, node === leader ? 200 : 503])
            for path in Self.paths { #expect(cluster.ask(node, .get, path).text == "ok") }
        }
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        #expect(
            cluster.ask(follower, .get, "/v1/status/is-leader").text
                == "not the leader: \(leader.peerAddress) is")
        #expect(
            cluster.ask(follower, .get, "/readyz?verbose").text
                == "[+]running ok\n[+]storage ok\n[+]leader ok\n[+]replica ok\n"
                + "readyz check passed\n")
        #expect(cluster.ask(leader, .get, "/readyz?verbose=maybe").status == 400)
        #expect(cluster.ask(leader, .put, "/livez").status == 405)
    }

    @Test("Without a quorum probes are answered at once: live, not ready, and why")
    func noQuorum() throws {
        let cluster = SimulatedCluster(seed: 12, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        for node in cluster.nodes where node !== leader { cluster.kill(node) }
        cluster.world.run(for: .seconds(3))
        #expect(statuses(cluster, leader) == [200, 503, 503])
        let text = cluster.ask(leader, .get, "/readyz").text
        #expect(text.contains("[-]leader failed: no leader is known\n"), "\(text)")
        #expect(text.hasSuffix("readyz check failed\n"))
        #expect(cluster.ask(leader, .get, "/v1/status/is-leader").text == "no leader is known")
    }

    @Test("A server that has not found the others is live and not ready")
    func alone() throws {
        let cluster = SimulatedCluster(seed: 13, count: 3)
        cluster.start(cluster.nodes[0])
        cluster.world.run(for: .seconds(2))
        #expect(statuses(cluster, cluster.nodes[0]) == [200, 503, 503])
    }

    @Test("A server whose storage failed wants a restart; the others stay ready")
    func storageFailed() throws {
        let cluster = SimulatedCluster(seed: 14, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let broken = try #require(cluster.nodes.first { $0 !== leader })
        broken.host.disk.failNextCommit(.broken)
        _ = cluster.ask(leader, .put, "/v1/operator/autopilot/configuration", body: "{}")
        cluster.world.run(for: .seconds(1))
        #expect(statuses(cluster, broken) == [503, 503, 503])
        let text = cluster.ask(broken, .get, "/livez").text
        #expect(text.hasPrefix("[+]loop ok\n[-]storage failed: failed: "), "\(text)")
        #expect(statuses(cluster, leader) == [200, 200, 200])
    }

    @Test("A server that is far behind its leader is not ready until it has caught up")
    func catchingUp() throws {
        let cluster = SimulatedCluster(seed: 15, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let path = "/v1/operator/autopilot/configuration"
        _ = cluster.ask(leader, .put, path, body: "{\"MaxTrailingLogs\":3}")
        let behind = try #require(cluster.nodes.first { $0 !== leader })
        cluster.kill(behind)
        for _ in 0..<30 { _ = cluster.ask(leader, .put, path, body: "{\"MaxTrailingLogs\":3}") }
        cluster.start(behind)
        var seen: [Int] = []
        var why = ""
        for _ in 0..<400 where seen.last != 200 {
            let answer = cluster.ask(behind, .get, "/readyz")
            if answer.status != 0 { seen.append(answer.status) }
            why = answer.text
            cluster.world.run(for: .milliseconds(20))
        }
        #expect(seen.first == 503)
        #expect(seen.last == 200, "\(why)")
    }

    @Test("Access control asks no probe for a token, and a bad one does no harm")
    func noToken() throws {
        let cluster = SimulatedCluster(seed: 16, count: 3) { $0.acl.isEnabled = true }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        for token in [nil, "nonsense", "00000000-0000-4000-8000-000000000000"] {
            for path in Self.paths + ["/v1/status/is-leader"] {
                #expect(cluster.ask(leader, .get, path, token: token).status == 200)
            }
        }
    }
}

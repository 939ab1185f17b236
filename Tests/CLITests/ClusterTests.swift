// SPDX-License-Identifier: Apache-2.0
import MartletCLI
import MartletHarness
import MartletSimulation
import MartletTransport
import Testing

/// Commands against whole servers: what one end writes the other end reads.
@Suite("A cluster's day") struct ClusterDayTests {
    /// Three servers that have found each other, and a desk beside them.
    private func day(seed: UInt64) throws -> (SimulatedCluster, Desk) {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(3))
        let desk = Desk(in: cluster.world, with: cluster)
        desk.variables["NOMAD_ADDR"] = cluster.nodes.map { "\($0.httpAddress)" }
            .joined(separator: ",")
        return (cluster, desk)
    }

    @Test("Every read of a healthy cluster succeeds, as a table and as JSON")
    func healthy() throws {
        let (_, desk) = try day(seed: 11)
        let reads = [
            "server members", "operator raft list-peers", "operator autopilot get-config",
            "operator autopilot health", "operator autopilot state", "operator autopilot plan",
            "operator scheduler get-config", "operator raft history", "agent-info",
            "operator metrics",
        ]
        for read in reads {
            #expect(desk.run(read) == 0, "\(read): \(desk.errors)")
            #expect(desk.errors.isEmpty, "\(read)")
            #expect(desk.run(read + " -json") == 0, "\(read)")
            let start = read == "server members" ? "[\n    {" : "{\n    \""
            #expect(desk.text.hasPrefix(start), "\(read)")
        }
        #expect(desk.run("status") == 0 && desk.text == "No running jobs\n", "\(desk.text)")
        #expect(desk.run("status -json") == 0 && desk.text == "[]\n", "\(desk.text)")
        desk.run("server members")
        #expect(desk.text.split(separator: "\n").count == 4)
        #expect(desk.text.split(separator: "\n").count { $0.contains("  true    2  ") } == 1)
        desk.run("operator raft list-peers")
        #expect(desk.text.split(separator: "\n").count { $0.contains("leader") } == 1)
        #expect(desk.text.contains("s1.global  "))
    }

    @Test("Settings are changed through any server, and seen by all")
    func settings() throws {
        let (cluster, desk) = try day(seed: 12)
        for (place, node) in cluster.nodes.enumerated() {
            desk.variables["NOMAD_ADDR"] = "\(node.httpAddress)"
            let wanted = 300 + place
            #expect(desk.run("operator autopilot set-config -max-trailing-logs=\(wanted)") == 0)
            #expect(desk.text == "Configuration updated!\n")
            #expect(desk.run("operator autopilot get-config") == 0)
            #expect(desk.text.contains("MaxTrailingLogs = \(wanted)\n"))
        }
        #expect(desk.run("operator scheduler set-config -scheduler-algorithm=spread") == 0)
        #expect(
            desk.run("operator scheduler get-config -t={{.SchedulerConfig.SchedulerAlgorithm}}")
                == 0)
        #expect(desk.text == "spread")
    }

    @Test("Leadership goes where it is sent")
    func transfer() throws {
        let (cluster, desk) = try day(seed: 13)
        let target = try #require(cluster.nodes.first { $0.name != cluster.leader?.name })
        let address = target.peerAddress
        #expect(desk.run("operator raft transfer-leadership -peer-address=\(address)") == 0)
        #expect(cluster.leader?.name == target.name)
        #expect(desk.run("operator raft remove-peer -peer-id=nope") == 2)
        #expect(desk.errors.hasPrefix("Error removing peer: Unexpected response code: "))
    }

    @Test("One server lost: unhealthy and said why. Two lost: what is left is still shown")
    func losses() throws {
        let (cluster, desk) = try day(seed: 14)
        let lost = cluster.nodes.filter { $0.name != "s1" }
        cluster.kill(lost[0])
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        #expect(desk.run("operator autopilot health") == 2)
        #expect(desk.text.hasPrefix("Healthy: false\n"))
        #expect(desk.text.contains("\n\(lost[0].name).global: "))
        #expect(desk.run("status") == 0)

        cluster.kill(lost[1])
        cluster.world.run(for: .seconds(20))
        #expect(desk.run("operator raft list-peers") == 2)
        #expect(desk.errors.hasPrefix("No cluster leader"))
        #expect(desk.text.contains("s1.global"))
        #expect(desk.run("status") == 2)
        #expect(desk.text.contains("Alive   = s1.global\n"))
        #expect(desk.run("server members") == 2)
        #expect(desk.text.contains("failed"))
        #expect(desk.run("operator autopilot get-config") == 2)
        #expect(desk.errors.hasSuffix(": -stale asks for what the server itself knows\n"))
        #expect(desk.run("operator autopilot get-config -stale") == 0)
    }

    @Test("A state is saved, changed and restored")
    func backup() throws {
        let (_, desk) = try day(seed: 15)
        #expect(desk.run("operator snapshot save /a.snap") == 0, "\(desk.errors)")
        #expect(desk.run("operator snapshot inspect /a.snap") == 0)
        #expect(desk.text.hasPrefix("ID       "))
        #expect(desk.run("operator autopilot set-config -min-quorum=3") == 0)
        #expect(desk.run("operator snapshot restore /a.snap") == 0, "\(desk.errors)")
        #expect(desk.run("operator autopilot get-config -t={{.MinQuorum}}") == 0)
        #expect(desk.text == "0")
    }

    @Test("Tokens, policies and roles, from the first token on")
    func access() throws {
        let cluster = SimulatedCluster(seed: 16, countWithAccessControl: 3)
        cluster.startAll()
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(3))
        let desk = Desk(in: cluster.world, with: cluster)
        desk.variables["NOMAD_ADDR"] = "\(cluster.nodes[1].httpAddress)"
        #expect(desk.run("server members") == 2)
        #expect(desk.run("acl bootstrap -t={{.SecretID}}") == 0, "\(desk.errors)")
        desk.variables["NOMAD_TOKEN"] = desk.text
        desk.input = Array("operator { policy = \"read\" }".utf8)
        #expect(desk.run("acl policy apply read -") == 0, "\(desk.errors)")
        #expect(desk.run("acl role create -name=ops -policy=read -t={{.ID}}") == 0)
        let role = desk.text
        #expect(
            desk.run("acl token create -name=t -policy=read -role-id=\(role) -ttl=1h -json") == 0)
        #expect(desk.run("acl token list") == 0)
        #expect(desk.text.split(separator: "\n").count == 3)
        #expect(desk.run("acl role list") == 0)
        #expect(desk.run("acl policy info read") == 0)
        #expect(desk.run("acl token self") == 0)
        #expect(desk.run("acl role delete \(role)") == 0)
        #expect(desk.run("acl policy delete read") == 0)
        #expect(desk.run("acl bootstrap") == 2)
        #expect(desk.errors.contains("already done"))
    }
}

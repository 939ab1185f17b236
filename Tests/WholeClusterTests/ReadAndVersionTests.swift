// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletState
import MartletTransport
import Testing

private let autopilot = "/v1/operator/autopilot/configuration"

private func body(_ number: Int) -> String { "{\"MaxTrailingLogs\":\(number)}" }

extension SimulatedCluster {
    fileprivate func text(
        _ node: Node, _ method: ClientMethod, _ path: String, _ body: String? = nil
    ) -> String {
        guard case .success(let response) = ask(node, method, path, body: body) else { return "" }
        return String(decoding: response.body, as: UTF8.self)
    }

    fileprivate func trailingLogs(of node: Node) -> Int? {
        let text = text(node, .get, autopilot)
        guard let range = text.firstRange(of: "\"MaxTrailingLogs\":") else { return nil }
        return Int(text[range.upperBound...].prefix { $0.isNumber })
    }

    /// What a counter of `/v1/metrics` stands at.
    fileprivate func counter(_ name: String, of node: Node) -> Int? {
        let text = text(node, .get, "/v1/metrics")
        guard let found = text.firstRange(of: "\"Name\":\"\(name)\",\"Sum\":") else { return nil }
        return Int(text[found.upperBound...].prefix { $0.isNumber })
    }
}

@Suite("Reads at followers, leases, and mixed versions") struct ReadAndVersionTests {
    @Test("A follower answers default reads itself, with the leader's headers and the newest value")
    func followerReads() throws {
        let cluster = SimulatedCluster(seed: 21, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        for number in 1...20 {
            #expect(cluster.text(leader, .put, autopilot, body(number)) == "true")
            #expect(cluster.trailingLogs(of: follower) == number)
        }
        #expect(cluster.counter("nomad.raft.follower_reads", of: follower) == 20)
        #expect(cluster.counter("nomad.rpc.forwards_sent", of: follower) == 0)
        let answers = try [leader, follower].map { try cluster.ask($0, .get, autopilot).get() }
        for header in ["X-Nomad-Index", "X-Nomad-KnownLeader", "X-Nomad-LastContact"] {
            #expect(answers[0].header(header) == answers[1].header(header))
        }
        #expect(answers[1].header("X-Nomad-LastContact") == "0")
    }

    @Test("Servers that expect different numbers found nothing, and say why")
    func expectations() throws {
        let cluster = SimulatedCluster(seed: 23, count: 3)
        cluster.nodes[2].options.bootstrapExpect = 2
        cluster.startAll()
        cluster.world.run(for: .seconds(5))
        let first = cluster.text(cluster.nodes[0], .get, "/v1/status/leader")
        #expect(first.contains("2 of 3 expected servers found, but "))
        #expect(first.contains(" has bootstrap_expect 2"))
        let last = cluster.text(cluster.nodes[2], .get, "/v1/status/leader")
        #expect(last.contains("1 of 2 expected servers found, but "))
    }

    @Test("A leader that lost its majority is as old as its leadership's end, not as its start")
    func deposed() throws {
        let cluster = SimulatedCluster(seed: 22, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(60))
        for node in cluster.nodes where node !== leader { cluster.kill(node) }
        cluster.world.run(for: .seconds(3))
        let answer = try cluster.ask(leader, .get, autopilot + "?stale").get()
        #expect(answer.header("X-Nomad-KnownLeader") == "false")
        let age = try #require(answer.header("X-Nomad-LastContact").flatMap { Int($0) })
        #expect((1000...4000).contains(age))
        #expect(
            !cluster.text(leader, .get, "/v1/agent/self").contains("\"last_contact\":\"never\""))
    }

    @Test("A follower that is cut off answers no default read", arguments: 1...3)
    func cutOff(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        #expect(cluster.text(leader, .put, autopilot, body(1)) == "true")
        for node in cluster.nodes where node !== follower {
            cluster.world.network.partition(follower.host, node.host)
        }
        #expect(cluster.text(leader, .put, autopilot, body(2)) == "true")
        let answer = try cluster.ask(follower, .get, autopilot).get()
        #expect(answer.status == 503)
        cluster.world.network.heal()
        _ = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: follower) == 2)
    }

    @Test("With leases the leader's reads are as fresh, also from followers and after a failover")
    func leases() throws {
        let cluster = SimulatedCluster(seed: 22, count: 3) { $0.raftOptions.leaseReads = true }
        cluster.startAll()
        var leader = try #require(cluster.settle())
        for number in 1...20 {
            #expect(cluster.text(leader, .put, autopilot, body(number)) == "true")
            #expect(cluster.trailingLogs(of: leader) == number)
            #expect(cluster.trailingLogs(of: cluster.nodes[number % 3]) == number)
        }
        let old = leader
        cluster.kill(old)
        leader = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: leader) == 20)
        cluster.start(old)
        _ = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: old) == 20)
    }

    @Test(
        "C6: the leader's disk frozen: writes are back at another within two seconds",
        arguments: 1...5)
    func frozenDisk(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(1))
        leader.host.disk.stall(until: cluster.world.now + .seconds(30))
        let start = cluster.world.now
        _ = cluster.ask(leader, .put, autopilot, body: body(1), timeout: .seconds(2))
        var isWritten = false
        while !isWritten, cluster.world.now - start < .seconds(10) {
            for node in cluster.nodes where node !== leader {
                guard cluster.overview(of: node)?.status.role == .leader else { continue }
                isWritten = cluster.text(node, .put, autopilot, body(2)) == "true"
            }
            cluster.world.run(for: .milliseconds(20))
        }
        #expect(isWritten && cluster.world.now - start < .seconds(2.5))
        cluster.world.run(for: .seconds(40))
        _ = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: leader) == 2)
    }

    @Test(
        "Servers of both versions are one cluster, through an upgrade and back, under load",
        arguments: 1...3)
    func mixed(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3) { $0.peerProtocolMax = 1 }
        cluster.startAll()
        _ = try #require(cluster.settle())
        var written = 0
        for version in [2, 1] as [UInt16] {
            for node in cluster.nodes {
                cluster.stop(node, isLeaving: false)
                written += 1
                let leader = try #require(cluster.settle())
                #expect(cluster.text(leader, .put, autopilot, body(written)) == "true")
                node.options.peerProtocolMax = version
                cluster.start(node)
                _ = try #require(cluster.settle())
                for writer in cluster.nodes {
                    written += 1
                    #expect(cluster.text(writer, .put, autopilot, body(written)) == "true")
                    for reader in cluster.nodes {
                        #expect(cluster.trailingLogs(of: reader) == written)
                    }
                }
            }
            let own = cluster.nodes.map {
                cluster.counter("nomad.raft.follower_reads", of: $0) ?? 0
            }
            #expect(version == 2 ? own.reduce(0, +) > 0 : own.last == 0)
            for node in cluster.nodes {
                let refused = cluster.counter("nomad.raft.messages_refused.malformed", of: node)
                #expect(refused == 0)
            }
        }
    }

    @Test("Writes have their author in the history once every server can read it")
    func authors() throws {
        let cluster = SimulatedCluster(seed: 9, count: 3) { options in
            if options.name == "s3" { options.peerProtocolMax = 2 }
        }
        cluster.startAll()
        var leader = try #require(cluster.settle())
        #expect(cluster.text(leader, .put, autopilot, body(1)) == "true")
        #expect(try cluster.state(of: leader).history.isEmpty)

        let old = cluster.nodes[2]
        cluster.stop(old, isLeaving: false)
        old.options.peerProtocolMax = leader.options.peerProtocolMax
        cluster.start(old)
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        leader = try #require(cluster.settle())
        #expect(cluster.text(leader, .put, autopilot, body(2)) == "true")
        cluster.world.run(for: .seconds(1))
        for node in cluster.nodes {
            let event = try #require(try cluster.state(of: node).history.events.last)
            #expect(event.action == .setAutopilotConfiguration)
            #expect(event.actor == HistoryEvent.Actor.operator(accessor: ""))
            #expect(event.reason == "MaxTrailingLogs: 1 → 2")
            #expect(event.unixNanoseconds > 0)
        }
    }

    @Test("A server of an older version joins once it is upgraded")
    func oldJoiner() throws {
        let cluster = SimulatedCluster(seed: 7, count: 3, spares: 1) { options in
            if options.name == "s4" { options.peerProtocolMax = 1 }
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let joiner = cluster.nodes[3]
        cluster.start(joiner)
        cluster.world.run(for: .seconds(10))
        #expect(cluster.overview(of: leader)?.configuration.servers.count == 3)

        cluster.stop(joiner, isLeaving: false)
        joiner.options.peerProtocolMax = leader.options.peerProtocolMax
        cluster.start(joiner)
        cluster.world.run(for: .seconds(10))
        #expect(cluster.overview(of: leader)?.configuration.servers.count == 4)
    }

    @Test("Several voters are replaced at once only if every server knows joint configurations")
    func jointGate() throws {
        let cluster = SimulatedCluster(seed: 8, count: 3) { options in
            if options.name == "s3" { options.peerProtocolMax = 1 }
        }
        cluster.startAll()
        _ = try #require(cluster.settle())
        let old = cluster.nodes[2]
        #expect(try cluster.demoteFollowers() == false)

        cluster.stop(old, isLeaving: false)
        old.options.peerProtocolMax = 2
        cluster.start(old)
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        #expect(try cluster.demoteFollowers())
    }
}

extension SimulatedCluster {
    /// Asks the leader to be the only voter; whether it begins.
    fileprivate func demoteFollowers() throws -> Bool {
        let leader = try #require(leader)
        let before = try #require(overview(of: leader)).configuration
        var servers = before.servers
        for position in servers.indices where servers[position].id != leader.id {
            servers[position].role = .nonVoter
        }
        let door = try #require(leader.door)
        let wish = servers
        leader.host.perform { door.assumeIsolated { $0.change(.replace(wish)) } }
        return world.run(
            until: { glance(at: leader)?.configuration != before }, limit: .seconds(1))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import Testing

private let raft = "/v1/operator/raft/configuration"
private let autopilot = "/v1/operator/autopilot/configuration"
private let scheduler = "/v1/operator/scheduler/configuration"

/// The autopilot configuration with this many trailing logs allowed, which no other write has.
private func body(_ number: Int) -> String { "{\"MaxTrailingLogs\":\(number)}" }

extension SimulatedCluster {
    fileprivate func trailingLogs(of node: Node) -> Int? {
        let text = ask(node, .get, autopilot).text
        guard let range = text.firstRange(of: "\"MaxTrailingLogs\":") else { return nil }
        return Int(text[range.upperBound...].prefix { $0.isNumber })
    }
}

@Suite("Whole servers in a simulated world") struct ClusterTests {
    @Test("Three servers found one cluster, once, and every server answers", arguments: 1...5)
    func founding(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        _ = try #require(cluster.settle())

        let answers = cluster.nodes.map { cluster.ask($0, .get, raft) }
        #expect(answers.map(\.status) == [200, 200, 200])
        #expect(Set(answers.map(\.text)).count == 1)
        #expect(answers[0].text.contains("\"Node\":\"s2.global\""))
        for node in cluster.nodes {
            #expect(cluster.ask(node, .put, autopilot, body: body(300)).text == "true")
        }
    }

    @Test("Founding survives the loss of any server at any early moment", arguments: 1...30)
    func foundingInterrupted(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        var generator = SplitMix64(seed: seed)
        cluster.startAll()
        for _ in 0..<3 {
            cluster.world.run(for: .microseconds(Int64(generator.next() % 20_000)))
            let victim = cluster.nodes[Int(generator.next() % 3)]
            cluster.cutPower(of: victim)
            cluster.world.run(for: .microseconds(Int64(generator.next() % 20_000)))
            cluster.start(victim)
        }
        let leader = try #require(cluster.settle(), "no leader in seed \(seed)")
        #expect(cluster.ask(leader, .put, autopilot, body: body(42)).text == "true")
        cluster.world.run(for: .seconds(3))  // Names are learnt from connections.
        let clusters = Set(cluster.nodes.map { cluster.ask($0, .get, raft).text })
        #expect(clusters.count == 1)
    }

    @Test(
        "Five servers that expect three are one cluster in the end, whoever comes first",
        arguments: 1...20)
    func moreThanExpected(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 5) { $0.bootstrapExpect = 3 }
        var generator = SplitMix64(seed: seed)
        for node in cluster.nodes.shuffled(using: &generator) {
            cluster.start(node)
            cluster.world.run(for: .microseconds(Int64(generator.next() % 3_000)))
        }
        let leader = try #require(cluster.settle(), "no leader in seed \(seed)")
        cluster.world.run(for: .seconds(14))
        #expect(cluster.overview(of: leader)?.configuration.voterCount == 5)
    }

    @Test(
        "A killed leader is replaced at once, in one term, and nothing acknowledged is lost",
        arguments: 1...10)
    func failover(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let first = try #require(cluster.settle())
        #expect(cluster.ask(first, .put, autopilot, body: body(77)).text == "true")
        let term = try #require(cluster.overview(of: first)?.status.term)
        cluster.kill(first)
        let killedAt = cluster.world.now

        let second = try #require(cluster.settle())
        #expect(cluster.world.now - killedAt < .milliseconds(500))
        #expect(cluster.overview(of: second)?.status.term.number == term.number + 1)
        #expect(cluster.trailingLogs(of: second) == 77)
        cluster.start(first)
        _ = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: first) == 77)
    }

    @Test("Power lost everywhere at once: what was acknowledged is there", arguments: 1...10)
    func powerCut(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        for round in 1...4 {
            let leader = try #require(cluster.settle(), "no leader in round \(round)")
            #expect(cluster.ask(leader, .put, autopilot, body: body(round)).text == "true")
            for node in cluster.nodes { cluster.cutPower(of: node) }
            for node in cluster.nodes { cluster.start(node) }
            let next = try #require(cluster.settle())
            #expect(cluster.trailingLogs(of: next) == round)
        }
    }

    @Test("Followers forward reads and writes; a default read sees every acknowledged write")
    func forwarding() throws {
        let cluster = SimulatedCluster(seed: 3, count: 3)
        cluster.startAll()
        _ = try #require(cluster.settle())
        for number in 1...30 {
            let writer = cluster.nodes[number % 3]
            let reader = cluster.nodes[(number + 1) % 3]
            #expect(cluster.ask(writer, .put, autopilot, body: body(number)).text == "true")
            #expect(cluster.trailingLogs(of: reader) == number)
        }
    }

    @Test("Without a quorum: stale reads at once, the rest 503 after the hold, with a reason")
    func noQuorum() throws {
        let cluster = SimulatedCluster(seed: 4, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let others = cluster.nodes.filter { $0 !== leader }
        for node in others { cluster.kill(node) }
        cluster.world.run(for: .seconds(3))

        let stale = cluster.ask(leader, .get, raft + "?stale")
        #expect(stale.status == 200)
        #expect(!stale.text.contains("\"Leader\":true"))
        for request in [
            cluster.ask(leader, .get, raft), cluster.ask(leader, .put, autopilot, body: body(1)),
            cluster.ask(leader, .delete, "/v1/operator/raft/peer?id=x"),
        ] {
            #expect(request.status == 503)
            #expect(request.text.hasPrefix("No cluster leader"))
            #expect(request.answered?.header("Retry-After") == "1")
        }
        let before = cluster.world.now
        _ = cluster.ask(leader, .get, autopilot)
        #expect(cluster.world.now - before < .seconds(1))
        for node in others { cluster.start(node) }
        _ = try #require(cluster.settle())
    }

    @Test("A leader cut off from the others answers no default read", arguments: 1...5)
    func deposed(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let old = try #require(cluster.settle())
        #expect(cluster.ask(old, .put, autopilot, body: body(8)).text == "true")
        let others = cluster.nodes.filter { $0 !== old }
        for node in others { cluster.world.network.partition(old.host, node.host) }
        cluster.world.run(for: .seconds(3))
        let new = try #require(
            others.first { cluster.overview(of: $0)?.status.role == .leader })
        #expect(cluster.ask(new, .put, autopilot, body: body(9)).text == "true")

        #expect(cluster.ask(old, .get, autopilot).status == 503)
        #expect(cluster.ask(old, .get, autopilot + "?stale").status == 200)
        cluster.world.network.heal()
        _ = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: old) == 9)
    }

    @Test("Leadership goes to whom it is asked to go, by id and by address, and back")
    func transfer() throws {
        let cluster = SimulatedCluster(seed: 6, count: 3)
        cluster.startAll()
        let old = try #require(cluster.settle())
        let target = try #require(cluster.nodes.first { $0 !== old })
        let path = "/v1/operator/raft/transfer-leadership?address=\(target.peerAddress)"
        let answer = cluster.ask(cluster.nodes[2], .put, path)
        #expect(answer.status == 200)
        #expect(answer.text.contains("\"Noop\":false"))
        let leader = try #require(cluster.settle())
        #expect(leader === target)
    }

    @Test("A removed live server is out at once, and back as a voter later", arguments: 1...5)
    func removal(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let victim = try #require(cluster.nodes.first { $0 !== leader })
        let path = "/v1/operator/raft/peer?address=\(victim.peerAddress)"
        #expect(cluster.ask(leader, .delete, path).status == 200)
        #expect(!cluster.ask(leader, .get, raft).text.contains(victim.peerAddress))
        cluster.world.run(for: .milliseconds(1_500))
        #expect(!cluster.ask(leader, .get, raft).text.contains(victim.peerAddress))
        cluster.world.run(for: .seconds(5))
        let configuration = cluster.overview(of: leader)?.configuration
        #expect(configuration?.voterCount == 3)
    }

    /// The leader counted it as alive for two seconds more than it waits to take one in again, gave it
    /// a place, and a cluster of two had three again of which one was dead.
    @Test(
        "A removed server that is dead stays out, also when it died just before or after",
        arguments: [-200, 0, 200, 1_500])
    func removalOfDead(diesAt milliseconds: Int) throws {
        let cluster = SimulatedCluster(seed: 31, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(3))
        let victim = try #require(cluster.nodes.first { $0 !== leader })
        if milliseconds < 0 {
            cluster.kill(victim)
            cluster.world.run(for: .milliseconds(-milliseconds))
        }
        let path = "/v1/operator/raft/peer?address=\(victim.peerAddress)"
        #expect(cluster.ask(leader, .delete, path).status == 200)
        if milliseconds >= 0 {
            cluster.world.run(for: .milliseconds(milliseconds))
            cluster.kill(victim)
        }
        for _ in 0..<100 {
            cluster.world.run(for: .milliseconds(100))
            #expect(cluster.overview(of: leader)?.configuration.servers.count == 2)
        }
        cluster.start(victim)
        cluster.world.run(for: .seconds(13))
        #expect(cluster.overview(of: leader)?.configuration.voterCount == 3, "it is alive again")
    }

    @Test("The leader can be removed: another one leads, and the cluster writes on")
    func removeLeader() throws {
        let cluster = SimulatedCluster(seed: 8, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let path = "/v1/operator/raft/peer?address=\(leader.peerAddress)"
        #expect(cluster.ask(leader, .delete, path).status == 200)
        cluster.world.run(for: .seconds(1))
        let next = try #require(
            cluster.nodes.first { cluster.overview(of: $0)?.status.role == .leader })
        #expect(next !== leader)
        #expect(cluster.ask(next, .put, autopilot, body: body(5)).text == "true")
    }

    @Test(
        "A server that leaves is out of the configuration and known as left; stopping is no leaving"
    )
    func leaving() throws {
        let cluster = SimulatedCluster(seed: 9, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let others = cluster.nodes.filter { $0 !== leader }
        cluster.stop(others[0], isLeaving: false)
        cluster.world.run(for: .seconds(5))
        #expect(cluster.overview(of: leader)?.configuration.voterCount == 3)
        cluster.start(others[0])
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(1))
        cluster.stop(others[1], isLeaving: true)
        cluster.world.run(for: .seconds(5))
        #expect(cluster.overview(of: leader)?.configuration.servers.count == 2)
        #expect(cluster.ask(leader, .get, "/v1/agent/members").text.contains("\"Status\":\"left\""))
    }

    @Test("A server that missed more than the log keeps gets the snapshot", arguments: 1...3)
    func snapshot(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3) { options in
            options.snapshotEntries = 20
            options.raftLimits.trailingEntries = 5
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        let late = try #require(cluster.nodes.first { $0 !== leader })
        cluster.cutPower(of: late)
        for number in 1...120 {
            #expect(cluster.ask(leader, .put, autopilot, body: body(number)).text == "true")
        }
        cluster.start(late)
        _ = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        #expect(cluster.ask(late, .get, autopilot + "?stale").text.contains(":120,"))
        for node in cluster.nodes { cluster.cutPower(of: node) }
        cluster.startAll()
        let next = try #require(cluster.settle())
        #expect(cluster.trailingLogs(of: next) == 120)
    }

    @Test("A disk without space refuses, and service comes back with the space")
    func fullDisk() throws {
        let cluster = SimulatedCluster(seed: 2, count: 1)
        cluster.startAll()
        let node = try #require(cluster.settle())
        node.host.disk.failNextCommit(.full)
        #expect(cluster.ask(node, .put, autopilot, body: body(12)).text == "true")
        #expect(cluster.trailingLogs(of: node) == 12)
    }

    @Test("A write is refused with the reason while the only server's disk is full, or hangs")
    func refusedByDisk() throws {
        for (isFull, reason) in [(true, "is full"), (false, "does not answer")] {
            let cluster = SimulatedCluster(seed: 2, count: 1)
            cluster.startAll()
            let node = try #require(cluster.settle())
            if isFull {
                node.host.disk.isFull = true
            } else {
                node.host.laneLatency = .seconds(20)...(.seconds(20))
            }
            _ = cluster.ask(node, .put, autopilot, body: body(12), timeout: .seconds(2))
            let refused = cluster.ask(node, .put, autopilot, body: body(13))
            #expect(refused.status == 503)
            #expect(refused.text.contains(reason), "\(refused.text)")
        }
    }

    @Test("A broken disk takes its server out of service; the others go on")
    func brokenDisk() throws {
        let cluster = SimulatedCluster(seed: 2, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        leader.host.disk.failNextCommit(.broken)
        _ = cluster.ask(leader, .put, autopilot, body: body(12))
        cluster.world.run(for: .seconds(2))
        #expect(cluster.overview(of: leader)?.failure != nil)
        #expect(cluster.ask(leader, .get, autopilot).status == 500)
        let next = try #require(
            cluster.nodes.first {
                $0 !== leader && cluster.overview(of: $0)?.status.role == .leader
            })
        #expect(cluster.ask(next, .put, autopilot, body: body(13)).text == "true")
    }

    @Test("A server whose storage failed says of itself that it neither leads nor knows who does")
    func brokenLeader() throws {
        let cluster = SimulatedCluster(seed: 2, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        #expect(cluster.ask(leader, .get, "/v1/status/is-leader").status == 200)
        leader.host.disk.failNextCommit(.broken)
        _ = cluster.ask(leader, .put, autopilot, body: body(12))
        let agent = cluster.ask(leader, .get, "/v1/agent/self").text
        #expect(agent.contains("\"state\":\"Follower\""), "\(agent)")
        #expect(agent.contains("\"leader\":\"false\""))
        #expect(agent.contains("\"leader_addr\":\"\""))
        let answer = cluster.ask(leader, .get, "/v1/status/is-leader").text
        #expect(answer.contains("no leader is known"), "\(answer)")
    }

    @Test("One seed is one trace")
    func deterministic() {
        func trace(seed: UInt64) -> UInt64 {
            let cluster = SimulatedCluster(seed: seed, count: 3)
            cluster.startAll()
            let leader = cluster.settle()
            if let leader {
                _ = cluster.ask(leader, .put, autopilot, body: body(1))
                cluster.kill(leader)
            }
            cluster.world.run(for: .seconds(3))
            return cluster.world.traceHash
        }
        #expect(trace(seed: 11) == trace(seed: 11))
        #expect(trace(seed: 11) != trace(seed: 12))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import Testing

private let settings = "/v1/operator/autopilot/configuration"
private let zonesOn = "{\"EnableRedundancyZones\":true}"

extension SimulatedCluster {
    fileprivate func text(_ node: Node, _ path: String) -> String {
        guard case .success(let response) = ask(node, .get, path) else { return "" }
        return String(decoding: response.body, as: UTF8.self)
    }

    fileprivate func configuration(_ node: Node) -> Configuration {
        overview(of: node)?.configuration ?? .empty
    }

    /// The names of the voters, in order.
    fileprivate func voters(_ node: Node) -> [String] {
        let configuration = configuration(node)
        return nodes.filter { node in node.id.map { configuration.isVoter($0) } ?? false }
            .map(\.name).sorted()
    }

    fileprivate func wait(_ limit: Duration, until condition: () -> Bool) -> Bool {
        let end = world.now + limit
        while world.now < end {
            if condition() { return true }
            world.run(for: .milliseconds(100))
        }
        return false
    }

    fileprivate func glanceAtAll() { for node in nodes { _ = glance(at: node) } }
}

@Suite("Zones and upgrades of whole servers") struct AutopilotTests {
    @Test("With zones on one server of each votes; when it dies, its standby takes over")
    func zones() throws {
        let cluster = SimulatedCluster(seed: 31, count: 3, spares: 3)
        for (position, node) in cluster.nodes.enumerated() {
            node.options.redundancyZone = "z\(position % 3 + 1)"
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        _ = cluster.ask(leader, .put, settings, body: zonesOn)
        for node in cluster.nodes.suffix(3) { cluster.start(node) }
        #expect(cluster.wait(.seconds(5)) { cluster.configuration(leader).servers.count == 6 })
        cluster.world.run(for: .seconds(25))
        cluster.glanceAtAll()
        #expect(cluster.voters(leader) == ["s1", "s2", "s3"])
        let text = cluster.text(leader, "/v1/operator/autopilot/health")
        #expect(text.contains("\"RedundancyZones\":{\"z1\":{"))
        #expect(text.contains("\"OptimisticFailureTolerance\":4"))

        let victim = try #require(cluster.nodes.prefix(3).first { $0 !== leader })
        let position = try #require(cluster.nodes.firstIndex { $0 === victim })
        cluster.kill(victim)
        let standby = "s\(position + 4)"
        #expect(cluster.wait(.seconds(25)) { cluster.voters(leader).contains(standby) })
        #expect(cluster.wait(.seconds(25)) { !cluster.voters(leader).contains(victim.name) })
        #expect(cluster.voters(leader).count == 3)
    }

    @Test("Followers whose disks hang are unhealthy, and count for no tolerance, until they answer")
    func hangingFollowers() throws {
        let cluster = SimulatedCluster(seed: 3, count: 5)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        func health() -> String { cluster.text(leader, "/v1/operator/autopilot/health") }
        #expect(cluster.wait(.seconds(20)) { health().contains("\"FailureTolerance\":2") })
        for node in cluster.nodes.filter({ $0 !== leader }).prefix(2) {
            node.host.disk.stall(until: cluster.world.now + .seconds(10))
        }
        #expect(cluster.ask(leader, .put, settings, body: "{}").text == "true")
        cluster.world.run(for: .seconds(3))
        #expect(health().contains("\"FailureTolerance\":0"), "\(health())")
        let state = cluster.text(leader, "/v1/operator/autopilot/state")
        #expect(state.contains("its disk has taken nothing for"), "\(state)")
        cluster.world.run(for: .seconds(9))
        #expect(health().contains("\"FailureTolerance\":2"), "\(health())")
    }

    @Test(
        "Three newer servers replace three older ones: no write fails, and the old ones are named")
    func upgrade() throws {
        let cluster = SimulatedCluster(seed: 32, count: 3, spares: 3) { $0.version = "1.0.0" }
        for (position, node) in cluster.nodes.enumerated() {
            node.options.redundancyZone = "z\(position % 3 + 1)"
        }
        cluster.startAll()
        let first = try #require(cluster.settle())
        _ = cluster.ask(first, .put, settings, body: zonesOn)
        cluster.world.run(for: .seconds(12))
        for node in cluster.nodes.suffix(3) {
            node.options.version = "1.1.0"
            cluster.start(node)
        }
        let start = cluster.world.now
        var refusals = 0
        var lowest = 99
        var isPromoted = false
        let state = "/v1/operator/autopilot/state"
        while cluster.world.now - start < .seconds(90) {
            cluster.glanceAtAll()
            let asked = cluster.nodes[0]
            let body = zonesOn
            if case .success(let response) = cluster.ask(asked, .put, settings, body: body),
                response.status == 200
            {
            } else {
                refusals += 1
            }
            let text = cluster.text(asked, state)
            if let mark = text.firstRange(of: "\"FailureTolerance\":"),
                let tolerance = Int(text[mark.upperBound...].prefix { $0.isNumber })
            {
                isPromoted = isPromoted || text.contains("\"Status\":\"demoting\"")
                if isPromoted { lowest = min(lowest, tolerance) }
            }
            if text.contains("\"Status\":\"await-server-removal\"") { break }
            cluster.world.run(for: .milliseconds(200))
        }
        #expect(cluster.world.now - start < .seconds(60))
        #expect(refusals == 0)
        #expect(lowest >= 1)
        let leader = try #require(cluster.settle())
        #expect(cluster.voters(leader) == ["s4", "s5", "s6"])
        let text = cluster.text(leader, state)
        for node in cluster.nodes.prefix(3) {
            let id = try #require(node.id)
            #expect(text.firstRange(of: "\"SafeToRemove\":[") != nil)
            #expect(text.ranges(of: "\(id)").count >= 2)
        }
        for node in cluster.nodes.prefix(3) { cluster.stop(node, isLeaving: true) }
        #expect(cluster.wait(.seconds(20)) { cluster.configuration(leader).servers.count == 3 })
        #expect(cluster.wait(.seconds(5)) { cluster.text(leader, state).contains("\"idle\"") })
    }

    @Test("A dry run says what a change or a loss would do, and does nothing")
    func dryRun() throws {
        let cluster = SimulatedCluster(seed: 33, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(3))
        let plan = "/v1/operator/autopilot/plan"
        #expect(cluster.text(leader, plan).contains("\"QuorumSurvives\":true"))
        let others = cluster.nodes.filter { $0 !== leader }.map(\.name)
        let one = cluster.text(leader, plan + "?leaving=\(others[0])")
        #expect(one.contains("\"QuorumSurvives\":true"))
        let two = cluster.text(leader, plan + "?failed=\(others[0])&failed=\(others[1])")
        #expect(two.contains("\"QuorumSurvives\":false"))
        #expect(two.contains("\"Safe\":false"))
        #expect(cluster.text(leader, plan + "?MinQuorum=9").contains("min-quorum-above-voters"))
        for (query, status) in [("?failed=nobody", 404), ("?MinQuorum=x", 400)] {
            guard case .success(let response) = cluster.ask(leader, .get, plan + query) else {
                Issue.record("no answer")
                return
            }
            #expect(response.status == status)
        }
        #expect(cluster.configuration(leader).voterCount == 3)
    }

    @Test("A read replica gets the log and never a vote")
    func readReplica() throws {
        let cluster = SimulatedCluster(seed: 34, count: 3, spares: 1)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.nodes[3].options.isNonVoter = true
        cluster.start(cluster.nodes[3])
        cluster.world.run(for: .seconds(40))
        cluster.glanceAtAll()
        #expect(cluster.configuration(leader).servers.count == 4)
        #expect(cluster.voters(leader) == ["s1", "s2", "s3"])
        let text = cluster.text(leader, "/v1/operator/autopilot/health")
        #expect(text.contains("\"ReadReplicas\":[\""))
        #expect(cluster.text(cluster.nodes[3], settings + "?stale").contains("MaxTrailingLogs"))
    }
}

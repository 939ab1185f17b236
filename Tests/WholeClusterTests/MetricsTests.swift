// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletSimulation
import Testing

/// `/v1/metrics` of whole servers, in both forms.
@Suite("Metrics") struct MetricsTests {
    private static let path = "/v1/metrics?format=prometheus"
    private static let settings = "/v1/operator/autopilot/configuration"

    /// The value of a series, as it is written before the space.
    private func value(
        _ series: String, _ cluster: SimulatedCluster, _ node: SimulatedCluster.Node
    ) -> Double? {
        let line = cluster.ask(node, .get, Self.path).text.split(separator: "\n")
            .first { $0.hasPrefix(series + " ") }
        return line.flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    @Test("Every line of the text is a comment or a sample of the family above it, none twice")
    func form() throws {
        let cluster = SimulatedCluster(seed: 21, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        let answer = cluster.ask(leader, .get, Self.path)
        #expect(answer.status == 200)
        #expect(
            answer.answered?.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
        var names: [String] = []
        var series: Set<Substring> = []
        var kind = ""
        for line in answer.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                names.append(String(words[2]))
                #expect(!line.hasSuffix("see the manual."), "no help text: \(line)")
            } else if line.hasPrefix("# TYPE ") {
                kind = String(words[3])
                #expect(String(words[2]) == names.last)
                #expect((kind == "counter") == words[2].hasSuffix("_total"), "\(line)")
            } else {
                let end = try #require(line.lastIndex(of: " "))
                #expect(series.insert(line[..<end]).inserted, "twice: \(line)")
                let name = String(line.prefix { $0 != "{" && $0 != " " })
                let family = try #require(names.last)
                let suffixes = kind == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                #expect(suffixes.map { family + $0 }.contains(name), "\(line)")
                #expect(Double(line[line.index(after: end)...]) != nil, "\(line)")
            }
        }
        #expect(Set(names).count == names.count)
        #expect(names == names.sorted())
        for name in ["nomad_nomad_autopilot_healthy", "martlet_autopilot_healthy"] {
            #expect(names.contains(name), "\(name)")
        }
    }

    @Test("Another format than those two is not served")
    func otherFormat() throws {
        let cluster = SimulatedCluster(seed: 22, count: 1)
        cluster.startAll()
        let node = try #require(cluster.settle())
        #expect(cluster.ask(node, .get, "/v1/metrics?format=xml").status == 415)
        #expect(cluster.ask(node, .get, "/v1/metrics?format=").status == 200)
    }

    @Test("Writes are timed where they are synced, committed, applied and answered")
    func times() throws {
        let cluster = SimulatedCluster(seed: 23, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        let write = "martlet_http_request_seconds_count{class=\"write\"}"
        let commit = "martlet_raft_commit_seconds_count"
        let sync = "martlet_raft_sync_seconds_count"
        let before = [write, commit, sync].map { value($0, cluster, leader) ?? -1 }
        for _ in 0..<5 { _ = cluster.ask(leader, .put, Self.settings, body: "{}") }
        let after = [write, commit, sync].map { value($0, cluster, leader) ?? -1 }
        #expect(after[0] == before[0] + 5)
        #expect(after[1] >= before[1] + 5)
        #expect(after[2] >= before[2] + 5)
        for kind in ["read", "stale_read", "refused"] {
            let name = "martlet_http_request_seconds_count{class=\"\(kind)\"}"
            let former = try #require(value(name, cluster, leader))
            let target = [
                "read": Self.settings, "stale_read": Self.settings + "?stale", "refused": "/no",
            ]
            for _ in 0..<3 { _ = cluster.ask(leader, .get, target[kind] ?? "") }
            let now = try #require(value(name, cluster, leader))
            // A look at the metrics is one that this server answers alone.
            #expect(now - former == (kind == "stale_read" ? 4 : 3), "\(kind)")
        }
        let text = cluster.ask(leader, .get, "/v1/metrics").text
        let start = try #require(text.firstRange(of: "\"Name\":\"nomad.raft.commitTime\""))
        let sample = text[..<start.lowerBound].suffix(160)
        #expect(sample.contains("\"Mean\":") && sample.contains("\"Max\":"), "\(sample)")
        #expect(!sample.contains("\"Count\":0,"), "\(sample)")
    }

    @Test("Every server judges the cluster: the leader as Autopilot, the others by gossip")
    func autopilotEverywhere() throws {
        let cluster = SimulatedCluster(seed: 24, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(15))
        for node in cluster.nodes {
            #expect(value("martlet_autopilot_healthy", cluster, node) == 1)
            #expect(value("nomad_nomad_autopilot_failure_tolerance", cluster, node) == 1)
            let isLeaders = value("martlet_autopilot_is_leaders_view", cluster, node)
            #expect(isLeaders == (node === leader ? 1 : 0))
        }
        let followers = cluster.nodes.filter { $0 !== leader }
        cluster.kill(followers[0])
        cluster.world.run(for: .seconds(15))
        #expect(
            value("martlet_autopilot_healthy", cluster, followers[1])
                == value("martlet_autopilot_healthy", cluster, leader))
        #expect(value("martlet_autopilot_failure_tolerance", cluster, followers[1]) == 0)
        cluster.kill(leader)
        cluster.world.run(for: .seconds(3))
        #expect(value("martlet_autopilot_healthy", cluster, followers[1]) == 0)
        #expect(value("martlet_raft_has_leader", cluster, followers[1]) == 0)
    }

    @Test("A leader whose storage failed leads nobody, and judges nobody")
    func storageFailed() throws {
        let cluster = SimulatedCluster(seed: 25, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        leader.host.disk.failNextCommit(.broken)
        _ = cluster.ask(leader, .put, Self.settings, body: "{}")
        cluster.world.run(for: .seconds(2))
        #expect(value("martlet_raft_storage_failed", cluster, leader) == 1)
        for name in ["raft_is_leader", "autopilot_is_leaders_view", "autopilot_healthy"] {
            #expect(value("martlet_" + name, cluster, leader) == 0, "\(name)")
        }
    }
}

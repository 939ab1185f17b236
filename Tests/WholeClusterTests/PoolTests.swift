// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

@Suite("Pools of nodes") struct PoolTests {
    private static func put(_ stage: WorkStage, _ name: String, _ rest: String = "")
        -> WorkStage.Answer
    {
        stage.cluster.ask(
            stage.follower, .put, "/v1/node/pools", body: "{\"Name\":\"\(name)\"\(rest)}")
    }

    @Test("One is made, listed, shown, changed and removed, at any server")
    func life() throws {
        let stage = try WorkStage(seed: 891, nodes: 1)
        #expect(Self.put(stage, "gpu", #","Description":"cards","Meta":{"a":"b"}"#).status == 200)
        let shown = #"{"CreateIndex":"#
        let gpu = stage.get("/v1/node/pool/gpu")
        #expect(
            gpu.text.hasPrefix(shown)
                && gpu.text.contains(#""Description":"cards","Meta":{"a":"b"}"#)
                && gpu.text.hasSuffix(#""Name":"gpu","SchedulerConfiguration":null}"#),
            "\(gpu.text)")
        for (query, names) in [
            ("", ["all", "default", "gpu"]), ("?prefix=g", ["gpu"]), ("?prefix=x", []),
            ("?per_page=2", ["all", "default"]),
            ("?per_page=2&next_token=default", ["default", "gpu"]),
        ] {
            let list = stage.get("/v1/node/pools\(query)").text
            #expect(list.ranges(of: "\"Name\":").count == names.count, "\(query): \(list)")
            #expect(names.allSatisfy { list.contains("\"Name\":\"\($0)\"") })
        }
        let path = "/v1/node/pool/gpu"
        let rules = #"{"SchedulerConfiguration":{"SchedulerAlgorithm":"spread"}}"#
        #expect(stage.cluster.ask(stage.leader, .post, path, body: rules).status == 200)
        #expect(
            stage.get(path).text.contains(
                #"{"MemoryOversubscriptionEnabled":null,"SchedulerAlgorithm":"spread"}"#))
        #expect(stage.cluster.ask(stage.follower, .delete, path).status == 200)
        #expect(stage.get(path).status == 404)
        #expect(stage.cluster.ask(stage.leader, .delete, path).status == 404)
    }

    @Test("What cannot be a pool, or is built in, is refused")
    func refusals() throws {
        let stage = try WorkStage(seed: 892, nodes: 1)
        for name in ["", "a b", String(repeating: "x", count: 129), "ä"] {
            #expect(Self.put(stage, name).status == 400, "\(name)")
        }
        let long = String(repeating: "x", count: 257)
        #expect(Self.put(stage, "a", ",\"Description\":\"\(long)\"").status == 400)
        #expect(
            Self.put(stage, "a", #","SchedulerConfiguration":{"SchedulerAlgorithm":"best"}"#)
                .text.contains("SchedulerConfiguration.SchedulerAlgorithm"))
        #expect(
            stage.cluster.ask(stage.leader, .put, "/v1/node/pool/a", body: #"{"Name":"b"}"#).text
                == "Node pool name does not match request path")
        #expect(Self.put(stage, "all").status == 400)
        #expect(stage.cluster.ask(stage.leader, .delete, "/v1/node/pool/default").status == 400)
        let job = WorkStage.job("web", count: 1).dropFirst()
        for path in ["/v1/jobs", "/v1/job/web/plan"] {
            let answer = stage.put(path, "{\"Job\":{\"NodePool\":\"nowhere\",\(job)}")
            #expect(
                answer.status == 400
                    && answer.text == #"job "web" is in nonexistent node pool "nowhere""#,
                "\(answer.text)")
        }
    }

    /// Four nodes of a pool, of which one runs something already; two are of the default pool.
    private static func pooled(seed: UInt64) throws -> SimulatedCluster {
        let cluster = try #require(SimulatedCluster.scheduling(seed: seed, nodes: 0))
        let nodes = (1...6).map { number in
            var node = readyNode(number)
            if number <= 4 { node.nodePool = "wide" }
            return node
        }
        cluster.scheduleSurely(.registerNodes(nodes, evaluations: [], makesPools: true))
        cluster.register(wanting("first", cpu: 400), 1)
        #expect(cluster.turn { $0.live("first").count == 1 && $0.isSettled })
        return cluster
    }

    private static func wanting(_ id: String, cpu: Int) -> Job {
        var job = serviceJob(id, count: 1, cpu: cpu)
        job.nodePool = "wide"
        return job
    }

    @Test("B20: what is placed in a pool is placed by its rules, and elsewhere by the cluster's")
    func rules() throws {
        let cluster = try Self.pooled(seed: 893)
        let first = try #require(cluster.tables?.live("first").first?.nodeID)
        cluster.register(Self.wanting("packed", cpu: 400), 2)
        #expect(cluster.turn { $0.live("packed").count == 1 && $0.isSettled })
        #expect(cluster.tables?.live("packed").first?.nodeID == first)
        let spread = NodePool(
            name: "wide", scheduling: NodePool.Scheduling(algorithm: .spread))
        cluster.scheduleSurely(.upsertPools([spread]))
        cluster.register(Self.wanting("spread", cpu: 400), 3)
        cluster.register(serviceJob("a", count: 1, cpu: 400), 4)
        cluster.register(serviceJob("b", count: 1, cpu: 400), 5)
        #expect(cluster.turn { $0.live("b").count == 1 && $0.isSettled })
        let tables = try #require(cluster.tables)
        let apart = try #require(tables.live("spread").first?.nodeID)
        #expect(apart != first && tables.node(apart)?.value.nodePool == "wide")
        #expect(tables.live("a").first?.nodeID == tables.live("b").first?.nodeID)
    }

    @Test("What is in a pool is listed; one with nodes or jobs stays")
    func content() throws {
        let cluster = try Self.pooled(seed: 894)
        let server = try #require(cluster.settle())
        func ask(_ path: String) -> String { cluster.ask(server, .get, path).text }
        #expect(ask("/v1/node/pool/wide").contains(#""Name":"wide""#))
        for (pool, nodes, jobs) in [("wide", 4, 1), ("default", 2, 0), ("all", 6, 0)] {
            let listed = ask("/v1/node/pool/\(pool)/nodes")
            #expect(listed.ranges(of: "\"Datacenter\":").count == nodes, "\(listed)")
            let wanting = ask("/v1/node/pool/\(pool)/jobs")
            #expect(wanting.ranges(of: "\"JobSummary\":").count == jobs, "\(wanting)")
        }
        #expect(
            ask("/v1/node/pool/wide/nodes?per_page=3").ranges(of: "\"Datacenter\":").count == 3)
        #expect(ask("/v1/node/pool/none/nodes") == "node pool not found")
        let refused = cluster.ask(server, .delete, "/v1/node/pool/wide")
        #expect(
            refused.status == 400
                && refused.text == #"node pool "wide" has 4 nodes and 1 non-terminal jobs"#)
    }

    @Test("A change of a pool's rules wakes what waits, and those who watch the pools")
    func waking() throws {
        let cluster = try Self.pooled(seed: 895)
        let server = try #require(cluster.settle())
        cluster.register(Self.wanting("large", cpu: 9000), 9)
        #expect(cluster.turn { $0.evaluations.contains { $0.value.status == .blocked } })
        let before = try #require(cluster.tables)
        let blocked = before.evaluations.first { $0.value.status == .blocked }?.value
        let waiting = cluster.begin(
            server, .get, "/v1/node/pools?index=\(before.poolIndex)&wait=20s")
        cluster.scheduleSurely(
            .upsertPools([
                NodePool(name: "wide", scheduling: NodePool.Scheduling(algorithm: .spread))
            ]))
        let looked = cluster.turn { tables in
            guard let blocked, let now = tables.evaluation(blocked.id)?.value else { return false }
            return now.snapshotIndex > blocked.snapshotIndex
        }
        #expect(looked)
        #expect(waiting.result?.text.contains("\"spread\"") == true)
    }
}

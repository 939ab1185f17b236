// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

@Suite("Events of jobs and what comes of them") struct SchedulingEventTests {
    private static let stream = "/v1/event/stream"

    /// How often it stands in the text of a stream.
    private static func count(_ word: String, _ watch: SimulatedCluster.Watch) -> Int {
        watch.text.ranges(of: word).count
    }

    private static func event(_ topic: String, _ type: String, _ key: String = "") -> String {
        "{\"Topic\":\"\(topic)\",\"Type\":\"\(type)\",\"Key\":\"\(key)"
    }

    @Test("A job's way is told by every server alike: registered, placed, running, stopped")
    func story() throws {
        let stage = try WorkStage(seed: 891, nodes: 2)
        stage.cluster.world.run(for: .seconds(1))
        let topics = ["Job", "Evaluation", "Allocation", "Deployment", "Node"]
        let path = Self.stream + "?" + topics.map { "topic=\($0)" }.joined(separator: "&")
        let watches = stage.cluster.nodes.map { stage.cluster.watch($0, path) }
        let update = WorkStage.update()
        #expect(stage.run("web", WorkStage.job("web", count: 2, more: update), running: 2))
        let node = try #require(stage.tables.live("web").first?.nodeID)
        #expect(stage.settles { $0.deployment(of: "web")?.status == .successful })
        #expect(
            stage.put("/v1/node/\(node)/eligibility", #"{"Eligibility":"ineligible"}"#).status
                == 200)
        #expect(stage.cluster.ask(stage.leader, .delete, "/v1/job/web?purge=true").status == 200)
        #expect(stage.settles { $0.live("web").isEmpty })
        stage.cluster.world.run(for: .seconds(1))
        let watch = watches[0]
        #expect(Self.count(Self.event("Job", "JobRegistered", "web"), watch) == 1)
        #expect(Self.count(Self.event("Evaluation", "JobRegistered"), watch) == 1)
        #expect(Self.count(Self.event("Allocation", "PlanResult"), watch) >= 2)
        #expect(Self.count(Self.event("Allocation", "AllocationUpdated"), watch) >= 2)
        #expect(Self.count(Self.event("Deployment", "PlanResult"), watch) >= 1)
        #expect(Self.count(Self.event("Evaluation", "EvaluationUpdated"), watch) >= 1)
        #expect(Self.count(Self.event("Node", "NodeEligibility", "\(node)"), watch) == 1)
        #expect(Self.count(Self.event("Job", "JobDeregistered", "web"), watch) == 1)
        let deployment = try #require(stage.tables.deployments.first { _ in true }?.value.id)
        #expect(watch.text.contains("\"FilterKeys\":[\"web\",\"\(deployment)\"]"))
        #expect(watch.text.contains("\"Payload\":{\"Allocation\":{\"AllocModifyIndex\""))
        #expect(watch.text.contains("\"Job\":null,\"JobID\":\"web\""))
        #expect(
            watch.text.contains("\"Payload\":{\"Job\":{\"ID\":\"web\",\"Namespace\":\"default\"}}"))
        // Secrets of nodes are told nobody.
        #expect(!watch.text.contains("00000000-0000-0003-0000-000000000003"))
        for other in watches { #expect(other.lines == watch.lines) }
    }

    @Test("Keys and namespaces choose; a long plan comes in several lines, and again by its index")
    func choosing() throws {
        let stage = try WorkStage(seed: 892, nodes: 8)
        #expect(stage.run("other", WorkStage.job("other", count: 2), running: 2))
        let path = Self.stream + "?topic=Allocation:web"
        let mine = stage.cluster.watch(stage.leader, path)
        let elsewhere = stage.cluster.watch(stage.leader, path + "&namespace=other")
        let unasked = stage.cluster.watch(stage.leader, Self.stream + "?topic=Leadership")
        #expect(stage.run("web", WorkStage.job("web", count: 40), running: 40))
        stage.cluster.world.run(for: .seconds(1))
        let placed = mine.lines.filter { $0.contains("\"PlanResult\"") }
        #expect(placed.count == 3)
        #expect(Set(placed.map { $0.prefix { $0 != "," } }).count == 1)
        #expect(Self.count(Self.event("Allocation", "PlanResult"), mine) == 40)
        #expect(!mine.text.contains("\"JobID\":\"other\""))
        #expect(elsewhere.lines.isEmpty && unasked.lines.isEmpty)
        let index = try #require(placed.first?.dropFirst("{\"Index\":".count).prefix { $0 != "," })
        let again = stage.cluster.watch(stage.follower, path + "&index=\(index)")
        #expect(again.lines == mine.lines)
    }

    @Test("Each is told of what it may read")
    func access() throws {
        let guarded = try GuardedCluster(seed: 893)
        let cluster = guarded.cluster
        let job = try guarded.token(of: "dev", #"namespace "default" { policy = "read" }"#)
        let node = try guarded.token(of: "ops", #"node { policy = "read" }"#)
        let stranger = try guarded.token(of: "far", #"namespace "far" { policy = "read" }"#)
        let jobs = cluster.watch(guarded.followers[0], Self.stream, token: job)
        let nodes = cluster.watch(guarded.followers[0], Self.stream, token: node)
        #expect(cluster.watch(guarded.leader, Self.stream, token: stranger).status == 403)
        for (topic, token) in [("Node", job), ("Job", node), ("Allocation", node)] {
            let path = "\(Self.stream)?topic=\(topic)"
            #expect(cluster.watch(guarded.leader, path, token: token).status == 403)
        }
        try guarded.manage(.put, "/v1/jobs", "{\"Job\":\(WorkStage.job("web", count: 1))}")
        cluster.scheduleSurely(.registerNodes([readyNode(1)], evaluations: []))
        cluster.world.run(for: .seconds(2))
        #expect(jobs.text.contains(Self.event("Job", "JobRegistered", "web")))
        #expect(jobs.text.contains(Self.event("Evaluation", "JobRegistered")))
        #expect(!jobs.text.contains("\"Topic\":\"Node\""))
        #expect(nodes.text.contains(Self.event("Node", "NodeRegistration")))
        #expect(!nodes.text.contains("\"Topic\":\"Job\""))
        #expect(!nodes.text.contains("\"Topic\":\"Evaluation\""))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

private let stream = "/v1/event/stream"

extension String {
    /// The events' types in a line, in order.
    fileprivate var types: [String] {
        components(after: "\"Type\":\"")
    }

    fileprivate func components(after mark: String) -> [String] {
        var found: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: mark) {
            rest = rest[range.upperBound...]
            found.append(String(rest.prefix { $0 != "\"" }))
        }
        return found
    }

    /// The frame's own index.
    fileprivate var index: UInt64 {
        UInt64(dropFirst("{\"Index\":".count).prefix { $0.isNumber }) ?? 0
    }
}

@Suite("The stream of events") struct EventStreamTests {
    private struct Stage {
        let cluster: SimulatedCluster
        let leader: SimulatedCluster.Node

        init(seed: UInt64, configure: (inout ServerOptions) -> Void = { _ in }) throws {
            cluster = SimulatedCluster(seed: seed, count: 3, configure: configure)
            cluster.startAll()
            leader = try #require(cluster.settle())
            cluster.world.run(for: .seconds(2))
        }

        func set(_ number: Int) throws {
            let answer = try cluster.ask(
                leader, .put, "/v1/operator/autopilot/configuration",
                body: "{\"MaxTrailingLogs\": \(number)}"
            ).get()
            #expect(answer.status == 200)
            cluster.world.run(for: .milliseconds(300))
        }
    }

    @Test("A change is told by every server alike, as it is applied")
    func alike() throws {
        let stage = try Stage(seed: 81)
        let path = stream + "?topic=AutopilotConfiguration&topic=Autopilot"
        let watches = stage.cluster.nodes.map { stage.cluster.watch($0, path) }
        for watch in watches {
            #expect(watch.status == 200)
            #expect(watch.contentType == "application/json")
            #expect(watch.text.isEmpty)
        }
        try stage.set(77)
        let line = try #require(watches[0].lines.first)
        #expect(line.hasPrefix("{\"Index\":\(line.index),\"Events\":[{\"Topic\":\""))
        #expect(line.contains("\"Topic\":\"AutopilotConfiguration\""))
        #expect(line.contains("\"MaxTrailingLogs\":77"))
        #expect(line.contains("\"Namespace\":\"\",\"FilterKeys\":["))
        for watch in watches { #expect(watch.lines == watches[0].lines) }
    }

    @Test("A stream is taken up again where it ended, at any server")
    func resumed() throws {
        let stage = try Stage(seed: 82)
        let path = stream + "?topic=AutopilotConfiguration"
        let first = stage.cluster.watch(stage.leader, path)
        for number in 1...3 { try stage.set(number) }
        #expect(first.lines.count == 3)
        let other = try #require(stage.cluster.nodes.first { $0 !== stage.leader })
        let again = stage.cluster.watch(other, path + "&index=\(first.lines[1].index)")
        #expect(again.lines == Array(first.lines[1...]))
        let later = stage.cluster.watch(other, path + "&index=\(first.lines[2].index + 1)")
        #expect(later.lines.isEmpty)
        try stage.set(4)
        #expect(later.lines.count == 1)
        #expect(later.lines == [again.lines[2]])
    }

    @Test("What a server has not seen it does not pass over in silence")
    func skipped() throws {
        let stage = try Stage(seed: 83) { $0.snapshotEntries = 8 }
        for number in 1...30 { try stage.set(number) }
        let node = try #require(stage.cluster.nodes.first { $0 !== stage.leader })
        stage.cluster.kill(node)
        stage.cluster.start(node)
        stage.cluster.world.run(for: .seconds(3))
        let watch = stage.cluster.watch(node, stream + "?topic=SchedulerConfiguration&index=1")
        #expect(watch.lines.first?.types == ["EventsSkipped"])
        #expect(watch.lines.first?.contains("\"Topic\":\"Stream\"") == true)
    }

    @Test("An election is told, and a stream of a survivor goes on through it")
    func election() throws {
        let stage = try Stage(seed: 85)
        let survivor = try #require(stage.cluster.nodes.first { $0 !== stage.leader })
        let watch = stage.cluster.watch(survivor, stream + "?topic=Leadership&topic=Health")
        let dying = stage.cluster.watch(stage.leader, stream)
        stage.cluster.kill(stage.leader)
        stage.cluster.world.run(for: .seconds(15))
        let types = watch.lines.flatMap(\.types)
        #expect(types.contains("LeaderElected"))
        #expect(types.contains("RaftStatusChanged"))
        #expect(types.contains("MemberStatusChanged"))
        #expect(watch.end == nil)
        #expect(dying.end != nil)
    }

    @Test("Topics and keys choose; what is no topic is refused by name")
    func filters() throws {
        let stage = try Stage(seed: 86)
        let leaderID = try #require(stage.cluster.overview(of: stage.leader)?.id)
        let all = stage.cluster.watch(stage.leader, stream + "?index=1&topic=*")
        let byKey = stage.cluster.watch(
            stage.leader, stream + "?index=1&topic=Leadership:\(leaderID)")
        let byAnyKey = stage.cluster.watch(
            stage.leader, stream + "?index=1&topic=*:\(stage.leader.name).global")
        let none = stage.cluster.watch(stage.leader, stream + "?index=1&topic=Leadership:nobody")
        #expect(all.lines.flatMap(\.types).contains("RaftConfigurationChanged"))
        #expect(all.lines.flatMap(\.types).contains("SchedulerConfigurationUpdated"))
        #expect(!byKey.lines.isEmpty)
        #expect(byKey.lines.allSatisfy { $0.contains("\"Topic\":\"Leadership\"") })
        #expect(!byAnyKey.lines.isEmpty)
        #expect(none.lines.isEmpty)
        for query in ["topic=Nope", "topic=", "topic=:x", "topic=Leadership:", "index=-1"] {
            let answer = try stage.cluster.ask(stage.leader, .get, stream + "?" + query).get()
            #expect(answer.status == 400, "\(query)")
        }
        #expect(stage.cluster.ask(stage.leader, .put, stream).status == 405)
    }

    @Test("A quiet stream has a heartbeat, and one that its client left is over")
    func heartbeat() throws {
        let stage = try Stage(seed: 87)
        let watch = stage.cluster.watch(stage.leader, stream + "?topic=ACLRole")
        stage.cluster.world.run(for: .seconds(35))
        #expect(watch.text == "{}\n{}\n{}\n")
        #expect(stage.cluster.metric("nomad.http.streams", at: stage.leader) == "1")
        stage.cluster.end(watch)
        #expect(stage.cluster.metric("nomad.http.streams", at: stage.leader) == "0")
    }

    @Test("Each sees what it may read; a token that is revoked sees nothing more")
    func access() throws {
        let guarded = try GuardedCluster(seed: 88)
        let cluster = guarded.cluster
        let secret = try guarded.token(of: "a", #"operator { policy = "read" }"#)
        let follower = guarded.followers[0]
        cluster.world.run(for: .seconds(1))
        let mine = cluster.watch(follower, stream + "?index=1", token: secret)
        let all = cluster.watch(follower, stream + "?index=1", token: guarded.management)
        #expect(all.lines.flatMap(\.types).contains("ACLTokenUpserted"))
        #expect(all.lines.flatMap(\.types).contains("ACLBootstrapped"))
        #expect(!mine.text.contains("ACL"))
        #expect(mine.text.contains("AutopilotConfigurationUpdated"))
        #expect(!all.text.contains(secret))
        #expect(!all.text.contains(guarded.management))
        #expect(cluster.watch(follower, stream, token: nil).status == 403)
        #expect(
            cluster.watch(follower, stream + "?topic=ACLToken", token: secret).status == 403)
        let made = try guarded.makeToken(policies: ["a"])
        let doomed = cluster.watch(follower, stream, token: made.secret)
        #expect(doomed.status == 200)
        try guarded.manage(.delete, "/v1/acl/token/\(made.accessor)")
        cluster.world.run(for: .seconds(3))
        #expect(doomed.end != nil)
        #expect(mine.end == nil)
        // Its policy loses what it was let in for: the named topic ends, the rest goes on without it.
        let named = cluster.watch(
            follower, stream + "?topic=SchedulerConfiguration", token: secret)
        try guarded.putPolicy("a", #"operator { capabilities = ["autopilot-read"] }"#)
        cluster.world.run(for: .seconds(3))
        #expect(named.end != nil)
        #expect(mine.end == nil)
    }
}

extension SimulatedCluster {
    /// The value of a gauge or counter, as text.
    fileprivate func metric(_ name: String, at node: Node) -> String? {
        let text = ask(node, .get, "/v1/metrics").text
        guard let range = text.firstRange(of: "\"Name\":\"\(name)\",\"Value\":") else { return nil }
        return String(text[range.upperBound...].prefix { $0 != "," && $0 != "}" })
    }
}

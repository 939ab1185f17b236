// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

/// From a job over HTTP to what its nodes tell of it, and back: nothing in between is played.
@Suite("Jobs on nodes that only pretend") struct NodeJobsTests {
    private struct Stage {
        let cluster: SimulatedCluster
        let leader: SimulatedCluster.Node
        let fleets: [SimulatedCluster.MockNodes]

        /// - Parameter counts: of the nodes in each of so many processes.
        init(seed: UInt64, _ counts: [Int]) throws {
            cluster = SimulatedCluster(seed: seed, count: 1) { _ in }
            cluster.startAll()
            leader = try #require(cluster.settle())
            let (cluster, leader) = (cluster, leader)
            fleets = counts.enumerated().map { process, count in
                cluster.mockNodes(
                    (0..<count).map { Stage.node(process, $0) }, servers: [leader])
            }
            for fleet in fleets { fleet.start() }
            let total = counts.reduce(0, +)
            #expect(cluster.turn { $0.nodeCount == total })
        }

        static func node(_ process: Int, _ number: Int) -> Node {
            var node = Node(
                id: UniqueID(high: UInt64(process + 1), low: UInt64(number + 1)),
                secretID: UniqueID(high: 8, low: UInt64(process + 1)),
                name: "n\(process)-\(number)",
                resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 40_000))
            node.status = .ready
            node.drivers["mock"] = DriverState()
            return node
        }

        func run(
            _ config: String, id: String = "j", count: Int = 4, type: String = "service",
            more: String = ""
        ) {
            let answer = cluster.ask(
                leader, .put, "/v1/jobs",
                body: """
                    {"Job":{"ID":"\(id)","Type":"\(type)","Datacenters":["dc1"],"TaskGroups":[
                    {"Name":"g","Count":\(count)\(more),"Tasks":[{"Name":"t","Driver":"mock",
                    "Config":\(config),"Resources":{"CPU":100,"MemoryMB":64},
                    "LogConfig":{"MaxFiles":1,"MaxFileSizeMB":10}}]}]}}
                    """)
            #expect(answer.status == 200, "\(answer.text)")
        }

        /// As the node of the first process would.
        func ask(
            _ method: ClientMethod, _ path: String, _ body: String
        ) -> Result<ClientResponse, ClientError> {
            cluster.ask(
                leader, method, path, body: body,
                headers: [
                    .init(
                        name: "X-Martlet-Node-Secret", value: "\(Stage.node(0, 0).secretID)")
                ])
        }

        /// Turns the world until so many allocations are so.
        func wait(
            _ count: Int, limit: Duration = .seconds(120), _ isSo: (Allocation) -> Bool
        ) -> Bool {
            cluster.turn(limit: limit) { tables in
                tables.allocations.count { isSo($0.value) } == count
            }
        }
    }

    @Test("What a job asks for runs, ends where it is stopped, and its nodes forget it")
    func life() throws {
        let stage = try Stage(seed: 941, [5])
        stage.run(#"{"kill_after":"2s"}"#, count: 12)
        #expect(stage.wait(12) { $0.clientStatus == .running })
        #expect(stage.fleets[0].runningCount == 12)
        #expect(stage.cluster.ask(stage.leader, .delete, "/v1/job/j").status == 200)
        #expect(stage.wait(12) { $0.desiredStatus == .stop && $0.clientStatus == .complete })
        #expect(stage.fleets[0].runningCount == 0)
    }

    @Test("What ran on nodes that are heard no more is lost, and runs on others")
    func lost() throws {
        let stage = try Stage(seed: 942, [3, 3])
        stage.run("{}", count: 6)
        #expect(stage.wait(6) { $0.clientStatus == .running })
        stage.fleets[0].stop()
        #expect(stage.wait(6) { $0.clientStatus == .running && $0.nodeID.high == 2 })
        // Where one was moved to may have been silent too: then it was lost again.
        #expect(stage.wait(0) { $0.nodeID.high == 1 && $0.clientStatus != .lost })
    }

    @Test("What the servers have forgotten while a node was down, runs there no more")
    func forgotten() throws {
        let stage = try Stage(seed: 948, [2])
        stage.run("{}", count: 4)
        #expect(stage.wait(4) { $0.clientStatus == .running })
        let id = Stage.node(0, 0).id
        let tables = try #require(stage.cluster.tables)
        let doomed = tables.allocations(ofNode: id).map(\.value.id)
        #expect(!doomed.isEmpty && stage.fleets[0].runningCount == 4)
        stage.cluster.scheduleSurely(
            .setNodeStatus(
                [NodeStatusChange(id: id, status: .down, unixSeconds: 1)], evaluations: []))
        stage.cluster.scheduleSurely(
            .updateAllocations(
                doomed.map { AllocationUpdate(id: $0, clientStatus: .lost) }, unixNanoseconds: 1,
                evaluations: []))
        stage.cluster.scheduleSurely(.collect(Garbage(allocations: doomed)))
        let fleet = stage.fleets[0]
        #expect(
            stage.cluster.turn { tables in
                tables.node(id)?.value.status == .ready && tables.live("j").count == 4
                    && tables.live("j").allSatisfy { $0.clientStatus == .running }
                    && fleet.runningCount == 4
            })
    }

    /// Nodes heard nothing of a restore: what it had brought back was older than what they had seen.
    @Test(
        "What a restore has brought back runs, and what it has taken away runs no more",
        arguments: [[1, 1], [2]])
    func restored(counts: [Int]) throws {
        let stage = try Stage(seed: 949, counts)
        let archive = "/v1/operator/snapshot"
        stage.run("{}", count: 4)
        #expect(stage.wait(4) { $0.clientStatus == .running })
        let saved = try stage.cluster.ask(stage.leader, .get, archive, bytes: nil).get()
        #expect(stage.cluster.ask(stage.leader, .delete, "/v1/job/j").status == 200)
        #expect(stage.wait(4) { $0.desiredStatus == .stop && $0.clientStatus == .complete })
        stage.run("{}", id: "k", count: 3)
        #expect(stage.wait(3) { $0.jobID == "k" && $0.clientStatus == .running })
        #expect(
            stage.cluster.ask(stage.leader, .put, archive, bytes: saved.body).status == 200)
        let fleets = stage.fleets
        #expect(
            stage.cluster.turn(limit: .seconds(60)) { tables in
                tables.isSettled && tables.job(JobKey(id: "k")) == nil
                    && tables.running("j").count == 4 && tables.live("j").count == 4
                    && fleets.reduce(0) { $0 + $1.runningCount } == 4
            })
    }

    @Test("A drain moves what runs, and ends when it has")
    func drain() throws {
        let stage = try Stage(seed: 943, [2])
        stage.run("{}", count: 4)
        #expect(stage.wait(4) { $0.clientStatus == .running })
        let id = Stage.node(0, 0).id
        let drained = stage.cluster.ask(
            stage.leader, .put, "/v1/node/\(id)/drain",
            body: #"{"DrainSpec":{"Deadline":3600000000000}}"#)
        #expect(drained.status == 200, "\(drained.text)")
        #expect(stage.wait(4) { $0.clientStatus == .running && $0.nodeID != id })
        #expect(stage.cluster.turn { $0.node(id)?.value.drain == nil })
    }

    @Test("What fails is restarted as often as its policy says, and then goes elsewhere")
    func failing() throws {
        let stage = try Stage(seed: 944, [3])
        stage.run(
            #"{"run_for":"1s","exit_code":3}"#, count: 1, type: "batch",
            more: """
                ,"RestartPolicy":{"Attempts":1,"Interval":60000000000,"Delay":1000000000,"Mode":"fail"},
                "ReschedulePolicy":{"Attempts":1,"Interval":3600000000000,"Delay":5000000000,
                "DelayFunction":"constant","Unlimited":false}
                """)
        #expect(stage.wait(2) { $0.clientStatus == .failed })
        let tables = try #require(stage.cluster.tables)
        let allocations = tables.allocations.map(\.value)
        #expect(Set(allocations.map(\.nodeID)).count == 2)
        #expect(allocations.allSatisfy { $0.taskStates?.value["t"]?.restarts == 1 })
        let second = try #require(allocations.first { $0.previousAllocation != nil })
        #expect(allocations.contains { $0.id == second.previousAllocation })
        // Nor is there a third.
        stage.cluster.world.run(for: .seconds(60))
        #expect(stage.wait(2) { $0.clientStatus == .failed })
    }

    @Test("A node that lies of others is refused, and what has ended stays so whatever it says")
    func lies() throws {
        let stage = try Stage(seed: 945, [1, 1])
        stage.run("{}", count: 2)
        #expect(stage.wait(2) { $0.clientStatus == .running })
        for fleet in stage.fleets { fleet.stop() }
        let allocations = try #require(stage.cluster.tables).allocations.map(\.value)
        let own = try #require(allocations.first { $0.nodeID.high == 1 })
        let other = try #require(allocations.first { $0.nodeID.high == 2 })
        func tell(
            _ id: UniqueID, _ status: String, path: String = "/v1/martlet/allocations"
        ) -> Result<ClientResponse, ClientError> {
            stage.ask(.put, path, "{\"Alloc\":[{\"ID\":\"\(id)\",\"ClientStatus\":\"\(status)\"}]}")
        }
        let ownPath = "/v1/martlet/node/\(own.nodeID)/allocations"
        #expect(tell(other.id, "failed").status == 403)
        #expect(tell(other.id, "failed", path: ownPath).status == 403)
        #expect(
            tell(other.id, "failed", path: "/v1/martlet/node/\(other.nodeID)/allocations").status
                == 403)
        let pulled = "{\"AllocIDs\":[\"\(own.id)\",\"\(other.id)\"],\"Brief\":true}"
        #expect(stage.ask(.post, "/v1/martlet/allocations/pull", pulled).status == 403)
        let lost = tell(own.id, "lost")
        #expect(lost.status == 400 && lost.text.contains("ClientStatus"), "\(lost.text)")
        // Of what nobody knows there is nothing to write.
        #expect(tell(UniqueID(high: 1, low: 1), "failed").status == 200)
        #expect(stage.wait(2) { $0.clientStatus == .running })
        for status in ["complete", "complete", "running", "pending"] {
            #expect(tell(own.id, status, path: ownPath).status == 200)
        }
        let seen = stage.cluster.tables?.allocation(own.id)?.value.clientStatus
        #expect(seen == .complete)
    }

    @Test("Who names one node many times is answered once, and who names too many is told so")
    func repetition() throws {
        let stage = try Stage(seed: 946, [1])
        stage.run("{}", count: 1)
        #expect(stage.wait(1) { $0.clientStatus == .running })
        func watch(_ count: Int) -> Result<ClientResponse, ClientError> {
            let ids = Array(repeating: "\"\(Stage.node(0, 0).id)\"", count: count)
            return stage.ask(
                .post, "/v1/martlet/nodes/allocations",
                "{\"NodeIDs\":[\(ids.joined(separator: ","))]}")
        }
        #expect(watch(16_384).text == watch(1).text)
        let refused = watch(16_385)
        #expect(refused.status == 400 && refused.text.contains("NodeIDs"), "\(refused.text)")
    }

    @Test("Nodes are listed in pages that together are the whole list")
    func pages() throws {
        let stage = try Stage(seed: 947, [5])
        let ids = (0..<5).map { "\(Stage.node(0, $0).id)" }
        var seen: [String] = []
        var token = ""
        for _ in 0..<3 {
            let page = stage.ask(.get, "/v1/nodes?per_page=2&next_token=\(token)", "")
            seen += ids.filter { page.text.contains("\"ID\":\"\($0)\"") }
            token = page.answered?.header("x-nomad-nexttoken") ?? ""
        }
        #expect(seen == ids && token.isEmpty)
        #expect(stage.ask(.get, "/v1/nodes?prefix=0000000000000009", "").text == "[]")
        #expect(stage.ask(.get, "/v1/nodes?next_token=x", "").status == 400)
    }
}

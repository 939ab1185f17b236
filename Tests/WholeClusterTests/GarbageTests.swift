// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import Testing

@Suite("What has ended is forgotten, in time and not before") struct GarbageTests {
    /// Batch jobs and services in a small cluster that keeps what has ended for this long.
    private static func cluster(seed: UInt64, jobs: Duration = .seconds(40)) -> SimulatedCluster? {
        SimulatedCluster.scheduling(seed: seed, nodes: 3) { options in
            options.scheduling.heartbeats.afterFailover = .seconds(100_000)
            options.scheduling.heartbeats.shortest = .seconds(10_000)
            options.scheduling.garbage.interval = .seconds(5)
            options.scheduling.garbage.evaluations = .seconds(20)
            options.scheduling.garbage.batchEvaluations = .seconds(40)
            options.scheduling.garbage.deployments = .seconds(20)
            options.scheduling.garbage.jobs = jobs
            options.scheduling.garbage.nodes = .seconds(30)
        }
    }

    /// As the nodes would: what shall run has come to this, what shall stop has ended.
    private func report(_ cluster: SimulatedCluster, _ status: Allocation.ClientStatus) {
        let updates = (cluster.tables?.allocations).map { allocations in
            allocations.map(\.value).filter { !$0.isClientTerminal }.map {
                AllocationUpdate(id: $0.id, clientStatus: $0.isServerTerminal ? .complete : status)
            }
        }
        cluster.scheduleSurely(
            .updateAllocations(updates ?? [], unixNanoseconds: 9, evaluations: []))
    }

    /// More evaluations of a job that have ended than several commands forget.
    @discardableResult
    private func endMany(_ cluster: SimulatedCluster, _ count: Int = 900) -> Job {
        let job = serviceJob("work", type: .batch, count: 1)
        let ended = (1...count).map { number in
            var evaluation = evaluation(number, of: job)
            evaluation.status = .complete
            return evaluation
        }
        cluster.scheduleSurely(.upsertEvaluations(ended))
        return job
    }

    @Test("A service that was stopped goes with all of it; one that runs keeps what it needs")
    func stoppedService() throws {
        let cluster = try #require(Self.cluster(seed: 61))
        let (stopped, kept) = (serviceJob("stopped", count: 3), serviceJob("kept", count: 3))
        cluster.register(stopped, 1)
        cluster.register(kept, 2)
        #expect(cluster.turn { $0.isSettled && $0.allocationCount == 6 })
        report(cluster, .running)
        cluster.scheduleSurely(
            .deregisterJob(
                stopped.key, purges: false, submitUnixNanoseconds: 1,
                evaluations: [evaluation(3, of: stopped, .jobDeregister)]))
        #expect(cluster.turn { $0.isSettled && $0.live("stopped").isEmpty })
        // Its instances have not ended yet: nothing is forgotten, however old.
        cluster.world.run(for: .seconds(60))
        #expect(cluster.tables?.allocations(ofJob: stopped.key).count == 3)

        report(cluster, .running)
        cluster.world.run(for: .seconds(15))
        #expect(cluster.tables?.allocations(ofJob: stopped.key).count == 3)
        #expect(
            cluster.turn {
                $0.allocations(ofJob: stopped.key).isEmpty && $0.job(stopped.key) == nil
                    && $0.evaluations(ofJob: stopped.key).isEmpty
            })
        #expect(cluster.tables?.live("kept").count == 3)
        #expect(cluster.tables?.brokenInvariant() == nil)
    }

    @Test("A batch job is not run again because what it did was forgotten")
    func batch() throws {
        let cluster = try #require(Self.cluster(seed: 62, jobs: .seconds(10_000)))
        let job = serviceJob("work", type: .batch, count: 4)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.allocationCount == 4 })
        report(cluster, .complete)
        cluster.world.run(for: .seconds(80))
        #expect(cluster.tables?.allocationCount == 4)
        cluster.scheduleSurely(.upsertEvaluations([evaluation(2, of: job)]))
        #expect(cluster.turn { $0.isSettled })
        #expect(cluster.tables?.allocationCount == 4)
    }

    @Test(
        "A node that is down for long and has nothing to run is forgotten; one that came back is not"
    )
    func nodes() throws {
        let cluster = try #require(Self.cluster(seed: 63))
        let down = [nodeID(1), nodeID(2)].map {
            NodeStatusChange(
                id: $0, status: .down, unixSeconds: 1,
                event: NodeEvent(message: "m", subsystem: "s", unixNanoseconds: 1))
        }
        cluster.scheduleSurely(.setNodeStatus(down, evaluations: []))
        cluster.world.run(for: .seconds(15))
        var back = readyNode(2)
        back.seal(try #require(cluster.tables?.node(back.id)?.value.secretDigest))
        cluster.scheduleSurely(.registerNodes([back], evaluations: [], makesPools: true))
        cluster.world.run(for: .seconds(5))
        #expect(cluster.tables?.nodeCount == 3)
        #expect(cluster.turn { $0.nodeCount == 2 })
        cluster.world.run(for: .seconds(60))
        #expect(cluster.tables?.node(nodeID(2))?.value.status == .ready)
        #expect(cluster.tables?.nodeCount == 2)
    }

    @Test("Whoever asks for it is answered when all that has ended is gone, whatever its age")
    func atOnce() throws {
        let cluster = try #require(Self.cluster(seed: 64, jobs: .seconds(10_000)))
        let job = serviceJob("work", type: .batch, count: 4)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.allocationCount == 4 })
        report(cluster, .complete)
        let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
        #expect(try cluster.ask(follower, .put, "/v1/system/gc").get().status == 200)
        let tables = try #require(cluster.tables)
        #expect(tables.jobCount == 0 && tables.allocationCount == 0 && tables.evaluationCount == 0)
        #expect(tables.nodeCount == 3)
    }

    @Test("Of much that is forgotten at once, others' writes find their place in between")
    func inBetween() throws {
        let cluster = try #require(Self.cluster(seed: 67, jobs: .seconds(10_000)))
        let job = endMany(cluster)
        let before = try #require(cluster.tables?.lastIndex)
        let leader = try #require(cluster.leader)
        let gc = cluster.begin(leader, .put, "/v1/system/gc")
        let hasBegun = cluster.world.run(
            until: { cluster.tables?.lastIndex != before }, limit: .seconds(1))
        #expect(hasBegun && cluster.tables?.evaluationCount ?? 0 > 500)
        let other = serviceJob("other", count: 1)
        cluster.register(other, 1000)
        let registered = try #require(cluster.tables?.job(other.key)?.value)
        #expect(cluster.turn { $0.evaluations.allSatisfy { $0.value.job != job.key } })
        cluster.world.run(for: .milliseconds(100))
        let answer = try #require(gc.result).get()
        let last = try #require(UInt64(answer.header("X-Nomad-Index") ?? ""))
        #expect(before + 1 < registered.createIndex && registered.createIndex < last)
    }

    @Test("A follower waits for the leader's answer as long as it takes")
    func throughFollower() throws {
        let cluster = try #require(Self.cluster(seed: 69, jobs: .seconds(10_000)))
        endMany(cluster, 4000)
        cluster.world.network.latency = .milliseconds(100)...(.milliseconds(120))
        let follower = try #require(cluster.nodes.first { $0 !== cluster.leader })
        let began = cluster.world.now
        let gc = cluster.begin(follower, .put, "/v1/system/gc")
        _ = cluster.world.run(until: { gc.result != nil }, limit: .seconds(60))
        #expect(cluster.world.now - began > .seconds(5))
        #expect(try #require(gc.result).get().status == 200)
        #expect(cluster.tables?.evaluationCount == 0)
    }

    @Test("Whoever asks while leadership goes elsewhere is told that it is done when it is")
    func whileLeadershipMoves() throws {
        var done = 0
        for milliseconds in 0..<12 {
            let cluster = try #require(Self.cluster(seed: 68, jobs: .seconds(10_000)))
            endMany(cluster)
            let leader = try #require(cluster.leader)
            let follower = try #require(cluster.nodes.first { $0 !== leader })
            let other = try #require(cluster.nodes.first { $0 !== leader && $0 !== follower })
            let transfer = "/v1/operator/raft/transfer-leadership?address=\(other.peerAddress)"
            let move = cluster.begin(leader, .put, transfer)
            cluster.world.run(for: .milliseconds(milliseconds))
            let gc = cluster.begin(follower, .put, "/v1/system/gc")
            _ = cluster.world.run(
                until: { gc.result != nil && move.result != nil }, limit: .seconds(40))
            #expect(cluster.leader === other)
            guard case .success(let answer)? = gc.result, answer.status == 200 else { continue }
            done += 1
            let tables = try #require(cluster.tables(of: other))
            #expect(tables.evaluationCount == 0, "after \(milliseconds) ms")
        }
        #expect(done > 6)
    }

    /// Three nodes; half an hour is nothing here.
    private static func patientCluster(
        seed: UInt64, crowd: @escaping (inout SchedulingOptions.Crowd) -> Void
    ) -> SimulatedCluster? {
        SimulatedCluster.scheduling(seed: seed, nodes: 3) { options in
            options.scheduling.heartbeats.afterFailover = .seconds(100_000)
            options.scheduling.heartbeats.shortest = .seconds(10_000)
            crowd(&options.scheduling.garbage.crowd)
        }
    }

    /// A node that comes and goes leaves an evaluation of each system job every time: their table was full for an
    /// hour, and no job could be registered.
    @Test("Where there are too many evaluations, those that have ended go before their time")
    func crowdedEvaluations() throws {
        let cluster = try #require(Self.patientCluster(seed: 65) { $0.evaluations = 6 })
        let job = serviceJob("kept", count: 2)
        cluster.register(job, 1)
        report(cluster, .running)
        for number in 2...5 {
            cluster.scheduleSurely(.upsertEvaluations([evaluation(number, of: job)]))
        }
        #expect(cluster.turn { $0.isSettled && $0.live("kept").count == 2 })
        cluster.world.run(for: .seconds(200))
        #expect(cluster.tables?.evaluationCount == 5)
        for number in 6...8 {
            cluster.scheduleSurely(.upsertEvaluations([evaluation(number, of: job)]))
        }
        #expect(cluster.turn { $0.isSettled })
        cluster.world.run(for: .seconds(60))
        // What runs was made by the first; the last may have come behind the round.
        let left = try #require(cluster.tables)
        #expect(left.evaluation(evaluationID(1)) != nil && left.evaluationCount < 5)
        #expect((2...5).allSatisfy { left.evaluation(evaluationID($0)) == nil })
        #expect(cluster.tables?.live("kept").count == 2)
        #expect(cluster.tables?.brokenInvariant() == nil)
    }

    @Test("Where there are too many nodes, one that is down goes before its time")
    func crowdedNodes() throws {
        let cluster = try #require(Self.patientCluster(seed: 66) { $0.nodes = 2 })
        func down(_ number: Int) {
            cluster.scheduleSurely(
                .setNodeStatus(
                    [NodeStatusChange(id: nodeID(number), status: .down, unixSeconds: 1)],
                    evaluations: []))
            cluster.world.run(for: .seconds(200))
        }
        down(3)
        #expect(cluster.tables?.nodeCount == 2 && cluster.tables?.node(nodeID(3)) == nil)
        down(2)
        #expect(cluster.tables?.nodeCount == 2)
    }
}

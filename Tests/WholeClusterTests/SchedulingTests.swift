// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletRaft
import MartletServer
import MartletSimulation
import MartletState
import Testing

@Suite("Scheduling in whole clusters") struct SchedulingTests {
    @Test("Jobs are placed, exactly as many instances as asked for", arguments: [1, 3])
    func placed(workers: Int) throws {
        let cluster = try #require(
            SimulatedCluster.scheduling(seed: 41, nodes: 20, workers: workers))
        let jobs = (1...10).map { serviceJob("job-\($0)", count: 12) }
        for (number, job) in jobs.enumerated() { cluster.register(job, number + 1) }
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
        // By then the secrets of the nodes are sealed, and the others have the same.
        cluster.world.run(for: .seconds(2))
        let tables = try #require(cluster.tables)
        #expect(tables.allocationCount == 120)
        #expect(tables.evaluations.allSatisfy { $0.value.status == .complete })
        for node in cluster.nodes { #expect(cluster.tables(of: node) == tables) }
    }

    @Test(
        "F19, J9: a leader that dies in the middle loses no instance and doubles none",
        arguments: 1...6)
    func leaderDies(seed: UInt64) throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: seed, nodes: 30, workers: 2))
        let jobs = (1...8).map { serviceJob("job-\($0)", count: 25) }
        for (number, job) in jobs.enumerated() {
            cluster.register(job, number + 1)
            guard number % 3 == 1, let leader = cluster.leader else { continue }
            cluster.world.run(for: .milliseconds(Int64(seed * 3)))
            cluster.kill(leader)
            #expect(cluster.settle() != nil)
            cluster.start(leader)
        }
        #expect(cluster.settle() != nil)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: jobs) == nil })
        #expect(cluster.tables?.fault(jobs: jobs) == nil)
        // No instance was placed twice and taken back.
        #expect(cluster.tables?.allocationCount == 200)
    }

    @Test("J7: the same seed has the same history, byte for byte")
    func deterministic() throws {
        let states = try (1...2).map { _ in
            let cluster = try #require(SimulatedCluster.scheduling(seed: 77, nodes: 10, workers: 2))
            for number in 1...5 { cluster.register(serviceJob("job-\(number)", count: 9), number) }
            #expect(cluster.turn { $0.isSettled && $0.allocationCount == 45 })
            return try #require(cluster.tables)
        }
        #expect(states[0] == states[1])
    }

    @Test(
        "F19, J10: leaders die while jobs evict each other: nothing over capacity, nothing doubled",
        arguments: 1...6)
    func leaderDiesPreempting(seed: UInt64) throws {
        let cluster = try #require(
            SimulatedCluster.scheduling(seed: 100 + seed, nodes: 10, workers: 2))
        try configure(cluster, #"{"PreemptionConfig":{"ServiceSchedulerEnabled":true}}"#)
        let low = serviceJob("low", count: 80, priority: 20)
        cluster.register(low, 1)
        #expect(cluster.turn { $0.fault(jobs: [low]) == nil && $0.isSettled })
        let high = (1...4).map { serviceJob("high-\($0)", count: 10, priority: 70, cpu: 700) }
        for (number, job) in high.enumerated() {
            cluster.register(job, number + 2)
            guard number % 2 == 0, let leader = cluster.leader else { continue }
            cluster.world.run(for: .milliseconds(Int64(seed * 2)))
            cluster.kill(leader)
            #expect(cluster.settle() != nil)
            cluster.start(leader)
        }
        #expect(cluster.settle() != nil)
        #expect(cluster.turn { $0.isSettled && $0.fault(jobs: high) == nil })
        let tables = try #require(cluster.tables)
        #expect(tables.fault(jobs: high) == nil)
        // Of those who made room, each waits for a place or has one.
        let lost = 80 - tables.live("low").count
        let queued = tables.summary(of: low.key)?.groups["g"]?.queued
        #expect(lost > 0 && queued == lost)
    }

    @Test("A system job has an instance on each node that is ready, once")
    func system() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 12, nodes: 5))
        let job = serviceJob("agent", type: .system, count: 1)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.live("agent").count == 5 && $0.isSettled })
        #expect(Set(cluster.tables?.live("agent").map(\.nodeID) ?? []).count == 5)
    }

    @Test("G9, I3: what finds no place waits, and is placed when a node comes")
    func blockedWakes() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 5, nodes: 1))
        let job = serviceJob("web", count: 12)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.live("web").count == 8 && $0.isSettled })
        let blocked = try #require(
            cluster.tables?.evaluations.first { $0.value.status == .blocked })
        #expect(blocked.value.trigger == .queuedAllocs)
        cluster.scheduleSurely(.registerNodes([readyNode(2)], evaluations: []))
        #expect(
            cluster.turn {
                $0.fault(jobs: [job]) == nil
                    && $0.evaluation(blocked.value.id)?.value.status == .complete
            })
    }

    @Test("Room that an instance leaves wakes who waits for it")
    func capacityWakes() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 6, nodes: 1))
        let small = serviceJob("small", type: .batch, count: 8)
        cluster.register(small, 1)
        #expect(cluster.turn { $0.live("small").count == 8 && $0.isSettled })
        let web = serviceJob("web", count: 1)
        cluster.register(web, 2)
        #expect(
            cluster.turn { tables in tables.evaluations.contains { $0.value.status == .blocked } })
        let first = try #require(cluster.tables?.live("small").first)
        cluster.scheduleSurely(
            .updateAllocations(
                [AllocationUpdate(id: first.id, clientStatus: .complete)], unixNanoseconds: 9,
                evaluations: []))
        #expect(cluster.turn { $0.live("web").count == 1 && $0.isSettled })
        #expect(cluster.tables?.live("small").count == 7)
    }

    @Test("Preemption acts when it is switched on, and who was evicted is looked at again")
    func preemption() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 7, nodes: 1))
        cluster.register(serviceJob("low", count: 8, priority: 20), 1)
        #expect(cluster.turn { $0.live("low").count == 8 && $0.isSettled })
        let high = serviceJob("high", count: 2, priority: 70)
        cluster.register(high, 2)
        #expect(
            cluster.turn { tables in tables.evaluations.contains { $0.value.status == .blocked } })
        #expect(cluster.tables?.live("high").isEmpty == true)

        try configure(cluster, #"{"PreemptionConfig":{"ServiceSchedulerEnabled":true}}"#)
        #expect(cluster.turn { $0.live("high").count == 2 && $0.isSettled })
        let tables = try #require(cluster.tables)
        #expect(tables.live("low").count == 6)
        #expect(
            tables.evaluations(ofJob: JobKey(id: "low")).contains {
                $0.value.trigger == .preemption && $0.value.status == .complete
            })
        // It would run again if there were room.
        #expect(
            tables.evaluations(ofJob: JobKey(id: "low")).contains { $0.value.status == .blocked })
    }

    @Test("A paused broker hands nothing out, also under the next leader, and goes on afterwards")
    func pause() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 8, nodes: 4))
        try configure(cluster, #"{"PauseEvalBroker":true}"#)
        let job = serviceJob("web", count: 6)
        cluster.register(job, 1)
        cluster.world.run(for: .seconds(5))
        #expect(cluster.tables?.allocationCount == 0)

        let leader = try #require(cluster.leader)
        cluster.kill(leader)
        #expect(cluster.settle() != nil)
        cluster.start(leader)
        cluster.world.run(for: .seconds(5))
        #expect(cluster.tables?.allocationCount == 0)

        try configure(cluster, #"{"PauseEvalBroker":false}"#)
        #expect(cluster.turn { $0.fault(jobs: [job]) == nil && $0.isSettled })
    }

    @Test("H2, I5: a node that is silent is down, and its instances run elsewhere")
    func silentNode() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 9, nodes: 3))
        let job = serviceJob("web", count: 10)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.fault(jobs: [job]) == nil && $0.isSettled })
        let silent = try #require(cluster.tables?.live("web").first?.nodeID)
        let others = (1...3).map(nodeID).filter { $0 != silent }
        for _ in 0..<10 {
            cluster.beat(others)
            cluster.world.run(for: .seconds(5))
        }
        let tables = try #require(cluster.tables)
        #expect(tables.node(silent)?.value.status == .down)
        #expect(others.allSatisfy { tables.node($0)?.value.status == .ready })
        #expect(tables.fault(jobs: [job]) == nil)
        #expect(tables.live("web").allSatisfy { $0.nodeID != silent })
        #expect(tables.allocations(ofNode: silent).allSatisfy { $0.value.clientStatus == .lost })
    }

    @Test(
        "A node that is drained is emptied step by step, and is done when its instances have ended")
    func drain() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 10, nodes: 2))
        let job = serviceJob("web", count: 4)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.fault(jobs: [job]) == nil && $0.isSettled })
        let node = try #require(cluster.tables?.live("web").first?.nodeID)
        cluster.scheduleSurely(
            .setNodeDrain(
                [NodeDrainChange(id: node, drain: DrainStrategy(), unixNanoseconds: 5)],
                evaluations: []))
        for _ in 0..<20 { reportAll(cluster) }
        let tables = try #require(cluster.tables)
        #expect(tables.node(node)?.value.drain == nil)
        #expect(tables.node(node)?.value.lastDrain?.status == .complete)
        #expect(tables.live("web").allSatisfy { $0.nodeID != node })
        #expect(tables.fault(jobs: [job]) == nil)
    }

    @Test("A drain of more jobs than one entry of the log takes goes on in several")
    func drainOfMany() throws {
        let cluster = try #require(
            SimulatedCluster.scheduling(seed: 13, nodes: 1) { options in
                options.raftLimits.entryBytesMax = 4096
            })
        let jobs = (1...60).map { serviceJob("job-\($0)", count: 1, cpu: 50) }
        for (number, job) in jobs.enumerated() { cluster.register(job, number + 1) }
        #expect(cluster.turn { $0.isSettled && $0.allocationCount == 60 })
        cluster.beat([nodeID(1)])
        let drain = DrainStrategy(deadline: GoDuration(.seconds(-1)))
        cluster.scheduleSurely(
            .setNodeDrain(
                [NodeDrainChange(id: nodeID(1), drain: drain, unixNanoseconds: 5)],
                evaluations: []))
        #expect(
            cluster.turn(limit: .seconds(8)) { tables in
                tables.allocations.allSatisfy { $0.value.desiredStatus == .stop }
            })
    }

    /// The evaluations that wait, one for each node, came into no entry: the job had failed, again and again.
    @Test("A system job waits for more nodes than one entry has room for evaluations")
    func manyFullNodes() throws {
        let cluster = try #require(
            SimulatedCluster.scheduling(seed: 14, nodes: 0) { options in
                options.raftLimits.entryBytesMax = 4096
            })
        for number in 1...60 {
            cluster.scheduleSurely(.registerNodes([readyNode(number)], evaluations: []))
        }
        let job = serviceJob("every", type: .system, count: 1, cpu: 5000)
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.evaluationCount == 61 })
        let evaluations = try #require(cluster.tables).evaluations.map(\.value)
        #expect(evaluations.count { $0.status == .blocked } == 60)
        #expect(evaluations.filter { $0.status == .complete }.map(\.id) == [evaluationID(1)])
    }

    /// Its plan went into the log in pieces: a leader that died between two of them left a part of the job
    /// running for which the rest had no room.
    @Test(
        "An AllAtOnce job is placed by one entry of the log, or not at all", arguments: [12, 120])
    func allAtOnce(count: Int) throws {
        let cluster = try #require(
            SimulatedCluster.scheduling(seed: 15, nodes: 6) { options in
                options.raftLimits.entryBytesMax = 4096
            })
        var job = serviceJob("all", count: count, cpu: 100)
        job.isAllAtOnce = true
        cluster.register(job, 1)
        #expect(cluster.turn { $0.isSettled && $0.evaluation(evaluationID(1)) != nil })
        let tables = try #require(cluster.tables)
        let evaluation = try #require(tables.evaluation(evaluationID(1))?.value)
        if count == 12 {
            #expect(evaluation.status == .complete)
            #expect(Set(tables.live("all").map(\.createIndex)).count == 1)
            #expect(tables.fault(jobs: [job]) == nil)
        } else {
            #expect(evaluation.status == .failed && tables.live("all").isEmpty)
            #expect(
                evaluation.statusDescription
                    == "plan is larger than one entry of the log, and that of an AllAtOnce job is not "
                    + "divided")
            #expect(tables.summary(of: job.key)?.groups["g"]?.queued == 120)
            // Without that word the plan is divided.
            cluster.scheduleSurely(
                .registerJob(
                    serviceJob("all", count: 30, cpu: 100), expected: nil,
                    evaluations: [another(2, of: job)]))
            #expect(cluster.turn { $0.isSettled && $0.live("all").count == 30 })
        }
    }

    /// As the nodes would: what shall run runs, what shall stop has ended.
    private func reportAll(_ cluster: SimulatedCluster) {
        let updates = (cluster.tables?.allocations).map { allocations in
            allocations.map(\.value).filter { !$0.isClientTerminal }.map {
                AllocationUpdate(
                    id: $0.id, clientStatus: $0.isServerTerminal ? .complete : .running)
            }
        }
        cluster.beat((1...2).map(nodeID))
        cluster.scheduleSurely(
            .updateAllocations(updates ?? [], unixNanoseconds: 9, evaluations: []))
        cluster.world.run(for: .seconds(1))
    }

    /// Where an evaluation is called that already.
    private func another(_ number: Int, of job: Job) -> Evaluation { evaluation(number, of: job) }

    private func configure(_ cluster: SimulatedCluster, _ body: String) throws {
        let leader = try #require(cluster.leader)
        let answer = cluster.ask(
            leader, .put, "/v1/operator/scheduler/configuration", body: body)
        #expect(try answer.get().status == 200)
    }
}

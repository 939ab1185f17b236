// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import Testing

/// A node changes while a plan that was made without the change is on its way into the log.
@Suite("Plans that are overtaken by changes of nodes") struct OvertakenPlanTests {
    /// From the registration of a job to the change of the node: of these, some come between the look
    /// at the job and the end of its plan, on either side of it in the log.
    private static let delays: [Int64] = [300, 600, 1000, 1500, 2000]

    private static func cluster(seed: UInt64, nodes: Int) throws -> SimulatedCluster {
        try #require(
            SimulatedCluster.scheduling(seed: seed, nodes: nodes) { options in
                options.scheduling.heartbeats.shortest = .seconds(600)
            })
    }

    @Test("What is placed on a node that is down by then, is placed again", arguments: delays)
    func down(microseconds: Int64) throws {
        try replaced(
            .setNodeStatus(
                [NodeStatusChange(id: nodeID(1), status: .down, unixSeconds: 1)],
                evaluations: []), after: microseconds)
    }

    @Test("What is placed on a node that is forgotten by then, is placed again", arguments: delays)
    func gone(microseconds: Int64) throws {
        try replaced(.deregisterNodes([nodeID(1)], evaluations: []), after: microseconds)
    }

    private func replaced(_ change: SchedulerCommand, after microseconds: Int64) throws {
        let cluster = try Self.cluster(seed: 61, nodes: 1)
        let web = serviceJob("web", count: 3)
        cluster.send(
            .registerJob(web, expected: nil, evaluations: [evaluation(1, of: web)]))
        cluster.world.run(for: .microseconds(microseconds))
        cluster.send(change)
        cluster.world.run(for: .seconds(1))
        cluster.scheduleSurely(.registerNodes([readyNode(2)], evaluations: []))
        #expect(
            cluster.turn(limit: .seconds(20)) { tables in
                tables.isSettled && tables.fault(jobs: [web]) == nil
                    && tables.live("web").allSatisfy { $0.nodeID == nodeID(2) }
            })
    }

    @Test("A job of every node reaches one that came with it", arguments: delays)
    func ready(microseconds: Int64) throws {
        let cluster = try Self.cluster(seed: 62, nodes: 1)
        let agent = serviceJob("agent", type: .system, count: 1)
        cluster.send(
            .registerJob(agent, expected: nil, evaluations: [evaluation(1, of: agent)]))
        cluster.world.run(for: .microseconds(microseconds))
        cluster.send(.registerNodes([readyNode(2)], evaluations: []))
        #expect(
            cluster.turn(limit: .seconds(20)) { $0.isSettled && $0.live("agent").count == 2 })
    }

    @Test("A drain is not over while an instance is on its way to its node", arguments: delays)
    func drained(microseconds: Int64) throws {
        let cluster = try Self.cluster(seed: 63, nodes: 1)
        let web = serviceJob("web", count: 3)
        cluster.send(
            .registerJob(web, expected: nil, evaluations: [evaluation(1, of: web)]))
        cluster.world.run(for: .microseconds(microseconds))
        cluster.send(
            .setNodeDrain(
                [NodeDrainChange(id: nodeID(1), drain: DrainStrategy(), unixNanoseconds: 5)],
                evaluations: []))
        cluster.world.run(for: .seconds(1))
        let tables = try #require(cluster.tables)
        let isOver = tables.node(nodeID(1))?.value.drain == nil
        #expect(isOver == tables.live("web").isEmpty)
    }

    @Test("A new leader places again what its predecessor left on a node that is down")
    func leaderDies() throws {
        let cluster = try Self.cluster(seed: 64, nodes: 1)
        let (web, agent) = (
            serviceJob("web", count: 3), serviceJob("agent", type: .system, count: 1)
        )
        cluster.register(web, 1)
        cluster.register(agent, 2)
        #expect(
            cluster.turn {
                $0.isSettled && $0.live("web").count == 3 && $0.live("agent").count == 1
            })
        try pause(cluster, true)
        cluster.scheduleSurely(
            .setNodeStatus(
                [NodeStatusChange(id: nodeID(1), status: .down, unixSeconds: 1)],
                evaluations: []))
        cluster.scheduleSurely(.registerNodes([readyNode(2)], evaluations: []))
        cluster.world.run(for: .seconds(2))
        // As if it had died before it could write what is to be looked at.
        var unwritten = try #require(cluster.tables).evaluations.map(\.value)
            .filter { $0.status == .pending }
        for place in unwritten.indices { unwritten[place].status = .canceled }
        cluster.scheduleSurely(.upsertEvaluations(unwritten))
        #expect(cluster.tables?.isSettled == true)
        let leader = try #require(cluster.leader)
        cluster.kill(leader)
        #expect(cluster.settle() != nil)
        cluster.start(leader)
        try pause(cluster, false)
        #expect(
            cluster.turn(limit: .seconds(20)) { tables in
                tables.isSettled && tables.fault(jobs: [web]) == nil
                    && (tables.live("web") + tables.live("agent")).map(\.nodeID)
                        == Array(repeating: nodeID(2), count: 4)
            })
    }

    /// Of those that a new leader woke only the newest was looked at, and took the others, which were
    /// canceled, for waiting: nobody waited for their nodes any more.
    @Test("Under a new leader a job of every node waits for each that has no room")
    func roomless() throws {
        let cluster = try Self.cluster(seed: 67, nodes: 3)
        let full = (1...3).map { serviceJob("\($0)", count: 1, cpu: 4000) }
        for (place, job) in full.enumerated() { cluster.register(job, place + 1) }
        #expect(cluster.turn { $0.isSettled && $0.allocationCount == 3 })
        cluster.register(serviceJob("agent", type: .system, count: 1, priority: 10), 4)
        #expect(cluster.turn { $0.isSettled && $0.evaluationCount > 4 })
        let leader = try #require(cluster.leader)
        cluster.kill(leader)
        #expect(cluster.settle() != nil)
        cluster.start(leader)
        cluster.world.run(for: .seconds(2))
        for number in 1...3 {
            cluster.scheduleSurely(
                .deregisterJob(
                    JobKey(id: "\(number)"), purges: false, submitUnixNanoseconds: 1,
                    evaluations: [evaluation(10 + number, of: full[number - 1])]))
            #expect(cluster.turn { $0.isSettled && $0.live("agent").count == number })
        }
    }

    private func pause(_ cluster: SimulatedCluster, _ isPaused: Bool) throws {
        let leader = try #require(cluster.leader)
        let answer = cluster.ask(
            leader, .put, "/v1/operator/scheduler/configuration",
            body: "{\"PauseEvalBroker\":\(isPaused)}")
        #expect(try answer.get().status == 200)
    }
}

extension SimulatedCluster {
    /// Into the leader's log; nobody waits for the answer.
    func send(_ command: SchedulerCommand) {
        guard let node = leader, let door = node.door else { return }
        node.host.loop.enter {
            door.assumeIsolated { $0.schedule(command) { _ in } }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import Testing

@Suite("Nodes that come, fail and fall silent") struct HeartbeatTests {
    private static func cluster(seed: UInt64, nodes: Int) -> SimulatedCluster? {
        SimulatedCluster.scheduling(seed: seed, nodes: nodes) { options in
            options.scheduling.heartbeats.shortest = .seconds(2)
            options.scheduling.heartbeats.grace = .seconds(1)
            options.scheduling.heartbeats.afterFailover = .seconds(20)
        }
    }

    /// Lasts, and is placed again a second after a failure.
    private func job(_ id: String, type: JobType = .service, count: Int) -> Job {
        var job = serviceJob(id, type: type, count: count)
        job.groups[0].reschedulePolicy?.delay = GoDuration(.seconds(1))
        job.groups[0].reschedulePolicy?.delayFunction = .constant
        return job
    }

    @Test("I5: a new leader grants every node its time, and counts from its own beginning")
    func failover() throws {
        let cluster = try #require(Self.cluster(seed: 51, nodes: 3))
        let web = job("web", count: 6)
        cluster.register(web, 1)
        #expect(cluster.turn { $0.fault(jobs: [web]) == nil && $0.isSettled })
        let leader = try #require(cluster.leader)
        cluster.kill(leader)
        #expect(cluster.settle() != nil)
        cluster.start(leader)
        // Far longer than a node may be silent otherwise.
        cluster.world.run(for: .seconds(15))
        cluster.beat([nodeID(1)])
        var tables = try #require(cluster.tables)
        #expect(tables.nodes.allSatisfy { $0.value.status == .ready })
        #expect(tables.fault(jobs: [web]) == nil)

        for _ in 0..<10 {
            cluster.world.run(for: .seconds(1))
            cluster.beat([nodeID(1)])
        }
        tables = try #require(cluster.tables)
        #expect(tables.nodes.map(\.value.status) == [.ready, .down, .down])
        #expect(tables.live("web").map(\.nodeID) == Array(repeating: nodeID(1), count: 6))
        #expect(tables.fault(jobs: [web]) == nil)
        #expect(
            tables.evaluations(ofJob: web.key).contains { $0.value.trigger == .nodeUpdate })
        for number in [2, 3] {
            #expect(
                tables.allocations(ofNode: nodeID(number)).allSatisfy {
                    $0.value.clientStatus == .lost && $0.value.desiredStatus == .stop
                })
        }
    }

    @Test("H5, H6: an instance that fails is looked at at once, and placed again with its history")
    func failure() throws {
        let cluster = try #require(Self.cluster(seed: 52, nodes: 0))
        let leader = try #require(cluster.leader)
        let fleet = cluster.mockNodes(
            [readyNode(1), readyNode(1_001)].map(Self.sharing), servers: [leader])
        fleet.start()
        #expect(cluster.turn { $0.nodeCount == 2 })
        var web = job("web", count: 1)
        web.groups[0].restartPolicy?.attempts = 0
        web.groups[0].restartPolicy?.mode = "fail"
        web.groups[0].tasks[0].config = JSONText(verifying: #"{"fail_at":"1s"}"#)
        cluster.register(web, 1)
        #expect(
            cluster.turn { tables in
                tables.evaluations(ofJob: web.key).contains { $0.value.trigger == .allocFailure }
                    && tables.allocations(ofJob: web.key).count >= 2
            })
        let tables = try #require(cluster.tables)
        let failed = try #require(
            tables.allocations(ofJob: web.key).first { $0.value.clientStatus == .failed }?.value)
        let next = try #require(failed.nextAllocation.flatMap { tables.allocation($0)?.value })
        #expect(next.previousAllocation == failed.id && next.index == failed.index)
        #expect(next.reschedules.last?.previousAllocation == failed.id)
        fleet.stop()
    }

    @Test("I1: a node that becomes ready gets the jobs of every node, and what waited for room")
    func ready() throws {
        let cluster = try #require(Self.cluster(seed: 53, nodes: 0))
        let leader = try #require(cluster.leader)
        let first = cluster.mockNodes([Self.sharing(readyNode(1))], servers: [leader])
        first.start()
        let (everywhere, web) = (job("everywhere", type: .system, count: 1), job("web", count: 11))
        #expect(cluster.turn { $0.nodeCount == 1 })
        cluster.register(everywhere, 1)
        #expect(cluster.turn { $0.live("everywhere").count == 1 && $0.isSettled })
        cluster.register(web, 2)
        #expect(
            cluster.turn { tables in
                tables.live("web").count == 7
                    && tables.evaluations.contains { $0.value.status == .blocked }
            })
        let second = cluster.mockNodes([Self.sharing(readyNode(2))], servers: [leader])
        second.start()
        #expect(
            cluster.turn { tables in
                tables.live("everywhere").map(\.nodeID).sorted() == [nodeID(1), nodeID(2)]
                    && tables.fault(jobs: [web]) == nil
                    && tables.allocations.allSatisfy { $0.value.clientStatus == .running }
            })
        #expect(first.runningCount == 8 && second.runningCount == 5)

        // It falls silent, and comes back when others have taken over what fits.
        second.stop()
        #expect(cluster.turn { $0.node(nodeID(2))?.value.status == .down })
        #expect(cluster.turn { $0.isSettled && $0.live("everywhere").count == 1 })
        let again = cluster.mockNodes([Self.sharing(readyNode(2))], servers: [leader])
        again.start()
        #expect(
            cluster.turn { tables in
                tables.live("everywhere").count == 2 && tables.fault(jobs: [web]) == nil
            })
        first.stop()
        again.stop()
    }

    /// Nodes of one process have one secret.
    private static func sharing(_ node: Node) -> Node {
        var shared = node
        shared.secretID = UniqueID(high: 3, low: 3)
        return shared
    }
}

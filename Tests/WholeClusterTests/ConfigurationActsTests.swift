// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

@Suite("The scheduler's configuration acts from the next evaluation on")
struct ConfigurationActsTests {
    private func configure(_ cluster: SimulatedCluster, _ body: String) throws {
        let leader = try #require(cluster.leader)
        let answer = cluster.ask(
            leader, .put, "/v1/operator/scheduler/configuration", body: body)
        #expect(try answer.get().status == 200)
    }

    @Test("F3, A4, A5: SchedulerAlgorithm fills nodes, or spreads over them")
    func algorithm() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 71, nodes: 0))
        cluster.scheduleSurely(
            .registerNodes(
                [readyNode(1, cpu: 1000), readyNode(2, cpu: 8000)], evaluations: []))
        cluster.register(serviceJob("full", count: 1, cpu: 400), 1)
        #expect(cluster.turn { $0.live("full").count == 1 && $0.isSettled })
        #expect(cluster.tables?.live("full").first?.nodeID == nodeID(1))
        try configure(cluster, #"{"SchedulerAlgorithm":"spread"}"#)
        cluster.register(serviceJob("spread", count: 1, cpu: 400), 2)
        #expect(cluster.turn { $0.live("spread").count == 1 && $0.isSettled })
        #expect(cluster.tables?.live("spread").first?.nodeID == nodeID(2))
    }

    @Test(
        "F1, F4: each kind of job evicts while its own switch is on, and no other's",
        arguments: [
            (JobType.service, "ServiceSchedulerEnabled"), (.batch, "BatchSchedulerEnabled"),
            (.system, "SystemSchedulerEnabled"), (.sysbatch, "SysBatchSchedulerEnabled"),
        ])
    func preemption(type: JobType, name: String) throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 72, nodes: 1))
        cluster.register(serviceJob("low", count: 8, priority: 20), 1)
        #expect(cluster.turn { $0.live("low").count == 8 && $0.isSettled })
        let names = [
            "ServiceSchedulerEnabled", "BatchSchedulerEnabled", "SystemSchedulerEnabled",
            "SysBatchSchedulerEnabled",
        ]
        func switches(_ isOn: (String) -> Bool) throws {
            let list = names.map { "\"\($0)\":\(isOn($0))" }.joined(separator: ",")
            try configure(cluster, "{\"PreemptionConfig\":{\(list)}}")
        }
        try switches { $0 != name }
        cluster.register(serviceJob("high", type: type, count: 1, priority: 70), 2)
        #expect(
            cluster.turn { tables in
                tables.isSettled && tables.evaluations.contains { $0.value.status == .blocked }
            })
        #expect(cluster.tables?.live("high").isEmpty == true)
        #expect(cluster.tables?.live("low").count == 8)

        try switches { $0 == name }
        #expect(cluster.turn { $0.live("high").count == 1 && $0.isSettled })
        #expect(cluster.tables?.live("low").count == 7)
    }

    @Test("A10: MemoryMaxMB is given while oversubscription is on, and takes no room")
    func oversubscription() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 73, nodes: 1))
        func given(_ id: String, _ number: Int) throws -> Int {
            var job = serviceJob(id, count: 1)
            job.groups[0].tasks[0].resources.memoryMaxMB = 8_000
            cluster.register(job, number)
            #expect(cluster.turn { $0.live(id).count == 1 && $0.isSettled })
            let allocation = try #require(cluster.tables?.live(id).first)
            return try #require(allocation.resources.value.tasks.first).memoryMaxMB
        }
        #expect(try given("off", 1) == 0)
        try configure(cluster, #"{"MemoryOversubscriptionEnabled":true}"#)
        #expect(try given("on", 2) == 8_000)
        #expect(try given("too", 3) == 8_000)
    }

    @Test("NodeLimitForFeasibilityChecks bounds how many nodes a job with wishes is tried on")
    func nodeLimit() throws {
        let cluster = try #require(SimulatedCluster.scheduling(seed: 74, nodes: 30))
        func hits(_ prefix: String, from number: Int) throws -> Int {
            for place in 0..<4 {
                var job = serviceJob("\(prefix)-\(place)", count: 1, cpu: 100)
                job.affinities = [Affinity("${node.unique.name}", "=", "node-7", weight: 100)]
                cluster.register(job, number + place)
            }
            #expect(cluster.turn { $0.isSettled && $0.allocationCount == number + 3 })
            return try #require(cluster.tables).allocations(ofNode: nodeID(7)).count
        }
        #expect(try hits("everywhere", from: 1) == 4)
        try configure(cluster, #"{"NodeLimitForFeasibilityChecks":2}"#)
        #expect(try hits("bounded", from: 5) < 8)
    }
}

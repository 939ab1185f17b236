// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHarness
import MartletScheduler
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

/// An instance was evicted twice: a plan that was on its way had given its room away, the state told of it
/// once more, as it was before, and the ledger let the next plan give the same room away again.
@Suite("The ledger and what is on its way") struct LedgerAheadTests {
    private static func id(_ high: UInt64) -> UniqueID { UniqueID(high: high, low: 1) }

    @Test("What a plan takes away stays away, whatever the state tells until the plan is in it")
    func evicted() throws {
        let cluster = SimulatedCluster(seed: 3, count: 1)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        var node = Node(
            id: Self.id(1), secretID: Self.id(2), name: "node",
            resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 100_000))
        node.attributes = ["kernel.name": "linux"]
        node.drivers = ["mock": DriverState()]
        node.status = .ready
        cluster.scheduleSurely(.registerNodes([node], evaluations: []))
        let job = Job(
            id: "web", type: .service,
            groups: [TaskGroup(name: "g", count: 1, tasks: [JobTask(name: "t", driver: "mock")])])
        let evaluation = Evaluation(
            id: Self.id(3), job: job.key, priority: 50, type: .service, trigger: .jobRegister)
        cluster.scheduleSurely(.registerJob(job, expected: nil, evaluations: [evaluation]))
        #expect(cluster.turn { $0.allocationCount == 1 })
        let row = try #require(cluster.tables?.allocations(ofJob: job.key).first)
        var part = PlacementPlan.NodePart(nodeID: node.id)
        part.evictions = [PlacementPlan.Eviction(row, by: Self.id(4))]
        var plan = PlanResult()
        plan.nodes = [part]

        var seen: [Bool] = []
        leader.host.perform {
            leader.door?.assumeIsolated { door in
                guard let dispatcher = door.server?.dispatcher else { return }
                dispatcher.goAhead(with: plan)
                dispatcher.takeIntoLedger(row.value)
                seen.append(dispatcher.ledger.isLive(row.value.id))
                dispatcher.caughtUp(with: plan)
                dispatcher.takeIntoLedger(row.value)
                seen.append(dispatcher.ledger.isLive(row.value.id))
            }
        }
        #expect(seen == [false, true])
    }
}

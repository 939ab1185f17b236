// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation
import MartletState
import MartletTransport
import Testing

@testable import MartletServer

/// A state with nodes that run something, and its log.
private final class Work {
    private(set) var state = State()

    func apply(_ command: SchedulerCommand) {
        let result = state.apply(
            Command.scheduling(command).encoded(), at: state.lastAppliedIndex + 1)
        #expect(result == .applied(modifyIndex: state.lastAppliedIndex))
    }

    static func nodeID(_ number: Int) -> UniqueID { UniqueID(high: 1, low: UInt64(number)) }

    static func allocationID(_ number: Int) -> UniqueID { UniqueID(high: 2, low: UInt64(number)) }

    static func jobID(_ number: Int) -> String {
        "\(number)-" + String(repeating: "j", count: 200)
    }

    /// Instance n of job n on node n modulo the number of nodes.
    init(nodes: Int, jobs: Int, type: JobType = .service) {
        apply(
            .registerNodes(
                (0..<nodes).map {
                    Node(id: Self.nodeID($0), secretID: Self.nodeID(0), name: "n", datacenter: "d")
                }, evaluations: []))
        for number in 0..<jobs {
            let task = JobTask(name: "t", driver: "mock")
            let group = TaskGroup(name: "g", count: 1, tasks: [task])
            let job = Job(id: Self.jobID(number), type: type, groups: [group])
            apply(.registerJob(job, expected: nil, evaluations: []))
            place(number, on: number % nodes, job.key)
        }
    }

    private func place(_ number: Int, on node: Int, _ key: JobKey) {
        guard let job = state.scheduling.job(key) else { return }
        let allocation = Allocation(
            id: Self.allocationID(number), evaluationID: UniqueID(high: 3, low: 1),
            nodeID: Self.nodeID(node), job: job, group: "g", index: 0,
            resources: Shared(AllocatedResources(tasks: [], diskMB: 0)))
        var part = PlacementPlan.NodePart(nodeID: allocation.nodeID)
        part.placements = [allocation]
        var result = PlanResult()
        result.nodes = [part]
        apply(
            .applyPlan(
                PlanEntry(
                    result, evaluationID: allocation.evaluationID, evaluations: [],
                    unixNanoseconds: 1)))
    }

    static func update(_ number: Int, _ status: Allocation.ClientStatus) -> AllocationUpdate {
        AllocationUpdate(
            id: allocationID(number), clientStatus: status, clientDescription: "",
            taskStates: nil, isHealthy: nil, healthUnixNanoseconds: 0)
    }

    func report(_ number: Int, _ status: Allocation.ClientStatus) {
        apply(
            .updateAllocations(
                [Self.update(number, status)], unixNanoseconds: 2, evaluations: []))
    }
}

@Suite("What follows from what nodes tell") struct NodeWorkTests {
    @Test("Of those who wait for one node's work, only those are looked at whose has changed")
    func watches() {
        let work = Work(nodes: 3, jobs: 3)
        let world = SimulatedWorld(seed: 1)
        let host = world.makeHost("a")
        var looks = [0, 0, 0]
        var told: [Int] = []
        host.perform {
            let queries = BlockingQueries(loop: host.loop, seed: 1) { work.state }
            queries.stateChanged()
            for number in 0..<3 {
                let index = work.state.lastAppliedIndex
                queries.park(
                    on: .allocations, node: Work.nodeID(number), until: .seconds(60), wait: nil,
                    isReady: { tables in
                        looks[number] += 1
                        return tables.allocations(ofNode: Work.nodeID(number))
                            .contains { $0.value.modifyIndex > index }
                    }, told: { _ in told.append(number) })
            }
            queries.park(
                on: .allocations, until: .seconds(60), wait: nil,
                isReady: { $0.allocationIndex > 99 }, told: { _ in })
            #expect(looks == [1, 1, 1])
            // The first look after the start is at all of them: nobody knows what came before.
            work.report(2, .running)
            queries.stateChanged()
            host.loop.atEndOfTurn {
                looks = [0, 0, 0]
                work.report(1, .running)
                queries.stateChanged()
                host.loop.atEndOfTurn {
                    #expect(looks == [0, 1, 0] && told == [2, 1] && queries.count == 2)
                    queries.endAll()
                    #expect(queries.count == 0 && told == [2, 1, 0])
                }
            }
        }
        world.run(for: .seconds(1))
        #expect(told == [2, 1, 0])
    }

    @Test("What nodes tell is measured with the evaluations that follow from it")
    func updates() throws {
        let work = Work(nodes: 1, jobs: 50)
        let tables = work.state.scheduling
        for status in [Allocation.ClientStatus.running, .failed] {
            let updates = (0..<50).map { Work.update($0, status) }
            let evaluations = try NodeEvaluations(
                tables: tables, unixNanoseconds: 1,
                makeID: { () throws(APIError) in UniqueID(high: 7, low: 7) }
            ).ofFailures(updates)
            #expect(evaluations.count == (status == .failed ? 50 : 0))
            let command = Command.scheduling(
                .updateAllocations(updates, unixNanoseconds: 1, evaluations: evaluations))
            let measured = NodeUpdates.sizeBytes(of: updates, in: tables)
            let size = command.encoded().count
            #expect(size <= measured && measured <= size + 50 * 32, "\(size) and \(measured)")
        }
    }

    /// It was placed again at once, several times a second on each node, until there was no room for more
    /// allocations.
    @Test(
        "What is to be on every node and does not last there rests before it is placed again",
        arguments: [JobType.system, .sysbatch, .service])
    func rests(type: JobType) throws {
        let work = Work(nodes: 1, jobs: 1, type: type)
        func evaluations(at seconds: Int64) throws -> [Evaluation] {
            try NodeEvaluations(
                tables: work.state.scheduling, unixNanoseconds: seconds * 1_000_000_000,
                makeID: { () throws(APIError) in UniqueID(high: 7, low: UInt64(seconds)) }
            ).ofFailures([Work.update(0, .failed)])
        }
        let soon = try evaluations(at: 10)
        #expect(soon.count == 1)
        guard type.isSystem else {
            #expect(soon[0].waitUntilUnixNanoseconds == 0)
            return
        }
        #expect(soon[0].waitUntilUnixNanoseconds == 40_000_000_000)
        work.apply(.upsertEvaluations(soon))
        #expect(try evaluations(at: 20).isEmpty)
        // By then it has lasted.
        #expect(try evaluations(at: 36).map(\.waitUntilUnixNanoseconds) == [0])
    }

    @Test("Evaluations that go with a change of nodes fit its entry, whatever runs there")
    func evaluations() throws {
        let work = Work(nodes: 1, jobs: 50)
        let evaluations = try NodeEvaluations(
            tables: work.state.scheduling, unixNanoseconds: 1,
            makeID: { () throws(APIError) in UniqueID(high: 7, low: 7) }, bytesMax: 8192
        ).ofNodes([Work.nodeID(0)])
        let size = Command.scheduling(.upsertEvaluations(evaluations)).encoded().count
        #expect(size <= 8192 && size > 7168, "\(size) of \(evaluations.count)")
    }

    @Test("What there is is counted as it comes and goes, and again from a snapshot")
    func counts() throws {
        let work = Work(nodes: 2, jobs: 3)
        func counts() -> SchedulerCounts { work.state.scheduling.counts }
        #expect(counts().nodes(.initializing) == 2 && counts().running == 0)
        work.report(0, .running)
        work.report(1, .running)
        work.report(1, .complete)
        work.apply(
            .setNodeStatus(
                [NodeStatusChange(id: Work.nodeID(0), status: .ready, unixSeconds: 1)],
                evaluations: []))
        var blocked = Evaluation(
            id: UniqueID(high: 8, low: 8), job: JobKey(id: "x"), priority: 50, type: .service,
            trigger: .queuedAllocs)
        blocked.status = .blocked
        work.apply(.upsertEvaluations([blocked]))
        #expect(counts().nodes(.ready) == 1 && counts().nodes(.initializing) == 1)
        #expect(counts().running == 1 && counts().blocked == 1)
        #expect(try State(decoding: work.state.encoded()).scheduling.counts == counts())
        #expect(work.state.scheduling.brokenInvariant() == nil)
        work.apply(.deregisterNodes([Work.nodeID(0)], evaluations: []))
        #expect(counts().nodes(.ready) == 0)
    }
}

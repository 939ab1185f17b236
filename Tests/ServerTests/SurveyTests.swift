// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHarness
import MartletScheduler
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

/// A new leader read a hundred thousand instances on its loop, and lost its quorum meanwhile, as did the next.
@Suite("A state that is read on a lane") struct SurveyTests {
    private static func id(_ high: UInt64) -> UniqueID { UniqueID(high: high, low: 1) }

    private static func node(_ number: UInt64) -> Node {
        var node = Node(
            id: id(number), secretID: id(100 + number), name: "n\(number)",
            resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 100_000))
        node.attributes = ["kernel.name": "linux"]
        node.drivers = ["mock": DriverState()]
        node.status = .ready
        return node
    }

    private static func registration(_ name: String, evaluation: UInt64) -> SchedulerCommand {
        let job = Job(
            id: name, type: .service,
            groups: [TaskGroup(name: "g", count: 2, tasks: [JobTask(name: "t", driver: "mock")])])
        return .registerJob(
            job, expected: nil,
            evaluations: [
                Evaluation(
                    id: id(evaluation), job: job.key, priority: 50, type: .service,
                    trigger: .jobRegister)
            ])
    }

    private let cluster = SimulatedCluster(seed: 3, count: 1)

    /// Three nodes, and two instances of `web`.
    private func begin() throws -> SimulatedCluster.Node {
        cluster.startAll()
        let leader = try #require(cluster.settle())
        cluster.scheduleSurely(
            .registerNodes((1...3).map(Self.node), evaluations: []))
        cluster.scheduleSurely(Self.registration("web", evaluation: 50))
        #expect(cluster.turn { $0.allocationCount == 2 })
        return leader
    }

    private func ask<Answer: Sendable>(
        _ leader: SimulatedCluster.Node, _ body: @Sendable (Dispatcher) -> Answer
    ) throws -> Answer {
        var answer: Answer?
        leader.host.perform {
            leader.door?.assumeIsolated { door in
                answer = door.server.map { body($0.dispatcher) }
            }
        }
        return try #require(answer)
    }

    @Test("It knows nodes, room, what is emptied, and what is lost")
    func finds() throws {
        _ = try begin()
        var tables = try #require(cluster.tables)
        let row = try #require(tables.allocations(ofJob: JobKey(id: "web")).first)
        let home = row.value.nodeID
        let change = NodeStatusChange(
            id: home, status: .down, statusDescription: "", unixSeconds: 0,
            event: NodeEvent(message: "", subsystem: "", unixNanoseconds: 0))
        cluster.scheduleSurely(.setNodeStatus([change], evaluations: []))
        tables = try #require(cluster.tables)
        let survey = Survey(of: tables, at: 9)
        #expect(survey.index == 9)
        #expect(survey.nodes.keys.sorted() == (1...3).map(Self.id))
        #expect(survey.nodes[home]?.isDown == true)
        #expect(
            survey.ledger.isLive(row.value.id) != tables.allocation(row.value.id)?.value.isTerminal)
        var known = survey.concerns
        let concerns = known.take()
        #expect(concerns.map(\.job.value.id) == ["web"])
        #expect(concerns.map(\.node) == [home])
        #expect(survey.draining.isEmpty)
    }

    @Test("What comes while all is read is followed")
    func follows() throws {
        let leader = try begin()
        let isReading = try ask(leader) { dispatcher in
            dispatcher.readAll()
            return dispatcher.surveying == .everything
        }
        #expect(isReading)
        cluster.scheduleSurely(Self.registration("api", evaluation: 51))
        #expect(cluster.turn { $0.allocationCount == 4 })
        let (count, isDone) = try ask(leader) { ($0.ledger.allocationCount, $0.surveying == nil) }
        #expect(count == 4)
        #expect(isDone)
    }

    @Test("Plans wait for a ledger that is read anew")
    func ledger() throws {
        let leader = try begin()
        try ask(leader) { dispatcher in
            dispatcher.ledger = ClusterLedger()
            dispatcher.isLedgerStale = true
        }
        cluster.scheduleSurely(Self.registration("api", evaluation: 51))
        #expect(cluster.turn { $0.allocationCount == 4 })
        let (count, isDone) = try ask(leader) { ($0.ledger.allocationCount, $0.surveying == nil) }
        #expect(count == 4, "two are of before")
        #expect(isDone)
    }

    @Test("Deployments wait in their order, each once")
    func queue() {
        var waiting = WaitingDeployments()
        for number in [3, 1, 3, 2, 1] { waiting.insert(Self.id(UInt64(number))) }
        #expect(waiting.removeFirst() == Self.id(3))
        waiting.insert(Self.id(3))
        #expect(!waiting.isEmpty)
        let rest = (0..<3).map { _ in waiting.removeFirst() }
        #expect(rest == [1, 2, 3].map { Self.id($0) })
        #expect(waiting.isEmpty && waiting.removeFirst() == nil)
    }
}

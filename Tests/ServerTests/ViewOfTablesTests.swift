// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletScheduler
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

private func id(_ number: UInt64) -> UniqueID { UniqueID(high: 9, low: number) }

/// A state, plans on their way into it, and a lane that has looked before.
private struct Traffic {
    private static let jobs = ["web", "api", "mail"]

    private var state = State()
    private var index: UInt64 = 0
    private var flights: [(ahead: SchedulerLane.PlanAhead, evaluation: UniqueID)] = []
    private var numbers: UInt64 = 0
    private var generator: SplitMix64
    private let lane = SchedulerLane()

    init(seed: UInt64) throws {
        generator = SplitMix64(seed: seed)
        try apply(.registerNodes((1...5).map(Self.node), evaluations: []))
    }

    /// Registers, moves what is on its way, or looks.
    mutating func goOn() throws {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: try register()
        case 1: try land()
        case 2: lose()
        case 3: try tell()
        default: try look()
        }
    }

    private mutating func apply(_ command: SchedulerCommand) throws {
        index += 1
        let result = state.apply(Command.scheduling(command).encoded(), at: index)
        switch result {
        case .applied, .unchanged: break
        default: throw ByteError(offset: 0, reason: "\(result) at \(index)")
        }
    }

    private mutating func register() throws {
        var task = JobTask(name: "t", driver: "mock")
        task.resources.cpu = [90, 110, 130][Int.random(in: 0..<3, using: &generator)]
        task.resources.memoryMB = 128
        var job = Job(
            id: Self.jobs[Int.random(in: 0..<3, using: &generator)], type: .service,
            groups: [
                TaskGroup(
                    name: "g", count: Int.random(in: 0...12, using: &generator), tasks: [task])
            ])
        job.priority = [30, 50, 90][Int.random(in: 0..<3, using: &generator)]
        try apply(.registerJob(job, expected: nil, evaluations: []))
    }

    /// The first plan comes into the state.
    private mutating func land() throws {
        guard let first = flights.first else { return }
        flights.removeFirst()
        try apply(
            .applyPlan(
                PlanEntry(
                    first.ahead.result, evaluationID: first.evaluation, evaluations: [],
                    unixNanoseconds: 5)))
    }

    /// The first plan never comes.
    private mutating func lose() {
        if !flights.isEmpty { flights.removeFirst() }
    }

    /// An instance ends.
    private mutating func tell() throws {
        guard let one = state.scheduling.allocations.map(\.value).randomElement(using: &generator)
        else { return }
        try apply(
            .updateAllocations(
                [AllocationUpdate(id: one.id, clientStatus: .failed)], unixNanoseconds: 5,
                evaluations: []))
    }

    private mutating func look() throws {
        let tables = state.scheduling
        guard let job = tables.jobs.map(\.value).randomElement(using: &generator) else { return }
        numbers += 1
        let evaluation = Evaluation(
            id: id(1000 + numbers), job: job.key, priority: job.priority, type: .service,
            trigger: .jobRegister)
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig.serviceSchedulerEnabled = true
        let work = SchedulerLane.Work(
            evaluation: evaluation, token: id(900), attempt: 1,
            moment: SchedulerLane.Moment(
                tables: tables, snapshotIndex: index, configuration: configuration,
                ahead: flights.map(\.ahead), unixNanoseconds: 5))
        let proposal = lane.evaluate(work)
        #expect(proposal.plan == SchedulerLane().evaluate(work).plan, "at \(index)")
        guard !proposal.plan.isEmpty, Bool.random(using: &generator) else { return }
        var result = PlanResult()
        result.nodes = proposal.plan.nodes
        result.deployment = proposal.plan.deployment
        flights.append(
            (SchedulerLane.PlanAhead(number: numbers, result: result), evaluation.id))
    }

    private static func node(_ number: Int) -> Node {
        var node = Node(
            id: id(UInt64(number)), secretID: id(50), name: "node-\(number)",
            resources: NodeResources(cpu: 500, memoryMB: 8192, diskMB: 100_000))
        node.attributes = ["kernel.name": "linux"]
        node.drivers = ["mock": DriverState()]
        node.status = .ready
        return node
    }
}

@Suite("A lane's picture of the cluster") struct ViewOfTablesTests {
    @Test(
        "A lane that has looked before, with other plans on their way, proposes what a new one does",
        arguments: 1...40)
    func same(seed: UInt64) throws {
        var traffic = try Traffic(seed: seed)
        for _ in 0..<150 { try traffic.goOn() }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletScheduler
import MartletState
import Testing

@testable import MartletServer

private func id(_ number: UInt64) -> UniqueID { UniqueID(high: 8, low: number) }

/// A cluster of three nodes and a job of eight, half of which is placed by an earlier version.
private struct Looked {
    var tables = SchedulerTables()
    let evaluation: Evaluation
    let token = id(900)
    let proposal: Scheduling.Proposal
    private static let index: UInt64 = 10

    init() throws {
        var state = State()
        func apply(_ command: SchedulerCommand, at index: UInt64) throws {
            guard case .applied = state.apply(Command.scheduling(command).encoded(), at: index)
            else { throw ByteError(offset: 0, reason: "refused at \(index)") }
        }
        try apply(.registerNodes((1...3).map(Self.node), evaluations: []), at: 1)
        let first = Self.job(count: 4, cpu: 100)
        let early = Self.evaluation(1, of: first)
        try apply(.registerJob(first, expected: nil, evaluations: [early]), at: 2)
        let placed = Self.look(at: early, state.scheduling, index: 2)
        var result = PlanResult()
        result.nodes = placed.plan.nodes
        try apply(
            .applyPlan(
                PlanEntry(
                    result, evaluationID: early.id, evaluations: [], unixNanoseconds: 5)), at: 3)
        let second = Self.job(count: 8, cpu: 110)
        evaluation = Self.evaluation(2, of: second)
        try apply(.registerJob(second, expected: nil, evaluations: [evaluation]), at: 4)
        tables = state.scheduling
        proposal = Self.look(at: evaluation, tables, index: Self.index)
    }

    private static func node(_ number: Int) -> Node {
        var node = Node(
            id: id(UInt64(number)), secretID: id(50), name: "node-\(number)",
            resources: NodeResources(cpu: 1000, memoryMB: 8192, diskMB: 100_000))
        node.attributes = ["kernel.name": "linux"]
        node.drivers = ["mock": DriverState()]
        node.status = .ready
        return node
    }

    private static func job(count: Int, cpu: Int) -> Job {
        var task = JobTask(name: "t", driver: "mock")
        task.resources.cpu = cpu
        task.resources.memoryMB = 128
        return Job(
            id: "web", type: .service, groups: [TaskGroup(name: "g", count: count, tasks: [task])])
    }

    private static func evaluation(_ number: UInt64, of job: Job) -> Evaluation {
        Evaluation(
            id: id(100 + number), job: job.key, priority: 50, type: .service,
            trigger: .jobRegister)
    }

    private static func look(
        at evaluation: Evaluation, _ tables: SchedulerTables, index: UInt64
    ) -> Scheduling.Proposal {
        SchedulerLane().evaluate(
            SchedulerLane.Work(
                evaluation: evaluation, token: id(900), attempt: 1,
                moment: SchedulerLane.Moment(
                    tables: tables, snapshotIndex: index,
                    configuration: SchedulerConfiguration(), ahead: [], unixNanoseconds: 5)))
    }

    func read(_ report: LookReport) throws(LookReading.Failure) -> Scheduling.Proposal {
        var reading = LookReading(of: evaluation, token: token, attempt: 1, over: tables)
        return try reading.proposal(of: report)
    }
}

@Suite("What a look elsewhere finds, as bytes") struct LookReportTests {
    @Test("The leader reads of it what was proposed")
    func roundTrip() throws {
        let looked = try Looked()
        #expect(!looked.proposal.plan.isEmpty)
        let bytes = try #require(LookReport(looked.proposal).encoded())
        let read = try looked.read(try LookReport(decoding: bytes))

        #expect(
            plain(read.plan, looked.tables) == plain(looked.proposal.plan, looked.tables))
        #expect(read.followUps == looked.proposal.followUps)
        #expect(read.wanted == looked.proposal.wanted)
        #expect(read.failedGroups == looked.proposal.failedGroups)
        #expect(read.eligibility == looked.proposal.eligibility)
        #expect(read.deploymentID == looked.proposal.deploymentID)
        #expect(LookReport(read) == (try LookReport(decoding: bytes)))
    }

    /// Without what is written by whoever writes the plan: when it was made, and the job's status.
    private func plain(_ plan: PlacementPlan, _ tables: SchedulerTables) -> PlacementPlan {
        var plan = plan
        for part in plan.nodes.indices {
            for place in plan.nodes[part].placements.indices {
                var allocation = plan.nodes[part].placements[place]
                allocation.createUnixNanoseconds = 0
                allocation.modifyUnixNanoseconds = 0
                let version = JobVersionKey(of: allocation.job.value)
                if let job = tables.version(version) { allocation.job = job }
                plan.nodes[part].placements[place] = allocation
            }
        }
        return plan
    }

    @Test("Each cut of its bytes, and each that is too much, is refused")
    func cut() throws {
        let bytes = try #require(LookReport(try Looked().proposal).encoded())
        for count in stride(from: 0, to: bytes.count, by: 5) {
            #expect(throws: StateError.self) {
                try LookReport(decoding: Array(bytes.prefix(count)))
            }
        }
        #expect(throws: StateError.self) { try LookReport(decoding: bytes + [0]) }
        #expect(throws: StateError.self) {
            try LookReport(decoding: [UInt8](repeating: 0, count: LookReport.bytesMax + 1))
        }
    }

    @Test("A report of another job's instances, or with an id twice, is absurd")
    func absurd() throws {
        let looked = try Looked()
        let report = LookReport(looked.proposal)
        var other = report
        other.plan.evaluationID = id(77)
        #expect(throws: LookReading.Failure.absurd("a report of another evaluation")) {
            try looked.read(other)
        }
        other = report
        other.plan.placements.append(other.plan.placements[0])
        #expect(throws: LookReading.Failure.absurd("a report with an id twice")) {
            try looked.read(other)
        }
        other = report
        other.plan.placements[0].job.job.id = "another"
        #expect(throws: LookReading.Failure.absurd("an instance of another job")) {
            try looked.read(other)
        }
        other = report
        other.plan.placements[0].group = "another"
        #expect(throws: LookReading.Failure.absurd("an instance of no group")) {
            try looked.read(other)
        }
        other = report
        other.plan.placements[0].index = SchedulingBounds.instancesMax
        #expect(throws: LookReading.Failure.self) { try looked.read(other) }
    }

    @Test("A version of the job that is gone meanwhile is no fault of who looked")
    func overtaken() throws {
        let looked = try Looked()
        var report = LookReport(looked.proposal)
        report.plan.placements[0].job.jobModifyIndex = 3
        #expect(throws: LookReading.Failure.overtaken) { try looked.read(report) }
    }
}

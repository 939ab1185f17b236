// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletState
import Testing

/// A generator with a seed (SplitMix64).
private struct Dice {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }
}

/// Any command, some of them about what is not there.
private struct Commands {
    var dice: Dice

    private mutating func jobID() -> String { dice.pick(["a", "b", "c"]) }

    private mutating func evaluations() -> [Evaluation] {
        (0..<dice.below(3)).map { _ in
            var made = evaluation(
                300 + dice.below(12), of: jobID(),
                status: dice.pick([.pending, .blocked, .complete, .failed, .canceled]),
                trigger: dice.pick(EvaluationTrigger.allCases))
            if dice.below(3) == 0 { made.failedGroups = ["g": unusualMetric] }
            if dice.below(3) == 0 { made.queuedAllocations = ["g": dice.below(4)] }
            made.nodeID = dice.below(2) == 0 ? uid(1) : nil
            return made
        }
    }

    mutating func next(_ tables: SchedulerTables) -> SchedulerCommand {
        switch dice.below(16) {
        case 0, 1:
            return .registerJob(
                job(
                    jobID(), type: dice.pick(JobType.allCases), count: dice.below(4),
                    cpu: 100 + dice.below(3), groups: dice.pick([["g"], ["h", "g"], []])),
                expected: dice.below(4) == 0 ? UInt64(dice.below(9)) : nil,
                evaluations: evaluations())
        case 2:
            return .deregisterJob(
                JobKey(id: jobID()), purges: dice.below(2) == 0, submitUnixNanoseconds: 3,
                evaluations: evaluations())
        case 3:
            return .revertJob(
                JobKey(id: jobID()), version: UInt64(dice.below(5)), enforcing: nil,
                evaluations: evaluations())
        case 4:
            return .setJobStability(
                JobKey(id: jobID()), version: UInt64(dice.below(5)), isStable: dice.below(2) == 0)
        case 5:
            return .registerNodes(
                [node(dice.below(4), status: dice.pick(NodeStatus.allCases))],
                evaluations: evaluations())
        case 6:
            return .setNodeDrain(
                [
                    NodeDrainChange(
                        id: uid(dice.below(4)),
                        drain: dice.below(2) == 0 ? DrainStrategy(deadline: .seconds(1)) : nil,
                        marksEligible: dice.below(2) == 0, unixNanoseconds: 4)
                ], evaluations: evaluations())
        case 7: return .deregisterNodes([uid(dice.below(4))], evaluations: evaluations())
        case 8: return .upsertEvaluations(evaluations())
        case 9, 10, 11: return .applyPlan(plan(tables))
        case 12, 13:
            return .updateAllocations(
                [
                    AllocationUpdate(
                        id: uid(100 + dice.below(20)),
                        clientStatus: dice.pick([.pending, .running, .complete, .failed]),
                        taskStates: dice.below(2) == 0 ? ["t": TaskState(state: .running)] : nil,
                        isHealthy: dice.pick([nil, true, false]), healthUnixNanoseconds: 9)
                ], unixNanoseconds: 10, evaluations: evaluations())
        case 14:
            return dice.below(2) == 0
                ? .promoteDeployment(uid(900 + dice.below(3)), groups: nil, evaluations: [])
                : .setDeploymentStatus(
                    DeploymentStatusUpdate(
                        id: uid(900 + dice.below(3)), status: dice.pick([.successful, .failed]),
                        description: "over"),
                    revertingTo: dice.below(2) == 0 ? UInt64(dice.below(4)) : nil,
                    evaluations: evaluations())
        default:
            return .collect(
                Garbage(
                    evaluations: (0..<6).map { _ in uid(300 + dice.below(12)) },
                    allocations: (0..<6).map { _ in uid(100 + dice.below(20)) },
                    deployments: [uid(900 + dice.below(3))],
                    jobs: tables.jobs.map {
                        .init(key: $0.value.key, modifyIndex: $0.value.modifyIndex)
                    }))
        }
    }

    private mutating func plan(_ tables: SchedulerTables) -> PlanEntry {
        var result = PlanResult()
        let jobs = Array(tables.jobs)
        guard !jobs.isEmpty else { return PlanEntry(evaluationID: uid(300), unixNanoseconds: 1) }
        let job = dice.pick(jobs)
        var part = PlacementPlan.NodePart(nodeID: uid(dice.below(4)))
        for _ in 0..<dice.below(4) {
            var allocation = Allocation(
                id: uid(100 + dice.below(20)), evaluationID: uid(300), nodeID: part.nodeID,
                job: job, group: dice.pick(["g", "h"]), index: dice.below(3),
                resources: Shared(AllocatedResources(diskMB: dice.below(2))))
            allocation.metrics = dice.below(2) == 0 ? Shared(unusualMetric) : nil
            allocation.previousAllocation = dice.below(3) == 0 ? uid(100 + dice.below(20)) : nil
            allocation.deploymentID = dice.below(2) == 0 ? uid(900 + dice.below(3)) : nil
            allocation.deploymentStatus =
                dice.below(3) == 0 ? AllocationHealth(isCanary: dice.below(2) == 0) : nil
            part.placements.append(allocation)
        }
        for allocation in tables.allocations where dice.below(6) == 0 {
            if dice.below(2) == 0 {
                part.stops.append(
                    PlacementPlan.Stop(
                        allocation, description: "stop",
                        clientStatus: dice.below(3) == 0 ? .lost : nil))
            } else {
                part.evictions.append(
                    PlacementPlan.Eviction(allocation, by: uid(100 + dice.below(20))))
            }
        }
        result.nodes = [part]
        if dice.below(2) == 0 {
            var deployment = Deployment(id: uid(900 + dice.below(3)), of: job.value)
            var group = DeploymentGroupState()
            group.desiredTotal = dice.below(3)
            group.desiredCanaries = dice.below(2)
            group.progressDeadline = .seconds(5)
            deployment.groups["g"] = group
            result.deployment = deployment
        }
        return PlanEntry(
            result, evaluationID: uid(300 + dice.below(4)), evaluations: evaluations(),
            unixNanoseconds: Int64(dice.below(1000)))
    }
}

@Suite("The scheduler's tables, whatever is written") struct SchedulingReplayTests {
    @Test("J9: a log gives one state, and a state comes back from its bytes", arguments: 1...16)
    func replay(seed: UInt64) throws {
        var world = Scheduled()
        var commands = Commands(dice: Dice(state: seed))
        for _ in 0..<100 {
            let command = commands.next(world.tables)
            world.apply(command)
            let broken = world.tables.brokenInvariant()
            #expect(broken == nil, "after \(command)")
            if broken != nil { return }
        }
        var replayed = State()
        var halfway = State()
        for (position, entry) in world.log.enumerated() {
            let command = try Command(decoding: entry.bytes)
            #expect(command.encoded() == entry.bytes)
            _ = replayed.apply(entry.bytes, at: entry.index)
            _ = halfway.apply(entry.bytes, at: entry.index)
            if position % 30 == 0 { halfway = try State(decoding: halfway.encoded()) }
        }
        #expect(replayed == world.state && replayed.encoded() == world.state.encoded())
        #expect(halfway == world.state && halfway.encoded() == world.state.encoded())
        #expect(halfway.scheduling.brokenInvariant() == nil)
    }

    @Test("A snapshot that was cut or altered is refused, or is another valid state")
    func damaged() throws {
        var world = Scheduled()
        var commands = Commands(dice: Dice(state: 77))
        for _ in 0..<80 { world.apply(commands.next(world.tables)) }
        let bytes = world.state.encoded()
        #expect(bytes[0] == 6)
        var dice = Dice(state: 78)
        for _ in 0..<400 {
            var damaged = bytes
            if dice.below(4) == 0 {
                damaged.removeLast(1 + dice.below(bytes.count - 1))
            } else {
                damaged[dice.below(bytes.count)] = UInt8(dice.below(256))
            }
            do throws(StateError) {
                let state = try State(decoding: damaged)
                #expect(state.encoded() == damaged)
                #expect(state.scheduling.brokenInvariant() == nil)
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
    }

    @Test("A copy stays as it was while the original changes")
    func snapshots() {
        var world = Scheduled()
        var commands = Commands(dice: Dice(state: 5))
        for _ in 0..<40 { world.apply(commands.next(world.tables)) }
        let copy = world.state
        let bytes = copy.encoded()
        for _ in 0..<60 { world.apply(commands.next(world.tables)) }
        #expect(copy.encoded() == bytes && world.state != copy)
    }
}

@Suite("Restores of the scheduler's tables") struct SchedulingRestoreTests {
    private func saved(_ seed: UInt64) -> State {
        var world = Scheduled()
        var commands = Commands(dice: Dice(state: seed))
        for _ in 0..<120 { world.apply(commands.next(world.tables)) }
        return world.state
    }

    /// At the index behind `start`; returns the index of its end.
    private func restore(_ bytes: [UInt8], into state: inout State, from start: UInt64) -> UInt64 {
        var index = start + 1
        let begin = Command.restoreBegin(
            sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes), isStaged: true)
        #expect(state.apply(begin.encoded(), at: index) == .applied(modifyIndex: index))
        let name = index
        for number in 0..<StateRestore.chunkCount(ofBytes: bytes.count) {
            index += 1
            let chunk = Command.restoreChunk(
                restore: name, number: UInt32(number),
                bytes: StateRestore.chunk(number, of: bytes))
            #expect(state.apply(chunk.encoded(), at: index) == .applied(modifyIndex: index))
        }
        index += 1
        let end = Command.restoreEnd(restore: name, hasACL: true)
        #expect(state.apply(end.encoded(), at: index) == .applied(modifyIndex: index))
        return index
    }

    @Test(
        "In the log that it comes of, a restore brings back every row as it was", arguments: 1...4)
    func same(seed: UInt64) throws {
        let saved = saved(seed)
        var state = saved
        _ = state.apply(
            Command.scheduling(.deregisterNodes([], evaluations: [evaluation(1)])).encoded(),
            at: 200)
        let index = restore(saved.archived(), into: &state, from: 200)
        let tables = state.scheduling
        #expect(tables.evaluation(uid(1)) == nil && tables.brokenInvariant() == nil)
        #expect(tables.nodeIndex == index && tables.jobIndex == index)
        #expect(Array(tables.allocations) == Array(saved.scheduling.allocations))
        #expect(Array(tables.jobs) == Array(saved.scheduling.jobs))
        #expect(tables.changes(after: index) == [] && tables.changes(after: index - 1) == nil)
    }

    @Test("In a shorter log no row is of a later entry, and nothing is lost", arguments: 5...8)
    func shorter(seed: UInt64) throws {
        let saved = saved(seed)
        var state = State()
        let index = restore(saved.archived(), into: &state, from: 60)
        let tables = state.scheduling
        #expect(tables.brokenInvariant() == nil)
        #expect(tables.allocationCount == saved.scheduling.allocationCount)
        #expect(tables.jobCount == saved.scheduling.jobCount)
        #expect(tables.jobs.allSatisfy { $0.value.modifyIndex <= index })
        #expect(tables.allocations.allSatisfy { $0.value.modifyIndex <= index })
        #expect(try State(decoding: state.encoded()) == state)
    }

    @Test("A log that is too short for the versions of a job is told so")
    func tooShort() {
        var world = Scheduled()
        for count in 1...5 {
            world.apply(.registerJob(job("j", count: count), expected: nil, evaluations: []))
        }
        world.apply(.registerJob(job("k"), expected: nil, evaluations: []))
        let bytes = world.state.archived()
        var state = State()
        let begin = Command.restoreBegin(
            sizeBytes: UInt64(bytes.count), checksum: CRC32C.checksum(bytes), isStaged: true)
        _ = state.apply(begin.encoded(), at: 1)
        _ = state.apply(
            Command.restoreChunk(restore: 1, number: 0, bytes: bytes).encoded(), at: 2)
        #expect(state.restoreEndMin == 5, "of one job")
        var filled = state
        for index in 3...4 as ClosedRange<UInt64> {
            _ = filled.apply(Command.scheduling(.upsertEvaluations([])).encoded(), at: index)
        }
        _ = filled.apply(Command.restoreEnd(restore: 1, hasACL: true).encoded(), at: 5)
        #expect(filled.scheduling.jobCount == 2 && filled.scheduling.brokenInvariant() == nil)
        let result = state.apply(Command.restoreEnd(restore: 1, hasACL: true).encoded(), at: 3)
        #expect(
            result
                == .refused("the log is too short for the versions of job j: try once more"))
        #expect(!state.scheduling.isKnown && state.restoreIndex == nil)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("H: failures, losses, migrations") struct RescheduleTests {
    private func world(_ job: Job, nodes: Int = 3) -> LeaderState {
        var world = LeaderState(nodes: nodes)
        world.run(world.register(job))
        world.start(job.id)
        return world
    }

    /// An allocation that failed at `ended`, with these delays behind it, each `gap` apart.
    private func failed(
        _ policy: ReschedulePolicy, delays: [Int64], gap: Int64 = 0, ended: Int64 = 5000
    ) -> Allocation {
        var job = Job.fixture()
        job.groups[0].reschedulePolicy = policy
        var allocation = Allocation(
            id: .id(1), evaluationID: .id(1), nodeID: .node(1), job: Shared(job), group: "g",
            index: 0, resources: Shared(AllocatedResources()))
        allocation.clientStatus = .failed
        allocation.modifyUnixNanoseconds = ended * second
        for (position, delay) in delays.enumerated() {
            let age = Int64(delays.count - position) * gap
            allocation.reschedules.append(
                RescheduleEvent(
                    unixNanoseconds: (ended - age) * second, previousAllocation: .id(0),
                    previousNode: .node(9), delay: GoDuration(nanoseconds: delay * second)))
        }
        return allocation
    }

    private static func policy(
        _ function: ReschedulePolicy.DelayFunction, delay: Int32 = 30, max: Int32 = 3600,
        attempts: Int? = nil, interval: Int32 = 86_400
    ) -> ReschedulePolicy {
        var policy = ReschedulePolicy()
        policy.delayFunction = function
        policy.delay = .seconds(delay)
        policy.maxDelay = .seconds(max)
        policy.unlimited = attempts == nil
        policy.attempts = attempts ?? 0
        policy.interval = .seconds(interval)
        return policy
    }

    static let delays:
        [(ReschedulePolicy.DelayFunction, before: [Int64], gap: Int64, next: Int64)] = [
            (.constant, [], 0, 30), (.constant, [30, 30], 0, 30),
            (.exponential, [], 0, 30), (.exponential, [30], 0, 60),
            (.exponential, [30, 60], 0, 120), (.exponential, [30, 60, 1800], 0, 3600),
            (.exponential, [3600], 0, 3600), (.exponential, [3600], 3601, 30),
            (.fibonacci, [], 0, 30), (.fibonacci, [30], 0, 30), (.fibonacci, [30, 30], 0, 60),
            (.fibonacci, [30, 60], 0, 90), (.fibonacci, [2000, 3000], 0, 3600),
            (.fibonacci, [3600, 30], 0, 30),
        ]

    @Test(
        "H5: delays grow by their function, up to the longest, and start again", arguments: delays)
    func delay(
        _ function: ReschedulePolicy.DelayFunction, _ before: [Int64], _ gap: Int64, _ next: Int64
    ) {
        let policy = Self.policy(function)
        let allocation = failed(policy, delays: before, gap: gap)

        #expect(Rescheduling.nextDelay(after: allocation, policy: policy) == next * second)
    }

    @Test("H5: attempts count within the interval", arguments: [(0, true), (1, true), (2, false)])
    func attempts(before: Int, isTried: Bool) {
        let policy = Self.policy(.constant, attempts: 2)
        let allocation = failed(
            policy, delays: Array(repeating: 30, count: before), gap: 100)

        let verdict = Rescheduling.verdict(on: allocation, policy: policy)
        #expect(verdict == (isTried ? .at(unixNanoseconds: 5030 * second) : .never))
        var old = allocation
        for position in old.reschedules.indices {
            old.reschedules[position].unixNanoseconds = (5000 - 90_000) * second
        }
        #expect(
            Rescheduling.verdict(on: old, policy: policy) == .at(unixNanoseconds: 5030 * second))
    }

    @Test("H5: a failure told by a clock that is ahead counts from now")
    func clockAhead() {
        let policy = Self.policy(.constant)
        let allocation = failed(policy, delays: [], ended: 57_000)
        #expect(
            Rescheduling.verdict(on: allocation, policy: policy, at: 5000 * second)
                == .at(unixNanoseconds: 5030 * second))
    }

    /// 88 instances in ten seconds came of a node whose clock was two minutes behind.
    @Test("H5: a failure told by a clock that is behind counts from when the instance was made")
    func clockBehind() {
        let policy = Self.policy(.constant)
        var allocation = failed(policy, delays: [], ended: 1000)
        allocation.createUnixNanoseconds = 5000 * second
        #expect(
            Rescheduling.verdict(on: allocation, policy: policy, at: 5001 * second)
                == .at(unixNanoseconds: 5030 * second))
    }

    @Test("H5: one that failed at once did not live long, whatever its node's clock says")
    func growsUnderOtherClocks() {
        let policy = Self.policy(.exponential)
        var allocation = failed(policy, delays: [3600], gap: 1, ended: 5000)
        #expect(
            Rescheduling.verdict(on: allocation, policy: policy, at: 5001 * second)
                == .at(unixNanoseconds: 8600 * second))
        allocation.modifyUnixNanoseconds = 57_000 * second
        #expect(
            Rescheduling.verdict(on: allocation, policy: policy, at: 5001 * second)
                == .at(unixNanoseconds: 8601 * second))
    }

    @Test("H6: what is remembered: all within the interval, or the last five")
    func history() {
        let unlimited = Self.policy(.constant)
        let many = failed(unlimited, delays: Array(repeating: 30, count: 9), gap: 100)
        let kept = Rescheduling.history(replacing: many, policy: unlimited, at: 6000 * second)
        #expect(kept.count == 5 && kept.last?.previousAllocation == many.id)

        let limited = Self.policy(.constant, attempts: 20, interval: 450)
        let some = failed(limited, delays: Array(repeating: 30, count: 9), gap: 100)
        // Four are younger than 450 s at 5000 s; this one is added.
        #expect(
            Rescheduling.history(replacing: some, policy: limited, at: 5000 * second).count == 5)
    }

    @Test("H5: a failed service instance waits for its delay, and comes back by its follow-up")
    func later() throws {
        var world = world(.fixture(count: 2))
        let victim = world.live()[1]
        world.tell(victim.id, .failed)
        world.run(world.evaluation(.allocFailure))

        let followUp = try #require(world.pending(.allocFailure).last)
        #expect(followUp.waitUntilUnixNanoseconds == world.now + 30 * second)
        #expect(world.allocations[victim.id]?.value.followUpEvaluationID == followUp.id)
        #expect(world.live().count == 1)
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty, "it is waited for")

        world.now += 30 * second
        world.run(followUp)
        let next = try #require(world.live().first { $0.index == 1 })
        #expect(next.previousAllocation == victim.id && next.reschedules.count == 1)
        #expect(next.nodeID != victim.nodeID, "H6: where it failed is avoided")
        #expect(world.allocations[victim.id]?.value.desiredStatus == .stop)
        #expect(world.allocations[victim.id]?.value.nextAllocation == next.id)
    }

    @Test("H5: failures within five seconds share a follow-up")
    func batches() {
        var world = world(.fixture(count: 4))
        for (position, allocation) in world.live().enumerated() {
            world.tell(allocation.id, .failed)
            if position != 1 { world.now += 4 * second }
        }
        world.run(world.evaluation(.allocFailure))

        // Failed at 0, 4, 4 and 8 s: the last is more than five seconds after the first.
        let waits = world.pending(.allocFailure).filter { $0.waitUntilUnixNanoseconds > 0 }
        #expect(waits.count == 2)
        let counts = waits.map { wait in
            world.all().count { $0.followUpEvaluationID == wait.id }
        }
        #expect(counts.sorted() == [1, 3])
    }

    @Test("H5: a batch instance gets one more try, and then holds its place")
    func batch() throws {
        var world = world(.fixture("b", .batch, count: 1))
        for round in 0..<2 {
            let live = try #require(world.live("b").first)
            world.tell(live.id, .failed)
            world.now += 6 * second
            world.run(world.evaluation(of: JobKey(id: "b"), .allocFailure))
            #expect(world.live("b").count == (round == 0 ? 1 : 0))
            world.start("b")
        }
        #expect(world.propose(world.evaluation(of: JobKey(id: "b"), .nodeUpdate)).plan.isEmpty)
    }

    @Test("A person's wish to reschedule needs no policy")
    func forced() {
        var world = world(.fixture().with { $0.groups[0].reschedulePolicy = nil })
        let first = world.live()[0]
        world.tell(first.id, .failed)
        #expect(world.propose(world.evaluation(.jobRegister)).plan.isEmpty)
        world.update(first.id) { $0.transition.forceReschedule = true }
        world.run(world.evaluation(.jobRegister))

        #expect(world.live().map(\.previousAllocation) == [first.id])
    }

    @Test("A batch instance that has ended well is not run again; a service instance is")
    func complete() {
        var batch = world(.fixture("b", .batch, count: 2))
        batch.tell(batch.live("b")[0].id, .complete)
        #expect(batch.propose(batch.evaluation(of: JobKey(id: "b"), .nodeUpdate)).plan.isEmpty)

        var service = world(.fixture(count: 2))
        service.tell(service.live()[0].id, .complete)
        service.run(service.evaluation(.nodeUpdate))
        #expect(service.live().map(\.index) == [0, 1])
    }

    // MARK: Lost

    @Test("H8: what was on a node that is down is lost, and replaced up to the count")
    func lost() {
        var world = world(.fixture(count: 3, cpu: 3000))
        let victim = world.live().first { $0.nodeID == .node(1) }
        world.add(.fixture(4))
        world.change(node: 1) { $0.status = .down }
        world.run(world.evaluation(.nodeUpdate))

        let old = victim.flatMap { world.allocations[$0.id]?.value }
        #expect(old?.clientStatus == .lost && old?.desiredStatus == .stop)
        #expect(old?.desiredDescription == StopReason.lost)
        #expect(world.live().map(\.index) == [0, 1, 2])
        #expect(world.live().contains { $0.previousAllocation == victim?.id })

        world.change(node: 2) { $0.status = .down }
        let fewer = world.register(.fixture(count: 2, cpu: 3000))
        world.run(fewer)
        #expect(world.live().count == 2)
    }

    @Test("A node that is gone is a node that is down")
    func gone() {
        var world = world(.fixture())
        let node = world.live()[0].nodeID
        world.nodes[node] = nil
        world.ledger.remove(node: node, at: world.index)
        world.run(world.evaluation(.nodeUpdate))

        #expect(world.live().count == 1 && world.live()[0].nodeID != node)
    }

    @Test("H8: an instance that outlives its client is replaced when the wait is over")
    func disconnect() throws {
        let job = Job.fixture(count: 2).with {
            $0.groups[0].stopAfterClientDisconnect = .seconds(60)
        }
        var world = world(job)
        world.change(node: 1) { $0.status = .down }
        world.run(world.evaluation(.nodeUpdate))
        #expect(world.live().isEmpty, "both were on one node, and are waited for")
        let followUp = try #require(world.pending(.allocFailure).first)
        #expect(followUp.waitUntilUnixNanoseconds == world.now + 60 * second)

        world.now += 20 * second
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty)
        world.now += 40 * second
        world.run(followUp)
        #expect(world.live().map(\.index) == [0, 1])
        #expect(world.live().allSatisfy { $0.previousAllocation != nil })
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty)
    }

    @Test("What was told to stop on a node that is down is lost, once")
    func stoppedAndLost() {
        var world = world(.fixture(count: 1))
        let id = world.live()[0].id
        world.run(world.register(Job.fixture().with { $0.isStopped = true }))
        #expect(world.allocations[id]?.value.clientStatus == .running)
        world.change(node: 1) { $0.status = .down }
        world.run(world.evaluation(.nodeUpdate))

        #expect(world.allocations[id]?.value.clientStatus == .lost)
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty)
    }

    // MARK: Migrating

    @Test("What is marked to migrate stops and is placed elsewhere under its number")
    func migrate() {
        var world = world(.fixture(count: 2))
        let first = world.live()[0]
        world.change(node: 1) {
            $0.drain = DrainStrategy()
            $0.eligibility = .ineligible
        }
        #expect(world.propose(world.evaluation(.nodeDrain)).plan.isEmpty, "nothing is marked")
        world.update(first.id) { $0.transition.migrate = true }
        let evaluation = world.evaluation(.nodeDrain)
        #expect(world.propose(evaluation).desired["g"]?.migrate == 1)
        world.run(evaluation)

        let next = world.live().first { $0.index == 0 }
        #expect(next?.previousAllocation == first.id && next?.nodeID == .node(2))
        #expect(world.allocations[first.id]?.value.desiredDescription == StopReason.migrating)
    }

    @Test("A batch instance that is moved away is replaced, whatever its exit code")
    func batchMigrates() {
        var world = world(.fixture("b", .batch), nodes: 1)
        let first = world.live("b")[0]
        world.change(node: 1) { $0.drain = DrainStrategy() }
        world.update(first.id) { $0.transition.migrate = true }
        world.run(world.evaluation(of: JobKey(id: "b"), .nodeDrain))
        world.tell(first.id, .complete)
        #expect(world.live("b").isEmpty)

        world.add(.fixture(2))
        world.run(world.evaluation(of: JobKey(id: "b"), .nodeUpdate))
        #expect(world.live("b").count == 1)
    }

    @Test("A sticky disk pulls its replacement to the same node")
    func sticky() {
        let job = Job.fixture(cpu: 1000).with { $0.groups[0].ephemeralDisk.isSticky = true }
        var world = LeaderState(nodes: 0)
        world.add(.fixture(5))
        world.run(world.register(job))
        world.add(.fixture(1))
        world.run(world.register(job.with { $0.meta["a"] = "b" }))

        #expect(world.live().map(\.nodeID) == [.node(5)])
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("F, J: from an evaluation to a plan and its end") struct SchedulingTests {
    private func full(_ nodes: Int = 1, priority: Int = 20, _ type: JobType = .service)
        -> LeaderState
    {
        var world = LeaderState(nodes: nodes)
        world.run(
            world.register(.fixture("low", type, count: nodes, priority: priority, cpu: 4000)))
        world.start("low")
        return world
    }

    @Test("What had no place tells how much it asked of what was exhausted, all instances together")
    func exhausted() throws {
        var world = LeaderState(nodes: 1, isIndexed: true)
        let evaluation = world.register(.fixture(count: 5, cpu: 1500, memoryMB: 70))
        let metric = try #require(world.propose(evaluation).failedGroups["g"])
        #expect(metric.coalescedFailures == 2 && metric.dimensionExhausted["cpu"] == 1)
        #expect(metric.resourcesExhausted.keys.elementsEqual(["t"]))
        #expect(metric.resourcesExhausted["t"] == CombinedResources(cpu: 4500, memoryMB: 0))
    }

    @Test("A20: a group without a place does not keep another one from its own")
    func groups() {
        var world = LeaderState(nodes: 1)
        let job = Job.fixture(cpu: 5000).with {
            $0.groups.append($0.groups[0])
            $0.groups[1].name = "h"
            $0.groups[1].tasks[0].resources.cpu = 100
        }
        let outcome = world.run(world.register(job))

        #expect(world.live().map(\.group) == ["h"])
        #expect(outcome.evaluation.failedGroups.keys == ["g"])
        #expect(outcome.evaluation.queuedAllocations == ["g": 1, "h": 0])
        #expect(outcome.created.count == 1)
    }

    @Test("What found no place waits in one evaluation, with what was learned of classes")
    func blocked() {
        var world = LeaderState(nodes: 2)
        world.change(node: 1) { $0.meta["rack"] = "r1" }
        let job = Job.fixture(count: 90).with {
            $0.constraints = [Constraint("${meta.rack}", "=", "r1")]
        }
        let outcome = world.run(world.register(job))

        #expect(world.live().count == 40)
        #expect(outcome.evaluation.status == .complete)
        #expect(outcome.evaluation.queuedAllocations["g"] == 50)
        #expect(outcome.evaluation.failedGroups["g"]?.coalescedFailures == 49)
        let blocked = outcome.created[0]
        #expect(outcome.evaluation.blockedEvaluation == blocked.id)
        #expect(blocked.trigger == .queuedAllocs && blocked.previousEvaluation != nil)
        #expect(blocked.classEligibility == ["": false, "r1": true])
        #expect(blocked.snapshotIndex > 0)
    }

    @Test("G11: one that still finds no place blocks again under its own id")
    func reblocked() {
        var world = LeaderState(nodes: 1)
        let blocked = world.run(world.register(.fixture(count: 50))).created[0]
        world.index += 5
        let again = world.run(blocked)

        #expect(again.created.isEmpty && again.evaluation.id == blocked.id)
        #expect(again.evaluation.status == .blocked)
        #expect(again.evaluation.snapshotIndex > blocked.snapshotIndex)
        world.add(.fixture(2))
        let done = world.run(again.evaluation)
        #expect(done.evaluation.status == .complete && world.live().count == 50)
        #expect(world.blocked().isEmpty)
    }

    @Test("An evaluation without anything to do is complete without a plan")
    func noop() {
        var world = LeaderState(nodes: 1)
        world.run(world.register(.fixture()))
        let plans = world.plans.count
        let outcome = world.run(world.evaluation(.nodeUpdate))

        #expect(world.plans.count == plans && outcome.evaluation.status == .complete)
    }

    @Test(
        "F1: each type of job has its own leave to evict",
        arguments: JobType.allCases, JobType.allCases)
    func flags(_ asking: JobType, _ allowed: JobType) {
        var world = full()
        world.preemption = PreemptionConfig()
        world.preemption.systemSchedulerEnabled = allowed == .system
        world.preemption.sysBatchSchedulerEnabled = allowed == .sysbatch
        world.preemption.batchSchedulerEnabled = allowed == .batch
        world.preemption.serviceSchedulerEnabled = allowed == .service
        world.run(world.register(.fixture("high", asking, priority: 90, cpu: 1000)))

        #expect(world.live("high").count == (asking == allowed ? 1 : 0))
    }

    @Test("F3, F4: the configuration is read by each evaluation, and wakes nothing by itself")
    func configuration() {
        var world = full()
        let first = world.run(world.register(.fixture("high", priority: 90, cpu: 1000)))
        world.preemption.serviceSchedulerEnabled = true
        #expect(world.live("high").isEmpty && first.created.count == 1)
        world.run(world.evaluation(of: JobKey(id: "high"), .jobRegister))

        #expect(world.live("high").count == 1)
    }

    @Test("F9, F10: a victim's job is evaluated once, and its instance waits or moves")
    func victims() throws {
        var world = full(2)
        world.preemption.serviceSchedulerEnabled = true
        world.run(world.register(.fixture("high", count: 2, priority: 90, cpu: 3000)))
        let evaluation = try #require(world.pending(.preemption).first)
        #expect(world.pending(.preemption).count == 1 && evaluation.job.id == "low")
        #expect(evaluation.priority == 20 && evaluation.type == .service)

        let evicted = world.all("low").filter { $0.desiredStatus == .evict }
        #expect(evicted.count == 2 && evicted.allSatisfy { $0.preemptedBy != nil })
        world.add(.fixture(3))
        let outcome = world.run(evaluation)
        #expect(world.live("low").map(\.nodeID) == [.node(3)])
        #expect(outcome.evaluation.queuedAllocations["g"] == 1 && outcome.created.count == 1)
        let next = try #require(world.live("low").first)
        #expect(evicted.map(\.id).contains { $0 == next.previousAllocation })
    }

    @Test("F9: none for a job that is gone or stopped")
    func victimsOfNobody() {
        var world = full()
        world.preemption.serviceSchedulerEnabled = true
        world.jobs[JobKey(id: "low")] = nil
        world.run(world.register(.fixture("high", priority: 90, cpu: 3000)))

        #expect(world.live("high").count == 1 && world.pending(.preemption).isEmpty)
    }

    @Test("F12: an evicted batch instance is replaced, though it exits with 0 when it is told to")
    func evictedBatch() throws {
        var world = full(1, .batch)
        world.preemption.serviceSchedulerEnabled = true
        world.run(world.register(.fixture("high", priority: 90, cpu: 3000)))
        let victim = try #require(world.all("low").first)
        world.tell(victim.id, .complete)
        world.run(try #require(world.pending(.preemption).first))
        #expect(world.blocked().count == 1)

        world.add(.fixture(2))
        world.run(try #require(world.blocked().first))
        #expect(world.live("low").map(\.previousAllocation) == [victim.id])
        world.tell(world.live("low")[0].id, .complete)
        let done = world.evaluation(of: JobKey(id: "low"), .nodeUpdate)
        #expect(world.propose(done).plan.isEmpty)
    }

    @Test("F13: a victim that ended before the plan arrived is not evicted")
    func staleVictim() throws {
        var world = full()
        world.preemption.serviceSchedulerEnabled = true
        let evaluation = world.register(.fixture("high", priority: 90, cpu: 3000))
        let plan = world.propose(evaluation).plan
        let victim = try #require(world.live("low").first)
        world.tell(victim.id, .failed)
        let result = world.submit(plan)

        #expect(result.refreshIndex == 0 && world.live("high").count == 1)
        #expect(world.allocations[victim.id]?.value.desiredStatus == .run)
    }

    @Test("F16, D12: a dry run says what the run then does, victims included")
    func dryRun() throws {
        var world = full(2)
        world.preemption.serviceSchedulerEnabled = true
        let evaluation = world.register(.fixture("high", count: 2, priority: 90, cpu: 3000))
        var dry = evaluation
        dry.annotatesPlan = true
        dry.id = .id(5000)
        let proposal = world.propose(dry)
        let annotations = try #require(proposal.plan.annotations)
        #expect(annotations.desiredUpdates["g"]?.place == 2)
        #expect(annotations.desiredUpdates["g"]?.preemptions == 2)
        let foretold = annotations.preempted.map(\.value.id).sorted()

        world.run(evaluation)
        let evicted = world.all("low").filter { $0.desiredStatus == .evict }.map(\.id).sorted()
        #expect(evicted == foretold && evicted.count == 2)
        var run = EvaluationRun(dry)
        guard case .finish = run.proposed(proposal, job: nil, unixNanoseconds: 0) else {
            Issue.record("a dry run submits nothing")
            return
        }
    }

    @Test("F19: evicting and placing are one node's part: both are done or none is")
    func together() throws {
        var world = full()
        world.preemption.serviceSchedulerEnabled = true
        let evaluation = world.register(.fixture("high", priority: 90, cpu: 3000))
        let plan = world.propose(evaluation).plan
        #expect(plan.nodes.count == 1)
        #expect(plan.nodes[0].evictions.count == 1 && plan.nodes[0].placements.count == 1)
        world.change(node: 1) { $0.eligibility = .ineligible }
        world.submit(plan)

        #expect(world.live("low").count == 1 && world.live("high").isEmpty)
    }

    @Test("J1: a plan that lost the race is made again on a newer state")
    func retried() {
        var world = LeaderState(nodes: 2)
        let first = world.register(.fixture("a", cpu: 3000))
        let second = world.register(.fixture("b", cpu: 3000))
        var run = EvaluationRun(second)
        let stale = world.propose(second)
        world.run(first)
        guard case .submit(let plan, _) = run.proposed(stale, job: nil, unixNanoseconds: 0) else {
            Issue.record("a plan was expected")
            return
        }
        let result = world.submit(plan)
        #expect(result.rejectedNodes == [.node(1)])
        guard case .retry(let index) = run.planned(result, job: nil, unixNanoseconds: 0) else {
            Issue.record("another attempt was expected")
            return
        }
        #expect(index >= result.index && run.attempt == 2)
        world.run(second)
        #expect(world.live("b").map(\.nodeID) == [.node(2)])
    }

    @Test("Attempts end: five, or two for batch; progress begins the count anew")
    func attempts() {
        for (type, most) in [(JobType.service, 5), (.batch, 2), (.system, 5), (.sysbatch, 5)] {
            var world = LeaderState(nodes: 1)
            let evaluation = world.register(.fixture("x", type))
            var run = EvaluationRun(evaluation)
            var refused = PlanResult()
            refused.refreshIndex = 99
            var progressed = refused
            progressed.nodes = [PlacementPlan.NodePart(nodeID: .node(1))]
            progressed.nodes[0].placements = [
                Allocation(
                    id: .id(1), evaluationID: .id(1), nodeID: .node(1), job: Shared(.fixture()),
                    group: "g", index: 0, resources: Shared(AllocatedResources()))
            ]
            var results = Array(repeating: refused, count: most - 1) + [progressed]
            results += Array(repeating: refused, count: most)
            for (position, result) in results.enumerated() {
                _ = run.proposed(
                    world.propose(evaluation, attempt: run.attempt), job: nil, unixNanoseconds: 0)
                let step = run.planned(result, job: nil, unixNanoseconds: 0)
                if position < results.count - 1 {
                    guard case .retry = step else {
                        Issue.record("\(type): ended after \(position)")
                        break
                    }
                    continue
                }
                guard case .finish(let outcome) = step else {
                    Issue.record("\(type): went on")
                    break
                }
                #expect(outcome.evaluation.status == .failed)
                #expect(
                    outcome.evaluation.statusDescription == "maximum attempts reached (\(most))")
                #expect(outcome.created.map(\.trigger) == [.maxPlanAttempts])
                #expect(outcome.created.map(\.status) == [.blocked])
            }
        }
    }

    @Test("A19: the same input has the same plan; another attempt has other ids")
    func deterministic() {
        var world = LeaderState(nodes: 5)
        let evaluation = world.register(.fixture(count: 20))
        let first = world.propose(evaluation)
        #expect(first.plan == world.propose(evaluation).plan)
        func ids(_ proposal: Scheduling.Proposal) -> Set<UniqueID> {
            Set(proposal.plan.nodes.flatMap { $0.placements.map(\.id) })
        }
        #expect(ids(first).count == 20)
        #expect(ids(first).isDisjoint(with: ids(world.propose(evaluation, attempt: 2))))
        world.index += 1
        #expect(ids(first).isDisjoint(with: ids(world.propose(evaluation))))
    }

    @Test("A delivery that is repeated after its plan took effect doubles nothing")
    func repeated() {
        var world = LeaderState(nodes: 3)
        let evaluation = world.register(.fixture(count: 9))
        let plan = world.propose(evaluation).plan
        world.submit(plan)
        #expect(world.live().count == 9)

        // The same plan from other hands, made on the same snapshot, comes late.
        let late = world.submit(plan)
        #expect(late.nodes.isEmpty && late.refreshIndex > 0 && world.live().count == 9)
        let outcome = world.run(evaluation)
        #expect(outcome.evaluation.status == .complete && world.live().count == 9)
        #expect(outcome.evaluation.queuedAllocations["g"] ?? 0 == 0)
    }

    @Test("A job whose type has changed since is placed as what it is")
    func changedType() {
        var world = LeaderState(nodes: 3)
        var evaluation = world.register(.fixture(count: 2, cpu: 3000))
        evaluation.type = .system
        let outcome = world.run(evaluation)
        #expect(world.live().count == 2 && outcome.created.isEmpty)

        var more = world.register(.fixture(count: 5, cpu: 3000))
        more.type = .system
        #expect(world.run(more).created.map(\.nodeID) == [nil])
    }

    @Test("J10: two holders of ports make room for one who wants both")
    func ports() {
        var world = LeaderState(nodes: 1)
        world.preemption.serviceSchedulerEnabled = true
        world.run(world.register(.fixture("a", priority: 20, ports: [8080])))
        world.run(world.register(.fixture("b", priority: 20, ports: [8081])))
        world.run(world.register(.fixture("c", priority: 80, ports: [8080, 8081])))

        #expect(world.live("c").count == 1 && world.live("a").isEmpty && world.live("b").isEmpty)
        #expect(world.pending(.preemption).map(\.job.id) == ["a", "b"])
    }

    @Test("J3: a plan whose delivery is not outstanding is refused")
    func lateToken() {
        var broker = EvaluationBroker()
        broker.setEnabled(true)
        let evaluation = Evaluation.fixture(1)
        _ = broker.enqueue(evaluation, at: .zero, unixNanoseconds: 0)
        #expect(broker.refusal(of: .id(1), for: evaluation.id) == .notOutstanding)
        _ = broker.dequeue([.service], token: .id(1), at: .zero)
        #expect(broker.refusal(of: .id(1), for: evaluation.id) == nil)
        broker.advance(to: .seconds(60))
        #expect(broker.refusal(of: .id(1), for: evaluation.id) == .notOutstanding)
    }

    @Test("The queue of plans goes by priority, then by arrival, and has a bound")
    func queue() throws {
        var queue = PlanQueue(plansMax: 3)
        func plan(_ priority: Int) -> PlacementPlan {
            PlacementPlan(
                evaluationID: .id(priority), token: .id(1), priority: priority, job: nil,
                snapshotIndex: 1)
        }
        #expect(throws: PlanQueue.Refusal.disabled) { try queue.enqueue(plan(1)) }
        queue.setEnabled(true)
        let tickets = try [50, 80, 50].map { try queue.enqueue(plan($0)) }
        #expect(throws: PlanQueue.Refusal.full) { try queue.enqueue(plan(1)) }
        #expect(queue.dequeue()?.ticket == tickets[1])
        #expect(queue.drain().map(\.ticket) == [tickets[0], tickets[2]])
        #expect(queue.count == 0 && !queue.isEnabled)
    }

    @Test("Ids of one source, of attempts and of neighbouring evaluations never meet")
    func ids() {
        var seen: Set<UniqueID> = []
        for evaluation in 0..<20 {
            for snapshot in 0..<20 {
                for attempt in 0..<5 {
                    var source = IDSource(
                        evaluationID: .id(evaluation), snapshotIndex: UInt64(snapshot),
                        attempt: attempt)
                    for _ in 0..<20 { seen.insert(source.next()) }
                }
            }
        }
        #expect(seen.count == 40_000)
        #expect(Set(seen.map(\.high)).count == 40_000 && Set(seen.map(\.low)).count == 40_000)
    }
}

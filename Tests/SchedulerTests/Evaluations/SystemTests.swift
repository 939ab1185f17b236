// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("I: system and sysbatch jobs") struct SystemTests {
    private let key = JobKey(id: "s")

    private func job(
        _ type: JobType = .system, cpu: Int = 100, priority: Int = 50,
        update: UpdateStrategy? = nil
    ) -> Job {
        .fixture("s", type, priority: priority, cpu: cpu, update: update)
    }

    private func world(_ job: Job, nodes: Int = 3) -> LeaderState {
        var world = LeaderState(nodes: nodes)
        world.run(world.register(job))
        world.start("s")
        return world
    }

    private func nodes(_ world: LeaderState) -> [Int] {
        world.live("s").map { Int($0.nodeID.low) }.sorted()
    }

    @Test("One instance on every ready node, and on a new one when it comes")
    func everywhere() {
        var world = world(job())
        #expect(nodes(world) == [1, 2, 3])
        #expect(world.propose(world.evaluation(of: key, .nodeUpdate)).plan.isEmpty)
        world.add(.fixture(4))
        world.run(world.evaluation(of: key, .nodeUpdate))
        #expect(nodes(world) == [1, 2, 3, 4])
    }

    /// A hundred thousand instances on each of a thousand nodes took all memory.
    @Test("Of all places on all nodes a bounded list is made")
    func manySeats() {
        var world = LeaderState(nodes: 0)
        let job = job(.sysbatch).with { $0.groups[0].count = 100_000 }
        let evaluation = world.register(job)
        var input = world.input(evaluation)
        input.readyNodes = (1...4).map { .node($0) }
        let result = Reconciler.reconcileSystem(input) { _, _ in nil }
        #expect(result.places.count == SchedulingBounds.seatsMax)
    }

    @Test("I2: a node without room fails all that want to be there")
    func allOfNode() {
        var world = LeaderState(nodes: 2, isIndexed: true)
        world.change(node: 2) { $0.resources.cpu = 250 }
        let outcome = world.run(
            world.register(job(.sysbatch).with { $0.groups[0].count = 5 }))

        #expect(nodes(world) == [1, 1, 1, 1, 1, 2, 2])
        #expect(outcome.evaluation.queuedAllocations["g"] == 3)
        #expect(outcome.evaluation.failedGroups["g"]?.coalescedFailures == 2)
        #expect(outcome.created.map(\.nodeID) == [.node(2)])
    }

    @Test("I2: a node that the job is not for is no failure")
    func filtered() {
        var world = LeaderState(nodes: 3)
        world.change(node: 2) { $0.meta["rack"] = "r1" }
        let outcome = world.run(
            world.register(job().with { $0.constraints = [Constraint("${meta.rack}", "=", "r1")] }))

        #expect(nodes(world) == [2])
        #expect(outcome.evaluation.failedGroups.isEmpty && outcome.created.isEmpty)
        #expect(outcome.evaluation.queuedAllocations["g"] == 0)
    }

    @Test("I2: a node without room is one, and waits for that node alone")
    func exhausted() {
        var world = LeaderState(nodes: 3)
        world.change(node: 2) { $0.resources.cpu = 50 }
        let outcome = world.run(world.register(job()))

        #expect(nodes(world) == [1, 3])
        #expect(outcome.evaluation.failedGroups["g"] != nil)
        #expect(outcome.evaluation.queuedAllocations["g"] == 1)
        #expect(outcome.created.map(\.nodeID) == [.node(2)])
        #expect(outcome.created.allSatisfy { $0.status == .blocked })
        // Classes say nothing of a single node, and there may be as many of them as nodes.
        #expect(outcome.created.allSatisfy { $0.classEligibility.isEmpty })

        // Woken, and still no room: the same one waits on (G11).
        let again = world.run(outcome.created[0])
        #expect(again.evaluation.id == outcome.created[0].id)
        #expect(again.evaluation.status == .blocked && again.created.isEmpty)
        #expect(again.evaluation.classEligibility.isEmpty)
        world.change(node: 2) { $0.resources.cpu = 500 }
        #expect(world.run(again.evaluation).evaluation.status == .complete)
        #expect(nodes(world) == [1, 2, 3])
    }

    @Test("F15: where it may, it evicts; where it may not, the node fails")
    func evicts() {
        func run(isAllowed: Bool) -> (LeaderState, EvaluationRun.Outcome) {
            var world = LeaderState(nodes: 2)
            world.preemption.systemSchedulerEnabled = isAllowed
            world.run(world.register(.fixture("full", cpu: 4000)))
            let outcome = world.run(world.register(job(priority: 90)))
            return (world, outcome)
        }
        let (with, done) = run(isAllowed: true)
        #expect(nodes(with) == [1, 2] && done.created.isEmpty)
        #expect(with.all("full").contains { $0.desiredStatus == .evict })
        let (without, failed) = run(isAllowed: false)
        #expect(nodes(without) == [2])
        #expect(failed.created.map(\.nodeID) == [.node(1)])
    }

    @Test("I3: five are replaced, and the next five after the stagger")
    func rolling() throws {
        let update = UpdateStrategy.parallel(5)
        var world = world(job(update: update), nodes: 12)
        var evaluation = world.register(job(cpu: 200, update: update))
        for replaced in [5, 10, 12] {
            world.run(evaluation)
            world.start("s")
            #expect(world.live("s").count { $0.job.value.version == 1 } == replaced)
            guard replaced < 12 else { break }
            evaluation = try #require(world.pending(.rollingUpdate).last)
            #expect(evaluation.waitUntilUnixNanoseconds == world.now + 30 * second)
            world.now += 30 * second
            world.evaluations[evaluation.id]?.status = .complete
        }
        #expect(world.pending(.rollingUpdate).isEmpty)
    }

    @Test("A node that takes no new work keeps what it has, and gets nothing new")
    func ineligible() {
        var world = world(job())
        world.change(node: 1) { $0.eligibility = .ineligible }
        world.run(world.register(job(cpu: 200)))

        let versions = world.live("s").map { $0.job.value.version }
        #expect(versions.sorted() == [0, 1, 1])
    }

    @Test("A node that is down loses its instance, one that is drained gives it up when told")
    func leaving() {
        var world = world(job())
        world.change(node: 1) { $0.status = .down }
        world.change(node: 2) { $0.drain = DrainStrategy() }
        world.run(world.evaluation(of: key, .nodeUpdate))
        #expect(nodes(world) == [2, 3])
        for allocation in world.live("s") where allocation.nodeID == .node(2) {
            world.update(allocation.id) { $0.transition.migrate = true }
        }
        world.run(world.evaluation(of: key, .nodeDrain))
        #expect(nodes(world) == [3])
        #expect(world.all("s").filter { $0.clientStatus == .lost }.count == 1)
    }

    @Test("A node of another datacenter is left")
    func foreign() {
        var world = world(job())
        world.change(node: 3) { $0.datacenter = "dc2" }
        world.run(world.evaluation(of: key, .nodeUpdate))

        #expect(nodes(world) == [1, 2])
    }

    @Test("A node that a new version is not for is left; one without room for it keeps the old one")
    func update() {
        var world = world(job())
        world.change(node: 1) { $0.meta["rack"] = "r1" }
        world.change(node: 2) {
            $0.meta["rack"] = "r1"
            $0.resources.cpu = 150
        }
        world.run(
            world.register(
                job(cpu: 200).with { $0.constraints = [Constraint("${meta.rack}", "=", "r1")] }))

        #expect(nodes(world) == [1, 2])
        #expect(world.live("s").map { $0.job.value.version }.sorted() == [0, 1])
    }

    @Test("A system instance that ended is placed again on its node; a stopped job leaves all")
    func ended() {
        var world = world(job())
        let first = world.live("s")[0]
        world.tell(first.id, .failed)
        world.run(world.evaluation(of: key, .nodeUpdate))
        #expect(nodes(world) == [1, 2, 3])
        #expect(world.live("s").contains { $0.previousAllocation == first.id })

        world.run(world.register(job().with { $0.isStopped = true }))
        #expect(nodes(world).isEmpty)
    }

    @Test("A sysbatch instance that has ended well is never run again; one that failed is")
    func sysbatch() {
        var world = world(job(.sysbatch))
        for allocation in world.live("s") where allocation.nodeID != .node(3) {
            world.tell(allocation.id, allocation.nodeID == .node(1) ? .complete : .failed)
        }
        world.run(world.evaluation(of: key, .nodeUpdate))
        #expect(nodes(world) == [2, 3])

        world.run(world.register(job(.sysbatch, cpu: 200)))
        #expect(nodes(world) == [1, 2, 3], "a new version runs everywhere")
    }

    @Test("F12: a sysbatch instance that was evicted is run again")
    func evictedSysbatch() {
        var world = world(job(.sysbatch), nodes: 1)
        let first = world.live("s")[0]
        world.update(first.id) {
            $0.desiredStatus = .evict
            $0.preemptedBy = .id(5)
        }
        world.tell(first.id, .complete)
        world.run(world.evaluation(of: key, .preemption))

        #expect(world.live("s").map(\.previousAllocation) == [first.id])
    }

    @Test("A plan for a system job says what it would do")
    func annotations() {
        var world = LeaderState(nodes: 3)
        world.change(node: 2) { $0.resources.cpu = 50 }
        var evaluation = world.register(job())
        evaluation.annotatesPlan = true
        let proposal = world.propose(evaluation)

        #expect(proposal.plan.annotations?.desiredUpdates["g"]?.place == 3)
        #expect(proposal.exhaustedNodes == [.node(2)])
    }
}

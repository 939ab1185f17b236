// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("H: canaries and deployments in the reconciler") struct DeploymentTests {
    /// Version 0 runs everywhere, and its deployment has succeeded.
    private func world(
        count: Int = 4, _ update: UpdateStrategy = .parallel(2, canary: 2)
    ) -> LeaderState {
        var world = LeaderState(nodes: 6)
        world.run(world.register(.fixture(count: count, update: update)))
        world.makeHealthy()
        world.run(world.evaluation(.deploymentWatcher))
        return world
    }

    private func next(_ update: UpdateStrategy = .parallel(2, canary: 2)) -> Job {
        .fixture(count: 4, cpu: 200, update: update)
    }

    private func versions(_ world: LeaderState) -> [Int] {
        world.live().map { Int($0.job.value.version) }.sorted()
    }

    private func promote(_ world: inout LeaderState) {
        guard let id = world.deployment()?.id else { return }
        world.deployments[id]?.groups["g"]?.isPromoted = true
    }

    @Test("H12: a deployment succeeds when all that it wanted is healthy")
    func success() {
        var world = LeaderState(nodes: 2)
        world.run(world.register(.fixture(count: 2, update: .parallel(1))))
        #expect(world.deployment()?.status == .running)
        #expect(world.deployment()?.groups["g"]?.desiredTotal == 2)
        world.start()
        world.tellHealth(world.live()[0].id, isHealthy: true)
        world.run(world.evaluation(.deploymentWatcher))
        #expect(world.deployment()?.status == .running)
        world.tellHealth(world.live()[1].id, isHealthy: true)
        let done = world.evaluation(.deploymentWatcher)
        world.run(done)

        #expect(world.deployment()?.status == .successful)
        #expect(world.plans.last?.deploymentUpdates.map(\.status) == [.successful])
        #expect(world.propose(world.evaluation(.deploymentWatcher)).plan.isEmpty)
    }

    @Test("Without an update strategy there is no deployment")
    func none() {
        var world = LeaderState(nodes: 1)
        world.run(world.register(.fixture(count: 2)))

        #expect(world.deployment() == nil && world.live().allSatisfy { $0.deploymentID == nil })
    }

    @Test("Canaries run beside the others, which stay until a promotion")
    func canaries() {
        var world = world()
        world.run(world.register(next()))

        #expect(versions(world) == [0, 0, 0, 0, 1, 1])
        let canaries = world.live().filter(\.isCanary)
        #expect(canaries.map(\.index) == [0, 1])
        let state = world.deployment()?.groups["g"]
        #expect(state?.desiredCanaries == 2 && state?.placedCanaries.count == 2)
        #expect(
            world.deployment()?.statusDescription == DeploymentReason.needsPromotion)
        world.makeHealthy()
        #expect(world.propose(world.evaluation(.deploymentWatcher)).plan.isEmpty)
    }

    /// Registered while there was no bound, it is in the state.
    @Test("Of far too many canaries a bounded list is made")
    func manyCanaries() {
        var world = world(count: 1)
        let evaluation = world.register(next(.parallel(1, canary: Int(Int32.max))))
        var ids = IDSource(evaluationID: evaluation.id, snapshotIndex: 1, attempt: 1)
        let result = Reconciler.reconcile(world.input(evaluation), ids: &ids) { _, _ in nil }
        #expect(result.places.count == SchedulingBounds.canariesMax)
        let areCanaries = result.places.allSatisfy { $0.request.isCanary }
        #expect(areCanaries)
    }

    @Test("After a promotion the canaries take the places of those with their numbers")
    func promoted() {
        var world = world()
        world.run(world.register(next()))
        world.makeHealthy()
        promote(&world)
        world.run(world.evaluation(.deploymentWatcher))
        // Two were stopped for the canaries, and two more may be replaced at a time.
        #expect(versions(world) == [1, 1, 1, 1])
        #expect(world.live().map(\.index) == [0, 1, 2, 3])

        world.makeHealthy()
        world.run(world.evaluation(.deploymentWatcher))
        #expect(world.deployment()?.status == .successful)
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty)
    }

    /// What broke: with a count raised in the version that had canaries, a promoted canary and the
    /// instance that it stood for both stayed, under one number, since together they came to the count.
    @Test("A promoted canary takes its number even when there are too few instances")
    func raisedCount() {
        var world = world(count: 2, .parallel(2, canary: 1))
        world.run(
            world.register(.fixture(count: 3, cpu: 200, update: .parallel(2, canary: 1))))
        world.makeHealthy()
        promote(&world)
        world.run(world.evaluation(.deploymentWatcher))
        world.makeHealthy()
        world.run(world.evaluation(.deploymentWatcher))

        #expect(world.live().map(\.index) == [0, 1, 2] && versions(world) == [1, 1, 1])
    }

    @Test("While canaries run, a lost instance of the older version comes back as that")
    func olderVersion() throws {
        var world = world()
        world.run(world.register(next()))
        let victim = try #require(world.live().first { !$0.isCanary })
        let others = world.live().filter { $0.nodeID == victim.nodeID }
        world.change(node: Int(victim.nodeID.low)) { $0.status = .down }
        world.run(world.evaluation(.nodeUpdate))

        #expect(versions(world) == [0, 0, 0, 0, 1, 1], "\(others.count) were lost")
    }

    @Test("Canaries of a version that is superseded stop")
    func superseded() {
        var world = world()
        world.run(world.register(next()))
        let canaries = Set(world.live().filter(\.isCanary).map(\.id))
        let first = world.deployment()?.id
        world.run(world.register(next().with { $0.meta = ["a": "b"] }))

        #expect(canaries.allSatisfy { world.allocations[$0]?.value.desiredStatus == .stop })
        #expect(first.flatMap { world.deployments[$0]?.status } == .cancelled)
        #expect(versions(world) == [0, 0, 0, 0, 2, 2])
    }

    @Test("Canaries of a deployment that failed stop, and the others stay")
    func failed() throws {
        var world = world()
        world.run(world.register(next()))
        let id = try #require(world.deployment()?.id)
        world.deployments[id]?.status = .failed
        world.run(world.evaluation(.deploymentWatcher))

        #expect(versions(world) == [0, 0, 0, 0])
        #expect(world.propose(world.evaluation(.nodeUpdate)).plan.isEmpty)
    }

    @Test("A canary that failed does not count for the group when its deployment is over")
    func deadCanary() throws {
        var world = world()
        world.run(world.register(next()))
        let canary = try #require(world.live().first { $0.isCanary })
        world.tell(canary.id, .failed)
        let id = try #require(world.deployment()?.id)
        world.deployments[id]?.status = .failed
        world.run(world.evaluation(.deploymentWatcher))

        #expect(versions(world) == [0, 0, 0, 0])
        #expect(world.live().map(\.index) == [0, 1, 2, 3])
    }

    @Test(
        "H11: a deployment that is paused or has failed places nothing new",
        arguments: [Deployment.Status.paused, .failed])
    func standstill(_ status: Deployment.Status) throws {
        let update = UpdateStrategy.parallel(1)
        var world = world(update)
        world.run(world.register(next(update)))
        world.makeHealthy()
        let id = try #require(world.deployment()?.id)
        world.deployments[id]?.status = status
        #expect(world.propose(world.evaluation(.deploymentWatcher)).plan.isEmpty)

        // What is lost comes back all the same.
        let lost = try #require(world.live().first)
        world.change(node: Int(lost.nodeID.low)) { $0.status = .down }
        world.run(world.evaluation(.nodeUpdate))
        #expect(world.live().count == 4)
        #expect(world.live().contains { $0.previousAllocation == lost.id })
    }

    @Test("H11: what is lost waits for room under a failed deployment, at every look")
    func lostWithoutRoom() throws {
        let update = UpdateStrategy.parallel(1)
        var world = LeaderState(nodes: 2)
        world.run(world.register(.fixture(count: 2, cpu: 3000, update: update)))
        let id = try #require(world.deployment()?.id)
        world.deployments[id]?.status = .failed
        world.change(node: 1) { $0.status = .down }
        for _ in 0..<2 {
            let outcome = world.run(world.evaluation(.nodeUpdate))
            #expect(outcome.evaluation.queuedAllocations["g"] == 1)
        }
        #expect(world.live().count == 1)
        world.change(node: 1) { $0.status = .ready }
        world.run(world.evaluation(.nodeUpdate))
        #expect(world.live().count == 2)
        // What takes its place is no member: the deployment has ended.
        let members = world.live().filter { $0.previousAllocation == nil }
        #expect(members.count == 1 && members.allSatisfy { $0.deploymentID == id })
        let later = world.live().filter { $0.previousAllocation != nil }
        #expect(later.count == 1 && later.allSatisfy { $0.deploymentID == nil })
    }

    @Test("H11: what failed under a failed deployment is not placed again; what ran before is")
    func failedUnderFailed() throws {
        let update = UpdateStrategy.parallel(1)
        var world = world(update)
        world.run(world.register(next(update)))
        world.start()
        let new = try #require(world.live().first { $0.job.value.version == 1 })
        let old = try #require(world.live().first { $0.job.value.version == 0 })
        let id = try #require(world.deployment()?.id)
        world.deployments[id]?.status = .failed
        world.tell(new.id, .failed)
        world.tell(old.id, .failed)
        world.now += 60 * second
        world.run(world.evaluation(.allocFailure))

        #expect(world.live().contains { $0.previousAllocation == old.id })
        #expect(!world.live().contains { $0.previousAllocation == new.id })
    }

    @Test("While a deployment goes on, its failures are the watcher's affair")
    func failureUnderRunning() throws {
        let update = UpdateStrategy.parallel(1)
        var world = world(update)
        world.run(world.register(next(update)))
        let new = try #require(world.live().first { $0.job.value.version == 1 })
        world.tell(new.id, .failed)
        world.now += 60 * second
        #expect(world.propose(world.evaluation(.allocFailure)).plan.isEmpty)

        world.update(new.id) { $0.transition.reschedule = true }
        world.now += 60 * second
        world.run(world.evaluation(.deploymentWatcher))
        #expect(world.live().contains { $0.previousAllocation == new.id })
    }

    @Test("A stopped job's deployment is cancelled")
    func stopped() {
        let update = UpdateStrategy.parallel(1)
        var world = world(update)
        world.run(world.register(next(update)))
        world.run(world.register(next(update).with { $0.isStopped = true }))

        #expect(world.deployment()?.status == .cancelled)
        #expect(world.deployment()?.statusDescription == DeploymentReason.jobStopped)
    }

    @Test("An instance that is updated in place joins the new deployment, its health unknown")
    func inPlace() {
        let update = UpdateStrategy.parallel(1)
        var world = world(update)
        let first = world.deployment()?.id
        world.run(world.register(.fixture(count: 4, priority: 60, update: update)))

        #expect(world.deployment()?.id != first)
        #expect(world.live().allSatisfy { $0.deploymentID == world.deployment()?.id })
        #expect(world.live().allSatisfy { $0.deploymentStatus == nil })
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

private func ready(_ jobs: [Job] = [job("j")]) -> Scheduled {
    var world = Scheduled()
    world.apply(.registerNodes([node(1), node(2)], evaluations: []))
    for job in jobs { world.apply(.registerJob(job, expected: nil, evaluations: [])) }
    return world
}

private func entry(
    _ evaluations: [Evaluation] = [], _ change: (inout PlanEntry) -> Void
) -> SchedulerCommand {
    var entry = PlanEntry(evaluationID: uid(501), unixNanoseconds: 77)
    entry.evaluations = evaluations
    change(&entry)
    return .applyPlan(entry)
}

@Suite("Plans in the state") struct SchedulingPlanTests {
    @Test(
        "Instances share their job and what they were given, and are found by node, job and evaluation"
    )
    func placed() throws {
        var world = ready()
        #expect(world.place([10, 11]) == .applied(modifyIndex: 3))
        let first = try #require(world.allocation(10))
        let second = try #require(world.allocation(11))
        #expect(first.name == "j.g[0]" && second.name == "j.g[1]")
        #expect(first.job === second.job && first.resources === second.resources)
        #expect(first.createIndex == 3 && first.modifyIndex == 3 && first.allocModifyIndex == 3)
        #expect(world.tables.allocations(ofNode: uid(1)).map(\.value.id) == [uid(10), uid(11)])
        #expect(world.tables.allocations(ofNode: uid(2)).isEmpty)
        #expect(world.tables.allocations(ofJob: JobKey(id: "j")).count == 2)
        #expect(world.tables.allocations(ofEvaluation: uid(500)).count == 2)
        #expect(world.tables.allocations(idPrefix: "00000000-0000-0007").count == 2)
        #expect(world.tables.allocations(idPrefix: "1").isEmpty)
        #expect(world.tables.allocations(idPrefix: "zz").isEmpty)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("An in-place update keeps what the node told, and runs the new version")
    func inPlace() throws {
        var world = ready()
        world.place([10])
        world.report(10, .running)
        world.apply(.registerJob(job("j", count: 5), expected: nil, evaluations: []))
        world.place([10], evaluation: 502)
        let updated = try #require(world.allocation(10))
        #expect(updated.clientStatus == .running && updated.createIndex == 3)
        #expect(updated.job.value.version == 1 && updated.evaluationID == uid(502))
        #expect(updated.allocModifyIndex == world.index)
        #expect(world.tables.allocations(ofEvaluation: uid(500)).isEmpty)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("F9, F19: victims, who takes their place and what follows are one entry")
    func preemption() throws {
        var world = ready([job("low"), job("high")])
        world.place([10, 11], of: "low")
        let job = try #require(world.tables.job(JobKey(id: "high")))
        var allocation = Allocation(
            id: uid(20), evaluationID: uid(501), nodeID: uid(1), job: job, group: "g", index: 0,
            resources: Shared(AllocatedResources()))
        allocation.preemptedAllocations = [uid(10)]
        allocation.metrics = Shared(unusualMetric)
        var part = PlacementPlan.NodePart(nodeID: uid(1))
        part.placements = [allocation]
        part.evictions = [
            PlacementPlan.Eviction(try #require(world.tables.allocation(uid(10))), by: uid(20))
        ]
        var result = PlanResult()
        result.nodes = [part]
        #expect(PlanEntry.victimJobs(of: result).map(\.value.id) == ["low"])
        world.apply(
            .applyPlan(
                PlanEntry(
                    result, evaluationID: uid(501),
                    evaluations: [
                        evaluation(600, of: "low", trigger: .preemption),
                        evaluation(601, of: "gone", trigger: .preemption),
                    ], unixNanoseconds: 1)))
        let victim = try #require(world.allocation(10))
        #expect(victim.desiredStatus == .evict && victim.preemptedBy == uid(20))
        #expect(victim.desiredDescription == "Preempted by alloc ID \(uid(20))")
        #expect(world.allocation(20)?.preemptedAllocations == [uid(10)])
        #expect(world.allocation(20)?.metrics?.value == unusualMetric)
        #expect(world.tables.evaluation(uid(600))?.value.createIndex == world.index)
        // None if the job is gone.
        #expect(world.tables.evaluation(uid(601)) == nil)
        #expect(world.tables.brokenInvariant() == nil)

        // F12: it exits well when it is told to go, and yet has not done its work.
        world.report(10, .complete)
        #expect(world.allocation(10)?.ranSuccessfully == false)
        world.report(11, .complete)
        #expect(world.allocation(11)?.ranSuccessfully == true)
    }

    @Test("F13: a victim that has ended is passed over, and who would have evicted it is placed")
    func staleVictim() {
        var world = ready()
        world.place([10])
        world.report(10, .complete)
        world.apply(entry { $0.evictions = [.init(id: uid(10), by: uid(20))] })
        #expect(world.allocation(10)?.desiredStatus == .run)
        #expect(world.allocation(10)?.preemptedBy == nil)
    }

    @Test("Where the job was forgotten meanwhile, nobody is placed, and nobody evicted for it")
    func forgottenJob() throws {
        var world = ready([job("low"), job("high")])
        world.place([10], of: "low")
        let high = try #require(world.tables.job(JobKey(id: "high")))
        world.apply(
            .deregisterJob(
                JobKey(id: "high"), purges: true, submitUnixNanoseconds: 0, evaluations: []))
        var part = PlacementPlan.NodePart(nodeID: uid(1))
        part.placements = [
            Allocation(
                id: uid(20), evaluationID: uid(501), nodeID: uid(1), job: high, group: "g",
                index: 0, resources: Shared(AllocatedResources()))
        ]
        part.evictions = [
            PlacementPlan.Eviction(try #require(world.tables.allocation(uid(10))), by: uid(20))
        ]
        var result = PlanResult()
        result.nodes = [part]
        world.apply(
            .applyPlan(
                PlanEntry(
                    result, evaluationID: uid(501), evaluations: [], unixNanoseconds: 1)))
        #expect(world.allocation(20) == nil && world.allocation(10)?.desiredStatus == .run)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("Stops and losses; who was evicted is not said to have been stopped")
    func stops() throws {
        var world = ready()
        world.place([10, 11])
        world.apply(
            entry {
                $0.stops = [
                    .init(id: uid(10), description: "not needed"),
                    .init(
                        id: uid(11), description: "node is down", clientStatus: .lost,
                        followUpEvaluationID: uid(700)),
                    .init(id: uid(99), description: "unknown"),
                ]
            })
        let stopped = try #require(world.allocation(10))
        #expect(stopped.desiredStatus == .stop && stopped.desiredDescription == "not needed")
        #expect(stopped.clientStatus == .pending && stopped.isTerminal)
        let lost = try #require(world.allocation(11))
        #expect(lost.clientStatus == .lost && lost.followUpEvaluationID == uid(700))
        #expect(world.job()?.status == .dead)

        world.apply(entry { $0.evictions = [.init(id: uid(10), by: uid(20))] })
        #expect(world.allocation(10)?.desiredStatus == .stop)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("A replacement and the one before it name each other")
    func links() {
        var world = ready()
        world.place([10])
        world.report(10, .failed)
        world.place([12]) { $0.previousAllocation = uid(10) }
        #expect(world.allocation(12)?.previousAllocation == uid(10))
        #expect(world.allocation(10)?.nextAllocation == uid(12))
    }

    @Test("What has ended stays as it was, however often a node repeats itself")
    func repeats() {
        var world = ready()
        world.place([10])
        world.report(10, .complete)
        #expect(world.report(10, .running) == .unchanged)
        #expect(world.report(10, .failed) == .unchanged)
        #expect(world.report(99, .running) == .unchanged)
        #expect(world.allocation(10)?.clientStatus == .complete)
        // Only what a node must hear of counts in AllocModifyIndex.
        #expect(world.allocation(10)?.allocModifyIndex == 3)
        #expect(world.allocation(10)?.modifyIndex == 4)
    }

    @Test("A transition changes what it names; all are known or none is changed")
    func transitions() {
        var world = ready()
        world.place([10, 11])
        func transition(_ number: Int, _ transition: DesiredTransition) -> TransitionChange {
            TransitionChange(allocation: uid(number), transition: transition)
        }
        #expect(
            world.apply(
                .setTransitions(
                    [
                        transition(10, DesiredTransition(migrate: true)),
                        transition(99, DesiredTransition(migrate: true)),
                    ], evaluations: [])) == .schedulerRefused(.unknownAllocation(uid(99))))
        #expect(world.allocation(10)?.transition == DesiredTransition())
        world.apply(
            .setTransitions(
                [transition(10, DesiredTransition(migrate: true))],
                evaluations: [evaluation(1, trigger: .nodeDrain)]))
        world.apply(
            .setTransitions(
                [transition(10, DesiredTransition(forceReschedule: true))], evaluations: []))
        #expect(
            world.allocation(10)?.transition
                == DesiredTransition(migrate: true, forceReschedule: true))
        #expect(world.tables.evaluation(uid(1)) != nil)
    }

    @Test("An evaluation that could place all cancels those of its job that wait for room")
    func blocked() {
        var world = ready()
        world.apply(
            .upsertEvaluations([
                evaluation(1, status: .blocked), evaluation(2, of: "k", status: .blocked),
                evaluation(3),
            ]))
        var failed = evaluation(3, status: .complete)
        failed.failedGroups = ["g": PlacementMetric()]
        world.apply(.upsertEvaluations([failed]))
        #expect(world.tables.evaluation(uid(1))?.value.status == .blocked)
        world.apply(.upsertEvaluations([evaluation(4, status: .complete)]))
        #expect(world.tables.evaluation(uid(1))?.value.status == .canceled)
        #expect(
            world.tables.evaluation(uid(1))?.value.statusDescription
                == "evaluation \"\(uid(4))\" successful")
        #expect(world.tables.evaluation(uid(2))?.value.status == .blocked)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("Only what has ended is collected")
    func garbage() {
        var world = ready()
        world.place([10])
        world.apply(.upsertEvaluations([evaluation(1)]))
        #expect(
            world.apply(.collect(Garbage(evaluations: [uid(1)], allocations: [uid(10)])))
                == .unchanged)
        #expect(world.allocation(10) != nil && world.tables.evaluation(uid(1)) != nil)
    }
}

@Suite("Deployments in the state") struct SchedulingDeploymentTests {
    private func deployed(canaries: Int = 0) -> Scheduled {
        var world = ready()
        guard let job = world.tables.job(JobKey(id: "j")) else { return world }
        var deployment = Deployment(id: uid(900), of: job.value)
        var group = DeploymentGroupState()
        group.desiredTotal = 2
        group.desiredCanaries = canaries
        group.progressDeadline = .seconds(600)
        deployment.groups["g"] = group
        world.apply(entry { $0.deployment = deployment })
        return world
    }

    private func state(_ world: Scheduled) throws -> DeploymentGroupState {
        try #require(world.tables.deployment(uid(900))?.value.groups["g"])
    }

    @Test("Instances count as placed once, and as healthy or not as they change")
    func counts() throws {
        var world = deployed()
        world.place([10, 11]) { $0.deploymentID = uid(900) }
        #expect(try state(world).placedAllocations == 2)
        #expect(
            try state(world).requireProgressByUnixNanoseconds == 1_700_000_600_000_000_000)
        world.report(10, .running, healthy: true)
        #expect(try state(world).healthyAllocations == 1)
        #expect(
            try state(world).requireProgressByUnixNanoseconds == 1_700_000_700_000_000_000)
        world.report(10, .running, healthy: true)
        world.report(11, .running, healthy: false)
        #expect(try state(world).healthyAllocations == 1 && state(world).unhealthyAllocations == 1)
        world.report(10, .running, healthy: false)
        #expect(try state(world).healthyAllocations == 0 && state(world).unhealthyAllocations == 2)
        #expect(world.tables.allocations(ofDeployment: uid(900)).count == 2)
        #expect(world.tables.latestDeployment(ofJob: JobKey(id: "j"))?.value.id == uid(900))
    }

    @Test("A plan that did not know of an instance's health leaves it")
    func lateHealth() throws {
        var world = deployed()
        world.place([10]) { $0.deploymentID = uid(900) }
        world.report(10, .running, healthy: true)
        world.place([10], evaluation: 502) { $0.deploymentID = uid(900) }
        #expect(try state(world).healthyAllocations == 1)
        #expect(world.allocation(10)?.isHealthy == true)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("H12: a deployment that has ended well marks its version stable, and ends")
    func success() {
        var world = deployed()
        let update = DeploymentStatusUpdate(
            id: uid(900), status: .successful, description: "Deployment completed successfully")
        world.apply(.setDeploymentStatus(update, revertingTo: nil, evaluations: []))
        #expect(world.job()?.isStable == true)
        #expect(
            world.apply(.setDeploymentStatus(update, revertingTo: nil, evaluations: []))
                == .schedulerRefused(.deploymentEnded(uid(900), .successful)))
        #expect(
            world.apply(.collect(Garbage(deployments: [uid(900)])))
                == .applied(modifyIndex: world.index))
        #expect(world.tables.deployment(uid(900)) == nil && world.tables.brokenInvariant() == nil)
    }

    @Test("A failed one brings back the version that it names, in the same entry")
    func revert() {
        var world = deployed()
        world.apply(.registerJob(job("j", cpu: 999), expected: nil, evaluations: []))
        let update = DeploymentStatusUpdate(id: uid(900), status: .failed, description: "failed")
        #expect(
            world.apply(.setDeploymentStatus(update, revertingTo: 8, evaluations: []))
                == .schedulerRefused(.unknownVersion(JobKey(id: "j"), 8)))
        #expect(world.tables.deployment(uid(900))?.value.status == .running)
        world.apply(
            .setDeploymentStatus(update, revertingTo: 0, evaluations: [evaluation(1)]))
        #expect(world.tables.deployment(uid(900))?.value.status == .failed)
        #expect(world.job()?.version == 2)
        #expect(world.job()?.groups[0].tasks[0].resources.cpu == 100)
    }

    @Test("Canaries are promoted once enough of them are healthy")
    func promotion() throws {
        var world = deployed(canaries: 1)
        world.place([10]) {
            $0.deploymentID = uid(900)
            $0.deploymentStatus = AllocationHealth(isCanary: true)
        }
        #expect(try state(world).placedCanaries == [uid(10)])
        #expect(
            world.apply(.promoteDeployment(uid(900), groups: nil, evaluations: []))
                == .schedulerRefused(
                    .notPromotable(uid(900), "Task group \"g\" has 0/1 healthy allocations")))
        world.apply(
            .setDeploymentHealth(
                DeploymentHealthChange(
                    deployment: uid(900), healthy: [uid(10)], unhealthy: [],
                    unixNanoseconds: 5), evaluations: []))
        #expect(try state(world).healthyAllocations == 1)
        #expect(
            world.apply(.promoteDeployment(uid(900), groups: ["h"], evaluations: []))
                == .schedulerRefused(
                    .notPromotable(uid(900), "deployment has no group \"h\"")))
        world.apply(.promoteDeployment(uid(900), groups: nil, evaluations: [evaluation(1)]))
        #expect(try state(world).isPromoted && world.allocation(10)?.isCanary == false)
        #expect(world.allocation(10)?.isHealthy == true)
        #expect(try state(world).placedCanaries == [uid(10)])
    }

    @Test("Health is said of the deployment's own instances")
    func foreign() {
        var world = deployed()
        world.place([10])
        #expect(
            world.apply(
                .setDeploymentHealth(
                    DeploymentHealthChange(
                        deployment: uid(900), healthy: [uid(10)], unhealthy: [],
                        unixNanoseconds: 5), evaluations: []))
                == .schedulerRefused(.unknownAllocation(uid(10))))
    }
}

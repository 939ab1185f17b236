// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// Random histories of jobs and nodes: whatever happens, the group's invariants hold after every
/// evaluation, and once nothing happens any more, nothing is left to do.
@Suite("J6: random histories") struct HistoryTests {
    private struct History {
        var world: LeaderState
        var sequence: SeededSequence
        /// What was done, for a failure's message.
        var steps: [String] = []

        init(seed: UInt64, isIndexed: Bool) {
            world = LeaderState(nodes: 6, isIndexed: isIndexed)
            sequence = SeededSequence(seed: seed)
            world.preemption.serviceSchedulerEnabled = sequence.next(below: 2) == 0
            world.preemption.batchSchedulerEnabled = sequence.next(below: 2) == 0
        }

        let jobs = ["a", "b", "c", "s"]

        mutating func job(_ id: String) -> Job {
            let types: [String: JobType] = [
                "a": .service, "b": .batch, "c": .service, "s": .system,
            ]
            let type = types[id] ?? .service
            let update: UpdateStrategy? =
                id == "a"
                ? .parallel(1 + sequence.next(below: 2), canary: sequence.next(below: 2))
                : nil
            var job = Job.fixture(
                id, type, count: type == .system ? 1 : sequence.next(below: 7),
                priority: 20 + 20 * sequence.next(below: 4),
                cpu: [200, 700, 1500][sequence.next(below: 3)], update: update)
            if id == "c", sequence.next(below: 2) == 0 {
                job.groups[0].stopAfterClientDisconnect = .seconds(20)
            }
            job.isStopped = sequence.next(below: 12) == 0
            return job
        }

        mutating func step() {
            let id = jobs[sequence.next(below: jobs.count)]
            world.now += Int64(sequence.next(below: 40)) * second
            switch sequence.next(below: 10) {
            case 0, 1:
                steps.append("register \(id)")
                world.run(world.register(job(id)))
            case 2, 3, 4: changeAllocation(of: id)
            case 5: changeNode()
            case 6: decideOnDeployment()
            case 7:
                if let allocation = any(world.live(id)) {
                    steps.append("migrate \(allocation.name)")
                    world.update(allocation.id) { $0.transition.migrate = true }
                    evaluate(id)
                }
            default:
                steps.append("evaluate \(id)")
                evaluate(id)
            }
            if sequence.next(below: 2) == 0 { settle(rounds: 3) }
        }

        mutating func any(_ allocations: [Allocation]) -> Allocation? {
            allocations.isEmpty ? nil : allocations[sequence.next(below: allocations.count)]
        }

        mutating func evaluate(_ id: String) {
            world.run(world.evaluation(of: JobKey(id: id), .nodeUpdate))
        }

        mutating func changeAllocation(of id: String) {
            guard let allocation = any(world.all(id)) else { return }
            let status: Allocation.ClientStatus = [.running, .failed, .complete, .running][
                sequence.next(below: 4)]
            guard !allocation.isClientTerminal else { return }
            steps.append("\(allocation.name) \(status)")
            world.tell(allocation.id, status)
            if status == .running, !allocation.isTerminal {
                world.tellHealth(allocation.id, isHealthy: sequence.next(below: 5) > 0)
            }
            evaluate(id)
        }

        mutating func changeNode() {
            let number = 1 + sequence.next(below: 6)
            let status: NodeStatus = sequence.next(below: 3) == 0 ? .down : .ready
            let isDrained = sequence.next(below: 4) == 0
            steps.append("node \(number) \(status) drained: \(isDrained)")
            world.change(node: number) {
                $0.status = status
                $0.drain = isDrained ? DrainStrategy() : nil
                $0.eligibility = isDrained ? .ineligible : .eligible
            }
            for id in jobs { evaluate(id) }
        }

        mutating func decideOnDeployment() {
            guard let deployment = world.deployment("a"), deployment.isActive else { return }
            switch sequence.next(below: 3) {
            case 0:
                steps.append("promote")
                for name in deployment.groups.keys {
                    world.deployments[deployment.id]?.groups[name]?.isPromoted = true
                }
            case 1:
                steps.append("fail")
                world.deployments[deployment.id]?.status = .failed
            default:
                steps.append("pause")
                world.deployments[deployment.id]?.status = .paused
            }
            evaluate("a")
        }

        /// Runs what is pending and due, in the order of the broker.
        mutating func settle(rounds: Int) {
            for _ in 0..<rounds {
                let due = world.pending().filter { $0.waitUntilUnixNanoseconds <= world.now }
                if due.isEmpty { return }
                for evaluation in due { world.run(evaluation) }
            }
        }
    }

    private func check(_ world: LeaderState, _ steps: [String]) {
        var used: [UniqueID: CombinedResources] = [:]
        for allocation in world.allocations.values.map(\.value) where !allocation.isTerminal {
            used[allocation.nodeID, default: CombinedResources()] =
                used[allocation.nodeID, default: CombinedResources()]
                + allocation.resources.value.combined
        }
        for (node, sum) in used {
            guard let usable = world.nodes[node]?.usable else { continue }
            #expect(sum.cpu <= usable.cpu && sum.memoryMB <= usable.memoryMB, "\(steps)")
        }
        for id in ["a", "b", "c"] { checkNames(world, id, steps) }
        let seats = world.live("s").map { "\($0.nodeID) \($0.index)" }
        #expect(Set(seats).count == seats.count, "\(steps)")
    }

    /// No two live ones under one number, but for canaries that stand beside what they will replace.
    private func checkNames(_ world: LeaderState, _ id: String, _ steps: [String]) {
        let canaries = Set(world.deployment(id)?.groups["g"]?.placedCanaries ?? [])
        let numbers = world.live(id).filter { !canaries.contains($0.id) }.map(\.index)
        #expect(Set(numbers).count == numbers.count, "\(id): \(numbers) after \(steps)")
    }

    @Test(
        "Instances, and what waits for a place, come to the count",
        arguments: [false, true], 0..<50)
    func invariants(isIndexed: Bool, seed: UInt64) {
        var history = History(seed: seed, isIndexed: isIndexed)
        for _ in 0..<40 {
            history.step()
            check(history.world, history.steps)
        }
        #expect(history.world.rejections == 0, "every plan was made on the newest state")
        checkVictims(history.world)
        calm(&history)
        for id in ["a", "b", "c"] { checkCount(history.world, id, history.steps) }
    }

    /// F18: nobody is evicted for less than ten priorities more, or by its own job.
    private func checkVictims(_ world: LeaderState) {
        for plan in world.plans {
            for victim in plan.nodes.flatMap(\.evictions).map(\.allocation.value) {
                #expect(victim.priority + 10 <= plan.priority)
                #expect(victim.jobKey != plan.job?.value.key)
            }
        }
    }

    /// All nodes are well, all deployments are over, everything runs, and time passes.
    private func calm(_ history: inout History) {
        for number in 1...6 {
            history.world.change(node: number) { $0 = .fixture(number) }
        }
        for _ in 0..<12 {
            history.world.now += 4000 * second
            for id in history.jobs {
                history.evaluate(id)
                history.world.makeHealthy(id)
            }
            if let deployment = history.world.deployment("a"), deployment.isActive {
                history.world.deployments[deployment.id]?.status = .running
                for name in deployment.groups.keys {
                    history.world.deployments[deployment.id]?.groups[name]?.isPromoted = true
                }
                watch(deployment, &history.world)
            }
            history.settle(rounds: 5)
        }
        for id in history.jobs {
            let plan = history.world.propose(
                history.world.evaluation(of: JobKey(id: id), .nodeUpdate)
            ).plan
            #expect(plan.isEmpty, "\(id) is not settled: \(plan) after \(history.steps)")
        }
    }

    /// What failed under a deployment may come back.
    private func watch(_ deployment: Deployment, _ world: inout LeaderState) {
        var watcher = DeploymentWatcher()
        var ids = IDSource(evaluationID: .id(3), snapshotIndex: world.index, attempt: 1)
        let own = world.allocations.values.filter { $0.value.deploymentID == deployment.id }
        let view = DeploymentWatcher.View(deployment, allocations: own)
        for command in watcher.observe(view, unixNanoseconds: 0, at: .zero, ids: &ids) {
            guard case .allowRescheduling(let allowed, _) = command else { continue }
            for id in allowed { world.update(id) { $0.transition.reschedule = true } }
        }
    }

    private func checkCount(_ world: LeaderState, _ id: String, _ steps: [String]) {
        guard let job = world.jobs[JobKey(id: id)]?.value, !job.isStopped else {
            #expect(world.live(id).isEmpty, "\(steps)")
            return
        }
        let failedDeployment = world.deployment(id).map { $0.status == .failed } ?? false
        // A failed deployment places nothing until the next version.
        if failedDeployment { return }
        let done = world.all(id).filter {
            job.type == .batch && $0.job.value.version == job.version
                && ($0.ranSuccessfully || ($0.clientStatus == .failed && $0.nextAllocation == nil))
        }
        var last = Evaluation.fixture(1)
        for evaluation in world.evaluations.values
        where evaluation.jobID == id && !evaluation.queuedAllocations.isEmpty
            && evaluation.snapshotIndex > last.snapshotIndex
        {
            last = evaluation
        }
        let queued = last.queuedAllocations["g"] ?? 0
        let live = world.live(id).count
        #expect(
            live + done.count + queued >= job.groups[0].count,
            "\(id): \(live) live, \(done.count) done, \(queued) queued of \(job.groups[0].count) after \(steps)"
        )
    }

    @Test("The same history has the same plans", arguments: [false, true], [3, 4, 5])
    func deterministic(isIndexed: Bool, seed: UInt64) {
        func plans() -> [PlacementPlan] {
            var history = History(seed: seed, isIndexed: isIndexed)
            for _ in 0..<40 { history.step() }
            return history.world.plans
        }
        #expect(plans() == plans())
    }

    @Test("F18: a cascade of evictions leaves the more important better off", arguments: 0..<40)
    func cascade(seed: UInt64) {
        var sequence = SeededSequence(seed: seed)
        var world = LeaderState(nodes: 4, isIndexed: true)
        world.preemption.serviceSchedulerEnabled = true
        for number in 0..<8 {
            world.run(
                world.register(
                    .fixture(
                        "j\(number)", count: 1 + sequence.next(below: 4),
                        priority: 10 + 10 * sequence.next(below: 8),
                        cpu: [500, 1000, 2000][sequence.next(below: 3)])))
            settle(&world)
        }
        let before = placedByPriority(world)
        world.run(
            world.register(
                .fixture(
                    "new", count: 3, priority: 10 + 10 * sequence.next(below: 9), cpu: 1500)))
        settle(&world)

        checkVictims(world)
        #expect(!placedByPriority(world).lexicographicallyPrecedes(before))
        #expect(world.rejections == 0)
    }

    private func settle(_ world: inout LeaderState) {
        var rounds = 0
        while let next = world.pending(.preemption).first, rounds < 500 {
            world.run(next)
            rounds += 1
        }
        #expect(rounds < 500, "evictions never end")
    }

    /// Instances that run, the highest priority first.
    private func placedByPriority(_ world: LeaderState) -> [Int] {
        let live = world.allocations.values.map(\.value).filter { !$0.isTerminal }
        return (1...10).reversed().map { step in live.count { $0.priority == 10 * step } }
    }
}

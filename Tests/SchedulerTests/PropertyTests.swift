// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Placing: what holds of random clusters") struct PropertyTests {
    @Test(
        "No node is ever over capacity, no port, device or core is given twice, no plan is refused",
        arguments: 1...8)
    func capacity(seed: UInt64) {
        for seed in RandomWorld.seeds(seed) { capacity(of: seed) }
    }

    private func capacity(of seed: UInt64) {
        var random = RandomWorld(seed: seed)
        random.addNodes(12, extras: true)
        for number in 0..<RandomWorld.evaluations {
            let job = random.job(number, extras: true)
            let outcomes = random.world.plan(job, seed: seed)
            // Of the checks some will do, where each costs milliseconds.
            if number % 5 == 0 || RandomWorld.rounds > 1 {
                #expect(
                    refusals(of: outcomes, job, random.world).isEmpty,
                    "seed \(seed), evaluation \(number)")
            }
            random.world.commit(outcomes, of: job)
            for node in random.world.nodes {
                let fault = RandomWorld.fault(of: node, random.allocations(on: node.id))
                #expect(fault == nil, "seed \(seed), evaluation \(number), \(node.name)")
            }
            if random.chance(5) { random.addNode(extras: true) }
            stopSome(&random)
        }
    }

    /// Nodes of which the check, which shares nothing with the placer, refuses a plan on the very state
    /// that it was made on.
    private func refusals(
        of outcomes: [PlacementOutcome], _ job: Job, _ world: World
    ) -> [PlanCheck.Refusal] {
        var ledger = ClusterLedger()
        for node in world.nodes { ledger.apply(node) }
        for allocation in world.allocations.values { ledger.apply(allocation) }
        var parts: [UniqueID: PlacementPlan.NodePart] = [:]
        for placed in outcomes.placed {
            let id = UniqueID(high: 98, low: UInt64(placed.request.index))
            var part = parts[placed.nodeID] ?? PlacementPlan.NodePart(nodeID: placed.nodeID)
            part.placements.append(
                Allocation(
                    id: id, evaluationID: id, nodeID: placed.nodeID, job: Shared(job), group: "g",
                    index: placed.request.index, resources: placed.resources))
            part.evictions += placed.victims.map { PlacementPlan.Eviction($0, by: id) }
            parts[placed.nodeID] = part
        }
        var plan = PlacementPlan(
            evaluationID: .id(1), token: .id(1), priority: job.priority, job: nil, snapshotIndex: 1)
        plan.nodes = parts.values.sorted { $0.nodeID < $1.nodeID }
        return PlanCheck.check(plan, against: ledger) { _ in false }.refusals
    }

    private func stopSome(_ random: inout RandomWorld) {
        let ids = random.world.allocations.keys.sorted()
        guard ids.count > 20 else { return }
        for _ in 0..<3 { random.world.end(ids[random.sequence.next(below: ids.count)]) }
    }

    @Test("Undone, a view is as if nothing had been tried", arguments: 1...8)
    func undo(seed: UInt64) {
        for seed in RandomWorld.seeds(seed) { undo(of: seed) }
    }

    private func undo(of seed: UInt64) {
        var random = RandomWorld(seed: seed)
        random.addNodes(10, extras: true)
        for number in 0..<RandomWorld.evaluations / 2 {
            let job = random.job(number, extras: true)
            let before = Self.summary(random.world.plan(job, seed: 9))
            _ = random.world.plan(random.job(1000 + number, extras: true), seed: 3)
            let after = Self.summary(random.world.plan(job, seed: 9))
            #expect(before == after, "seed \(seed), evaluation \(number)")
            // A view that was made anew from the same state agrees with the one that was kept.
            #expect(after == Self.summary(random.world.rebuilt().plan(job, seed: 9)))
            random.world.place(job, seed: seed)
        }
    }

    private static func summary(_ outcomes: [PlacementOutcome]) -> [String] {
        outcomes.map { outcome in
            guard let placed = outcome.placement else { return "-" }
            return "\(placed.nodeName) \(placed.resources.value) \(placed.victims.map(\.value.id))"
        }
    }

    @Test(
        "Victims are ten priorities lower, of other jobs, and none of them is needless",
        arguments: 1...8)
    func victims(seed: UInt64) {
        for seed in RandomWorld.seeds(seed) { victims(of: seed) }
    }

    private func victims(of seed: UInt64) {
        var random = RandomWorld(seed: seed)
        random.addNodes(6, extras: true)
        var evictions = 0
        for number in 0..<RandomWorld.evaluations {
            let job = random.job(number, extras: true)
            let placer = random.world.placer(job, seed: seed)
            var taken: [UniqueID: [Allocation]] = [:]
            for node in random.world.nodes { taken[node.id] = random.allocations(on: node.id) }
            let outcomes = placer.place(World.requests(job))
            placer.undo()
            for placed in outcomes.placed {
                evictions += placed.victims.count
                check(placed, job, &taken, random.world)
            }
            random.world.commit(outcomes, of: job)
        }
        #expect(evictions > 0)
    }

    private func check(
        _ placed: Placement, _ job: Job, _ taken: inout [UniqueID: [Allocation]], _ world: World
    ) {
        let node = world.nodes.first { $0.id == placed.nodeID } ?? world.nodes[0]
        let victims = Set(placed.victims.map(\.value.id))
        for victim in placed.victims {
            #expect(victim.value.priority + 10 <= job.priority)
            #expect(victim.value.jobID != job.id)
            // Without this one there would be no room on the node, wherever the ports would lie.
            var rest = taken[node.id, default: []].filter {
                !victims.contains($0.id) || $0.id == victim.value.id
            }
            let other = World()
            var copy = node
            copy.eligibility = .eligible
            other.node { $0 = copy }
            for allocation in rest { other.view.apply(allocation) }
            rest.removeAll()
            var request = placed.request
            request.previous = nil
            var alone = job
            alone.constraints = []
            let trial = other.placer(alone)
            #expect(trial.place([request]).placed.isEmpty)
            trial.undo()
        }
        taken[node.id]?.removeAll { victims.contains($0.id) }
        taken[node.id]?.append(
            Allocation(
                id: UniqueID(high: 99, low: UInt64(placed.request.index)),
                evaluationID: placed.nodeID, nodeID: placed.nodeID, job: Shared(job), group: "g",
                index: placed.request.index, resources: placed.resources))
    }

    @Test("The index finds the best score that a look at every node finds", arguments: 1...10)
    func best(seed: UInt64) throws {
        for seed in RandomWorld.seeds(seed) { try best(of: seed) }
    }

    private func best(of seed: UInt64) throws {
        var random = RandomWorld(seed: seed)
        random.world.configuration.preemptionConfig = PreemptionConfig()
        random.addNodes(40, extras: false)
        for number in 0..<RandomWorld.evaluations {
            let job = random.job(number, extras: false)
            var naive = NaiveSearch(random.world, job)
            let outcomes = random.world.plan(job, seed: seed)
            for outcome in outcomes {
                let expected = naive.best()
                let score = outcome.placement?.score?.normalized
                let given = try #require(
                    (score == nil) == (expected == nil) ? (score ?? 0) : nil,
                    "seed \(seed), evaluation \(number): \(String(describing: expected))")
                #expect(
                    abs(given - (expected ?? 0)) < 1e-9, "seed \(seed), evaluation \(number)")
                if let placed = outcome.placement { naive.add(placed) }
            }
            random.world.commit(outcomes, of: job)
        }
    }
}

extension World {
    func end(_ id: UniqueID) {
        forget(id)
        view.remove(allocation: id)
    }

    /// The same state in a view that hears of it in another order.
    func rebuilt() -> World {
        let other = World()
        other.configuration = configuration
        for allocation in allocations.values.sorted(by: { $0.id > $1.id }) {
            other.view.apply(allocation)
        }
        for node in nodes.reversed() { other.view.apply(node) }
        return other
    }
}

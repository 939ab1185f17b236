// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Fit, resources, ranking: scenarios A") struct RankingScenarioTests {
    @Test("A1: what is usable is the capacity without what is reserved")
    func reserved() throws {
        let world = World()
        world.node { node in
            node.reserved.cpu = 100
            node.reserved.memoryMB = 256
        }

        #expect(world.plan(World.job(cpu: 3900, memory: 7936)).placed.count == 1)
        let failure = try #require(world.plan(World.job(cpu: 3901, memory: 100)).failures.first)
        #expect(failure.nodesExhausted == 1)
        #expect(failure.dimensionExhausted == ["cpu": 1])
    }

    @Test("A2: of several dimensions that overflow the first is reported")
    func firstDimension() throws {
        let world = World()
        world.node()
        for (cpu, memory, disk, dimension) in [
            (5000, 9000, 0, "cpu"), (100, 9000, 200_000, "memory"), (100, 100, 200_000, "disk"),
        ] {
            let job = World.job(cpu: cpu, memory: memory, disk: disk)
            let failure = try #require(world.plan(job).failures.first)
            #expect(failure.dimensionExhausted == [dimension: 1])
        }
    }

    @Test(
        "A4, A5: the best fit wins, or with the spread algorithm the worst",
        arguments: [
            (SchedulerAlgorithm.binpack, [760, 1000, 486], "n1"),
            (.spread, [240, 0, 514], "n2"),
        ])
    func bestFit(algorithm: SchedulerAlgorithm, scores: [Int], winner: String) throws {
        let world = World()
        world.configuration.schedulerAlgorithm = algorithm
        world.node(2048, 2048)
        world.node(1024, 1024)
        world.node(4096, 4096)

        let placed = try #require(world.plan(World.job(cpu: 1024, memory: 1024)).placed.first)
        #expect(world.name(placed.nodeID) == winner)
        let named = placed.metric.value.scores.map { (world.name($0.nodeID), $0.normalized) }
        for (index, score) in scores.enumerated() {
            let given = try #require(named.first { $0.0 == "n\(index)" })
            #expect(given.1.thousandths == score)
        }
    }

    @Test("Of what the cluster is short of nothing is left without the other beside it")
    func stranded() throws {
        let world = World()
        let narrow = world.node(4000, 1000)
        let wide = world.node(4000, 8000)
        let third = world.node(4000, 8000)
        let job = World.job(cpu: 500, memory: 900)
        // Nothing is short yet: the fullest node, whose memory is then used up.
        #expect(world.plan(job).placed.map(\.nodeID) == [narrow.id])

        world.run(World.job("other", cpu: 3000, memory: 100), on: third)
        let placed = try #require(world.plan(job).placed.first)
        #expect(placed.nodeID == third.id && placed.nodeID != wide.id)
        let scores = placed.metric.value.scores
        let avoided = try #require(scores.first { $0.nodeID == narrow.id })
        // Of 0.875 free processor 0.775 would lie idle.
        #expect(avoided.scores["stranded"]?.thousandths == -886)
        let fit = try #require(avoided.scores["binpack"])
        #expect(abs(avoided.normalized - (fit - 0.775 / 0.875) / 2) < 1e-9)
        #expect(scores.first?.scores["stranded"] == nil)
    }

    @Test("A7: tasks that do not run at the same time share their room")
    func lifecycle() {
        var job = World.job(cpu: 1000)
        func task(_ name: String, _ cpu: Int, _ hook: TaskLifecycle.Hook, sidecar: Bool) {
            var task = JobTask(name: name, driver: "mock")
            task.resources = TaskResources(cpu: cpu, memoryMB: 10)
            task.lifecycle = TaskLifecycle(hook: hook, isSidecar: sidecar)
            job.groups[0].tasks.append(task)
        }
        task("before", 1500, .prestart, sidecar: false)
        task("beside", 200, .prestart, sidecar: true)
        task("after", 300, .poststop, sidecar: false)

        for (cpu, count) in [(1699, 0), (1700, 1)] {
            let world = World()
            world.node(cpu)
            #expect(world.plan(job).placed.count == count)
        }
    }

    @Test("A8: what has ended takes no room")
    func terminal() {
        let world = World()
        let node = world.node()
        let full = World.job("full", cpu: 4000)
        let allocation = world.run(full, on: node)
        #expect(world.plan(World.job(cpu: 4000)).placed.isEmpty)

        var ended = allocation
        ended.clientStatus = .complete
        world.view.apply(ended)
        #expect(world.plan(World.job(cpu: 4000)).placed.count == 1)
        #expect(world.view.allocationCount == 0)
    }

    @Test("A10: the most memory is written down if oversubscription is on, and never asked for")
    func oversubscription() throws {
        var job = World.job(memory: 1000)
        job.groups[0].tasks[0].resources.memoryMaxMB = 9000
        for (isOn, expected) in [(false, 0), (true, 9000)] {
            let world = World()
            world.node()
            world.configuration.memoryOversubscriptionEnabled = isOn
            let placed = try #require(world.plan(job).placed.first)
            #expect(placed.resources.value.tasks[0].memoryMaxMB == expected)
        }
    }

    @Test("A11: an instance is not divided between nodes")
    func undivided() throws {
        let world = World()
        for _ in 0..<2 { world.run(World.job("half", cpu: 2000), on: world.node()) }
        let failure = try #require(world.plan(World.job(cpu: 3000)).failures.first)
        #expect(failure.nodesExhausted == 2)
    }

    @Test("A13: the final score is the mean of what was appended")
    func mean() throws {
        let world = World()
        let node = world.node()
        let job = World.job(count: 4, cpu: 500, memory: 1024)
        world.run(job, on: node)
        var request = PlacementRequest(group: 0, index: 1)
        request.preferredNode = node.id
        let placer = world.placer(job)
        let placed = try #require(placer.place([request]).placed.first)
        placer.undo()

        let fit = try #require(placed.score("binpack"))
        #expect(placed.score("job-anti-affinity") == -0.5)
        #expect(placed.score?.normalized == (fit - 0.5) / 2)
    }

    @Test("A14: a node where it failed before scores one point less")
    func penalty() throws {
        let world = World()
        let bad = world.node(1024, 1024)
        world.node(4096, 4096)
        let job = World.job(cpu: 1000, memory: 1000)
        var request = PlacementRequest(group: 0, index: 0)
        #expect(world.name(try #require(world.plan(job).placed.first).nodeID) == "n0")

        request.penalizedNodes = [bad.id]
        let placer = world.placer(job)
        let placed = try #require(placer.place([request]).placed.first)
        placer.undo()
        #expect(world.name(placed.nodeID) == "n1")

        request.requiredNode = nil
        world.view.remove(node: world.nodes[1].id)
        let alone = world.placer(job)
        let second = try #require(alone.place([request]).placed.first)
        alone.undo()
        #expect(second.score("node-reschedule-penalty") == -1)
    }

    @Test("A16: a sample is as large as its job's type and the cluster say")
    func limits() {
        func limit(_ type: JobType, _ nodes: Int, further: Bool = false, count: Int = 1) -> Int {
            CandidateLimit.limit(
                type: type, nodes: nodes, groupCount: count, looksFurther: further, configured: 0)
        }
        #expect(limit(.service, 1000) == 10)
        #expect(limit(.service, 1024) == 10)
        #expect(limit(.service, 1025) == 11)
        #expect(limit(.service, 1) == 2)
        #expect(limit(.batch, 1000) == 2)
        #expect(limit(.service, 1000, further: true) == 100)
        #expect(limit(.service, 1000, further: true, count: 300) == 300)
    }

    @Test(
        "A17: options that score 0 or less are set aside, three at most",
        arguments: [
            (2, [-1, -1, 0.4, 0.6, 0.9], 3),
            (2, [-1, -0.5], 1),
            (2, [-1, -0.5, -0.7, -0.9, -0.2], 4),
            (1, [0.1, 0.9], 0),
        ])
    func skipping(limit: Int, scores: [Double], winner: Int) {
        var candidates = CandidateLimit(limit: limit)
        var isOpen = true
        for (index, score) in scores.enumerated() where isOpen {
            isOpen = candidates.offer(index, score: score)
        }
        if isOpen { candidates.finish() }
        #expect(candidates.best?.index == winner)
    }

    @Test("A16: a sampled search places like any other")
    func sampled() {
        let world = World()
        world.options.search = .sampled
        for _ in 0..<50 { world.node() }
        let job = World.job(count: 20, cpu: 500)
        #expect(world.place(job).placed.count == 20)
        #expect(world.view.allocationCount == 20)
    }

    @Test("A19: the same view and seed give the same plan, however the view came to be")
    func deterministic() {
        let job = World.job(count: 40, cpu: 300, memory: 300) { job in
            job.spreads = [Spread(attribute: "${meta.rack}")]
            job.groups[0].networks = [NetworkRequest()]
            job.groups[0].networks[0].dynamicPorts = [PortRequest(label: "http")]
        }
        func plan(reversed: Bool, seed: UInt64) -> [String] {
            let ids = reversed ? Array((0..<60).reversed()) : Array(0..<60)
            let view = ClusterView()
            for index in ids {
                var node = Node(
                    id: UniqueID(high: UInt64(index) &* 0x9E37_79B9_7F4A_7C15, low: 3),
                    name: "n\(index)",
                    resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 1000))
                node.drivers["mock"] = DriverState()
                node.meta["rack"] = "r\(index % 7)"
                node.status = .ready
                view.apply(node)
                if reversed, index % 9 == 0 { view.remove(node: node.id) }
                if reversed, index % 9 == 0 { view.apply(node) }
            }
            let placer = Placer(
                view: view, job: job, configuration: SchedulerConfiguration(), seed: seed)
            defer { placer.undo() }
            return placer.place(World.requests(job)).placed.map {
                "\($0.nodeName):\($0.resources.value.ports.map(\.value))"
            }
        }
        let first = plan(reversed: false, seed: 5)
        #expect(first.count == 40)
        #expect(first == plan(reversed: false, seed: 5))
        #expect(first == plan(reversed: true, seed: 5))
        #expect(first != plan(reversed: false, seed: 6))
    }

    @Test("A20: a group that cannot be placed leaves the other alone")
    func twoGroups() {
        let world = World()
        world.node()
        var job = World.job(cpu: 9000)
        job.groups.append(World.job().groups[0])
        job.groups[1].name = "small"
        let outcomes = world.plan(job)
        #expect(outcomes[0].failure?.dimensionExhausted == ["cpu": 1])
        #expect(outcomes[1].placement != nil)
    }
}

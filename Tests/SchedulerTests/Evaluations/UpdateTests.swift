// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("H: counts and updates") struct UpdateTests {
    private func world(_ job: Job, nodes: Int = 4) -> LeaderState {
        var world = LeaderState(nodes: nodes)
        let evaluation = world.register(job)
        world.run(evaluation)
        world.start(job.id)
        return world
    }

    @Test("A new job gets all its instances, numbered from 0, and then nothing is left to do")
    func first() {
        let world = world(.fixture(count: 3))

        #expect(world.live().map(\.name) == ["web.g[0]", "web.g[1]", "web.g[2]"])
        #expect(world.pending(.jobRegister).isEmpty)
        let again = world.propose(.fixture(1))
        #expect(again.plan.isEmpty && again.desired["g"]?.ignore == 3)
    }

    @Test(
        "Of what has ended only a batch job's counts among what is left alone",
        arguments: [(JobType.service, 3), (.batch, 4), (.system, 4)])
    func endedCounts(_ type: JobType, _ ignored: Int) throws {
        var world = world(.fixture("web", type, count: type == .system ? 1 : 3))
        let first = try #require(world.live().first)
        world.tell(first.id, .failed)
        world.update(first.id) { $0.desiredStatus = .stop }
        world.run(.fixture(2, type: type))
        let again = world.propose(.fixture(3, type: type))
        #expect(again.plan.isEmpty && again.desired["g"]?.ignore == ignored)
    }

    @Test("More are added at the lowest free numbers; fewer take the highest away")
    func counts() {
        var world = world(.fixture(count: 2))
        world.run(world.register(.fixture(count: 4)))
        #expect(world.live().map(\.index) == [0, 1, 2, 3])

        let fewer = world.register(.fixture(count: 1))
        let outcome = world.propose(fewer)
        #expect(outcome.desired["g"]?.stop == 3 && outcome.desired["g"]?.inPlaceUpdate == 1)
        let stops = outcome.plan.nodes.flatMap(\.stops)
        #expect(stops.map(\.allocation.value.index).sorted() == [1, 2, 3])
        #expect(stops.allSatisfy { $0.description == StopReason.notNeeded })
    }

    static let inPlace: [(String, @Sendable (inout Job) -> Void)] = [
        ("count", { $0.groups[0].count = 3 }),
        ("priority", { $0.priority = 70 }),
        ("job constraint", { $0.constraints = [Constraint("${meta.rack}", "=", "r1")] }),
        ("affinity", { $0.affinities = [Affinity("${meta.rack}", "=", "r1")] }),
        ("spread", { $0.groups[0].spreads = [Spread(attribute: "${meta.rack}")] }),
        ("restart policy", { $0.groups[0].restartPolicy = RestartPolicy(for: .service) }),
        ("kill timeout", { $0.groups[0].tasks[0].killTimeout = .seconds(9) }),
    ]

    @Test("H2: what an instance is not made of is changed in place", arguments: inPlace)
    func updatedInPlace(_ name: String, _ change: @Sendable (inout Job) -> Void) {
        var world = LeaderState(nodes: 2)
        for number in 1...2 { world.change(node: number) { $0.meta["rack"] = "r1" } }
        world.run(world.register(.fixture(count: 2)))
        let before = world.live().map(\.id)
        world.run(world.register(Job.fixture(count: 2).with(change)))

        let after = world.live()
        #expect(before.allSatisfy { id in after.contains { $0.id == id } })
        #expect(after.allSatisfy { $0.job.value.version == 1 })
    }

    static let destructive: [(String, @Sendable (inout Job) -> Void)] = [
        ("processor", { $0.groups[0].tasks[0].resources.cpu = 200 }),
        ("memory", { $0.groups[0].tasks[0].resources.memoryMB = 200 }),
        ("memory, at most", { $0.groups[0].tasks[0].resources.memoryMaxMB = 300 }),
        ("cores", { $0.groups[0].tasks[0].resources.cores = 1 }),
        ("device", { $0.groups[0].tasks[0].resources.devices = [DeviceRequest(name: "gpu")] }),
        ("driver", { $0.groups[0].tasks[0].driver = "raw_exec" }),
        ("user", { $0.groups[0].tasks[0].user = "nobody" }),
        ("environment", { $0.groups[0].tasks[0].environment = ["A": "1"] }),
        ("task's meta", { $0.groups[0].tasks[0].meta = ["a": "1"] }),
        ("group's meta", { $0.groups[0].meta = ["a": "1"] }),
        ("job's meta", { $0.meta = ["a": "1"] }),
        ("disk", { $0.groups[0].ephemeralDisk.sizeMB = 500 }),
        ("another task", { $0.groups[0].tasks.append(JobTask(name: "u", driver: "mock")) }),
        ("task's name", { $0.groups[0].tasks[0].name = "u" }),
    ]

    @Test("H2: what an instance is made of is not", arguments: destructive)
    func replaced(_ name: String, _ change: @Sendable (inout Job) -> Void) {
        var world = world(.fixture(count: 2))
        let before = world.live()
        let evaluation = world.register(Job.fixture(count: 2).with(change))
        let proposal = world.propose(evaluation)

        #expect(proposal.desired["g"]?.destructiveUpdate == 2)
        world.run(evaluation)
        let after = world.live()
        #expect(after.map(\.index) == [0, 1])
        #expect(after.map(\.previousAllocation) == before.map(\.id))
    }

    @Test("H2: ports that the scheduler numbers are no change; ports that a person numbers are")
    func ports() {
        let fixed = Job.fixture(ports: [80])
        let allocation = Allocation(
            id: .id(1), evaluationID: .id(1), nodeID: .node(1), job: Shared(fixed), group: "g",
            index: 0, resources: Shared(AllocatedResources()))
        func check(_ change: (inout NetworkRequest) -> Void) -> UpdateCheck {
            var job = fixed
            job.version = 1
            change(&job.groups[0].networks[0])
            return UpdateCheck.compare(allocation, with: job, group: job.groups[0])
        }

        #expect(check { _ in } == .inPlace)
        #expect(check { $0.reservedPorts[0].value = 81 } == .destructive)
        #expect(check { $0.mode = "bridge" } == .destructive)
        #expect(check { $0.dynamicPorts = [PortRequest(label: "d")] } == .destructive)
        var dynamic = fixed
        dynamic.groups[0].networks[0].dynamicPorts = [PortRequest(label: "d", value: 20_001)]
        var held = allocation
        held.job = Shared(dynamic)
        var next = dynamic
        next.version = 1
        next.groups[0].networks[0].dynamicPorts[0].value = 0
        #expect(UpdateCheck.compare(held, with: next, group: next.groups[0]) == .inPlace)
    }

    @Test("H2: an instance that no longer fits its node in place is replaced elsewhere")
    func inPlaceWithoutRoom() {
        var world = LeaderState(nodes: 2)
        world.change(node: 2) { $0.meta["rack"] = "r2" }
        world.run(world.register(.fixture()))
        #expect(world.live().map(\.nodeID) == [.node(1)])
        world.run(
            world.register(
                Job.fixture().with { $0.constraints = [Constraint("${meta.rack}", "=", "r2")] }))

        #expect(world.live().map(\.nodeID) == [.node(2)])
    }

    @Test("H2: a node that takes nothing new, or has shrunk, keeps who asks for no more")
    func inPlaceOnClosedNode() {
        let changes: [(inout Node) -> Void] = [
            { $0.eligibility = .ineligible },
            { $0.drain = DrainStrategy() },
            { $0.resources.cpu = 50 },
            { $0.resources.memoryMB = 50 },
        ]
        for change in changes {
            var world = LeaderState(nodes: 1, isIndexed: true)
            world.run(world.register(.fixture()))
            let before = world.live().map(\.id)
            world.change(node: 1, change)
            world.run(world.register(Job.fixture().with { $0.priority = 70 }))

            #expect(world.live().map(\.id) == before && world.rejections == 0)
            #expect(world.live().map(\.job.value.version) == [1])
        }
    }

    @Test("H3: two of ten are replaced, and the next two when those are healthy")
    func rolling() throws {
        let update = UpdateStrategy.parallel(2)
        var world = world(.fixture(count: 10, update: update), nodes: 10)
        world.makeHealthy()
        world.run(world.evaluation(.deploymentWatcher))
        #expect(world.deployment()?.status == .successful)

        world.run(world.register(.fixture(count: 10, cpu: 200, update: update)))
        func replaced() -> [Allocation] { world.live().filter { $0.job.value.version == 1 } }
        #expect(replaced().map(\.index) == [0, 1])
        #expect(world.deployment()?.groups["g"]?.desiredTotal == 10)

        world.start()
        world.run(world.evaluation(.deploymentWatcher))
        #expect(replaced().count == 2, "nobody said that they are healthy")
        world.tellHealth(replaced()[0].id, isHealthy: true)
        world.run(world.evaluation(.deploymentWatcher))
        #expect(replaced().count == 3)
        world.tellHealth(replaced()[1].id, isHealthy: false)
        world.run(world.evaluation(.deploymentWatcher))
        #expect(replaced().count == 3, "one is not: nothing goes on")
    }

    @Test("A group that is gone stops; a new one is placed")
    func groups() {
        var world = world(.fixture(count: 2))
        let renamed = Job.fixture(count: 2).with { $0.groups[0].name = "h" }
        let evaluation = world.register(renamed)
        let proposal = world.propose(evaluation)

        #expect(proposal.desired["g"]?.stop == 2 && proposal.desired["h"]?.place == 2)
    }

    @Test("G15: a stopped job's instances stop, and so do those of one that is gone")
    func stopped() {
        var world = world(.fixture(count: 3))
        world.run(world.register(Job.fixture(count: 3).with { $0.isStopped = true }))
        #expect(world.live().isEmpty)
        #expect(world.all().allSatisfy { $0.desiredStatus == .stop })

        var other = self.world(.fixture(count: 2))
        other.jobs = [:]
        other.run(other.evaluation(.jobDeregister))
        #expect(other.live().isEmpty)
    }

    @Test("A job that is registered again after a stop starts anew")
    func again() {
        var world = world(.fixture("b", .batch, count: 2))
        for allocation in world.live("b") { world.tell(allocation.id, .complete) }
        #expect(world.propose(world.evaluation(of: JobKey(id: "b"), .jobRegister)).plan.isEmpty)

        world.run(world.register(.fixture("b", .batch, count: 2, cpu: 200)))
        #expect(world.live("b").count == 2, "a new version of a batch job runs again")
    }

    @Test("Two instances under one number: the newer version stays")
    func duplicates() throws {
        var world = world(.fixture(count: 2))
        var double = try #require(world.live().first { $0.index == 0 })
        double.id = .id(77)
        double.createIndex = world.index + 1
        world.allocations[double.id] = Shared(double)
        let stops = world.propose(world.evaluation(.jobRegister)).plan.nodes.flatMap(\.stops)

        #expect(stops.map(\.allocation.value.index) == [0])
        #expect(stops.first?.allocation.value.id != double.id)
    }

    @Test("A destructive update that finds no room leaves what runs alone")
    func noRoom() {
        var world = world(.fixture(count: 2, cpu: 2000), nodes: 1)
        let outcome = world.run(world.register(.fixture(count: 2, cpu: 4500)))

        #expect(world.live().allSatisfy { $0.job.value.version == 0 } && world.live().count == 2)
        #expect(outcome.evaluation.queuedAllocations["g"] == 2)
        #expect(outcome.evaluation.failedGroups["g"]?.coalescedFailures == 1)
        #expect(outcome.created.map(\.status) == [.blocked])
    }

    @Test("The room of what is replaced is used for its replacement")
    func sameRoom() {
        var world = world(.fixture(count: 2, cpu: 2000), nodes: 1)
        world.run(world.register(.fixture(count: 2, cpu: 2000, memoryMB: 200)))

        #expect(world.live().allSatisfy { $0.job.value.version == 1 } && world.live().count == 2)
        #expect(world.rejections == 0)
    }

    @Test("All at once: where one finds no room, none is placed")
    func allAtOnce() {
        var world = LeaderState(nodes: 1)
        let job = Job.fixture(count: 3, cpu: 2000).with { $0.isAllAtOnce = true }
        let outcome = world.run(world.register(job))

        #expect(world.live().isEmpty && outcome.evaluation.queuedAllocations["g"] == 3)
        #expect(outcome.created.count == 1)
        world.add(.fixture(2))
        world.run(outcome.created[0])
        #expect(world.live().count == 3)
    }
}

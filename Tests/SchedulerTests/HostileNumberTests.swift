// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// Numbers that no checked request lets through: a core that meets them all the same refuses or clamps,
/// and never traps.
@Suite("Hostile numbers") struct HostileNumberTests {
    private static let extremes = [
        Int.min, Int.min + 1, -(1 << 40), -1, 0, 1, 100, 1 << 30, 1 << 31, 1 << 40, 1 << 62,
        Int.max - 1, Int.max,
    ]

    private struct Source {
        var sequence: SeededSequence

        /// Mostly an honest number.
        mutating func number(_ usual: Int) -> Int {
            sequence.next(below: 3) > 0
                ? usual : extremes[sequence.next(below: extremes.count)]
        }

        mutating func node(_ node: inout Node) {
            node.resources.cpu = number(4000)
            node.resources.memoryMB = number(8192)
            node.resources.diskMB = number(10_000)
            node.reserved.cpu = number(100)
            node.reserved.memoryMB = number(100)
            node.reserved.diskMB = number(0)
            node.resources.totalCores = number(4)
            node.resources.reservableCores = [0, 1, 2, 3]
            node.resources.minDynamicPort = number(20_000)
            node.resources.maxDynamicPort = number(20_100)
            node.resources.networks = [
                NodeNetworkDevice(device: "e", ip: "10.0.0.1", megabits: number(1000))
            ]
            node.resources.devices = [
                NodeDeviceGroup(
                    vendor: "v", type: "gpu", name: "m", instances: [NodeDevice(id: "a")])
            ]
        }

        mutating func job(_ name: String) -> Job {
            var job = World.job(name, priority: number(50), count: 2)
            job.affinities = [Affinity("${attr.x}", "is_not_set", "", weight: number(50))]
            job.spreads = [
                Spread(
                    attribute: "${node.id}", weight: number(50),
                    targets: [SpreadTarget(value: "a", percent: number(50))])
            ]
            var group = job.groups[0]
            group.ephemeralDisk.sizeMB = number(10)
            var migrate = MigrateStrategy()
            migrate.maxParallel = number(1)
            group.migrate = migrate
            group.tasks = (0..<2).map { JobTask(name: "t\($0)", driver: "mock") }
            for index in group.tasks.indices { group.tasks[index].resources = resources() }
            var network = NetworkRequest()
            network.reservedPorts = [PortRequest(label: "s", value: number(80))]
            network.dynamicPorts = [PortRequest(label: "d", to: number(-1))]
            if sequence.next(below: 2) == 0 { group.networks = [network] }
            job.groups[0] = group
            return job
        }

        private mutating func resources() -> TaskResources {
            var resources = TaskResources(cpu: number(100), memoryMB: number(100))
            resources.memoryMaxMB = number(200)
            if sequence.next(below: 2) == 0 { resources.cores = number(1) }
            if sequence.next(below: 4) == 0 {
                resources.devices = [DeviceRequest(name: "gpu", count: number(1))]
            }
            if sequence.next(below: 4) == 0 {
                var network = NetworkRequest()
                network.megabits = number(10)
                network.reservedPorts = [PortRequest(label: "t", value: number(81))]
                resources.networks = [network]
            }
            return resources
        }
    }

    /// As an allocation that is in the state already, whoever let it in.
    private func held(_ job: Job, _ source: inout Source) -> AllocatedResources {
        var resources = AllocatedResources(diskMB: source.number(10))
        for task in job.groups[0].tasks {
            var given = AllocatedTask(
                name: task.name, cpu: source.number(100), memoryMB: source.number(100))
            var network = AllocatedNetwork()
            network.ip = "10.0.0.1"
            network.megabits = source.number(10)
            network.reservedPorts = [PortRequest(label: "t", value: source.number(81))]
            given.networks = [network]
            given.reservedCores = [0, .max]
            given.devices = [
                AllocatedDevice(vendor: "v", type: "gpu", name: "m", deviceIDs: ["a", "a", "b"])
            ]
            resources.tasks.append(given)
        }
        return resources
    }

    @Test(
        "Nodes, jobs and allocations of any numbers are placed, evicted and taken back",
        arguments: 0..<20)
    func placing(seed: UInt64) {
        var source = Source(sequence: SeededSequence(seed: seed))
        let world = World()
        world.configuration.preemptionConfig.serviceSchedulerEnabled = true
        if seed % 2 == 0 { world.configuration.schedulerAlgorithm = .spread }
        for _ in 0..<4 { world.node { source.node(&$0) } }
        for number in 0..<20 {
            let job = source.job("j\(number)")
            world.run(job, on: world.nodes[number % 4], index: number) {
                $0.resources = Shared(held(job, &source))
            }
            let placer = world.placer(job, seed: seed)
            for outcome in placer.place(World.requests(job)) {
                // Nobody is given more than there is.
                guard let placed = outcome.placement else { continue }
                let given = placed.resources.value.combined
                #expect(given.cpu <= 1 << 30 && given.memoryMB <= 1 << 30)
            }
            for allocation in world.allocations.values {
                _ = placer.resourcesInPlace(of: allocation, group: 0)
            }
            placer.undo()
            world.update(world.nodes[number % 4])
        }
        #expect(world.view.allocationCount == 20)
    }

    @Test(
        "A ledger takes any numbers, and a plan over them is refused, not summed up wrongly",
        arguments: 0..<20)
    func ledger(seed: UInt64) {
        var source = Source(sequence: SeededSequence(seed: seed))
        let world = World()
        var ledger = ClusterLedger()
        let node = world.node { source.node(&$0) }
        ledger.apply(node)
        for number in 0..<20 {
            let job = source.job("j\(number)")
            let allocation = world.run(job, on: node, index: number) {
                $0.resources = Shared(held(job, &source))
            }
            ledger.apply(allocation)
            var plan = PlacementPlan(
                evaluationID: .id(1), token: .id(1), priority: 50, job: nil, snapshotIndex: 1)
            var part = PlacementPlan.NodePart(nodeID: node.id)
            var other = allocation
            other.id = .id(1000 + number)
            other.resources = Shared(AllocatedResources(diskMB: .max))
            part.placements = [other]
            plan.nodes = [part]
            let verdict = PlanCheck.check(plan, against: ledger) { _ in false }
            #expect(verdict.result.rejectedNodes == [node.id])
        }
    }

    @Test("What is usable is never negative, whatever is reserved")
    func usable() {
        for whole in Self.extremes {
            for reserved in Self.extremes {
                var node = Node(
                    id: .id(1), resources: NodeResources(cpu: whole, memoryMB: whole, diskMB: whole)
                )
                node.reserved.cpu = reserved
                node.reserved.memoryMB = reserved
                node.reserved.diskMB = reserved
                let usable = node.usable
                #expect(usable.cpu >= 0 && usable.memoryMB >= 0 && usable.diskMB >= 0)
            }
        }
    }

    @Test("A thousand groups, and a hundred thousand instances with no place, are one evaluation")
    func many() {
        let world = World()
        for _ in 0..<50 { world.node() }
        let wide = World.job(cpu: 10) { job in
            job.groups = (0..<1024).map { number in
                var group = job.groups[0]
                group.name = "g\(number)"
                return group
            }
        }
        #expect(world.plan(wide).placed.count == 1024)
        let long = World.job(count: 100_000, cpu: 5000)
        let failures = world.plan(long).failures
        #expect(failures.count == 100_000 && failures[0].nodesExhausted == 50)
    }
}

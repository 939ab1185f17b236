// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Preemption: scenarios D, E, F, J10") struct PreemptionScenarioTests {
    /// One node, and what runs there: priority, MHz, MB, and disk.
    private func world(
        _ running: [(priority: Int, cpu: Int, memory: Int, disk: Int)], cpu: Int = 4000,
        memory: Int = 8192, disk: Int = 102_400, _ change: (inout Node) -> Void = { _ in }
    ) -> World {
        let world = World()
        world.configuration.preemptionConfig.serviceSchedulerEnabled = true
        let node = world.node(cpu, memory, disk: disk, change)
        for (index, row) in running.enumerated() {
            let job = World.job(
                "P\(row.priority)-\(index)", priority: row.priority, cpu: row.cpu,
                memory: row.memory, disk: row.disk)
            world.run(job, on: node)
        }
        return world
    }

    private func cpu(_ running: [(Int, Int)], nodeCPU: Int = 4000) -> World {
        world(running.map { ($0.0, $0.1, 10, 0) }, cpu: nodeCPU)
    }

    @Test("D1: ten priorities lower, and never of the same job", arguments: [(41, 0), (40, 1)])
    func delta(victim: Int, placed: Int) {
        let world = cpu([(victim, 4000)])
        let outcomes = world.plan(World.job(priority: 50, cpu: 1000))
        #expect(outcomes.placed.count == placed)
        #expect(outcomes.placed.first?.victimNames ?? [] == (placed == 1 ? ["P40-0"] : []))

        let own = World.job("P\(victim)-0", priority: 90, cpu: 1000)
        #expect(world.plan(own).placed.isEmpty)
    }

    @Test("D3: what is impossible evicts nobody")
    func impossible() throws {
        let world = cpu([(30, 500), (100, 3400)])
        let failure = try #require(
            world.plan(World.job(priority: 80, cpu: 1000)).failures.first)
        #expect(failure.dimensionExhausted == ["cpu": 1])
    }

    @Test(
        "D4: distances",
        arguments: [
            (2048, 512, 4096, 0), (1024, 400, 1024, 928), (8192, 200, 1024, 3152),
            (2048, 500, 4096, 23),
        ])
    func distance(cpu: Int, memory: Int, disk: Int, expected: Int) {
        let distance = VictimDistance.distance(
            ask: (cpu: 2048, memory: 512, disk: 4096), freed: (cpu: cpu, memory: memory, disk: disk)
        )
        #expect(distance.thousandths == expected)
        #expect(VictimDistance.distance(ask: (0, 512, 0), freed: (9, 512, 9)) == 0)
    }

    @Test("D6: the set is minimal")
    func minimal() {
        let world = cpu([(100, 2700), (20, 300), (40, 1000)])
        let placed = world.plan(World.job(priority: 80, cpu: 1000)).placed
        #expect(placed.first?.victimNames == ["P40-2"])
    }

    @Test("D6b: of equal sets the one with the least surplus")
    func surplus() throws {
        let world = cpu([(100, 1900), (30, 900), (30, 600), (30, 600)])
        let placed = try #require(world.plan(World.job(priority: 80, cpu: 1100)).placed.first)
        #expect(placed.victimNames == ["P30-2", "P30-3"])
    }

    @Test("D7: one that suffices is enough")
    func oneSuffices() {
        let world = world([(90, 1800, 10, 0), (30, 1500, 10, 0), (30, 600, 10, 0)]) {
            $0.reserved.cpu = 100
        }
        let placed = world.plan(World.job(priority: 100, cpu: 1000, memory: 256, disk: 5000)).placed
        #expect(placed.first?.victimNames == ["P30-1"])
    }

    @Test("D9: of equals the one whose group has not reached its limit of moves")
    func movingLimit() throws {
        let world = World()
        world.configuration.preemptionConfig.serviceSchedulerEnabled = true
        // The fuller in memory is taken first: there only X can go, and then has one on the move.
        let first = world.node(1000, 200)
        let second = world.node(2000)
        let x = World.job("X", priority: 20, count: 2, cpu: 1000)
        world.run(x, on: first)
        world.run(x, on: second, index: 1)
        world.run(World.job("Y", priority: 20, cpu: 1000), on: second)
        let job = World.job("high", priority: 80, count: 2, cpu: 1000) {
            $0.constraints = [Constraint("", Constraint.distinctHosts, "")]
        }
        let placed = world.plan(job).placed
        #expect(placed.map(\.victimNames) == [["X"], ["Y"]])
    }

    @Test("D10: important neighbours are left alone, even if all others must go")
    func neighbours() throws {
        let world = world(
            [
                (95, 2800, 2256, 40_000), (30, 200, 256, 4000), (30, 200, 512, 25_000),
                (30, 700, 276, 20_000),
            ], cpu: 4000, memory: 5300, disk: 99_000)
        let placed = try #require(
            world.plan(World.job(priority: 100, cpu: 1000, memory: 3000, disk: 50_000)).placed.first
        )
        #expect(placed.victims.map(\.value.priority) == [30, 30, 30])
    }

    @Test("D11, D12, K: instances of one job share a node, and a dry run says what the run does")
    func sameJob() {
        for nodes in [1, 10] {
            let world = World()
            world.configuration.preemptionConfig.serviceSchedulerEnabled = true
            for index in 0..<nodes {
                let node = world.node()
                for slot in 0..<3 {
                    world.run(
                        World.job("low", priority: 20, cpu: 600), on: node,
                        index: index * 6 + slot)
                    world.run(
                        World.job("mid", priority: 40, cpu: 600), on: node,
                        index: index * 6 + slot)
                }
            }
            let high = World.job("high", priority: 80, count: 2 * nodes, cpu: 1000)
            let dry = world.plan(high)
            let run = world.place(high)
            #expect(run.placed.count == 2 * nodes)
            #expect(dry.placed.map(\.victimNames) == run.placed.map(\.victimNames))
            for node in world.nodes {
                let used = world.allocations.values.filter { $0.nodeID == node.id }.reduce(0) {
                    $0 + $1.resources.value.combined.cpu
                }
                #expect(used <= 4000)
            }
        }
    }

    @Test("D13: ports and processor together: no victim that the others make needless")
    func joint() throws {
        let world = world([])
        let node = world.nodes[0]
        let holder = World.job("holder", priority: 20, cpu: 1500)
        world.run(holder, on: node) { allocation in
            var resources = allocation.resources.value
            resources.ports = [AllocatedPort(label: "p", value: 88, to: 0, hostIP: "")]
            allocation.resources = Shared(resources)
        }
        world.run(World.job("other", priority: 20, cpu: 2500), on: node)
        let high = World.job("high", priority: 80, cpu: 1200) {
            var network = NetworkRequest()
            network.reservedPorts = [PortRequest(label: "p", value: 88)]
            $0.groups[0].networks = [network]
        }
        let placed = try #require(world.plan(high).placed.first)
        #expect(placed.victimNames == ["holder"])
    }

    @Test("More candidates than subsets are tried: still minimal")
    func many() throws {
        let world = cpu((0..<40).map { _ in (20, 100) })
        let placed = try #require(world.plan(World.job(priority: 80, cpu: 1050)).placed.first)
        #expect(placed.victims.count == 11)
    }

    // MARK: E

    /// A network card's user, as tasks of old ask for one.
    private func cardUser(
        _ id: String, priority: Int, port: Int?, megabits: Int
    ) -> (Job, AllocatedNetwork) {
        var network = AllocatedNetwork()
        network.megabits = megabits
        if let port { network.reservedPorts = [PortRequest(label: "p", value: port)] }
        return (World.job(id, priority: priority, cpu: 100), network)
    }

    private func cards(_ names: [String]) -> World {
        world([]) { node in
            node.resources.networks = names.enumerated().map {
                NodeNetworkDevice(device: $1, ip: "10.0.0.\($0)", megabits: 1000)
            }
        }
    }

    private func use(
        _ world: World, _ card: Int, _ id: String, priority: Int, port: Int?, megabits: Int
    ) {
        let (job, network) = cardUser(id, priority: priority, port: port, megabits: megabits)
        world.run(job, on: world.nodes[0]) { allocation in
            var resources = allocation.resources.value
            var network = network
            network.ip = "10.0.0.\(card)"
            resources.tasks[0].networks = [network]
            allocation.resources = Shared(resources)
        }
    }

    private func asking(port: Int?, megabits: Int, cpu: Int = 100) -> Job {
        World.job("high", priority: 80, cpu: cpu) {
            var network = NetworkRequest()
            network.megabits = megabits
            if let port { network.reservedPorts = [PortRequest(label: "p", value: port)] }
            $0.groups[0].tasks[0].resources.networks = [network]
        }
    }

    @Test("E1: a port that an important one holds is not to be had")
    func heldPort() {
        let world = cards(["eth0"])
        use(world, 0, "top", priority: 90, port: 88, megabits: 10)
        use(world, 0, "low", priority: 20, port: nil, megabits: 900)
        #expect(world.plan(asking(port: 88, megabits: 10)).placed.isEmpty)
    }

    @Test("E2: the holder of the port is the victim, even if bandwidth is free")
    func holder() {
        let world = cards(["eth0"])
        use(world, 0, "low", priority: 30, port: 88, megabits: 10)
        use(world, 0, "other", priority: 30, port: nil, megabits: 10)
        #expect(world.plan(asking(port: 88, megabits: 10)).placed.first?.victimNames == ["low"])
    }

    @Test("E4: the victim is on the card that can be used")
    func otherCard() {
        let world = cards(["eth0", "eth1"])
        use(world, 0, "top", priority: 90, port: 88, megabits: 10)
        use(world, 1, "low", priority: 30, port: nil, megabits: 600)
        use(world, 0, "bystander", priority: 30, port: nil, megabits: 600)
        let placed = world.plan(asking(port: 88, megabits: 500)).placed.first
        #expect(placed?.victimNames == ["low"])
        #expect(placed?.resources.value.tasks[0].networks.first?.device == "eth1")
    }

    @Test("E5: victims of processor do not help who lacks a network")
    func noNetwork() {
        let world = cards(["eth0"])
        world.run(World.job("low", priority: 20, cpu: 3000), on: world.nodes[0])
        #expect(world.plan(asking(port: nil, megabits: 2000)).placed.isEmpty)
    }

    private func deviceWorld(
        _ groups: [(name: String, total: Int)],
        _ users: [(id: String, priority: Int, group: String, instances: Range<Int>)]
    ) -> World {
        let world = world([]) { node in
            node.resources.devices = groups.map { group in
                NodeDeviceGroup(
                    vendor: "v", type: "gpu", name: group.name,
                    instances: (0..<group.total).map { NodeDevice(id: "\(group.name)\($0)") })
            }
        }
        for user in users {
            world.run(World.job(user.id, priority: user.priority, cpu: 10), on: world.nodes[0]) {
                var resources = $0.resources.value
                resources.tasks[0].devices = [
                    AllocatedDevice(
                        vendor: "v", type: "gpu", name: user.group,
                        deviceIDs: user.instances.map { "\(user.group)\($0)" })
                ]
                $0.resources = Shared(resources)
            }
        }
        return world
    }

    private func gpuJob(_ counts: Int...) -> Job {
        World.job("high", priority: 80) {
            $0.groups[0].tasks[0].resources.devices = counts.map {
                DeviceRequest(name: "gpu", count: $0)
            }
        }
    }

    @Test("E7: the group that can be cleared is cleared")
    func deviceGroup() {
        let world = deviceWorld(
            [("X", 4), ("Y", 5)],
            [
                ("x-low", 30, "X", 0..<2), ("x-top", 90, "X", 2..<3), ("y1", 30, "Y", 0..<2),
                ("y2", 30, "Y", 2..<4),
            ])
        #expect(world.plan(gpuJob(4)).placed.first?.victimNames == ["y1", "y2"])
    }

    @Test("E8: the least important victims, over groups")
    func deviceSum() {
        let world = deviceWorld(
            [("X", 2), ("Y", 2)],
            [
                ("x1", 30, "X", 0..<1), ("x2", 40, "X", 1..<2), ("y1", 30, "Y", 0..<1),
                ("y2", 30, "Y", 1..<2),
            ])
        #expect(world.plan(gpuJob(2)).placed.first?.victimNames == ["y1", "y2"])
    }

    @Test("E10: what one victim frees serves a later request of the same task")
    func laterRequest() throws {
        let world = deviceWorld([("X", 4)], [("low", 30, "X", 0..<4)])
        let placed = try #require(world.plan(gpuJob(2, 2)).placed.first)
        #expect(placed.victimNames == ["low"])
        let devices = placed.resources.value.tasks[0].devices.flatMap(\.deviceIDs)
        #expect(Set(devices).count == 4)
    }

    // MARK: F, J

    @Test("F1: the switch is that of the asking job's type")
    func switches() {
        for type in JobType.allCases {
            for isOn in [false, true] {
                let world = cpu([(20, 4000)])
                var switches = PreemptionConfig()
                switches.serviceSchedulerEnabled = type == .service && isOn
                switches.batchSchedulerEnabled = type == .batch && isOn
                switches.systemSchedulerEnabled = type == .system && isOn
                switches.sysBatchSchedulerEnabled = type == .sysbatch && isOn
                world.configuration.preemptionConfig = switches
                let job = World.job("high", priority: 80, cpu: 1000, type: type)
                var request = PlacementRequest(group: 0, index: 0)
                if type.isSystem { request.requiredNode = world.nodes[0].id }
                let placer = world.placer(job)
                #expect(placer.place([request]).placed.count == (isOn ? 1 : 0))
                placer.undo()
            }
        }
    }

    @Test("F6: the least important victim of the cluster, whatever the scores", arguments: 1...10)
    func leastImportant(seed: UInt64) {
        let world = cpu([(70, 4000)])
        world.run(World.job("P20", priority: 20, cpu: 3990), on: world.node())
        let placed = world.plan(World.job("high", priority: 90, cpu: 1000), seed: seed).placed
        #expect(placed.first?.victimNames == ["P20"])
    }

    @Test("F7: the score is of the node after the eviction")
    func scoreAfter() throws {
        let world = world([(20, 2000, 2000, 0), (70, 2000, 2000, 0)])
        let placed = try #require(
            world.plan(World.job("high", priority: 80, cpu: 2000, memory: 192)).placed.first)
        // 4000 of 4000 MHz and 2192 of 8192 MB: 20 − (1 + 10^0.7324), of 18.
        #expect(placed.score("binpack")?.thousandths == 756)
        #expect(placed.score("preemption")?.thousandths == 1000)
    }

    @Test("F15: a system job evicts on its node, or fails there")
    func system() {
        for isOn in [true, false] {
            let world = cpu([(50, 4000)])
            world.node()
            world.configuration.preemptionConfig.systemSchedulerEnabled = isOn
            let job = World.job("sys", priority: 90, cpu: 500, type: .system)
            let requests = world.nodes.map { node in
                var request = PlacementRequest(group: 0, index: 0)
                request.requiredNode = node.id
                return request
            }
            let placer = world.placer(job)
            let outcomes = placer.place(requests)
            placer.undo()
            #expect(outcomes[0].placement?.victimNames == (isOn ? ["P50-0"] : nil))
            if !isOn { #expect(outcomes[0].failure?.dimensionExhausted == ["cpu": 1]) }
            #expect(outcomes[1].placement?.victims.isEmpty == true)
        }
    }

    @Test("I2: a node that a constraint filters is no failure of a system job")
    func systemFiltered() {
        let world = World()
        let node = world.node()
        let job = World.job(type: .system) { $0.constraints = [Constraint("${attr.a}", "=", "1")] }
        var request = PlacementRequest(group: 0, index: 0)
        request.requiredNode = node.id
        let placer = world.placer(job)
        let outcome = placer.place([request])[0]
        placer.undo()
        #expect(outcome.filtering?.constraintFiltered == ["${attr.a} = 1": 1])
    }

    @Test("J10: two holders of two static ports both go, and nothing crashes")
    func twoHolders() throws {
        let world = world([])
        for port in [8080, 8081] {
            let job = World.job("low\(port)", priority: 20)
            world.run(job, on: world.nodes[0]) { allocation in
                var resources = allocation.resources.value
                resources.ports = [AllocatedPort(label: "p", value: port, to: 0, hostIP: "")]
                allocation.resources = Shared(resources)
            }
        }
        let high = World.job("high", priority: 80) {
            var network = NetworkRequest()
            network.reservedPorts = [8080, 8081].map { PortRequest(label: "p\($0)", value: $0) }
            $0.groups[0].networks = [network]
        }
        let placed = try #require(world.plan(high).placed.first)
        #expect(placed.victimNames == ["low8080", "low8081"])

        let devices = deviceWorld(
            [("X", 2)], [("a", 20, "X", 0..<1), ("b", 20, "X", 1..<2)])
        #expect(devices.plan(gpuJob(2)).placed.first?.victimNames == ["a", "b"])
    }
}

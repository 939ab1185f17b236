// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

@Suite("Sweeps, stops and updates in place") struct SweepTests {
    /// Its kind was given up and taken again in the wrong order, and was lost with the next registration.
    @Test("The only node of a class registers again and again, and stays what it is")
    func onlyOneOfItsClass() throws {
        let world = World()
        var node = world.node { $0.nodeClass = "only" }
        for memory in 8193...8200 {
            node.resources.memoryMB = memory
            world.update(node)
            let outcome = world.plan(World.job(memory: memory))
            #expect(outcome.placed.map(\.nodeID) == [node.id])
        }
        #expect(world.plan(World.job(memory: 8201)).failures.first?.classExhausted == ["only": 1])
    }

    /// One sweep takes several nodes out of each search; a sweep for each instance takes one.
    @Test(
        "A sweep over many nodes places as one instance after the other would be placed",
        arguments: ["", "affinity", "spread"])
    func oneByOne(_ wish: String) {
        let world = World()
        for index in 0..<150 {
            let node = world.node { $0.meta["rack"] = "r\(index % 7)" }
            // No two nodes are used alike: there are no ties.
            world.run(World.job("use\(index)", cpu: 100 + index * 7 % 151 * 13), on: node)
        }
        let job = World.job(count: 120, cpu: 700) { job in
            if wish == "affinity" {
                job.groups[0].affinities = [Affinity("${meta.rack}", "=", "r3", weight: 20)]
            } else if wish == "spread" {
                job.groups[0].spreads = [Spread(attribute: "${meta.rack}", weight: 30)]
            }
        }
        var requests = World.requests(job)
        // Nodes that leave the index before their turn.
        requests[9].penalizedNodes = [world.nodes[40].id, world.nodes[41].id]
        let whole = world.placer(job)
        let together = whole.place(requests).placed.map(\.nodeName)
        whole.undo()
        let single = world.placer(job)
        let alone = requests.flatMap { single.place([$0]).placed.map(\.nodeName) }
        single.undo()
        #expect(together.count == 120 && Set(together).count > (wish == "affinity" ? 20 : 64))
        #expect(together == alone)
    }

    @Test("A destructive update takes the place of what it replaces")
    func destructive() throws {
        let world = World()
        let node = world.node()
        let job = World.job(count: 2, cpu: 2000)
        let old = (0..<2).map { world.run(job, on: node, index: $0) }
        let requests = old.map { previous in
            var request = PlacementRequest(group: 0, index: previous.index)
            request.previous = Shared(previous)
            request.isDestructive = true
            return request
        }
        let placer = world.placer(job)
        #expect(placer.place(requests).placed.count == 2)
        placer.undo()
        #expect(world.plan(job).placed.isEmpty)
    }

    @Test("A destructive update that finds no room leaves the old one where it is")
    func takenBack() throws {
        let world = World()
        let node = world.node()
        let old = world.run(World.job(cpu: 1000), on: node)
        world.run(World.job("other", cpu: 2500), on: node)
        let larger = World.job(count: 2, cpu: 1600)
        var request = PlacementRequest(group: 0, index: 0)
        request.previous = Shared(old)
        request.isDestructive = true
        let placer = world.placer(larger)
        let outcome = placer.place([request])[0]
        #expect(outcome.failure?.dimensionExhausted == ["cpu": 1])
        // Its 1000 MHz are taken again: 500 are free.
        #expect(placer.stop(old.id))
        #expect(placer.restore(old.id))
        placer.undo()
        #expect(world.plan(World.job("small", cpu: 501)).placed.isEmpty)
        #expect(world.plan(World.job("small", cpu: 500)).placed.count == 1)
    }

    @Test("An update in place is counted without the old one, and keeps its ports")
    func inPlace() throws {
        let world = World()
        let node = world.node()
        var job = World.job(cpu: 3000)
        job.groups[0].networks = [NetworkRequest()]
        job.groups[0].networks[0].dynamicPorts = [PortRequest(label: "http")]
        let placed = try #require(world.place(job).placed.first)
        let old = try #require(world.allocations.values.first)

        for (cpu, fits) in [(4000, true), (4001, false)] {
            var newer = job
            newer.groups[0].tasks[0].resources.cpu = cpu
            let placer = world.placer(newer)
            let resources = placer.resourcesInPlace(of: old, group: 0)
            placer.undo()
            #expect((resources != nil) == fits)
            if let resources {
                #expect(resources.value.ports == placed.resources.value.ports)
                #expect(resources.value.tasks[0].cpu == cpu)
            }
        }
        var moved = node
        moved.drivers["mock"] = nil
        world.update(moved)
        let placer = world.placer(job)
        #expect(placer.resourcesInPlace(of: old, group: 0) == nil)
        placer.undo()
    }

    @Test("A preferred node is taken if it has room, whatever its score")
    func preferred() throws {
        let world = World()
        let wanted = world.node(8000)
        world.node(1000)
        let job = World.job(cpu: 900)
        var request = PlacementRequest(group: 0, index: 0)
        request.preferredNode = wanted.id
        let first = world.placer(job)
        #expect(first.place([request]).placed.first?.nodeID == wanted.id)
        first.undo()
        world.run(World.job("full", cpu: 8000), on: wanted)
        let second = world.placer(job)
        #expect(second.place([request]).placed.map(\.nodeName) == ["n1"])
        second.undo()
    }

    @Test("A node that comes, changes or goes is seen by the next evaluation")
    func changes() {
        let world = World()
        #expect(world.plan(World.job(cpu: 3000)).placed.isEmpty)
        var node = world.node(2000)
        #expect(world.plan(World.job(cpu: 3000)).placed.isEmpty)
        node.resources.cpu = 4000
        world.update(node)
        #expect(world.plan(World.job(cpu: 3000)).placed.count == 1)
        world.view.remove(node: node.id)
        #expect(world.plan(World.job(cpu: 3000)).placed.isEmpty)
        #expect(world.view.nodeCount == 0)
    }

    @Test("An allocation may be heard of before its node")
    func orphan() {
        let world = World()
        let node = world.node()
        world.view.remove(node: node.id)
        world.run(World.job("full", cpu: 4000), on: node)
        world.view.apply(node)
        #expect(world.plan(World.job()).placed.isEmpty)
        for id in world.allocations.keys { world.view.remove(allocation: id) }
        #expect(world.plan(World.job()).placed.count == 1)
    }

    @Test("Hostile amounts neither fit nor trap")
    func hostile() {
        let world = World()
        world.node(.max, .max, disk: .max) { $0.reserved.cpu = .min }
        world.node(-5, -5, disk: -5)
        for amount in [Int.max, 1 << 40, Int.max / 2] {
            let job = World.job(
                priority: .min, count: 3, cpu: amount, memory: amount, disk: amount
            ) {
                $0.affinities = [Affinity("${attr.a}", "=", "1", weight: .min)]
                $0.spreads = [Spread(attribute: "${meta.rack}", weight: .max)]
                $0.groups[0].migrate?.maxParallel = .min
            }
            #expect(world.plan(job).placed.isEmpty)
        }
        #expect(world.plan(World.job(count: 3, cpu: 1 << 20)).placed.count == 3)
    }

    private func deviceNode(_ world: World, cpu: Int, devices: Int) {
        world.node(cpu) { node in
            node.resources.devices = [
                NodeDeviceGroup(
                    vendor: "v", type: "gpu", name: "m",
                    instances: (0..<devices).map { NodeDevice(id: "\($0)") })
            ]
        }
    }

    @Test("Who asks for no device stays off nodes that have some while others have room")
    func keptDevices() {
        let world = World()
        deviceNode(world, cpu: 1000, devices: 4)
        world.node(2000)
        let job = World.job(count: 3, cpu: 1000)
        #expect(world.plan(job).placed.map(\.nodeName) == ["n1", "n1", "n0"])
    }

    @Test("Who asks for devices leaves processor and devices in balance")
    func balance() {
        let world = World()
        deviceNode(world, cpu: 8000, devices: 8)
        deviceNode(world, cpu: 8000, devices: 2)
        for (cpu, node) in [(1000, "n0"), (4000, "n1")] {
            let job = World.job(cpu: cpu) {
                $0.groups[0].tasks[0].resources.devices = [DeviceRequest(name: "gpu")]
            }
            #expect(world.plan(job).placed.map(\.nodeName) == [node])
        }
    }
}

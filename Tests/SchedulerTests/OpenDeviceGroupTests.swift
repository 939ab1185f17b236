// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import Testing

/// Cards are device groups here, whose parts are given away: what is left of one is a rest.
@Suite("Placing: rests of device groups") struct OpenDeviceGroupTests {
    private static func group(_ name: String, parts: Int) -> NodeDeviceGroup {
        NodeDeviceGroup(
            vendor: "v", type: "gpu", name: name,
            instances: (0..<parts).map { NodeDevice(id: "\(name)/\($0)") })
    }

    private static func job(
        _ id: String, count: Int = 1, cpu: Int = 10, _ asks: DeviceRequest...
    ) -> Job {
        World.job(id, count: count, cpu: cpu, memory: 10, type: .batch) {
            $0.groups[0].tasks[0].resources.devices = asks
        }
    }

    private static func parts(_ count: Int, of name: String = "gpu") -> DeviceRequest {
        DeviceRequest(name: name, count: count)
    }

    /// What each ask of a placement got: the names of cards.
    private static func cards(_ outcomes: [PlacementOutcome]) -> [[String]] {
        outcomes.placed.map { placed in
            placed.resources.value.tasks.flatMap { $0.devices.map(\.name) }
        }
    }

    /// How many cards are partly in use.
    private static func openCards(_ world: World, parts: Int) -> Int {
        var used: [String: Int] = [:]
        for allocation in world.allocations.values {
            for device in allocation.resources.value.tasks.flatMap(\.devices) {
                used["\(allocation.nodeID) \(device.name)", default: 0] += device.deviceIDs.count
            }
        }
        return used.values.count { $0 < parts }
    }

    /// One node, so that instances of a job do not keep away from each other.
    private static func world(cards: Int) -> World {
        let world = World()
        world.node { node in
            node.resources.devices = (0..<cards).map { group("card\($0)", parts: 10) }
        }
        return world
    }

    @Test("A rest that others ask for is left alone, though it is the smallest that fits")
    func usableRest() {
        let world = World()
        world.node { $0.resources.devices = [Self.group("small", parts: 16)] }
        world.node { $0.resources.devices = [Self.group("large", parts: 20)] }
        let other = world.node { $0.resources.devices = [Self.group("full", parts: 80)] }
        // Asks for 16 are what runs here. Nothing else can be expected of either card.
        for number in 0..<5 {
            let job = Self.job("j\(number)", Self.parts(16, of: "v/gpu/full"))
            #expect(world.place(job).placed.map(\.nodeID) == [other.id])
        }
        #expect(Self.cards(world.plan(Self.job("four", Self.parts(4)))) == [["large"]])
    }

    @Test("While little is open a small ask opens a card, and then it fills one")
    func keptOpen() {
        // 640 parts: 12.8 shall be usable in open cards. What 5 leave of 10 counts for 5.
        let world = Self.world(cards: 64)
        var open: [Int] = []
        for number in 0..<6 {
            world.place(Self.job("j\(number)", Self.parts(5)), seed: UInt64(number))
            open.append(Self.openCards(world, parts: 10))
        }
        #expect(open == [1, 2, 3, 2, 3, 2])
    }

    @Test("Within one job no more is opened once enough is open")
    func keptOpenInSweep() {
        let world = Self.world(cards: 64)
        world.place(Self.job("j", count: 6, Self.parts(5)))
        #expect(world.allocations.count == 6)
        #expect(Self.openCards(world, parts: 10) == 0)
        world.place(Self.job("k", count: 2, Self.parts(5)))
        #expect(Self.openCards(world, parts: 10) == 2)
    }

    @Test("Nodes that have instances of the job are judged like all others")
    func besideOwnInstance() {
        let world = World()
        // What balance alone would choose: the second instance uses up processor and devices together.
        world.node(20) { $0.resources.devices = [Self.group("a", parts: 10)] }
        world.node { node in
            node.resources.devices = (0..<63).map { Self.group("b\($0)", parts: 10) }
        }
        var job = Self.job("j", Self.parts(5, of: "v/gpu/a"))
        var second = job.groups[0]
        second.name = "second"
        second.tasks[0].resources.devices = [Self.parts(5)]
        job.groups.append(second)
        #expect(Self.cards(world.plan(job)) == [["a"], ["b0"]])
    }

    @Test("Rests that nobody can be expected to use do not count as open")
    func uselessRests() {
        let world = Self.world(cards: 64)
        world.place(Self.job("nines", count: 40, Self.parts(9)))
        #expect(Self.openCards(world, parts: 10) == 40)
        for number in 0..<2 { world.place(Self.job("j\(number)", Self.parts(5))) }
        #expect(Self.openCards(world, parts: 10) == 42)
    }

    @Test("A few devices are not kept open: small asks fill what is open")
    func smallCluster() {
        let world = Self.world(cards: 8)
        for number in 0..<2 { world.place(Self.job("j\(number)", Self.parts(5))) }
        #expect(Self.openCards(world, parts: 10) == 0)
    }

    @Test("An ask that would open the only card of another fills an open one")
    func openingRefusesNothing() {
        let world = World()
        let node = world.node {
            $0.resources.devices = [Self.group("a", parts: 10), Self.group("b", parts: 12)]
        }
        // Much that is free and whole, and of no use for lack of processor.
        world.node(5) { $0.resources.devices = [Self.group("b", parts: 1000)] }
        world.place(Self.job("first", Self.parts(3, of: "v/gpu/a")))
        let outcomes = world.plan(Self.job("both", Self.parts(7), Self.parts(7, of: "v/gpu/b")))
        #expect(outcomes.placed.map(\.nodeID) == [node.id])
        #expect(Self.cards(outcomes) == [["a", "b"]])
    }

    @Test("Who asks for devices leaves memory and devices in balance")
    func memory() {
        let world = World()
        for memory in [1000, 100_000] {
            world.node(8000, memory) { node in
                node.resources.devices = (0..<4).map { Self.group("card\($0)", parts: 10) }
            }
        }
        var job = Self.job("j", cpu: 2000, Self.parts(10))
        job.groups[0].tasks[0].resources.memoryMB = 900
        #expect(world.plan(job).placed.map(\.nodeName) == ["n1"])
    }
}

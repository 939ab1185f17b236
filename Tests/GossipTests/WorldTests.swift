// SPDX-License-Identifier: Apache-2.0
import MartletGossip
import MartletGossipWorld
import Testing

/// Servers and a network between them; seeded, in simulated time.
@Suite("Pools of gossiping servers") struct WorldTests {
    /// Servers that have all met.
    private func pool(
        _ servers: Int, seed: UInt64, faults: World.Faults = .init()
    ) -> World {
        var world = World(seed: seed, servers: servers, faults: faults)
        world.startAll()
        world.run(for: .seconds(12))
        return world
    }

    private func allSee(
        _ status: GossipStatus, of subject: Int, in world: borrowing World
    ) -> Bool {
        world.nodes.indices.allSatisfy {
            $0 == subject || world.nodes[$0].core == nil
                || world.status(of: subject, at: $0) == status
        }
    }

    private func allAlive(in world: borrowing World) -> Bool {
        world.nodes.indices.allSatisfy { allSee(.alive, of: $0, in: world) }
    }

    @Test("Servers that ask one another to join all know each other", arguments: [2, 3, 5, 9])
    func join(servers: Int) {
        let world = pool(servers, seed: 7)
        #expect(allAlive(in: world))
        #expect(world.nodes.allSatisfy { $0.core?.members.count == servers })
    }

    @Test(
        "A killed server is failed everywhere within 15 s, half the time within 10",
        arguments: [3, 5], [0, 10])
    func detection(servers: Int, loss: Int) {
        var slow = 0
        for seed in 1...20 {
            var world = pool(
                servers, seed: UInt64(seed), faults: .init(lossPercent: loss))
            let victim = seed % servers
            world.kill(victim)
            let start = world.now
            let isKnown = world.run(atMost: .seconds(15)) { allSee(.failed, of: victim, in: $0) }
            #expect(isKnown, "seed \(seed)")
            if world.now - start > .seconds(10) { slow += 1 }
        }
        #expect(slow <= 10)
    }

    @Test("A tenth of all packets lost fails nobody", arguments: 1...4)
    func loss(seed: UInt64) {
        var world = pool(5, seed: seed, faults: .init(lossPercent: 10, duplicatePercent: 5))
        world.run(for: .seconds(600))
        #expect(world.falseFailures == 0)
        #expect(world.suspicions > 0, "too mild a network to show anything")
    }

    @Test("Who leaves has left, and failed on nobody", arguments: 1...20)
    func leave(seed: UInt64) {
        var world = pool(5, seed: seed, faults: .init(lossPercent: 10))
        world.step(1, .leaveRequested)
        let isDone = world.run(atMost: .seconds(6)) { $0.nodes[1].hasLeft }
        #expect(isDone)
        world.kill(1)
        world.run(for: .seconds(60))
        #expect(allSee(.left, of: 1, in: world))
        #expect(
            !world.observations.contains { $0.subject == World.id(1) && $0.status == .failed })
    }

    @Test(
        "Two servers that cannot reach each other are alive through the third",
        arguments: [true, false])
    func cutLink(bothWays: Bool) {
        var world = pool(3, seed: 3)
        world.cut(from: 0, to: 1)
        if bothWays { world.cut(from: 1, to: 0) }
        world.run(for: .seconds(600))
        #expect(!world.observations.contains { $0.status == .failed })
    }

    @Test("The halves of a pool find each other again by themselves", arguments: 1...5)
    func partition(seed: UInt64) {
        var world = pool(5, seed: seed)
        world.cut(between: [0, 1], and: [2, 3, 4])
        world.run(for: .seconds(120))
        #expect(world.status(of: 0, at: 2) == .failed)
        world.healLinks()
        let isWhole = world.run(atMost: .seconds(70)) { allAlive(in: $0) }
        #expect(isWhole)
    }

    @Test(
        "A stopped process that goes on is alive again at once, and fails nobody",
        arguments: 1...10)
    func pause(seed: UInt64) {
        var world = pool(3, seed: seed)
        world.pause(0)
        world.run(for: .seconds(60))
        #expect(allSee(.failed, of: 0, in: world))
        world.resume(0)
        let isBack = world.run(atMost: .seconds(5)) { allAlive(in: $0) }
        #expect(isBack)
        #expect(
            !world.observations.contains { $0.observer == 0 && $0.status == .failed })
    }

    @Test("A server that comes back is alive, whatever it was before")
    func restart() {
        var world = pool(3, seed: 5)
        world.kill(2)
        world.run(for: .seconds(30))
        #expect(allSee(.failed, of: 2, in: world))
        world.start(2)
        let isBack = world.run(atMost: .seconds(2)) { allAlive(in: $0) }
        #expect(isBack)
    }

    @Test("Forced out, a failed server has left; pruned, it is forgotten; a live one contradicts")
    func force() {
        var world = pool(4, seed: 6)
        world.kill(3)
        world.run(for: .seconds(30))
        world.step(0, .forceLeaveRequested(id: World.id(3), prune: false))
        world.run(for: .seconds(2))
        #expect(allSee(.left, of: 3, in: world))
        world.step(0, .forceLeaveRequested(id: World.id(3), prune: true))
        world.run(for: .seconds(2))
        #expect((0..<3).allSatisfy { world.status(of: 3, at: $0) == nil })
        world.step(0, .forceLeaveRequested(id: World.id(1), prune: true))
        world.run(for: .seconds(3))
        #expect([0, 2].allSatisfy { world.status(of: 1, at: $0) == .alive })
        world.start(3)
        world.run(for: .seconds(3))
        #expect(allAlive(in: world))
    }

    @Test("Who is not admitted is neither taken up nor passed on")
    func stranger() {
        var world = World(seed: 8, servers: 4)
        world.nodes[3].payload = [2]
        world.startAll()
        world.run(for: .seconds(60))
        #expect((0..<3).allSatisfy { world.nodes[$0].core?.members.count == 3 })
        #expect(world.nodes[3].core?.members.count == 1)
        #expect(world.refusals[.notAdmitted, default: 0] > 0)
    }

    @Test("Old packets, sent again, change nothing")
    func replay() {
        var world = World(seed: 9, servers: 3)
        world.captures = true
        world.startAll()
        world.run(for: .seconds(20))
        world.pause(2)
        world.run(for: .seconds(20))
        world.resume(2)
        world.run(for: .seconds(20))
        world.captures = false
        let seen = world.observations.count
        for old in world.captured { world.step(old.to, .packet(old.bytes, from: old.from)) }
        world.run(for: .seconds(60))
        #expect(allAlive(in: world))
        #expect(world.observations.count == seen)
    }

    @Test("Equal seeds have equal histories")
    func determinism() {
        func history() -> ([World.Observation], Int) {
            var world = pool(5, seed: 11, faults: .init(lossPercent: 20, duplicatePercent: 5))
            world.kill(4)
            world.run(for: .seconds(60))
            return (world.observations, world.steps)
        }
        let (one, other) = (history(), history())
        #expect(one.0 == other.0)
        #expect(one.1 == other.1)
    }
}

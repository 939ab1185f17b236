// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Faults of servers and of the network") struct FaultTests {
    @Test(
        "A killed server is failed for all others, soon and not too soon", arguments: [2, 3, 5, 8])
    func kill(servers: Int) {
        for seed in 1...5 {
            var world = World.settled(servers, seed: UInt64(seed))
            world.run(for: .milliseconds(5_000 + seed * 171))
            world.kill(1)
            world.run(for: .milliseconds(3_900))
            #expect(world.observed(.failed).isEmpty)

            #expect(world.run(atMost: .seconds(12)) { $0.all(1, are: .failed) }, "seed \(seed)")
            #expect(world.observed(.failed).allSatisfy { $0.subject == World.id(1) })
        }
    }

    @Test("Of five servers, two that die at once are both found")
    func killTwo() {
        var world = World.settled(5)
        world.kill(1)
        world.kill(3)
        let areFound = world.run(atMost: .seconds(40)) {
            $0.all(1, are: .failed) && $0.all(3, are: .failed)
        }
        #expect(areFound)
        #expect(world.falseFailures == 0)
    }

    @Test("A server that hears nothing is failed for the others, and comes back")
    func deaf() {
        var world = World.settled(5)
        for other in 1..<5 { world.cut(from: other, to: 0) }
        #expect(world.run(atMost: .seconds(40)) { $0.all(0, are: .failed) })
        #expect((1..<5).allSatisfy { world.status(of: $0, at: $0 == 1 ? 2 : 1) == .alive })
        world.healLinks()
        #expect(world.run(atMost: .seconds(90)) { $0.agree })
    }

    @Test("A server that was stopped for long is failed, and back as soon as it goes on")
    func pause() throws {
        var world = World.settled(3)
        world.pause(1)
        #expect(world.run(atMost: .seconds(15)) { $0.all(1, are: .failed) })
        world.run(for: .seconds(60))
        world.resume(1)

        #expect(world.run(atMost: .seconds(35)) { $0.agree })
        // It knows that the silence was its own.
        #expect(world.observed(.failed).allSatisfy { $0.observer != 1 })
        #expect(try #require(world.nodes[1].core).metrics.pauses > 0)
    }

    @Test("A server that was stopped for 3 s is failed for nobody", arguments: 1...5)
    func shortPause(seed: UInt64) {
        var world = World.settled(3, seed: seed)
        for round in 0..<10 {
            world.pause(round % 3)
            world.run(for: .seconds(3))
            world.resume(round % 3)
            world.run(for: .milliseconds(7_000 + 130 * round))
        }
        #expect(world.observed(.failed).isEmpty)
    }

    @Test("Stopped in the middle of a suspicion, a server gives the suspect its time afterwards")
    func pauseDuringSuspicion() {
        var subject = Subject(peers: 2)
        subject.hear(.news, from: 2, claims: [Subject.suspect(1, by: 2)])
        subject.wait(.seconds(2), answering: [2])
        subject.sleep(.seconds(100))
        subject.take(.tick)
        #expect(subject[1]?.status == .alive)
        subject.wait(.seconds(1), answering: [2])
        #expect(subject[1]?.status == .alive)
        subject.wait(.seconds(2), answering: [2])
        #expect(subject[1]?.status == .failed)
    }

    @Test("A pool in which nothing happens is quiet", arguments: [GossipTiming.lan, .wan])
    func quiet(timing: GossipTiming) {
        var world = World.settled(5, timing: timing)
        world.run(for: .seconds(60))
        let before = world.steps
        world.run(for: .seconds(600))

        // Of each server in an interval: a tick, a probe of another, and the answer to its own.
        let intervals = 5 * (timing == .lan ? 600 : 120)
        #expect(world.steps - before > 3 * intervals)
        #expect(world.steps - before < 5 * intervals)
        #expect(world.running.allSatisfy { world.nodes[$0].core?.metrics.suspicions == 0 })
    }

    @Test("An instant before the last one counts as the last one")
    func clockWentBack() {
        var subject = Subject(peers: 2)
        subject.wait(.seconds(10), answering: [1, 2])
        let deadline = subject.core.nextDeadline
        subject.sleep(.seconds(-5))
        let effects = subject.take(.tick)

        #expect(effects.isEmpty)
        #expect(subject.core.nextDeadline == deadline)
    }

    @Test("After any faults all see the same", arguments: 1...12)
    func convergence(seed: UInt64) {
        let faults = World.Faults(lossPercent: 10, duplicatePercent: 5)
        var world = World.settled(5, seed: seed, faults: faults)
        for _ in 0..<30 {
            disturb(&world)
            world.run(for: .milliseconds(500 + world.random.below(12_000)))
        }
        world.healLinks()
        for index in world.nodes.indices {
            if world.nodes[index].isPaused { world.resume(index) }
            if world.nodes[index].core == nil
                || world.nodes[index].core?[World.id(index)]?.status != .alive
            {
                world.start(index)
            }
        }
        #expect(world.run(atMost: .seconds(240)) { $0.agree && $0.running.count == 5 })
    }

    private func disturb(_ world: inout World) {
        let index = world.random.below(5)
        let other = world.random.below(5)
        switch world.random.below(8) {
        case 0: world.kill(index)
        case 1: world.start(index)
        case 2: world.pause(index)
        case 3 where world.nodes[index].isPaused: world.resume(index)
        case 4: world.cut(between: [index], and: [other])
        case 5: world.cut(from: index, to: other)
        case 6: world.step(index, .forceLeaveRequested(id: World.id(other), prune: other == 4))
        case 7 where world.random.percent(30): world.step(index, .leaveRequested)
        default: world.healLinks()
        }
    }

    @Test("The same seed brings the same history, another one another")
    func determinism() {
        func history(_ seed: UInt64) -> ([World.Observation], Int, [GossipMetrics?]) {
            var world = World.settled(5, seed: seed, faults: .init(lossPercent: 10))
            for _ in 0..<10 {
                disturb(&world)
                world.run(for: .seconds(5))
            }
            return (world.observations, world.steps, world.nodes.map { $0.core?.metrics })
        }
        #expect(history(4) == history(4))
        #expect(history(4).1 != history(5).1)
    }
}

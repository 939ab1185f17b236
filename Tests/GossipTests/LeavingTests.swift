// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Leaving, forcing out, forgetting") struct LeavingTests {
    @Test("Who leaves has left for all, and was failed for none", arguments: [2, 3, 5])
    func leave(servers: Int) {
        var world = World.settled(servers)
        world.step(1, .leaveRequested)

        #expect(world.run(atMost: .seconds(4)) { $0.nodes[1].hasLeft })
        world.kill(1)
        #expect(world.all(1, are: .left))
        world.run(for: .seconds(60))
        #expect(world.all(1, are: .left))
        #expect(world.observed(.failed).isEmpty)
        #expect(!world.observed(.leaving, of: 1).isEmpty)
    }

    @Test("A leave takes as long as telling it twice, and a second for others to pass it on")
    func duration() {
        var subject = Subject(peers: 2)
        subject.wait(.seconds(10), answering: [1, 2])
        subject.take(.leaveRequested)
        var tenths = 1
        while tenths < 60, !subject.wait(.milliseconds(100)).contains(.leaveFinished) {
            tenths += 1
        }

        #expect((13...20).contains(tenths), "\(tenths)")
    }

    @Test("Who is alone leaves at once")
    func leaveAlone() {
        var subject = Subject(peers: 0)
        #expect(subject.take(.leaveRequested).contains(.leaveFinished))
    }

    @Test("After its leave a server is silent, and takes nothing")
    func afterLeaving() {
        var subject = Subject(peers: 0)
        subject.take(.leaveRequested)
        let packet = subject.hear(.ping(sequence: 1, target: World.id(0)), from: 1)
        let time = subject.wait(.seconds(3_600))

        #expect(packet == [.refused(.left, from: World.address(1))])
        #expect(time.isEmpty)
        #expect(subject.take(.leaveRequested) == [.leaveFinished])
        #expect(subject.take(.joinRequested(address: World.address(1))).isEmpty)
        #expect(subject.core[World.id(0)]?.status == .left)
    }

    @Test("Who falls silent while it leaves has left")
    func failedWhileLeaving() {
        var subject = Subject(peers: 2)
        subject.hear(.news, from: 1, standing: .leaving)
        #expect(subject[1]?.status == .leaving)
        subject.wait(.seconds(15), answering: [2])
        #expect(subject[1]?.status == .left)
    }

    @Test("A server that is suspected while it leaves contradicts, and goes on leaving")
    func suspectedWhileLeaving() {
        var subject = Subject(peers: 2)
        subject.take(.leaveRequested)
        subject.hear(.news, from: 1, claims: [Subject.suspect(0, by: 2)])
        #expect(subject.core.own.incarnation == 11)
        #expect(subject.core[World.id(0)]?.status == .leaving)
        #expect(subject.wait(.seconds(5)).contains(.leaveFinished))
    }

    @Test(
        "A restarted server is alive at once, whatever it was",
        arguments: ["failed", "left", "pruned"])
    func restart(from status: String) {
        var world = World.settled(3)
        if status == "left" {
            world.step(1, .leaveRequested)
            world.run(for: .seconds(5))
        }
        world.kill(1)
        world.run(for: .seconds(30))
        if status == "pruned" { world.step(0, .forceLeaveRequested(id: World.id(1), prune: true)) }
        world.run(for: .seconds(5))
        let was: GossipStatus? = ["failed": .failed, "left": .left][status]
        #expect(world.all(1, are: was))
        world.start(1)

        #expect(world.run(atMost: .seconds(1)) { $0.agree && $0.all(1, are: .alive) })
    }

    @Test("A server whose clock went back rises above its earlier life", arguments: [true, false])
    func clockWentBack(wasFailed: Bool) throws {
        var world = World.settled(3)
        world.nodes[1].incarnation = 5_000
        world.start(1)
        world.run(for: .seconds(5))
        world.kill(1)
        if wasFailed { world.run(for: .seconds(20)) }
        world.nodes[1].incarnation = 3
        world.start(1)

        #expect(world.run(atMost: .seconds(2)) { $0.agree && $0.all(1, are: .alive) })
        #expect(try #require(world.nodes[1].core).own.incarnation > 5_010)
        #expect(world.conflicts == 0)
    }

    @Test("A failed server that is forced out has left, everywhere")
    func forceOut() {
        var world = World.settled(5)
        world.kill(1)
        world.run(for: .seconds(30))
        #expect(world.all(1, are: .failed))
        world.step(0, .forceLeaveRequested(id: World.id(1), prune: false))

        #expect(world.run(atMost: .seconds(2)) { $0.all(1, are: .left) })
    }

    @Test("A pruned server is forgotten everywhere, and stays so", arguments: [false, true])
    func prune(wasForcedOut: Bool) {
        var world = World.settled(5)
        world.kill(1)
        world.run(for: .seconds(30))
        if wasForcedOut { world.step(2, .forceLeaveRequested(id: World.id(1), prune: false)) }
        world.run(for: .seconds(5))
        world.step(0, .forceLeaveRequested(id: World.id(1), prune: true))

        #expect(world.run(atMost: .seconds(2)) { $0.all(1, are: nil) })
        #expect(world.observed(nil, of: 1).count == 4)
        world.run(for: .seconds(120))
        #expect(world.all(1, are: nil))
        #expect(world.observed(nil, of: 1).count == 4)
    }

    @Test("A server that is alive contradicts whoever forces it out", arguments: [false, true])
    func forceOutAlive(prune: Bool) throws {
        var world = World.settled(3)
        let before = try #require(world.nodes[1].core).own.incarnation
        world.step(0, .forceLeaveRequested(id: World.id(1), prune: prune))
        #expect(world.status(of: 1, at: 0) == .leaving)
        world.run(for: .seconds(2))

        #expect(world.agree && world.all(1, are: .alive))
        #expect(try #require(world.nodes[1].core).own.incarnation > before)
        world.run(for: .seconds(60))
        #expect(world.observed(.left).isEmpty && world.observed(nil).isEmpty)
    }

    @Test("Forcing out a stranger, or this server itself, is nothing")
    func forceOutNobody() {
        var subject = Subject(peers: 1)
        #expect(subject.take(.forceLeaveRequested(id: World.id(9), prune: true)).isEmpty)
        #expect(subject.take(.forceLeaveRequested(id: World.id(0), prune: true)).isEmpty)
        #expect(subject.core[World.id(0)]?.status == .alive)
    }

    @Test("Failed and left servers are forgotten in time, and nobody brings them back")
    func reap() {
        var timing = GossipTiming.lan
        timing.failedKept = .seconds(120)
        timing.leftKept = .seconds(60)
        var world = World.settled(4, timing: timing)
        world.step(1, .leaveRequested)
        world.run(for: .seconds(5))
        world.kill(1)
        world.kill(2)
        world.run(for: .seconds(50))
        #expect(world.all(1, are: .left) && world.all(2, are: .failed))
        world.run(for: .seconds(30))
        #expect(world.all(1, are: nil) && world.all(2, are: .failed))
        world.run(for: .seconds(65))
        #expect(world.all(2, are: nil))
        world.run(for: .seconds(300))

        #expect(world.all(1, are: nil) && world.all(2, are: nil))
        #expect(world.observed(nil).count == 4)
    }

    @Test("A failed server is tried again every 30 s")
    func reconnect() {
        var subject = Subject(peers: 1)
        subject.wait(.seconds(20))
        #expect(subject[1]?.status == .failed)
        let tries = subject.wait(.seconds(300)).filter { effect in
            guard case .exchange(_, World.address(1)) = effect else { return false }
            return true
        }
        #expect(tries.count == 10)
    }

    @Test("News goes to those gone of late, and no longer after 30 s")
    func gossipToGone() {
        var subject = Subject(peers: 2)
        subject.hear(.news, from: 2, claims: [.standing(Subject.record(1), .gone)])
        let early = Subject.sent(subject.wait(.seconds(5), answering: [2]))
        subject.wait(.seconds(30), answering: [2])
        subject.take(.ownChanged(address: World.address(0), payload: [1, 2]))
        let late = Subject.sent(subject.wait(.seconds(5), answering: [2]))

        #expect(early.contains { $0.to == World.address(1) && $0.message.body == .news })
        #expect(!late.contains { $0.to == World.address(1) })
    }
}

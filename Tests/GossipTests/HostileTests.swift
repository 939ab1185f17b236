// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Well-formed and hostile") struct HostileTests {
    private static func madeUp(_ number: Int) -> NodeRecord {
        NodeRecord(
            id: NodeID(high: 5, low: UInt64(number)), address: "10.9.9.9:\(number)",
            incarnation: 1, payload: [1])
    }

    @Test("10,000 members that somebody tells of fill the table, and displace nobody")
    func hearsay() {
        var subject = Subject(peers: 4)
        var effects: [GossipEffect] = []
        for number in stride(from: 0, to: 10_000, by: 20) {
            let claims = (number..<number + 20).map { Claim.standing(Self.madeUp($0), []) }
            effects += subject.hear(.news, from: 1, claims: claims)
        }
        #expect(subject.core.members.count == Gossip.membersMax)
        #expect((1...4).allSatisfy { subject[$0]?.status == .alive })
        #expect(Subject.refusals(effects).contains(.full))
        let newcomer = subject.hear(.ack(sequence: 0), from: 5)
        #expect(newcomer == [.refused(.full, from: World.address(5))])

        // Nobody hears from them: they fail, and then make room for one that speaks for itself.
        subject.wait(.seconds(1_800), answering: [1, 2, 3, 4])
        subject.hear(.ack(sequence: 0), from: 5)
        #expect((1...5).allSatisfy { subject[$0]?.status == .alive })
        #expect(subject.core.members.count == Gossip.membersMax)
    }

    @Test("10,000 that introduce themselves displace nobody who is there")
    func introductions() {
        var subject = Subject(peers: 4)
        for number in 0..<10_000 {
            let record = Self.madeUp(number)
            let ping = Message.Body.ping(sequence: 1, target: World.id(0))
            subject.take(.packet(Subject.bytes(ping, of: record), from: record.address))
        }
        #expect(subject.core.members.count == Gossip.membersMax)
        #expect((1...4).allSatisfy { subject[$0]?.status == .alive })
        #expect(subject.core.metrics.broadcasts <= 2 * Gossip.membersMax)
    }

    @Test("A failed member that was known is not displaced by strangers")
    func failedStay() {
        var subject = Subject(peers: 4)
        subject.hear(.news, from: 1, claims: [.standing(Subject.record(2), .gone)])
        for number in 0..<500 {
            subject.hear(.news, from: 1, claims: [.standing(Self.madeUp(number), .gone)])
        }
        for number in 500..<1_000 {
            let bytes = Subject.bytes(.ack(sequence: 0), of: Self.madeUp(number))
            subject.take(.packet(bytes, from: "10.9.9.9:1"))
        }
        #expect(subject[2]?.status == .failed)
    }

    @Test("The last incarnation of a peer, made up: its own word counts, and its own silence")
    func ceiling() {
        var world = World.settled(3)
        let forged = NodeRecord(
            id: World.id(1), address: World.address(1), incarnation: .max, payload: [1])
        let news = Subject.bytes(
            .exchangeAnswer([
                ExchangedMember(record: forged, standing: [], isSuspect: true, goneSeconds: 0)
            ]), of: Subject.record(2, incarnation: 11))
        world.step(0, .exchangeAnswered(address: World.address(2), bytes: news))
        let claim = Claim.standing(forged, .gone)
        let lie = Subject.bytes(.news, of: Subject.record(2, incarnation: 11), claims: [claim])
        for _ in 0..<20 {
            world.step(0, .packet(lie, from: World.address(2)))
            world.run(for: .seconds(1))
        }
        #expect(world.run(atMost: .seconds(5)) { $0.agree })
        #expect(world.nodes[1].core?.own.incarnation == .max)
        world.run(for: .seconds(60))
        #expect(world.agree)

        world.kill(1)
        #expect(world.run(atMost: .seconds(30)) { $0.all(1, are: .failed) })
        world.start(1)
        #expect(world.run(atMost: .seconds(30)) { $0.agree })
    }

    @Test("At the last incarnation others' word fails nobody who speaks")
    func ceilingHearsay() {
        var subject = Subject(peers: 3)
        subject.hear(.ack(sequence: 0), from: 1, incarnation: .max)
        let last = Subject.record(1, incarnation: .max)
        subject.hear(
            .news, from: 2,
            claims: [
                .standing(last, .gone), .standing(last, .leaving),
                Subject.suspect(1, by: 2, incarnation: .max),
            ])
        #expect(subject[1]?.status == .alive && subject[1]?.isSuspect == false)

        subject.hear(.ack(sequence: 0), from: 1, incarnation: .max, standing: .leaving)
        #expect(subject[1]?.status == .leaving)
    }

    @Test("Nobody is taken up to be forgotten")
    func erasedStranger() {
        var subject = Subject(peers: 1)
        let before = subject.core.metrics.broadcasts
        let effects = subject.hear(.news, from: 1, claims: [.standing(Subject.record(9), .erased)])

        #expect(effects.isEmpty)
        #expect(subject.core.metrics.broadcasts == before)
    }

    @Test(
        "What others say of this server is contradicted, whatever it is",
        arguments: [Standing.gone, .leaving, .left, .erased], [10, 1_000, UInt64.max - 1, .max])
    func ofOneself(standing: Standing, incarnation: UInt64) {
        var subject = Subject(peers: 2)
        let lie = Claim.standing(Subject.record(0, incarnation: incarnation), standing)
        var effects: [GossipEffect] = []
        for _ in 0..<100 { effects += subject.hear(.news, from: 1, claims: [lie]) }
        effects += subject.wait(.milliseconds(200))

        #expect(subject.core[World.id(0)]?.status == .alive)
        #expect(subject.core.own.incarnation == (incarnation == .max ? .max : incarnation + 1))
        let own = Claim.standing(subject.core.own, [])
        #expect(Subject.sent(effects).contains { $0.message.claims.contains(own) })
    }

    @Test("Another process with this server's id is reported, not believed")
    func conflict() {
        var subject = Subject(peers: 2)
        let other = NodeRecord(
            id: World.id(0), address: "10.0.0.77:4648", incarnation: 50, payload: [1])
        let direct = subject.take(
            .packet(Subject.bytes(.ack(sequence: 1), of: other), from: other.address))
        #expect(direct == [.conflict(other), .refused(.own, from: other.address)])
        #expect(subject.core.own.incarnation == 10)

        var same = other
        same.incarnation = 10
        let told = subject.hear(.news, from: 1, claims: [.standing(same, [])])
        #expect(told.contains(.conflict(same)))
        #expect(subject.core.own.address == World.address(0))
        #expect(subject.core.own.incarnation == 11)
    }

    @Test("An earlier life that others remember is no conflict; one that goes on is")
    func imposture() {
        var subject = Subject(peers: 2)
        var conflicts: [Bool] = []
        for round in 1...3 {
            let other = NodeRecord(
                id: World.id(0), address: "10.0.0.77:4648", incarnation: UInt64(round) * 100,
                payload: [1])
            let effects = subject.hear(.news, from: 1, claims: [.standing(other, [])])
            conflicts.append(effects.contains(.conflict(other)))
        }
        #expect(conflicts == [false, false, true])
    }

    @Test("The own packet that comes back is refused")
    func echo() {
        var subject = Subject(peers: 1)
        let bytes = Subject.bytes(.ack(sequence: 1), of: subject.core.own)
        #expect(
            subject.take(.packet(bytes, from: "10.0.0.1:1")) == [.refused(.own, from: "10.0.0.1:1")]
        )
    }

    @Test("Who names itself only must be known")
    func unknownSender() {
        var subject = Subject(peers: 1)
        let effects = subject.hear(.news, from: 8, claims: [.standing(Subject.record(9), [])])
        #expect(Subject.refusals(effects) == [.unknownSender])
        #expect(subject[9] == nil)
    }

    @Test("A member that others are about to forget is not taken up any more")
    func almostForgotten() {
        var subject = Subject(peers: 1)
        for (index, seconds) in [(5, UInt32.max), (6, 72 * 3_600 - 1), (7, 10)] {
            let member = ExchangedMember(
                record: Subject.record(index), standing: .gone, isSuspect: false,
                goneSeconds: seconds)
            let bytes = Subject.bytes(.exchange([member]), of: Subject.record(1))
            subject.take(.exchangeReceived(token: 1, bytes: bytes))
        }
        #expect(subject[5] == nil && subject[6] == nil)
        #expect(subject[7]?.status == .failed)
        #expect(subject[7]?.since == .seconds(-10))
    }

    @Test("Packets that come again, in any order, change nothing")
    func replay() {
        var world = World(seed: 2, servers: 3)
        world.captures = true
        world.startAll()
        world.run(for: .seconds(10))
        world.step(2, .ownChanged(address: World.address(2), payload: [1, 3]))
        world.pause(1)
        world.run(for: .seconds(30))
        world.resume(1)
        world.step(0, .forceLeaveRequested(id: World.id(2), prune: false))
        world.run(for: .seconds(60))
        world.captures = false
        #expect(world.agree)
        #expect(world.captured.count > 300)
        let before = world.nodes.map { $0.core?.members }

        var packets = world.captured
        while !packets.isEmpty {
            let packet = packets.remove(at: world.random.below(packets.count))
            world.step(packet.to, .packet(packet.bytes, from: packet.from))
        }
        #expect(world.nodes.map { $0.core?.members } == before)
        world.run(for: .seconds(60))
        #expect(world.nodes.map { $0.core?.members } == before)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Joining and spreading") struct JoiningTests {
    @Test("Servers that start together know each other within a second", arguments: [2, 3, 7, 20])
    func start(servers: Int) {
        var world = World(seed: 3, servers: servers)
        world.startAll()

        #expect(world.run(atMost: .seconds(1)) { $0.agree })
        #expect(world.running.allSatisfy { world.nodes[$0].core?.members.count == servers })
    }

    @Test("Who joins through one server is soon known to all")
    func spread() {
        var world = World(seed: 1, servers: 5)
        for index in 0..<4 { world.start(index) }
        world.run(for: .seconds(5))
        world.cut(between: [4], and: [1, 2, 3])
        world.start(4)

        #expect(world.run(atMost: .seconds(2)) { $0.all(4, are: .alive) })
    }

    @Test("New facts of a server reach all, in spite of loss", arguments: 1...5)
    func change(seed: UInt64) {
        var world = World.settled(7, seed: seed, faults: .init(lossPercent: 20))
        world.step(2, .ownChanged(address: World.address(2), payload: [1, 99]))

        let isKnown = world.run(atMost: .seconds(5)) { world in
            world.running.allSatisfy {
                world.nodes[$0].core?[World.id(2)]?.record.payload == [1, 99]
            }
        }
        #expect(isKnown)
    }

    @Test("A claim is told four times with fewer than ten servers, then never again")
    func retransmission() {
        var subject = Subject(peers: 2)
        subject.wait(.seconds(10), answering: [1, 2])
        subject.take(.ownChanged(address: World.address(0), payload: [1, 5]))
        let own = Claim.standing(subject.core.own, [])

        let told = Subject.sent(subject.wait(.seconds(20), answering: [1, 2]))
            .filter { $0.message.claims.contains(own) }

        // Two went out with the change itself.
        #expect(told.count == 2)
        #expect(subject.core.metrics.broadcasts == 0)
    }

    @Test("What no packet brought comes with the next exchange")
    func antiEntropy() throws {
        var subject = Subject(peers: 1)
        let strange = ExchangedMember(
            record: Subject.record(5), standing: [], isSuspect: false, goneSeconds: 0)
        let bytes = Subject.bytes(.exchange([strange]), of: Subject.record(1))

        let effects = subject.take(.exchangeReceived(token: 3, bytes: bytes))

        #expect(subject[5]?.status == .alive)
        let answer = try #require(
            effects.compactMap { effect -> [UInt8]? in
                guard case .answerExchange(3, let bytes) = effect else { return nil }
                return bytes
            }.first)
        let message = try MessageCodec.decode(answer, isStream: true)
        guard case .exchangeAnswer(let members) = message.body else {
            Issue.record("no answer: \(message)")
            return
        }
        #expect(members.map(\.record) == [Subject.record(1), Subject.record(5)])
        #expect(effects.contains(.changed(World.id(5))))
    }

    @Test("Every 30 s everything is exchanged with somebody")
    func exchangeInterval() {
        var subject = Subject(peers: 2)
        let exchanges = subject.wait(.seconds(300), answering: [1, 2]).filter { effect in
            if case .exchange = effect { return true }
            return false
        }
        #expect(exchanges.count == 10)
    }

    @Test("Long records: what had no room beside an answer is told apart")
    func longRecords() {
        var subject = Subject(peers: 1)
        let long = [1] + [UInt8](repeating: 7, count: NodeRecord.payloadBytesMax - 1)
        subject.take(.ownChanged(address: World.address(0), payload: long))
        let newer = Subject.record(1, incarnation: 50, payload: long)
        subject.take(.packet(Subject.bytes(.ack(sequence: 0), of: newer), from: newer.address))
        subject.wait(.seconds(5), answering: [])

        let effects = subject.hear(.ping(sequence: 4, target: World.id(0)), from: 1)

        let claims = Subject.sent(effects).flatMap(\.message.claims)
        #expect(
            claims.contains { claim in
                if case .standing(newer, _) = claim { return true }
                return false
            })
    }

    @Test("Who changes sides is let in there")
    func changeOfSides() {
        var world = World(seed: 5, servers: 4)
        world.nodes[3].payload = [2]
        world.startAll()
        world.run(for: .seconds(10))
        world.step(3, .ownChanged(address: World.address(3), payload: [1, 4]))

        #expect(world.run(atMost: .seconds(10)) { $0.agree && $0.all(3, are: .alive) })
    }

    @Test("Who no longer belongs to this server is forgotten when its own record changes")
    func ownChange() {
        var subject = Subject(peers: 2)
        let effects = subject.take(.ownChanged(address: World.address(0), payload: [2]))

        #expect(effects.contains(.forgotten(World.id(1))))
        #expect(subject.core.members.map(\.id) == [World.id(0)])
    }

    @Test("A server whose new record is refused is not asked for it again and again")
    func refusedChange() {
        // Each answered the other at once, for ever: one for the record, one with it.
        var subject = Subject(peers: 1)
        let changed = Subject.record(1, incarnation: 20, payload: [2])
        let asked = subject.hear(.news, from: 1, incarnation: 20)
        let answered = subject.hear(
            .news, from: 1, incarnation: 20, claims: [.standing(changed, [])])

        #expect(Subject.sent(asked).count == 1)
        #expect(answered == [.refused(.notAdmitted, from: World.address(1))])
        #expect(subject[1]?.record == Subject.record(1))
    }

    @Test("A refused record is not spread by claims or exchanges either")
    func hearsayOfOthers() {
        var subject = Subject(peers: 1)
        let other = Subject.record(6, payload: [2])
        let effects = subject.hear(.news, from: 1, claims: [.standing(other, [])])
        let member = ExchangedMember(
            record: other, standing: [], isSuspect: false, goneSeconds: 0)
        let bytes = Subject.bytes(.exchange([member]), of: Subject.record(1))
        let more = subject.take(.exchangeReceived(token: 1, bytes: bytes))

        #expect(Subject.refusals(effects + more) == [.notAdmitted, .notAdmitted])
        #expect(subject[6] == nil)
    }
}

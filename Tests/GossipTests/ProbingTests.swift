// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Probing (SWIM §3.1, Lifeguard §IV-A)") struct ProbingTests {
    private func requests(_ effects: [GossipEffect]) -> [Subject.Sent] {
        Subject.sent(effects).filter { sent in
            if case .pingRequest = sent.message.body { return true }
            return false
        }
    }

    @Test("Each peer is probed once in a round, one a second")
    func rounds() {
        var subject = Subject(peers: 4)
        subject.wait(.seconds(1), answering: [1, 2, 3, 4])
        let targets = Subject.sent(subject.wait(.seconds(8), answering: [1, 2, 3, 4]))
            .compactMap { sent -> UInt64? in
                guard case .ping(_, let target) = sent.message.body else { return nil }
                return target.low
            }
        #expect(targets.count == 8)
        #expect(Set(targets).count == 4)
    }

    @Test("Servers that start together do not speak all at once")
    func start() {
        // A shift bound tighter than a product: all began at the same instant.
        let record = Subject.record(0)
        let starts = (0..<20).map { seed in
            Gossip(own: record, seed: seed, at: .zero) { _, _ in true }.nextDeadline
        }
        #expect(starts.allSatisfy { $0 > .zero && $0 < .seconds(1) })
        #expect(Set(starts).count == 20)
        #expect((starts.max() ?? .zero) > .milliseconds(700))
    }

    @Test("A ping that is answered asks nobody else")
    func answered() throws {
        var subject = Subject(peers: 4)
        let ping = try subject.firstPing()
        subject.hear(.ack(sequence: ping.sequence), from: ping.target)

        #expect(requests(subject.wait(.milliseconds(600))).isEmpty)
        #expect(subject.core.metrics.probesIndirect == 0)
    }

    @Test("After 500 ms three others are asked, and the target over a stream")
    func escalation() throws {
        var subject = Subject(peers: 5)
        let ping = try subject.firstPing()

        let effects = subject.wait(.milliseconds(500))

        let asked = requests(effects)
        #expect(asked.count == 3)
        #expect(!asked.map(\.to).contains(World.address(ping.target)))
        #expect(
            effects.contains { effect in
                guard case .streamPing(ping.sequence, let to, _) = effect else { return false }
                return to == World.address(ping.target)
            })
    }

    @Test("An answer through another, or by stream, is as good", arguments: [true, false])
    func indirect(isStream: Bool) throws {
        var subject = Subject(peers: 5)
        let ping = try subject.firstPing()
        let helper = try #require(requests(subject.wait(.milliseconds(500))).first)
        if isStream {
            subject.take(.streamPingAnswered(sequence: ping.sequence))
        } else {
            let peer = try #require((1...5).first { World.address($0) == helper.to })
            subject.hear(.ack(sequence: ping.sequence), from: peer)
        }
        subject.wait(.milliseconds(500))

        #expect(subject[ping.target]?.isSuspect == false)
        #expect(subject.core.metrics.probesMissed == 0)
    }

    @Test("An answer by somebody who was not asked, or of another sequence, is none")
    func foreignAnswers() throws {
        var subject = Subject(peers: 2)
        let ping = try subject.firstPing()
        subject.hear(.ack(sequence: ping.sequence), from: 3 - ping.target)
        subject.hear(.ack(sequence: ping.sequence &+ 1), from: ping.target)
        subject.wait(.seconds(1))

        #expect(subject[ping.target]?.isSuspect == true)
    }

    @Test("Silence until the second is over is suspicious")
    func suspicion() throws {
        var subject = Subject(peers: 5)
        let ping = try subject.firstPing()

        subject.wait(.milliseconds(990))
        #expect(subject[ping.target]?.isSuspect == false)
        subject.wait(.milliseconds(10))
        #expect(subject[ping.target]?.isSuspect == true)
        #expect(subject[ping.target]?.status == .alive)
    }

    @Test(
        "Helpers that say no leave this server sure of itself; silent ones do not", arguments: 0...3
    )
    func awareness(nacks: Int) throws {
        var subject = Subject(peers: 5)
        let ping = try subject.firstPing()
        for asked in requests(subject.wait(.milliseconds(500))).prefix(nacks) {
            let peer = try #require((1...5).first { World.address($0) == asked.to })
            subject.hear(.nack(sequence: ping.sequence), from: peer)
        }
        subject.wait(.milliseconds(500))

        #expect(subject.core.metrics.awareness == 3 - nacks)
    }

    @Test("The nack of somebody who was not asked is none")
    func foreignNack() throws {
        var subject = Subject(peers: 5)
        let ping = try subject.firstPing()
        let asked = requests(subject.wait(.milliseconds(500))).map(\.to)
        let others = (1...5).filter { !asked.contains(World.address($0)) }
        for peer in others { subject.hear(.nack(sequence: ping.sequence), from: peer) }
        subject.wait(.milliseconds(500))

        #expect(others.count == 2)
        #expect(subject.core.metrics.awareness == 3)
    }

    @Test("A server that hears badly gives others more time, up to eight times")
    func slowDown() {
        var subject = Subject(peers: 3)
        var other = subject
        other.wait(.seconds(100), answering: [1, 2, 3])
        subject.wait(.seconds(3))
        #expect(other.core.metrics.probes == 100)
        #expect(subject.core.metrics.awareness > 0)

        var awareness = Awareness(limit: 8)
        awareness.worsen(by: 100)
        #expect(awareness.scale(.seconds(1)) == .seconds(8))
        for _ in 0..<9 { awareness.improve() }
        #expect(awareness.scale(.seconds(1)) == .seconds(1))
    }

    @Test("A relay pings, and passes the answer on to whoever asked")
    func relay() throws {
        var subject = Subject(peers: 2)
        let request = Message.Body.pingRequest(sequence: 77, target: World.id(2))
        let pings = Subject.sent(subject.hear(request, from: 1))
        let ping = try #require(pings.first { $0.to == World.address(2) })
        guard case .ping(let sequence, World.id(2)) = ping.message.body else {
            Issue.record("not a ping: \(ping)")
            return
        }
        let answers = Subject.sent(subject.hear(.ack(sequence: sequence), from: 2))

        #expect(
            answers.contains { $0.to == World.address(1) && $0.message.body == .ack(sequence: 77) })
        let later = Subject.sent(subject.wait(.seconds(1), answering: [1, 2]))
        #expect(!later.contains { $0.message.body == .nack(sequence: 77) })
    }

    @Test("A relay without an answer says so after 400 ms; of a stranger at once")
    func nack() {
        var subject = Subject(peers: 2)
        subject.hear(.pingRequest(sequence: 77, target: World.id(2)), from: 1)
        let early = Subject.sent(subject.wait(.milliseconds(399)))
        let due = Subject.sent(subject.wait(.milliseconds(1)))
        let stranger = Message.Body.pingRequest(sequence: 78, target: World.id(9))
        let atOnce = Subject.sent(subject.hear(stranger, from: 1))

        #expect(!early.contains { $0.message.body == .nack(sequence: 77) })
        #expect(
            due.contains { $0.message.body == .nack(sequence: 77) && $0.to == World.address(1) })
        #expect(atOnce.contains { $0.message.body == .nack(sequence: 78) })
    }

    @Test("No more than 64 pings are relayed at a time")
    func relayBound() {
        var subject = Subject(peers: 2)
        var pings = 0
        for sequence in 0..<1_000 {
            let request = Message.Body.pingRequest(sequence: UInt64(sequence), target: World.id(2))
            pings +=
                Subject.sent(subject.hear(request, from: 1)).filter { sent in
                    if case .ping = sent.message.body { return sent.to == World.address(2) }
                    return false
                }.count
        }
        #expect(pings == 64)
    }

    @Test("A ping meant for another is refused, by packet and by stream")
    func misdirected() {
        var subject = Subject(peers: 1)
        let ping = Message.Body.ping(sequence: 1, target: World.id(4))
        let packet = subject.hear(ping, from: 1)
        let bytes = Subject.bytes(ping, of: Subject.record(1))
        let stream = subject.take(.exchangeReceived(token: 1, bytes: bytes))

        #expect(Subject.refusals(packet) == [.misdirected])
        #expect(stream == [.refused(.misdirected, from: "")])
    }

    @Test("A probe whose target fails meanwhile asks nobody, and the next is on time")
    func failedTarget() throws {
        // The core kept a timeout that had passed, and so ticked without end.
        var subject = Subject(peers: 3)
        let ping = try subject.firstPing()
        let record = Subject.record(ping.target)
        let teller = ping.target == 1 ? 2 : 1
        subject.hear(.news, from: teller, claims: [.standing(record, .gone)])

        let effects = subject.wait(.seconds(2), answering: [1, 2, 3])

        #expect(subject[ping.target]?.status == .failed)
        #expect(requests(effects).isEmpty)
        #expect(subject.core.metrics.probes == 3)
    }

    @Test("A target that is forgotten during its probe is no suspect")
    func forgottenTarget() throws {
        var subject = Subject(peers: 1)
        _ = try subject.firstPing()
        subject.take(.ownChanged(address: World.address(0), payload: [2]))
        subject.wait(.seconds(10))

        #expect(subject.core.metrics.suspicions == 0)
        #expect(subject.core.members.count == 1)
    }
}

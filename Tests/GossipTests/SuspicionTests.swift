// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Suspicion and refutation (Lifeguard §IV-B, §IV-C)") struct SuspicionTests {
    @Test(
        "The time to speak up shrinks with each confirmation, by a logarithm",
        arguments: [
            // Too few servers to confirm anything: the shortest time.
            (2, 0, 4_000), (3, 0, 4_000), (3, 1, 4_000), (4, 0, 24_000), (5, 0, 24_000),
            (5, 1, 11_380), (5, 2, 4_000), (5, 4, 4_000), (10, 0, 24_000), (20, 0, 33_552),
            (20, 2, 5_592), (64, 2, 7_228),
        ])
    func formula(members: Int, confirmations: Int, milliseconds: Int) {
        var suspicion = Suspicion(
            by: World.id(1), members: members, timing: .lan, at: .seconds(100))
        for accuser in 0..<confirmations { _ = suspicion.confirm(by: World.id(accuser + 2)) }

        #expect(suspicion.deadline == .seconds(100) + .milliseconds(milliseconds))
    }

    @Test("Five servers over long distances have the shortest time of 30 s at once")
    func wan() {
        let suspicion = Suspicion(by: World.id(1), members: 5, timing: .wan, at: .zero)
        #expect(suspicion.deadline == .seconds(30))
    }

    @Test("Nobody confirms twice, nor the first accuser itself, nor more than are wanted")
    func confirmations() {
        var suspicion = Suspicion(by: World.id(1), members: 9, timing: .lan, at: .zero)
        let news = [1, 2, 2, 3, 4].map { suspicion.confirm(by: World.id($0)) }
        #expect(news == [false, true, false, true, false])
    }

    @Test("A stranger's word, and that of one who failed, confirm nothing")
    func strangers() {
        var subject = Subject(peers: 5)
        subject.hear(.news, from: 2, claims: [.standing(Subject.record(5), .gone)])
        subject.hear(
            .news, from: 2,
            claims: [
                Subject.suspect(1, by: 9), Subject.suspect(1, by: 5), Subject.suspect(1, by: 1),
            ])
        #expect(subject[1]?.isSuspect == false)
    }

    @Test("A suspect that speaks up with a higher incarnation is none any more")
    func refuted() {
        var subject = Subject(peers: 3)
        subject.hear(.news, from: 2, claims: [Subject.suspect(1, by: 2)])
        #expect(subject[1]?.isSuspect == true)
        subject.hear(.ack(sequence: 0), from: 1)
        #expect(subject[1]?.isSuspect == true, "its old incarnation contradicts nothing")

        subject.hear(.news, from: 3, claims: [.standing(Subject.record(1, incarnation: 11), [])])

        #expect(subject[1]?.isSuspect == false)
        #expect(subject.core.metrics.suspicionsRefuted == 1)
        subject.wait(.seconds(60), answering: [1, 2, 3])
        #expect(subject[1]?.status == .alive)
    }

    @Test("A suspicion of an earlier incarnation is answered with the later one")
    func outdated() {
        var subject = Subject(peers: 3)
        subject.hear(.ack(sequence: 0), from: 1, incarnation: 20)
        let effects = subject.hear(.news, from: 2, claims: [Subject.suspect(1, by: 2)])

        #expect(subject[1]?.isSuspect == false)
        let told = Subject.sent(effects).filter { $0.to == World.address(2) }
        #expect(
            told.contains {
                $0.message.claims.contains(.standing(Subject.record(1, incarnation: 20), []))
            })
    }

    @Test("Who is suspected contradicts at once, and hears worse of itself")
    func own() {
        var subject = Subject(peers: 2)
        let ping = Message.Body.ping(sequence: 9, target: World.id(0))
        let effects = subject.hear(ping, from: 1, claims: [Subject.suspect(0, by: 2)])

        #expect(subject.core.own.incarnation == 11)
        let answer = Subject.sent(effects).first { $0.message.body == .ack(sequence: 9) }
        #expect(answer?.message.sender == .introduced(Subject.record(0, incarnation: 11)))
        #expect(subject.core.metrics.awareness == 1)
        #expect(subject.core.metrics.refutations == 1)
    }

    @Test("What was said of an earlier incarnation of this server needs no contradiction")
    func ownOutdated() {
        var subject = Subject(peers: 2)
        subject.hear(.news, from: 1, claims: [Subject.suspect(0, by: 2, incarnation: 9)])
        #expect(subject.core.own.incarnation == 10)
    }

    @Test("A suspect is told with the ping")
    func toldWithPing() {
        var subject = Subject(peers: 5)
        subject.wait(.seconds(30), answering: [1, 2, 3, 4, 5])
        subject.hear(.news, from: 2, claims: [Subject.suspect(1, by: 2)])
        let pings = Subject.sent(subject.wait(.seconds(2), answering: [2, 3, 4, 5]))
            .filter { sent in
                if case .ping(_, World.id(1)) = sent.message.body { return true }
                return false
            }
        #expect(!pings.isEmpty)
        #expect(pings.allSatisfy { $0.message.claims.first == Subject.suspect(1, by: 2) })
    }

    @Test("Two of three servers: silent for 4 s after the probe, and failed")
    func failed() throws {
        var subject = Subject(peers: 2)
        subject.hear(.news, from: 2, claims: [Subject.suspect(1, by: 2)])
        let early = subject.wait(.milliseconds(3_999), answering: [2])
        #expect(subject[1]?.status == .alive)
        let due = subject.wait(.milliseconds(1), answering: [2])

        #expect(!early.contains(.changed(World.id(1))))
        #expect(due.contains(.changed(World.id(1))))
        #expect(subject[1]?.status == .failed)
        #expect(subject[1]?.since == .seconds(4))
        #expect(subject[1]?.isSuspect == false)
    }

    @Test("A last confirmation by the own probe ends a suspicion in the same step")
    func confirmedByProbe() {
        // Its deadline was then in the past after the step, and the next step took that for a pause.
        var subject = Subject(peers: 4)
        subject.wait(.seconds(5), answering: [1, 2, 3, 4])
        subject.hear(
            .news, from: 2, claims: [Subject.suspect(1, by: 2), Subject.suspect(1, by: 3)])
        subject.wait(.seconds(5), answering: [1, 2, 3, 4])
        #expect(subject[1]?.status == .alive)
        subject.wait(.seconds(5), answering: [2, 3, 4])

        #expect(subject[1]?.status == .failed)
        #expect(subject.core.metrics.pauses == 0)
    }

    @Test("Of one that another's table calls failed, this server makes sure itself")
    func failedElsewhere() {
        var subject = Subject(peers: 3)
        let failed = ExchangedMember(
            record: Subject.record(1), standing: .gone, isSuspect: false, goneSeconds: 100)
        let bytes = Subject.bytes(.exchange([failed]), of: Subject.record(2))
        subject.take(.exchangeReceived(token: 1, bytes: bytes))

        #expect(subject[1]?.status == .alive)
        #expect(subject[1]?.isSuspect == true)
    }
}

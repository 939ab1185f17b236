// SPDX-License-Identifier: Apache-2.0
import MartletGossipWorld
import Testing

@testable import MartletGossip

@Suite("Messages as bytes") struct CodecTests {
    static let examples: [Message] = {
        let claims: [Claim] = [
            .standing(Subject.record(3), .left), Subject.suspect(2, by: 4),
            .standing(Subject.record(4, incarnation: .max, payload: []), []),
        ]
        let members = [
            ExchangedMember(
                record: Subject.record(2), standing: .gone, isSuspect: false, goneSeconds: 7),
            ExchangedMember(
                record: Subject.record(3), standing: [], isSuspect: true, goneSeconds: 0),
        ]
        let known = Message.Sender.introduced(Subject.record(1))
        let named = Message.Sender.named(World.id(1), incarnation: 10)
        return [
            Message(
                sender: known, standing: [], body: .ping(sequence: 1, target: World.id(0)),
                claims: claims),
            Message(sender: known, standing: .leaving, body: .ack(sequence: .max), claims: claims),
            Message(
                sender: known, standing: [], body: .pingRequest(sequence: 3, target: World.id(2)),
                claims: []),
            Message(sender: named, standing: [], body: .nack(sequence: 4), claims: []),
            Message(sender: named, standing: .erased, body: .news, claims: claims),
            Message(sender: known, standing: [], body: .exchange(members), claims: []),
            Message(sender: known, standing: .left, body: .exchangeAnswer([]), claims: []),
        ]
    }()

    @Test("Each message is read as it was written", arguments: examples)
    func roundTrip(message: Message) throws {
        #expect(try MessageCodec.decode(MessageCodec.encode(message), isStream: true) == message)
    }

    @Test("A message cut anywhere is refused, but between claims", arguments: examples)
    func truncation(message: Message) {
        let bytes = MessageCodec.encode(message)
        for count in 0..<bytes.count {
            guard let short = decoded(Array(bytes.prefix(count))) else { continue }
            #expect(short.claims.count < message.claims.count)
        }
    }

    @Test(
        "What is not of this protocol is refused by its reason",
        arguments: [
            ([], GossipRefusal.malformed), ([2, 1, 0], .version), ([0], .version),
            ([1, 0], .malformed), ([1, 8], .malformed), ([1, 5, 8], .malformed),
            ([UInt8](repeating: 1, count: 1_201), .oversized),
        ])
    func refusals(bytes: [UInt8], reason: GossipRefusal) {
        #expect(throws: reason) { try MessageCodec.decode(bytes, isStream: false) }
        var subject = Subject(peers: 1)
        #expect(subject.take(.packet(bytes, from: "x")) == [.refused(reason, from: "x")])
    }

    @Test("More members than a pool has, and records that are too long, are refused")
    func bounds() {
        let many = (0...Gossip.membersMax).map {
            ExchangedMember(
                record: Subject.record($0), standing: [], isSuspect: false, goneSeconds: 0)
        }
        let long = [UInt8](repeating: 1, count: NodeRecord.payloadBytesMax + 1)
        let fat = Claim.standing(Subject.record(1, payload: long), [])
        for bytes in [
            Subject.bytes(.exchange(many), of: Subject.record(1)),
            Subject.bytes(.news, of: Subject.record(1), claims: [fat]),
        ] {
            #expect(throws: GossipRefusal.malformed) {
                try MessageCodec.decode(bytes, isStream: true)
            }
        }
    }

    @Test("An exchange does not come as a packet, nor gossip by stream")
    func kinds() {
        var subject = Subject(peers: 1)
        #expect(Subject.refusals(subject.hear(.exchange([]), from: 1)) == [.malformed])
        let news = Subject.bytes(.news, of: Subject.record(1))
        #expect(
            subject.take(.exchangeReceived(token: 1, bytes: news))
                == [.refused(.malformed, from: "")])
        #expect(
            subject.take(.exchangeAnswered(address: "x", bytes: news))
                == [.refused(.malformed, from: "x")])
    }

    @Test("The largest table fits an exchange")
    func largest() throws {
        let address = String(repeating: "9", count: NodeRecord.addressBytesMax)
        let payload = [UInt8](repeating: 1, count: NodeRecord.payloadBytesMax)
        let members = (0..<Gossip.membersMax).map { index in
            ExchangedMember(
                record: NodeRecord(
                    id: World.id(index), address: address, incarnation: 1, payload: payload),
                standing: [], isSuspect: false, goneSeconds: 0)
        }
        let bytes = Subject.bytes(.exchange(members), of: members[0].record)
        #expect(bytes.count <= Gossip.exchangeBytesMax)
        _ = try MessageCodec.decode(bytes, isStream: true)
    }

    @Test("Mutations and noise: refused or one exact message, never a trap, always bounded")
    func fuzz() {
        var random = WorldRandom(seed: 11)
        let originals = Self.examples.map(MessageCodec.encode)
        var subject = Subject(peers: 4)
        var twin = subject
        var taken = 0
        for number in 0..<100_000 {
            let bytes = Self.damaged(originals[random.below(originals.count)], &random)
            if let message = decoded(bytes) {
                taken += 1
                if MessageCodec.encode(message) != bytes { Issue.record("two forms: \(message)") }
            }
            // To two equal cores, a tenth of them: equal inputs, equal effects.
            guard number % 10 == 0 else { continue }
            let input: GossipInput =
                random.percent(80)
                ? .packet(bytes, from: World.address(random.below(6)))
                : .exchangeReceived(token: 1, bytes: bytes)
            #expect(subject.take(input) == twin.take(input))
            #expect(subject.core.members.count <= Gossip.membersMax)
            guard number % 100 == 0 else { continue }
            #expect(subject.wait(.milliseconds(300)) == twin.wait(.milliseconds(300)))
        }
        #expect(taken > 10_000)
        #expect(subject.core[World.id(0)]?.status == .alive)
    }

    private static func damaged(_ bytes: [UInt8], _ random: inout WorldRandom) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(3) {
            let place = random.below(bytes.count)
            switch random.below(5) {
            case 0 where !bytes.isEmpty: bytes[place] = UInt8(random.below(256))
            case 1 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8(random.below(8))
            case 2 where !bytes.isEmpty: bytes.removeSubrange(place..<bytes.count)
            case 3: bytes.insert(UInt8(random.below(256)), at: min(place, bytes.count))
            default: bytes += (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
            }
        }
        return bytes
    }

    private func decoded(_ bytes: [UInt8]) -> Message? {
        do { return try MessageCodec.decode(bytes, isStream: true) } catch { return nil }
    }
}

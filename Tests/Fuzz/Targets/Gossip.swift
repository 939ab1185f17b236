// SPDX-License-Identifier: Apache-2.0
import MartletGossip
import MartletServer
import MartletTLS

extension FuzzTarget {
    static let gossip = [packet, exchange, pool, sealed]

    private static let packet = reencoding(
        "gossip-packet", "a datagram of gossip, opened", bytesMax: 1300, isCanonical: true
    ) { input in .of { try GossipReencoding.message(input, isStream: false) } }

    private static let exchange = reencoding(
        "gossip-exchange", "all that a server knows of the pool", bytesMax: 8192, isCanonical: true
    ) { input in .of { try GossipReencoding.message(input, isStream: true) } }

    /// Somebody speaks to a server that knows others: equal inputs have equal effects, nobody gets
    /// more members in than there may be, and nothing makes it tick without an end.
    ///
    /// An input is one message after another: one byte for how it comes, two for its length.
    private static let pool = FuzzTarget(
        "gossip-pool", "messages to a member of a pool", bytesMax: 4096
    ) { input throws(Finding) in
        var first = GossipSubject()
        var second = GossipSubject()
        var rest = input[...]
        var steps = 0
        while rest.count >= 3, steps < 8 {
            let how = rest[rest.startIndex]
            let length = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2]) << 8
            let bytes = Array(rest.dropFirst(3).prefix(length))
            rest = rest.dropFirst(3 + bytes.count)
            steps += 1
            try demand(
                first.take(how, bytes) == second.take(how, bytes), "equal inputs, other effects")
            try demand(first.core.members.count <= Gossip.membersMax, "too many members")
            try demand(first.core.nextDeadline > first.now, "it ticks without an end")
            try demand(first.core.members == second.core.members, "two cores differ")
        }
        return first.features
    }

    /// Nobody without the key makes a packet, and what is sealed opens to what it was.
    private static let sealed = FuzzTarget(
        "sealed-packet", "gossip that is encrypted", bytesMax: 512
    ) { input throws(Finding) in
        let crypto = OpenSSLCrypto()
        let ring = try must("a ring") {
            try Keyring([
                GossipKey(bytes: [UInt8](repeating: 7, count: 16)),
                GossipKey(bytes: [UInt8](repeating: 9, count: 32)),
            ])
        }
        let purpose = SealedPacket.Purpose.allCases[Int(input.first ?? 0) % 3]
        var refusal: UInt64 = 0
        let forged = attempt(&refusal) {
            try ring.open(Array(input.dropFirst()), for: purpose, by: crypto)
        }
        try demand(forged == nil, "a forged packet opens")
        // One in sixteen, since it costs more than all the rest.
        guard input.count & 15 == 0 else { return refusal }
        let opened = try must("what was sealed") {
            try ring.open(
                try ring.seal(input, for: purpose, by: crypto), for: purpose, by: crypto)
        }
        try demand(opened.plaintext == input && opened.keyIndex == 0, "it opens to another")
        return Features.bits(1, size: input.count)
    }
}

/// A server that has met three others.
private struct GossipSubject {
    var core: Gossip
    var now: Duration
    private(set) var features: UInt64 = 0
    private static let start = started()

    init() {
        (core, now) = Self.start
    }

    /// The same as of the seed inputs: peers 1 to 3.
    private static func record(_ number: UInt64) -> NodeRecord {
        NodeRecord(
            id: NodeID(high: 0, low: number + 1), address: "10.0.0.\(number):4648",
            incarnation: 10, payload: [1])
    }

    private static func started() -> (Gossip, Duration) {
        var core = Gossip(
            own: record(0), seed: 7, at: .zero, admits: { $0.payload.first == $1.payload.first })
        var effects: [GossipEffect] = []
        for number: UInt64 in 1...3 {
            core.step(
                .packet(SeedMessages.ack(from: record(number)), from: "10.0.0.\(number):4648"),
                at: .zero, into: &effects)
        }
        return (core, .zero)
    }

    mutating func take(_ how: UInt8, _ bytes: [UInt8]) -> [GossipEffect] {
        var effects: [GossipEffect] = []
        let input: GossipInput
        switch how & 7 {
        case 0, 1, 2, 3: input = .packet(bytes, from: "10.0.0.\(how & 3):4648")
        case 4, 5: input = .exchangeReceived(token: UInt64(how), bytes: bytes)
        case 6: input = .exchangeAnswered(address: "10.0.0.1:4648", bytes: bytes)
        default:
            now = core.nextDeadline + .milliseconds(Int(how) * 10)
            input = .tick
        }
        core.step(input, at: now, into: &effects)
        var hash = FNV()
        hash.mix(features)
        for effect in effects {
            switch effect {
            case .refused(let reason, _): hash.mix(Features.text("\(reason)"))
            case .send(let bytes, _): hash.mix(UInt64(bytes.dropFirst().first ?? 0))
            case .changed: hash.mix(100)
            case .forgotten: hash.mix(101)
            case .conflict: hash.mix(102)
            case .exchange, .answerExchange, .streamPing, .leaveFinished: hash.mix(103)
            }
        }
        features = hash.value
        // A core that fell behind may have more to do at once.
        for _ in 0..<64 where core.nextDeadline <= now {
            core.step(.tick, at: now, into: &effects)
        }
        return effects
    }
}

/// Messages that are written by hand here, since their types are the module's own.
enum SeedMessages {
    /// `ack`, number 0, by a server that introduces itself.
    static func ack(from record: NodeRecord) -> [UInt8] {
        var bytes: [UInt8] = [1, 2, 0]
        func append(_ number: UInt64) {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        append(record.id.high)
        append(record.id.low)
        append(record.incarnation)
        let address = Array(record.address.utf8)
        bytes += [UInt8(address.count), 0] + address
        bytes += [UInt8(record.payload.count), 0, 0, 0] + record.payload
        append(0)
        return bytes
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// How messages look, in MartletBytes' encoding (little-endian).
///
/// | bytes | meaning                                                                       |
/// |-------|-------------------------------------------------------------------------------|
/// | 1     | version: 1                                                                    |
/// | 1     | kind: 1 ping, 2 ack, 3 ping request, 4 nack, 5 news, 6 exchange, 7 its answer |
/// | 1     | the sender's standing: 1 leaving, 2 gone, 4 pruned                            |
/// | 24    | the sender's id and incarnation; in full (a record) in kinds 1, 2, 3, 6, 7    |
/// | 8     | in kinds 1 to 4: sequence                                                     |
/// | 16    | in kinds 1 and 3: the target's id                                             |
/// | 2     | in kinds 6 and 7: how many members follow                                     |
/// | rest  | in kinds 1, 2, 3, 5: claims to the end; in 6 and 7: members                   |
///
/// A record: id 16, incarnation 8, address 2 + up to 64, payload 4 + up to 1,024.
/// A claim: 1 and a record and a standing, or 2 and an id, an incarnation and the accuser's id.
/// A member: a record, a standing, 1 whether it is suspect, 4 for how many seconds it is gone.
enum MessageCodec {
    /// - Throws: a refusal for anything that ``encode(_:)`` does not write. Nothing is allocated
    ///   that the bytes do not pay for.
    static func decode(_ bytes: [UInt8], isStream: Bool) throws(GossipRefusal) -> Message {
        let limit = isStream ? Gossip.exchangeBytesMax : Gossip.packetBytesMax
        guard bytes.count <= limit else { throw .oversized }
        guard let version = bytes.first else { throw .malformed }
        guard version == Message.version else { throw .version }
        do {
            var reader = ByteReader(bytes, in: 1..<bytes.count)
            let message = try Message(reading: &reader)
            try reader.finish()
            guard message.isWellFormed else { throw GossipRefusal.malformed }
            return message
        } catch {
            throw .malformed
        }
    }

    static func encode(_ message: Message) -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 512)
        writeHead(message.sender, message.standing, message.body, to: &writer)
        for claim in message.claims { claim.write(to: &writer) }
        return writer.bytes
    }

    /// All but the claims, which whoever has room appends.
    static func writeHead(
        _ sender: Message.Sender, _ standing: Standing, _ body: Message.Body,
        to writer: inout ByteWriter
    ) {
        writer.write(Message.version)
        writer.write(body.kind.rawValue)
        writer.write(standing.rawValue)
        switch sender {
        case .introduced(let record):
            record.write(to: &writer)
        case .named(let id, let incarnation):
            id.write(to: &writer)
            writer.write(incarnation)
        }
        body.write(to: &writer)
    }
}

private enum Kind: UInt8 {
    case ping = 1
    case ack, pingRequest, nack, news, exchange, exchangeAnswer

    var isIntroduced: Bool { self != .nack && self != .news }
    var hasClaims: Bool { self != .nack && !isExchange }
    var isExchange: Bool { self == .exchange || self == .exchangeAnswer }
}

extension Message {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        let kind = try Kind(reading: &reader)
        standing = try Standing(reading: &reader)
        if kind.isIntroduced {
            sender = .introduced(try NodeRecord(reading: &reader))
        } else {
            let id = try NodeID(reading: &reader)
            sender = .named(id, incarnation: try reader.readUInt64())
        }
        body = try Body(kind, reading: &reader)
        var claims: [Claim] = []
        while kind.hasClaims, reader.remaining > 0 { claims.append(try Claim(reading: &reader)) }
        self.claims = claims
    }

    fileprivate var isWellFormed: Bool {
        if case .introduced(let record) = sender, !record.isWellFormed { return false }
        for case .standing(let record, _) in claims where !record.isWellFormed { return false }
        switch body {
        case .exchange(let members), .exchangeAnswer(let members):
            return members.allSatisfy { $0.record.isWellFormed }
        case .ping, .ack, .pingRequest, .nack, .news:
            return true
        }
    }
}

extension Message.Body {
    fileprivate var kind: Kind {
        switch self {
        case .ping: .ping
        case .ack: .ack
        case .pingRequest: .pingRequest
        case .nack: .nack
        case .news: .news
        case .exchange: .exchange
        case .exchangeAnswer: .exchangeAnswer
        }
    }

    fileprivate func write(to writer: inout ByteWriter) {
        switch self {
        case .ping(let sequence, let target), .pingRequest(let sequence, let target):
            writer.write(sequence)
            target.write(to: &writer)
        case .ack(let sequence), .nack(let sequence):
            writer.write(sequence)
        case .news:
            break
        case .exchange(let members), .exchangeAnswer(let members):
            writer.write(UInt16(members.count))
            for member in members { member.write(to: &writer) }
        }
    }

    fileprivate init(_ kind: Kind, reading reader: inout ByteReader) throws(ByteError) {
        switch kind {
        case .ping:
            let sequence = try reader.readUInt64()
            self = .ping(sequence: sequence, target: try NodeID(reading: &reader))
        case .pingRequest:
            let sequence = try reader.readUInt64()
            self = .pingRequest(sequence: sequence, target: try NodeID(reading: &reader))
        case .ack: self = .ack(sequence: try reader.readUInt64())
        case .nack: self = .nack(sequence: try reader.readUInt64())
        case .news: self = .news
        case .exchange: self = .exchange(try Self.members(reading: &reader))
        case .exchangeAnswer: self = .exchangeAnswer(try Self.members(reading: &reader))
        }
    }

    private static func members(
        reading reader: inout ByteReader
    ) throws(ByteError) -> [ExchangedMember] {
        let count = try reader.readUInt16()
        guard count <= Gossip.membersMax else {
            throw ByteError(offset: 0, reason: "\(count) members")
        }
        var members: [ExchangedMember] = []
        for _ in 0..<count { members.append(try ExchangedMember(reading: &reader)) }
        return members
    }
}

extension Claim {
    /// How many bytes ``write(to:)`` adds.
    var encodedBytes: Int {
        switch self {
        case .standing(let record, _): 1 + record.encodedBytes + 1
        case .suspect: 1 + 16 + 8 + 16
        }
    }

    func write(to writer: inout ByteWriter) {
        switch self {
        case .standing(let record, let standing):
            writer.write(1 as UInt8)
            record.write(to: &writer)
            writer.write(standing.rawValue)
        case .suspect(let id, let incarnation, let accuser):
            writer.write(2 as UInt8)
            id.write(to: &writer)
            writer.write(incarnation)
            accuser.write(to: &writer)
        }
    }

    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        switch try reader.readUInt8() {
        case 1:
            let record = try NodeRecord(reading: &reader)
            self = .standing(record, try Standing(reading: &reader))
        case 2:
            let id = try NodeID(reading: &reader)
            let incarnation = try reader.readUInt64()
            self = .suspect(id, incarnation: incarnation, accuser: try NodeID(reading: &reader))
        case let other:
            throw ByteError(offset: 0, reason: "a claim of kind \(other)")
        }
    }
}

extension ExchangedMember {
    fileprivate func write(to writer: inout ByteWriter) {
        record.write(to: &writer)
        writer.write(standing.rawValue)
        writer.write(isSuspect)
        writer.write(goneSeconds)
    }

    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        record = try NodeRecord(reading: &reader)
        standing = try Standing(reading: &reader)
        isSuspect = try reader.readBool()
        goneSeconds = try reader.readUInt32()
    }
}

extension NodeRecord {
    fileprivate var encodedBytes: Int { 16 + 8 + 2 + address.utf8.count + 4 + payload.count }

    fileprivate func write(to writer: inout ByteWriter) {
        id.write(to: &writer)
        writer.write(incarnation)
        writer.write(shortString: address)
        writer.write(bytes: payload)
    }

    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        id = try NodeID(reading: &reader)
        incarnation = try reader.readUInt64()
        address = try reader.readShortString(maxBytes: Self.addressBytesMax)
        payload = try reader.readBytes(max: Self.payloadBytesMax)
    }
}

extension NodeID {
    fileprivate func write(to writer: inout ByteWriter) {
        writer.write(high)
        writer.write(low)
    }

    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        self.init(high: try reader.readUInt64(), low: try reader.readUInt64())
    }
}

extension Standing {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        let raw = try reader.readUInt8()
        guard raw & ~Standing.erased.rawValue == 0 else {
            throw ByteError(offset: 0, reason: "a standing of \(raw)")
        }
        self.init(rawValue: raw)
    }
}

extension Kind {
    fileprivate init(reading reader: inout ByteReader) throws(ByteError) {
        let raw = try reader.readUInt8()
        guard let kind = Kind(rawValue: raw) else {
            throw ByteError(offset: 0, reason: "a message of kind \(raw)")
        }
        self = kind
    }
}

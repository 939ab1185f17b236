// SPDX-License-Identifier: Apache-2.0
import MartletBytes

/// Exchanges of everything that two servers know, over a stream: how a server joins, and how what
/// no packet brought is known everywhere in the end.
extension Gossip {
    mutating func exchange(with address: String) {
        counters.exchanges &+= 1
        outbox.append(.exchange(bytes: stream(.exchange(everything)), with: address))
    }

    /// Somebody's stream: an exchange, or a ping where packets may be lost.
    mutating func receiveStream(_ bytes: [UInt8], token: UInt64) {
        guard let message = decode(bytes, isStream: true, from: "") else { return }
        switch message.body {
        case .exchange(let members):
            guard merge(message, members, from: "") else { return }
            let answer = stream(.exchangeAnswer(everything))
            outbox.append(.answerExchange(token: token, bytes: answer))
        case .ping(let sequence, let target):
            guard target == own.id else { return refuse(.misdirected, "") }
            guard meet(message, from: "") else { return }
            var corrections: [NodeID] = []
            for claim in message.claims { hear(claim, from: "", corrections: &corrections) }
            // Nobody reads more of it than that it came.
            let answer = stream(.ack(sequence: sequence))
            outbox.append(.answerExchange(token: token, bytes: answer))
        case .ack, .pingRequest, .nack, .news, .exchangeAnswer:
            refuse(.malformed, "")
        }
    }

    mutating func receiveAnswer(_ bytes: [UInt8], from address: String) {
        guard let message = decode(bytes, isStream: true, from: address) else { return }
        guard case .exchangeAnswer(let members) = message.body else {
            return refuse(.malformed, address)
        }
        _ = merge(message, members, from: address)
    }

    /// - Returns: whether its sender is somebody to speak to.
    private mutating func merge(
        _ message: Message, _ members: [ExchangedMember], from address: String
    ) -> Bool {
        guard meet(message, from: address) else { return false }
        for member in members {
            let record = member.record
            guard record.id == own.id || admitted(record) else {
                refuse(.notAdmitted, address)
                continue
            }
            let gone = Duration.seconds(Int64(member.goneSeconds))
            let source = Source.table(owner: message.sender.id, gone: gone)
            if hear(record, member.standing, source) == .refused { refuse(.full, address) }
            guard member.isSuspect else { continue }
            _ = hearSuspicion(of: record.id, record.incarnation, by: message.sender.id)
        }
        return true
    }

    func stream(_ body: Message.Body, _ claims: [Claim] = []) -> [UInt8] {
        MessageCodec.encode(
            Message(sender: sender(of: body), standing: ownStanding, body: body, claims: claims))
    }

    private var everything: [ExchangedMember] {
        table.entries.map { entry in
            let gone = entry.isGone ? (now - entry.since).components.seconds : 0
            return ExchangedMember(
                record: entry.record, standing: entry.standing,
                isSuspect: entry.suspicion != nil, goneSeconds: UInt32(clamping: gone))
        }
    }
}

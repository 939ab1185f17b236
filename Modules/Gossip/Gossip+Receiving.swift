// SPDX-License-Identifier: Apache-2.0

/// What others send.
extension Gossip {
    mutating func receive(_ bytes: [UInt8], from address: String) {
        guard let message = decode(bytes, isStream: false, from: address) else { return }
        if case .exchange = message.body { return refuse(.malformed, address) }
        if case .exchangeAnswer = message.body { return refuse(.malformed, address) }
        guard meet(message, from: address) else { return }
        var corrections = correction(of: message)
        for claim in message.claims { hear(claim, from: address, corrections: &corrections) }
        switch message.body {
        case .ping(let sequence, let target):
            guard target == own.id else { return refuse(.misdirected, address) }
            var told = claims(about: corrections)
            let answer = packet(.ack(sequence: sequence), first: &told)
            outbox.append(.send(bytes: answer, to: address))
            guard !told.isEmpty else { return }  // Long records: what had no room goes apart.
            let bytes = packet(.news, first: &told)
            return outbox.append(.send(bytes: bytes, to: address))
        case .ack(let sequence):
            probing.answered(sequence, by: message.sender.id)
            passOn(sequence, answeredBy: message.sender.id)
        case .pingRequest(let sequence, let target):
            relay(sequence, to: target, for: address)
        case .nack(let sequence):
            probing.refused(sequence, by: message.sender.id)
        case .news, .exchange, .exchangeAnswer:
            break
        }
        guard !corrections.isEmpty, let sender = table[message.sender.id] else { return }
        var told = claims(about: corrections)
        let bytes = packet(.news, first: &told)
        outbox.append(.send(bytes: bytes, to: sender.record.address))
    }

    mutating func decode(_ bytes: [UInt8], isStream: Bool, from address: String) -> Message? {
        do {
            return try MessageCodec.decode(bytes, isStream: isStream)
        } catch {
            refuse(error, address)
            return nil
        }
    }

    /// The door: who speaks must be known or introduce itself, and be admitted.
    ///
    /// - Returns: whether the rest of the message counts.
    mutating func meet(_ message: Message, from address: String) -> Bool {
        guard message.sender.id != own.id else {
            meetNamesake(message.sender, from: address)
            return false
        }
        switch message.sender {
        case .introduced(let record):
            guard admitted(record) else {
                refuse(.notAdmitted, address)
                return false
            }
            guard hear(record, message.standing, .itself) != .refused else {
                refuse(.full, address)
                return false
            }
        case .named(let id, let incarnation):
            guard let entry = table[id] else {
                refuse(.unknownSender, address)
                return false
            }
            if entry.record.incarnation == incarnation {
                _ = hear(entry.record, message.standing, .itself)
            }
        }
        if let position = table.position(of: message.sender.id), !table.entries[position].isHeard {
            table.update(position) { $0.isHeard = true }
        }
        return true
    }

    /// Whoever is known by this very record was admitted before.
    mutating func admitted(_ record: NodeRecord) -> Bool {
        table.isKnown(record) || admits(record, own)
    }

    /// A sender that does not know what is said of it is told; one of whom less is known answers
    /// with its record.
    private mutating func correction(of message: Message) -> [NodeID] {
        guard let entry = table[message.sender.id] else { return [] }
        let isOutdated =
            switch message.sender {
            case .introduced(let record): record.incarnation != entry.record.incarnation
            case .named(_, let incarnation): incarnation != entry.record.incarnation
            }
        return isOutdated || !message.standing.isSuperset(of: entry.standing) ? [entry.id] : []
    }

    mutating func hear(_ claim: Claim, from address: String, corrections: inout [NodeID]) {
        let result: Hearing
        switch claim {
        case .standing(let record, let standing):
            guard record.id == own.id || admitted(record) else {
                // To correct its sender would bring the same claim again, without end.
                corrections.removeAll { $0 == record.id }
                return refuse(.notAdmitted, address)
            }
            result = hear(record, standing, .others)
        case .suspect(let id, let incarnation, let accuser):
            result = hearSuspicion(of: id, incarnation, by: accuser)
        }
        switch result {
        case .taken: break
        case .outdated: if !corrections.contains(claim.id) { corrections.append(claim.id) }
        case .refused: refuse(.full, address)
        }
    }

    private func claims(about ids: [NodeID]) -> [Claim] {
        ids.compactMap { id in
            id == own.id
                ? .standing(own, ownStanding)
                : table[id].map { .standing($0.record, $0.standing) }
        }
    }

    private mutating func relay(_ sequence: UInt64, to target: NodeID, for address: String) {
        guard let entry = table[target] else {
            let bytes = packet(.nack(sequence: sequence))
            return outbox.append(.send(bytes: bytes, to: address))
        }
        let relay = RelayTable.Relay(
            sequence: probing.nextSequence(), target: target, askedSequence: sequence,
            askedFrom: address, nackAt: now + timing.probeTimeout * 4 / 5)
        guard relays.add(relay) else { return }
        let body = Message.Body.ping(sequence: relay.sequence, target: target)
        outbox.append(.send(bytes: packet(body), to: entry.record.address))
    }

    private mutating func passOn(_ sequence: UInt64, answeredBy sender: NodeID) {
        guard let relay = relays.answered(sequence, by: sender) else { return }
        let body = Message.Body.ack(sequence: relay.askedSequence)
        outbox.append(.send(bytes: packet(body), to: relay.askedFrom))
    }

    /// "I hear you, and not it" (Lifeguard §IV-A).
    mutating func sendNacks() {
        for relay in relays.expire(at: now) {
            let bytes = packet(.nack(sequence: relay.askedSequence))
            outbox.append(.send(bytes: bytes, to: relay.askedFrom))
        }
    }
}

extension Claim {
    var id: NodeID {
        switch self {
        case .standing(let record, _): record.id
        case .suspect(let id, _, _): id
        }
    }
}

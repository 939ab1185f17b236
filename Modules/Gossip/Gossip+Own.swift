// SPDX-License-Identifier: Apache-2.0

/// What concerns this server itself.
extension Gossip {
    /// How often others may call this server alive under an incarnation that it never had, before
    /// that is no memory of an earlier life but another process.
    private static let imposturesMax = 3

    /// What is said of this server and is not so is contradicted.
    mutating func hearOfOwn(_ record: NodeRecord, _ standing: Standing) -> Hearing {
        guard record.incarnation >= own.incarnation else { return .outdated }
        let isOther = record.address != own.address || record.payload != own.payload
        if record.incarnation > own.incarnation {
            if isOther, standing.isEmpty {
                impostures += 1
                if impostures >= Self.imposturesMax { outbox.append(.conflict(record)) }
            }
            contradict(record.incarnation)
        } else if isOther {
            outbox.append(.conflict(record))
            contradict(record.incarnation)
        } else if !ownStanding.isSuperset(of: standing) {
            contradict(record.incarnation)
        } else if standing != ownStanding {
            return .outdated
        }
        return .taken
    }

    /// Raises the own incarnation above what was said, and tells. At the ceiling telling is all.
    mutating func contradict(_ incarnation: UInt64) {
        counters.refutations &+= 1
        awareness.worsen()
        raiseOwn(above: incarnation)
    }

    private mutating func raiseOwn(above incarnation: UInt64) {
        let (next, overflow) = max(incarnation, own.incarnation).addingReportingOverflow(1)
        own.incarnation = overflow ? NodeRecord.incarnationMax : next
        queue.add(.standing(own.id))
        noteChange(of: own.id)
    }

    /// Somebody with this server's id speaks: its own packet that came back, what it said in an
    /// earlier life, or another process.
    mutating func meetNamesake(_ sender: Message.Sender, from address: String) {
        if case .introduced(let record) = sender, record != own,
            record.incarnation >= own.incarnation
        {
            outbox.append(.conflict(record))
        }
        refuse(.own, address)
    }

    /// New facts of this server. Those that no longer belong to it go.
    mutating func changeOwn(address: String, payload: [UInt8]) {
        var changed = own
        changed.address = address
        changed.payload = payload
        precondition(changed.isWellFormed, "a record that others refuse: \(address)")
        guard changed != own else { return }
        own = changed
        raiseOwn(above: own.incarnation)
        for entry in table.entries where !admits(entry.record, own) { forget(entry.id) }
    }

    /// An operator's word: whoever is gone left for good. Who is there hears of it and contradicts.
    mutating func forceOut(_ id: NodeID, prune: Bool) {
        guard let position = table.position(of: id) else { return }
        raise(prune ? [.leaving, .pruned] : .leaving, at: position)
    }
}

// SPDX-License-Identifier: Apache-2.0

/// How what is said of a server changes what is known of it.
extension Gossip {
    enum Source: Equatable {
        /// The server itself said so just now.
        case itself
        case others
        /// Somebody's whole table, in which this server has been gone for so long. Who only fell
        /// silent there may be well: it is suspected here and gets its time (memberlist does the
        /// same when two halves of a network meet).
        case table(owner: NodeID, gone: Duration)
    }

    enum Hearing: Equatable {
        case taken
        /// More is known here than there.
        case outdated
        /// There is no room for another member.
        case refused
    }

    /// - Precondition: the record is admitted, or about this server.
    mutating func hear(_ record: NodeRecord, _ standing: Standing, _ source: Source) -> Hearing {
        guard record.id != own.id else { return hearOfOwn(record, standing) }
        guard let position = table.position(of: record.id) else {
            return hearOfUnknown(record, standing, source)
        }
        let entry = table.entries[position]
        guard record.incarnation >= entry.record.incarnation else { return .outdated }
        if case .table(let owner, _) = source, standing.isGone, !standing.contains(.leaving),
            !entry.isGone, !entry.isAtCeiling
        {
            if record.incarnation > entry.record.incarnation { renew(position, record, []) }
            suspect(position, by: owner)
            return .taken
        }
        if record.incarnation > entry.record.incarnation {
            renew(position, record, standing)
        } else if entry.isAtCeiling {
            hearAtCeiling(position, record, standing, source)
        } else {
            if source == .itself, record != entry.record { replace(position, record) }
            raise(standing, at: position)
            if !standing.isSuperset(of: table.entries[position].standing) { return .outdated }
        }
        return .taken
    }

    private mutating func hearOfUnknown(
        _ record: NodeRecord, _ standing: Standing, _ source: Source
    ) -> Hearing {
        guard !standing.isErased else { return .taken }
        var since = now
        if standing.isGone, case .table(_, let gone) = source {
            // Others are about to forget it; it must not wander between them for ever.
            guard gone + Self.forgettingMargin < kept(standing) else { return .taken }
            since -= gone
        }
        if table.entries.count >= MemberTable.countMax {
            let newcomer: MemberTable.Newcomer = source == .itself ? .heard : .hearsay
            guard let displaced = table.displaced(by: newcomer) else { return .refused }
            forget(displaced)
        }
        table.insert(
            Entry(record: record, standing: standing, since: since, isHeard: source == .itself))
        noteChange(of: record.id)
        if !standing.isGone { probing.insert(record.id, generator: &generator) }
        if since == now { queue.add(.standing(record.id)) }
        return .taken
    }

    /// One server's clock may be this much ahead in forgetting.
    private static let forgettingMargin: Duration = .seconds(600)

    /// A new incarnation: whatever was said of an earlier one is void.
    private mutating func renew(_ position: Int, _ record: NodeRecord, _ standing: Standing) {
        let entry = table.entries[position]
        if entry.suspicion != nil { counters.suspicionsRefuted &+= 1 }
        let instant = now
        table.update(position) { entry in
            if standing.status != entry.standing.status || entry.standing.isErased {
                entry.since = instant
            }
            entry.record = record
            entry.standing = standing
            entry.suspicion = nil
        }
        if entry.isGone, !standing.isGone { probing.insert(record.id, generator: &generator) }
        queue.add(.standing(record.id))
        noteChange(of: record.id)
        if standing.isErased, !entry.standing.isErased { outbox.append(.forgotten(record.id)) }
    }

    /// Two records of one incarnation: a forger's and its own, which counts.
    private mutating func replace(_ position: Int, _ record: NodeRecord) {
        table.update(position) { $0.record = record }
        queue.add(.standing(record.id))
        noteChange(of: record.id)
    }

    /// Adds flags, and tells if that is news.
    mutating func raise(_ flags: Standing, at position: Int) {
        let before = table.entries[position].standing
        let after = before.union(flags)
        guard after != before else { return }
        let id = table.entries[position].id
        let instant = now
        table.update(position) { entry in
            entry.standing = after
            if after.status != before.status { entry.since = instant }
        }
        queue.add(.standing(id))
        if after.isErased {
            outbox.append(.forgotten(id))
        } else if after.status != before.status {
            noteChange(of: id)
        }
    }

    /// Where no incarnation can follow, the server could contradict nobody. So its own word
    /// replaces what is known, and what others say counts only once this server found it silent.
    private mutating func hearAtCeiling(
        _ position: Int, _ record: NodeRecord, _ standing: Standing, _ source: Source
    ) {
        let entry = table.entries[position]
        if source == .itself {
            guard entry.record != record || entry.standing != standing || entry.suspicion != nil
            else { return }
            renew(position, record, standing)
        } else if entry.isGone {
            raise(standing, at: position)
        }
    }

    mutating func hearSuspicion(
        of id: NodeID, _ incarnation: UInt64, by accuser: NodeID
    ) -> Hearing {
        if id == own.id {
            if incarnation >= own.incarnation { contradict(incarnation) }
            return .taken
        }
        guard let position = table.position(of: id) else { return .taken }
        let entry = table.entries[position]
        if incarnation < entry.record.incarnation || entry.isGone { return .outdated }
        // Of a later incarnation its record comes first; and a stranger's word confirms nothing.
        guard incarnation == entry.record.incarnation, !entry.isAtCeiling,
            table[accuser].map({ !$0.isGone }) == true
        else { return .taken }
        suspect(position, by: accuser)
        return .taken
    }

    /// Starts a suspicion, or confirms it.
    mutating func suspect(_ position: Int, by accuser: NodeID) {
        let entry = table.entries[position]
        guard !entry.isGone, accuser != entry.id else { return }
        if var suspicion = entry.suspicion {
            guard suspicion.confirm(by: accuser) else { return }
            table.update(position) { $0.suspicion = suspicion }
        } else {
            counters.suspicions &+= 1
            let suspicion = Suspicion(
                by: accuser, members: table.presentCount + 1, timing: timing, at: now)
            table.update(position) { $0.suspicion = suspicion }
        }
        queue.add(.suspicion(entry.id, accuser: accuser))
    }
}

// SPDX-License-Identifier: Apache-2.0

/// What this server knows of another.
struct Entry: Equatable, Sendable {
    var record: NodeRecord
    var standing: Standing
    var since: Duration
    /// Only while it is not gone.
    var suspicion: Suspicion?
    /// It sent this server something itself: no mere hearsay.
    var isHeard: Bool

    var id: NodeID { record.id }
    var isGone: Bool { standing.isGone }
    /// Its word alone counts: nobody can raise its incarnation any more.
    var isAtCeiling: Bool { record.incarnation == NodeRecord.incarnationMax }

    var member: GossipMember {
        GossipMember(
            record: record, status: standing.status, isSuspect: suspicion != nil, since: since)
    }
}

/// The others, ordered by id.
///
/// - Invariant: fewer than ``Gossip/membersMax``, for this server itself is one more.
struct MemberTable: Sendable {
    private(set) var entries: [Entry] = []
    /// Those that are not gone.
    private(set) var presentCount = 0
    /// Those under suspicion: mostly none, and then nobody has to look for them.
    private(set) var suspectCount = 0

    static let countMax = Gossip.membersMax - 1

    func position(of id: NodeID) -> Int? {
        let position = insertionPoint(of: id)
        return position < entries.count && entries[position].id == id ? position : nil
    }

    subscript(id: NodeID) -> Entry? { position(of: id).map { entries[$0] } }

    /// Whether this very record is here.
    func isKnown(_ record: NodeRecord) -> Bool {
        guard let position = position(of: record.id) else { return false }
        return entries.span[position].record == record
    }

    /// - Precondition: an entry has the same id in its place before and after.
    mutating func update(_ position: Int, _ change: (inout Entry) -> Void) {
        let id = entries[position].id
        count(entries[position], -1)
        change(&entries[position])
        precondition(entries[position].id == id, "\(id) became another")
        if entries[position].isGone { entries[position].suspicion = nil }
        count(entries[position], 1)
    }

    private mutating func count(_ entry: borrowing Entry, _ step: Int) {
        if !entry.isGone { presentCount += step }
        if entry.suspicion != nil { suspectCount += step }
    }

    /// - Precondition: its id is new, and there is room.
    mutating func insert(_ entry: Entry) {
        let position = insertionPoint(of: entry.id)
        precondition(
            entries.count < Self.countMax
                && (position == entries.count || entries[position].id != entry.id),
            "\(entry.id) does not fit")
        entries.insert(entry, at: position)
        count(entry, 1)
    }

    mutating func remove(_ id: NodeID) {
        guard let position = position(of: id) else { return }
        count(entries[position], -1)
        entries.remove(at: position)
    }

    /// Who goes for somebody new, when there is no room: first who is erased anyway. For somebody
    /// who speaks for itself also who is gone and was only ever hearsay, then who left. Nobody who
    /// is present, and nobody who failed after this server knew it, goes for a stranger.
    func displaced(by newcomer: Newcomer) -> NodeID? {
        let oldest = { (matches: (Entry) -> Bool) in
            entries.filter(matches).min { $0.since < $1.since }?.id
        }
        if let erased = oldest({ $0.standing.isErased }) { return erased }
        guard newcomer == .heard else { return nil }
        return oldest { $0.isGone && !$0.isHeard } ?? oldest { $0.standing.isSuperset(of: .left) }
    }

    enum Newcomer { case heard, hearsay }

    private func insertionPoint(of id: NodeID) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

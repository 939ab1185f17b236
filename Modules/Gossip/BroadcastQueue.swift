// SPDX-License-Identifier: Apache-2.0

/// What is still to be told, and how often it was told already. It names subjects only; what is
/// said of them is looked up when it is sent, so nothing outdated goes out.
///
/// - Invariant: each subject at most once, ordered by how often it was told and then by age.
struct BroadcastQueue: Sendable {
    enum Subject: Equatable, Sendable {
        case standing(NodeID)
        case suspicion(NodeID, accuser: NodeID)

        var id: NodeID {
            switch self {
            case .standing(let id), .suspicion(let id, _): id
            }
        }
    }

    private struct Item: Sendable {
        let subject: Subject
        var told = 0
    }

    private var items: [Item] = []

    var isEmpty: Bool { items.isEmpty }
    var count: Int { items.count }

    func contains(_ subject: Subject) -> Bool { items.contains { $0.subject == subject } }

    /// Goes first. A new standing replaces what was to be said of that server.
    mutating func add(_ subject: Subject) {
        items.removeAll { item in
            if case .standing(let id) = subject { return item.subject.id == id }
            return item.subject == subject
        }
        items.insert(Item(subject: subject), at: 0)
    }

    mutating func forget(_ id: NodeID) { items.removeAll { $0.subject.id == id } }

    /// Tells as much as has room, what was told least first.
    ///
    /// - Parameter limit: how often each is told in all.
    /// - Parameter tell: writes one, or says that it has no room, or that it is no longer true.
    mutating func tell(limit: Int, _ tell: (Subject) -> Outcome) {
        guard !items.isEmpty else { return }
        var kept: [Item] = []
        kept.reserveCapacity(items.count)
        for var item in items {
            switch tell(item.subject) {
            case .told:
                item.told += 1
                if item.told < limit { kept.append(item) }
            case .noRoom: kept.append(item)
            case .outdated: break
            }
        }
        items = kept
        // Stable, so that the order is the same everywhere: insertion sort of a short list.
        for index in items.indices.dropFirst() {
            var place = index
            while place > 0, items[place - 1].told > items[place].told {
                items.swapAt(place - 1, place)
                place -= 1
            }
        }
    }

    enum Outcome { case told, noRoom, outdated }
}

// SPDX-License-Identifier: Apache-2.0

/// What a ``BinaryHeap`` holds: a strict order, the first on top.
protocol HeapEntry {
    func precedes(_ other: Self) -> Bool
}

/// A binary heap. Entries cannot be searched or moved: who changes one pushes another, and passes over
/// the old one when it comes to the top.
struct BinaryHeap<Entry: HeapEntry> {
    private var entries: [Entry] = []

    var count: Int { entries.count }
    var isEmpty: Bool { entries.isEmpty }
    var first: Entry? { entries.first }

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        var hole = entries.count - 1
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard entry.precedes(entries[parent]) else { break }
            entries[hole] = entries[parent]
            hole = parent
        }
        entries[hole] = entry
    }

    /// Takes the first away.
    ///
    /// - Precondition: there is one.
    mutating func pop() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(last) else { break }
            entries[hole] = entries[child]
            hole = child
        }
        entries[hole] = last
    }

    /// Drops all others, in one pass.
    mutating func keep(where isKept: (Entry) -> Bool) {
        // A sorted array is a heap.
        entries = entries.filter(isKept).sorted { $0.precedes($1) }
    }
}

extension BinaryHeap: Sendable where Entry: Sendable {}

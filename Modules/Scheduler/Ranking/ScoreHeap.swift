// SPDX-License-Identifier: Apache-2.0

/// Nodes by score, the best on top. An entry is void once its node has a newer stamp: nothing is
/// searched or moved when a node changes, it is pushed again.
struct ScoreHeap {
    struct Entry {
        let score: Double
        /// Of two equal scores the smaller wins.
        let tie: UInt32
        let slot: Int32
        let stamp: UInt32

        @inline(__always)
        func precedes(_ other: Entry) -> Bool {
            score != other.score ? score > other.score : tie < other.tie
        }
    }

    private var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }
    var first: Entry? { entries.first }

    mutating func push(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() {
        let last = entries.removeLast()
        guard !entries.isEmpty else { return }
        entries[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}

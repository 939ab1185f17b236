// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Ids by the time at which something happens; one may stand in it more than once.
struct DueHeap: Sendable {
    private struct Entry: Sendable {
        let time: Duration
        let id: UniqueID

        func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : id < other.id
        }
    }

    private var entries: [Entry] = []

    /// The earliest time.
    var first: Duration? { entries.first?.time }

    mutating func add(_ id: UniqueID, at time: Duration) {
        entries.append(Entry(time: time, id: id))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].isBefore(entries[parent]) else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// The earliest one, if its time has come; it is taken out.
    mutating func take(until now: Duration) -> UniqueID? {
        guard let first = entries.first, first.time <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < entries.count else { return first.id }
            let right = left + 1
            let child =
                right < entries.count && entries[right].isBefore(entries[left]) ? right : left
            guard entries[child].isBefore(entries[parent]) else { return first.id }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}

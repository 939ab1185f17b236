// SPDX-License-Identifier: Apache-2.0

/// A priority queue whose elements can be taken out again before they are due.
///
/// A binary heap of keys. Taking an element out only forgets its key: the heap's entry is skipped
/// when it comes up, and all such entries are swept when they outnumber the live ones. So every
/// operation is O(log n), amortised, and memory follows the live elements.
///
/// - Invariant: `entries.count <= 2 * live.count + 64`.
struct LiveHeap<Key: Comparable & Sendable, Element: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        let key: Key
        let element: Element
    }

    private var entries: [Entry] = []
    private var live: [Element: Key] = [:]

    var count: Int { live.count }
    var isEmpty: Bool { live.isEmpty }

    func contains(_ element: Element) -> Bool { live[element] != nil }

    /// - Precondition: `element` is not in it.
    mutating func insert(_ element: Element, key: Key) {
        precondition(live[element] == nil, "queued twice: \(element)")
        live[element] = key
        entries.append(Entry(key: key, element: element))
        siftUp(from: entries.count - 1)
    }

    /// Takes `element` out if it is in.
    mutating func remove(_ element: Element) {
        guard live.removeValue(forKey: element) != nil else { return }
        if entries.count > 2 * live.count + 64 { sweep() } else { dropStaleTop() }
    }

    /// The element with the smallest key.
    var first: (element: Element, key: Key)? { entries.first.map { ($0.element, $0.key) } }

    mutating func popFirst() -> Element? {
        guard let top = entries.first else { return nil }
        live[top.element] = nil
        removeTop()
        dropStaleTop()
        return top.element
    }

    // MARK: The heap

    /// The top is always live, so that `first` need not search.
    private mutating func dropStaleTop() {
        while let top = entries.first, live[top.element] != top.key { removeTop() }
    }

    private mutating func sweep() {
        let kept = entries.filter { live[$0.element] == $0.key }.sorted { $0.key < $1.key }
        entries = kept  // A sorted array is a heap.
    }

    private mutating func removeTop() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].key < entries[least].key { least = child }
            }
            if least == parent { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].key < entries[parent].key else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }
}

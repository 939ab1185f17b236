// SPDX-License-Identifier: Apache-2.0

/// A priority queue whose elements can be taken out again before they are due.
///
/// A heap of keys. Taking an element out only forgets its key: the heap's entry is skipped
/// when it comes up, and all such entries are swept when they outnumber the live ones. So every
/// operation is O(log n), amortised, and memory follows the live elements.
///
/// - Invariant: `entries.count <= 2 * live.count + 64`.
struct LiveHeap<Key: Comparable & Sendable, Element: Hashable & Sendable>: Sendable {
    private struct Entry: HeapEntry, Sendable {
        let key: Key
        let element: Element

        func precedes(_ other: Entry) -> Bool { key < other.key }
    }

    private var entries = BinaryHeap<Entry>()
    private var live: [Element: Key] = [:]

    var count: Int { live.count }
    var isEmpty: Bool { live.isEmpty }

    func contains(_ element: Element) -> Bool { live[element] != nil }

    /// - Precondition: `element` is not in it.
    mutating func insert(_ element: Element, key: Key) {
        precondition(live[element] == nil, "queued twice: \(element)")
        live[element] = key
        entries.push(Entry(key: key, element: element))
    }

    /// Takes `element` out if it is in.
    mutating func remove(_ element: Element) {
        guard live.removeValue(forKey: element) != nil else { return }
        if entries.count > 2 * live.count + 64 {
            entries.keep { live[$0.element] == $0.key }
        } else {
            dropStaleTop()
        }
    }

    /// The element with the smallest key.
    var first: (element: Element, key: Key)? { entries.first.map { ($0.element, $0.key) } }

    mutating func popFirst() -> Element? {
        guard let top = entries.first else { return nil }
        live[top.element] = nil
        entries.pop()
        dropStaleTop()
        return top.element
    }

    /// The top is always live, so that `first` need not search.
    private mutating func dropStaleTop() {
        while let top = entries.first, live[top.element] != top.key { entries.pop() }
    }
}

// SPDX-License-Identifier: Apache-2.0

/// An ordered map of which a copy costs nothing and stays as it was: a table of the state machine.
///
/// It is a B-tree whose nodes are values in arrays. Copying the map shares the root; a change
/// copies the nodes on the way to its leaf that are shared with a copy, and edits in place those
/// that are not. Lookup, insertion and removal take O(log n); iteration is always in the order of
/// keys.
///
///                 [  f   m  ]              elements of a node are sorted; child i holds what
///                /     |     \             lies between elements i - 1 and i
///         [a b d]   [g h k]   [p q]
///
/// - Invariant: all leaves are at one depth; every node but the root has from `elementsMin` to
///   `elementsMax` elements, and an inner node one child more than elements.
package struct OrderedTable<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    package struct Element: Sendable {
        package let key: Key
        package fileprivate(set) var value: Value
    }

    private var root = Node(elements: [], children: [])
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package subscript(key: Key) -> Value? { root.value(at: key) }

    /// The greatest; nil for an empty table.
    package var lastKey: Key? {
        var node = root
        while let last = node.children.last { node = last }
        return node.elements.last?.key
    }

    /// Returns the value that was there.
    @discardableResult
    package mutating func insert(_ value: Value, at key: Key) -> Value? {
        let (replaced, split) = root.insert(Element(key: key, value: value))
        if let split {
            root = Node(elements: [split.middle], children: [root, split.right])
        }
        if replaced == nil { count += 1 }
        return replaced
    }

    /// Edits the value at `key` where it stands.
    ///
    /// - Returns: what `body` gives; nil if there is no value.
    @discardableResult
    package mutating func update<Result>(
        _ key: Key, _ body: (inout Value) -> Result
    ) -> Result? {
        root.update(key, body)
    }

    /// Returns the value that was there.
    @discardableResult
    package mutating func remove(_ key: Key) -> Value? {
        // Looked up first: the way down would be copied for nothing if it is shared.
        guard self[key] != nil else { return nil }
        let removed = root.remove(key)
        if root.elements.isEmpty, let only = root.children.first { root = only }
        count -= 1
        return removed
    }

    /// The elements from the first whose key is not less than `key`, in order.
    package func suffix(from key: Key) -> IteratorSequence<Iterator> {
        IteratorSequence(Iterator(root, from: key))
    }

    /// The elements from the last whose key is not greater than `key` down to the first.
    package func descending(from key: Key) -> IteratorSequence<DescendingIterator> {
        IteratorSequence(DescendingIterator(root, from: key))
    }

    /// The values of these keys, in either direction; they stay what they were when it was made.
    package func values(in keys: ClosedRange<Key>, descending: Bool = false) -> Walk {
        Walk(
            keys: keys, up: descending ? nil : suffix(from: keys.lowerBound),
            down: descending ? self.descending(from: keys.upperBound) : nil)
    }

    package struct Walk: Sequence, IteratorProtocol {
        fileprivate let keys: ClosedRange<Key>
        /// One of the two.
        fileprivate var up: IteratorSequence<Iterator>?
        fileprivate var down: IteratorSequence<DescendingIterator>?

        package mutating func next() -> Value? {
            guard let element = up?.next() ?? down?.next(), keys.contains(element.key) else {
                return nil
            }
            return element.value
        }
    }

    /// Traps if the tree's shape or order is broken: for tests.
    package func checkInvariants() {
        var leafDepth: Int?
        root.check(depth: 0, isRoot: true, leafDepth: &leafDepth)
        var previous: Key?
        var seen = 0
        for element in self {
            if let previous { precondition(previous < element.key, "keys out of order") }
            previous = element.key
            seen += 1
        }
        precondition(seen == count, "\(seen) elements, counted \(count)")
    }
}

extension OrderedTable: Sequence {
    package struct Iterator: IteratorProtocol {
        /// The way from the root to the next element, with the place of that element's successor
        /// in each node.
        private var path: [(node: Node, next: Int)] = []

        fileprivate init(_ root: Node) {
            descend(from: root)
        }

        fileprivate init(_ root: Node, from key: Key) {
            var node = root
            while true {
                let (position, isFound) = node.find(key)
                path.append((node, position))
                if isFound || node.isLeaf { return }
                node = node.children[position]
            }
        }

        package mutating func next() -> Element? {
            while let (node, position) = path.popLast() {
                guard position < node.elements.count else { continue }
                path.append((node, position + 1))
                if !node.isLeaf { descend(from: node.children[position + 1]) }
                return node.elements[position]
            }
            return nil
        }

        private mutating func descend(from top: Node) {
            var node = top
            path.append((node, 0))
            while let first = node.children.first {
                node = first
                path.append((node, 0))
            }
        }
    }

    package func makeIterator() -> Iterator { Iterator(root) }

    package struct DescendingIterator: IteratorProtocol {
        /// The way from the root to the next element, with how many elements of each node are left.
        private var path: [(node: Node, left: Int)] = []

        fileprivate init(_ root: Node, from key: Key) {
            var node = root
            while true {
                let (position, isFound) = node.find(key)
                path.append((node, isFound ? position + 1 : position))
                if isFound || node.isLeaf { return }
                node = node.children[position]
            }
        }

        package mutating func next() -> Element? {
            while let (node, left) = path.popLast() {
                guard left > 0 else { continue }
                path.append((node, left - 1))
                if !node.isLeaf { descend(from: node.children[left - 1]) }
                return node.elements[left - 1]
            }
            return nil
        }

        private mutating func descend(from top: Node) {
            var node = top
            path.append((node, node.elements.count))
            while let last = node.children.last {
                node = last
                path.append((node, node.elements.count))
            }
        }
    }

    package var underestimatedCount: Int { count }
}

extension OrderedTable: Equatable where Value: Equatable {
    package static func == (left: Self, right: Self) -> Bool {
        left.count == right.count
            && left.elementsEqual(right) { $0.key == $1.key && $0.value == $1.value }
    }
}

// MARK: Nodes

extension OrderedTable {
    /// Small enough that a shared node is copied quickly, large enough that a tree of a million
    /// elements has four levels.
    private static var elementsMax: Int { 31 }

    private static var elementsMin: Int { 15 }

    fileprivate struct Split {
        let middle: Element
        let right: Node
    }

    fileprivate struct Node: Sendable {
        var elements: [Element]
        /// Empty in a leaf.
        var children: [Node]

        var isLeaf: Bool { children.isEmpty }

        /// The first element whose key is not less than `key`, and whether it is `key`'s.
        func find(_ key: Key) -> (position: Int, isFound: Bool) {
            let elements = elements.span
            var low = 0
            var high = elements.count
            while low < high {
                let middle = (low + high) / 2
                if elements[middle].key < key { low = middle + 1 } else { high = middle }
            }
            return (low, low < elements.count && elements[low].key == key)
        }

        /// Nodes are looked at where they stand: to hold each on the way down costs as much as the search.
        func value(at key: Key) -> Value? {
            let (position, isFound) = find(key)
            if isFound { return elements[position].value }
            // SAFETY: this node holds its children and they theirs, and nothing changes while it is borrowed.
            return unsafe children.withUnsafeBufferPointer { children in
                guard var node = children.baseAddress, !children.isEmpty else { return nil }
                unsafe node += position
                while true {
                    let (position, isFound) = unsafe node.pointee.find(key)
                    if isFound { return unsafe node.pointee.elements[position].value }
                    let below = unsafe node.pointee.children.withUnsafeBufferPointer {
                        $0.isEmpty ? nil : $0.baseAddress
                    }
                    guard let below = unsafe below else { return nil }
                    unsafe node = below + position
                }
            }
        }

        mutating func update<Result>(
            _ key: Key, _ body: (inout Value) -> Result
        ) -> Result? {
            let (position, isFound) = find(key)
            if isFound { return body(&elements[position].value) }
            return isLeaf ? nil : children[position].update(key, body)
        }

        /// Inserts below this node; what does not fit in it any more comes back as a split.
        mutating func insert(_ element: Element) -> (replaced: Value?, split: Split?) {
            let (position, isFound) = find(element.key)
            if isFound {
                let replaced = elements[position].value
                elements[position].value = element.value
                return (replaced, nil)
            }
            if isLeaf {
                elements.insert(element, at: position)
                return (nil, splitIfFull())
            }
            let (replaced, split) = children[position].insert(element)
            if let split {
                elements.insert(split.middle, at: position)
                children.insert(split.right, at: position + 1)
            }
            return (replaced, splitIfFull())
        }

        private mutating func splitIfFull() -> Split? {
            guard elements.count > elementsMax else { return nil }
            let middle = elements.count / 2
            let right = Node(
                elements: Array(elements[(middle + 1)...]),
                children: isLeaf ? [] : Array(children[(middle + 1)...]))
            let split = Split(middle: elements[middle], right: right)
            elements.removeSubrange(middle...)
            if !isLeaf { children.removeSubrange((middle + 1)...) }
            return split
        }

        /// - Precondition: `key` is below this node.
        mutating func remove(_ key: Key) -> Value {
            let (position, isFound) = find(key)
            if isLeaf {
                precondition(isFound, "removal of a key that is not there")
                return elements.remove(at: position).value
            }
            let removed: Value
            if isFound {
                removed = elements[position].value
                elements[position] = children[position].removeLast()
            } else {
                removed = children[position].remove(key)
            }
            refill(position)
            return removed
        }

        private mutating func removeLast() -> Element {
            guard !isLeaf else { return elements.removeLast() }
            let last = children.count - 1
            let removed = children[last].removeLast()
            refill(last)
            return removed
        }

        /// Gives a child that has one element too few one of a neighbour's, or unites the two.
        private mutating func refill(_ child: Int) {
            guard children[child].elements.count < elementsMin else { return }
            if child > 0, children[child - 1].elements.count > elementsMin {
                let moved = children[child - 1].elements.removeLast()
                children[child].elements.insert(elements[child - 1], at: 0)
                elements[child - 1] = moved
                if !children[child].isLeaf {
                    children[child].children.insert(
                        children[child - 1].children.removeLast(), at: 0)
                }
            } else if child + 1 < children.count, children[child + 1].elements.count > elementsMin {
                let moved = children[child + 1].elements.removeFirst()
                children[child].elements.append(elements[child])
                elements[child] = moved
                if !children[child].isLeaf {
                    children[child].children.append(children[child + 1].children.removeFirst())
                }
            } else {
                unite(at: child > 0 ? child - 1 : child)
            }
        }

        /// Makes one child of the two beside element `position`, with it between them.
        private mutating func unite(at position: Int) {
            let right = children.remove(at: position + 1)
            children[position].elements.append(elements.remove(at: position))
            children[position].elements.append(contentsOf: right.elements)
            children[position].children.append(contentsOf: right.children)
        }

        func check(depth: Int, isRoot: Bool, leafDepth: inout Int?) {
            precondition(elements.count <= elementsMax, "\(elements.count) elements in a node")
            precondition(isRoot || elements.count >= elementsMin, "only \(elements.count) elements")
            if isLeaf {
                precondition(leafDepth ?? depth == depth, "leaves at two depths")
                leafDepth = depth
                return
            }
            precondition(children.count == elements.count + 1, "children do not match elements")
            for child in children {
                child.check(depth: depth + 1, isRoot: false, leafDepth: &leafDepth)
            }
        }
    }
}

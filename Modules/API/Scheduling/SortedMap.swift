// SPDX-License-Identifier: Apache-2.0

/// Values by name, always in the order of the names, so that equal maps are met, written and hashed
/// alike on every machine. Lookup takes O(log n), insertion O(n): it is for some hundred names.
package struct SortedMap<Value: Sendable>: Sendable {
    package struct Element: Sendable {
        package let key: String
        package var value: Value

        @inlinable package init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    @usableFromInline var stored: [Element] = []

    @inlinable package init() {}

    @inlinable package var elements: [Element] { stored }
    @inlinable package var isEmpty: Bool { stored.isEmpty }
    @inlinable package var count: Int { stored.count }
    package var keys: [String] { elements.map(\.key) }
    package var values: [Value] { elements.map(\.value) }

    @inlinable package subscript(key: String) -> Value? {
        get {
            let (position, isFound) = find(key)
            return isFound ? stored[position].value : nil
        }
        set {
            let (position, isFound) = find(key)
            switch (newValue, isFound) {
            case (let value?, true): stored[position].value = value
            case (let value?, false):
                stored.insert(Element(key: key, value: value), at: position)
            case (nil, true): stored.remove(at: position)
            case (nil, false): break
            }
        }
    }

    @inlinable package subscript(key: String, default fallback: Value) -> Value {
        get { self[key] ?? fallback }
        set { self[key] = newValue }
    }

    /// The first element whose key is not less than `key`, and whether it is `key`'s.
    @inlinable func find(_ key: String) -> (position: Int, isFound: Bool) {
        // What is built in order is never searched.
        if let last = stored.last, last.key < key { return (stored.count, false) }
        var low = 0
        var high = stored.count
        while low < high {
            let middle = (low + high) / 2
            if stored[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < stored.count && stored[low].key == key)
    }
}

extension SortedMap: ExpressibleByDictionaryLiteral {
    /// Of two with one name the later counts.
    @inlinable package init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements)
    }

    /// Of two with one name the later counts.
    @inlinable package init(_ elements: some Sequence<(String, Value)>) {
        for (key, value) in elements { self[key] = value }
    }
}

extension SortedMap where Value == Int {
    /// The counts above 0, by the names of the same numbers, which are different.
    package init(counts: [Int], names: [String]) {
        for (number, count) in counts.enumerated() where count > 0 {
            let name = names[number]
            var place = stored.count
            while place > 0, name < stored[place - 1].key { place -= 1 }
            stored.insert(Element(key: name, value: count), at: place)
        }
    }
}

extension SortedMap: Sequence {
    @inlinable package func makeIterator() -> IndexingIterator<[Element]> { stored.makeIterator() }
}

extension SortedMap.Element: Equatable where Value: Equatable {}
extension SortedMap: Equatable where Value: Equatable {}
extension SortedMap.Element: Hashable where Value: Hashable {}
extension SortedMap: Hashable where Value: Hashable {}

/// Text by name: attributes, metadata, an environment.
package typealias StringMap = SortedMap<String>

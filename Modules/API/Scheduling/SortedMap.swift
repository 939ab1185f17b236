// SPDX-License-Identifier: Apache-2.0

/// Values by name, always in the order of the names, so that equal maps are met, written and hashed
/// alike on every machine. Lookup takes O(log n), insertion O(n): it is for some hundred names.
package struct SortedMap<Value: Sendable>: Sendable {
    package struct Element: Sendable {
        package let key: String
        package var value: Value

        package init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// In the order of the names. Stored, not computed: what another module asks of these it does where it
    /// stands, where anything of a generic type would be found by its metadata first.
    package private(set) var elements: [Element] = []

    package init() {}

    package var isEmpty: Bool { elements.isEmpty }
    package var count: Int { elements.count }
    package var keys: [String] { elements.map(\.key) }
    package var values: [Value] { elements.map(\.value) }

    package subscript(key: String) -> Value? {
        get {
            let (position, isFound) = find(key)
            return isFound ? elements[position].value : nil
        }
        set {
            let (position, isFound) = find(key)
            switch (newValue, isFound) {
            case (let value?, true): elements[position].value = value
            case (let value?, false):
                elements.insert(Element(key: key, value: value), at: position)
            case (nil, true): elements.remove(at: position)
            case (nil, false): break
            }
        }
    }

    package subscript(key: String, default fallback: Value) -> Value {
        get { self[key] ?? fallback }
        set { self[key] = newValue }
    }

    /// The first element whose key is not less than `key`, and whether it is `key`'s.
    func find(_ key: String) -> (position: Int, isFound: Bool) {
        // What is built in order is never searched.
        if let last = elements.last, last.key < key { return (elements.count, false) }
        var low = 0
        var high = elements.count
        while low < high {
            let middle = (low + high) / 2
            if elements[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < elements.count && elements[low].key == key)
    }
}

extension SortedMap: ExpressibleByDictionaryLiteral {
    /// Of two with one name the later counts.
    package init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements)
    }

    /// Of two with one name the later counts.
    package init(_ elements: some Sequence<(String, Value)>) {
        for (key, value) in elements { self[key] = value }
    }
}

extension SortedMap where Value == Int {
    /// The counts above 0, by the names of the same numbers, which are different.
    package init(counts: [Int], names: [String]) {
        for (number, count) in counts.enumerated() where count > 0 {
            let name = names[number]
            var place = elements.count
            while place > 0, name < elements[place - 1].key { place -= 1 }
            elements.insert(Element(key: name, value: count), at: place)
        }
    }
}

extension SortedMap: Sequence {
    package func makeIterator() -> IndexingIterator<[Element]> { elements.makeIterator() }
}

extension SortedMap.Element: Equatable where Value: Equatable {}
extension SortedMap: Equatable where Value: Equatable {}
extension SortedMap.Element: Hashable where Value: Hashable {}
extension SortedMap: Hashable where Value: Hashable {}

/// Text by name: attributes, metadata, an environment.
package typealias StringMap = SortedMap<String>

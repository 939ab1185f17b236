// SPDX-License-Identifier: Apache-2.0

/// Values by name, always in the order of the names, so that equal maps are met, written and hashed
/// alike on every machine. Lookup takes O(log n), insertion O(n): it is for some hundred names.
///
/// All of it is open to other modules' compilers: what they ask of it they do where they stand, where anything
/// of a generic type would be found by its metadata first, at several times the price of the search.
public struct SortedMap<Value: Sendable>: Sendable {
    public struct Element: Sendable {
        public let key: String
        public var value: Value

        @inlinable public init(key: String, value: Value) {
            self.key = key
            self.value = value
        }
    }

    @usableFromInline var stored: [Element] = []

    @inlinable public init() {}

    /// In the order of the names.
    @inlinable public var elements: [Element] { stored }
    @inlinable public var isEmpty: Bool { stored.isEmpty }
    @inlinable public var count: Int { stored.count }
    @inlinable public var keys: [String] { stored.map(\.key) }
    @inlinable public var values: [Value] { stored.map(\.value) }

    @inlinable public subscript(key: String) -> Value? {
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

    @inlinable public subscript(key: String, default fallback: Value) -> Value {
        get { self[key] ?? fallback }
        set { self[key] = newValue }
    }

    /// Adds what comes in order already, as in what was written of a map.
    ///
    /// - Returns: false, and nothing is added, if `key` does not follow all the others.
    @inlinable public mutating func append(_ value: Value, at key: String) -> Bool {
        if let last = stored.last, last.key >= key { return false }
        stored.append(Element(key: key, value: value))
        return true
    }

    /// Edits the value of `key` where it stands.
    ///
    /// - Returns: what `body` gives; nil if there is no value.
    @inlinable @discardableResult
    public mutating func update<Result>(
        _ key: String, _ body: (inout Value) -> Result
    ) -> Result? {
        let (position, isFound) = find(key)
        return isFound ? body(&stored[position].value) : nil
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
    @inlinable public init(dictionaryLiteral elements: (String, Value)...) {
        self.init(elements)
    }

    /// Of two with one name the later counts.
    @inlinable public init(_ elements: some Sequence<(String, Value)>) {
        for (key, value) in elements { self[key] = value }
    }
}

extension SortedMap where Value == Int {
    /// The counts above 0, by the names of the same numbers, which are different.
    @inlinable public init(counts: [Int], names: [String]) {
        for (number, count) in counts.enumerated() where count > 0 {
            let name = names[number]
            var place = stored.count
            while place > 0, name < stored[place - 1].key { place -= 1 }
            stored.insert(Element(key: name, value: count), at: place)
        }
    }
}

extension SortedMap: Sequence {
    @inlinable public func makeIterator() -> IndexingIterator<[Element]> { stored.makeIterator() }
}

extension SortedMap.Element: Equatable where Value: Equatable {}
extension SortedMap: Equatable where Value: Equatable {}
extension SortedMap.Element: Hashable where Value: Hashable {}
extension SortedMap: Hashable where Value: Hashable {}

/// Text by name: attributes, metadata, an environment.
package typealias StringMap = SortedMap<String>

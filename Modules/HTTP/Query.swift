// SPDX-License-Identifier: Apache-2.0

/// The query of a request's target, read when it is asked for.
///
/// Pairs keep their order, names their case; `+` is a space. A part that cannot be decoded (a bad
/// escape, or no UTF-8) is kept as it was sent, and ``hasInvalidPair`` tells: whoever acts on a
/// query asks that first, so that a damaged condition never becomes an absent one.
package struct Query: Sendable {
    private let bytes: [UInt8]
    private let range: Range<Int>

    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    /// Reads what follows the `?` of a target.
    package init(_ text: String) {
        bytes = Array(text.utf8)
        range = bytes.indices
    }

    /// As it was sent, to be passed on.
    package var rawText: String { String(decoding: bytes[range], as: UTF8.self) }

    /// The value of the first pair of that name; empty for a bare name; nil without one.
    package func first(_ name: String) -> String? {
        var found: Pair?
        forEachPair { pair in
            if matches(pair, name) { found = pair }
            return found == nil
        }
        return found.map { text(in: $0.value) }
    }

    package func all(_ name: String) -> [String] {
        var values: [String] = []
        forEachPair { pair in
            if matches(pair, name) { values.append(text(in: pair.value)) }
            return true
        }
        return values
    }

    package func contains(_ name: String) -> Bool {
        var isFound = false
        forEachPair { pair in
            isFound = matches(pair, name)
            return !isFound
        }
        return isFound
    }

    package var pairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        forEachPair { pair in
            pairs.append((text(in: pair.name), text(in: pair.value)))
            return true
        }
        return pairs
    }

    /// Whether there is no pair.
    package var isEmpty: Bool {
        var isEmpty = true
        forEachPair { _ in
            isEmpty = false
            return false
        }
        return isEmpty
    }

    package var hasInvalidPair: Bool {
        var isInvalid = false
        forEachPair { pair in
            isInvalid = decoded(pair.name) == nil || decoded(pair.value) == nil
            return !isInvalid
        }
        return isInvalid
    }

    private struct Pair {
        let name: Range<Int>
        let value: Range<Int>
    }

    /// Calls `body` with each pair that is not empty, until it returns false.
    private func forEachPair(_ body: (Pair) -> Bool) {
        var start = range.lowerBound
        while start < range.upperBound {
            let rest = start..<range.upperBound
            let end = bytes[rest].firstIndex(of: UInt8(ascii: "&")) ?? range.upperBound
            if start < end {
                let equals = bytes[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
                let pair = Pair(name: start..<equals, value: min(equals + 1, end)..<end)
                guard body(pair) else { return }
            }
            start = end + 1
        }
    }

    private func matches(_ pair: Pair, _ name: String) -> Bool {
        var decoder = PercentDecoder(position: pair.name.lowerBound, end: pair.name.upperBound)
        for expected in name.utf8 where decoder.next(bytes, plusIsSpace: true) != expected {
            return false
        }
        return decoder.next(bytes, plusIsSpace: true) == nil && decoder.isValid
    }

    private func decoded(_ part: Range<Int>) -> String? {
        percentDecoded(bytes, in: part, plusIsSpace: true)
    }

    private func text(in part: Range<Int>) -> String { decoded(part) ?? bytes.text(in: part) }
}

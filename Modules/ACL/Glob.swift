// SPDX-License-Identifier: Apache-2.0

/// A name with `*` for any number of characters, none included.
///
/// It is cut at its stars. What stands before the first and behind the last must be there at the ends;
/// each part between is looked for from where the one before ended, and the first place is as good as any.
/// So matching takes time in proportion to the name and the glob together, whatever they are: parts are
/// found by Knuth, Morris and Pratt's algorithm, and nothing is tried twice.
struct Glob: Sendable {
    let text: String
    /// Bytes that are no star: the more, the closer a name that matches is.
    let literalCount: Int
    let hasStar: Bool
    private let prefix: [UInt8]
    private let suffix: [UInt8]
    private let middle: [Part]

    init(_ text: String) {
        self.text = text
        let parts = text.utf8.split(
            separator: UInt8(ascii: "*"), omittingEmptySubsequences: false
        ).map { Array($0) }
        hasStar = parts.count > 1
        literalCount = text.utf8.count - (parts.count - 1)
        prefix = parts[0]  // Splitting gives at least one part.
        suffix = hasStar ? parts[parts.count - 1] : []
        middle = parts.dropFirst().dropLast().filter { !$0.isEmpty }.map(Part.init)
    }

    func matches(_ name: String) -> Bool { matches(name.utf8Span.span) }

    /// - Parameter name: its bytes of UTF-8.
    func matches(_ name: Span<UInt8>) -> Bool {
        guard hasStar ? name.count >= literalCount : name.count == literalCount,
            Self.holds(prefix, at: 0, of: name),
            Self.holds(suffix, at: name.count - suffix.count, of: name)
        else { return false }
        var position = prefix.count
        for part in middle {
            guard let next = part.end(in: name, from: position, to: name.count - suffix.count)
            else { return false }
            position = next
        }
        return true
    }

    private static func holds(_ bytes: [UInt8], at start: Int, of name: Span<UInt8>) -> Bool {
        for offset in bytes.indices where name[start + offset] != bytes[offset] { return false }
        return true
    }

    /// What stands between two stars. Not empty.
    private struct Part: Sendable {
        let bytes: [UInt8]
        /// For each place: how many bytes before it, it included, are also the part's beginning.
        let borders: [Int]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var borders = [0]
            var length = 0
            for byte in bytes.dropFirst() {
                while length > 0, bytes[length] != byte { length = borders[length - 1] }
                if bytes[length] == byte { length += 1 }
                borders.append(length)
            }
            self.borders = borders
        }

        /// Where the first place ends at which the part stands; nil if it stands nowhere between.
        func end(in name: Span<UInt8>, from start: Int, to end: Int) -> Int? {
            var length = 0
            for position in start..<max(start, end) {
                let byte = name[position]
                while length > 0, bytes[length] != byte { length = borders[length - 1] }
                if bytes[length] == byte { length += 1 }
                if length == bytes.count { return position + 1 }
            }
            return nil
        }
    }
}

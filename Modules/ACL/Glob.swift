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

    func matches(_ name: String) -> Bool {
        let bytes = name.utf8
        guard hasStar else { return bytes.elementsEqual(prefix) }
        guard bytes.count >= literalCount, bytes.starts(with: prefix),
            bytes.suffix(suffix.count).elementsEqual(suffix)
        else { return false }
        var rest = bytes.dropFirst(prefix.count).dropLast(suffix.count)
        return middle.allSatisfy { $0.take(from: &rest) }
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

        /// Goes on behind the first place where the part stands; false if it stands nowhere.
        func take(from rest: inout Substring.UTF8View) -> Bool {
            var length = 0
            var position = rest.startIndex
            while position != rest.endIndex {
                let byte = rest[position]
                while length > 0, bytes[length] != byte { length = borders[length - 1] }
                if bytes[length] == byte { length += 1 }
                position = rest.index(after: position)
                guard length < bytes.count else {
                    rest = rest[position...]
                    return true
                }
            }
            return false
        }
    }
}

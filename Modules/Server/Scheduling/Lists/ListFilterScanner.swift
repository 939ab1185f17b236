// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// Cuts a filter into its words.
struct ListFilterScanner {
    enum Token: Equatable {
        case open
        case close
        case equal
        case unequal
        /// A keyword, a selector, or a value without quotation marks.
        case word([String])
        case text(String)
        case end

        var shown: String {
            switch self {
            case .open: "\"(\""
            case .close: "\")\""
            case .equal: "\"==\""
            case .unequal: "\"!=\""
            case .word(let parts): goQuoted(String(parts.joined(separator: ".").prefix(32)))
            case .text(let text): "the text \(goQuoted(String(text.prefix(32))))"
            case .end: "the end"
            }
        }
    }

    private let scalars: [Unicode.Scalar]
    private var place = 0

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// The next token, and where it begins: from 1.
    mutating func next() throws(ListFilterError) -> (token: Token, position: Int) {
        while place < scalars.count, Self.spaces.contains(scalars[place]) { place += 1 }
        let position = place + 1
        guard place < scalars.count else { return (.end, position) }
        switch scalars[place] {
        case "(":
            place += 1
            return (.open, position)
        case ")":
            place += 1
            return (.close, position)
        case "=", "!":
            guard place + 1 < scalars.count, scalars[place + 1] == "=" else {
                throw unexpected()
            }
            place += 2
            return (scalars[place - 2] == "=" ? .equal : .unequal, position)
        case "\"", "`": return (.text(try text()), position)
        default: return (.word(try word()), position)
        }
    }

    private static let spaces: [Unicode.Scalar] = [" ", "\t", "\n", "\r"]

    private func unexpected() -> ListFilterError {
        guard place < scalars.count else {
            return ListFilterError(position: place + 1, why: "it ends too early")
        }
        return ListFilterError(
            position: place + 1, why: "unexpected \(goQuoted(String(Character(scalars[place]))))")
    }

    /// In quotation marks with `\"` and `\\`, or between backticks as it is.
    private mutating func text() throws(ListFilterError) -> String {
        let (begin, mark) = (place, scalars[place])
        var text = String.UnicodeScalarView()
        place += 1
        while place < scalars.count {
            let scalar = scalars[place]
            place += 1
            if scalar == mark { return String(text) }
            guard scalar == "\\", mark == "\"" else {
                text.append(scalar)
                continue
            }
            guard place < scalars.count, let meant = Self.escapes[scalars[place]] else {
                throw ListFilterError(
                    position: place, why: "an escape that is none of \\\" \\\\ \\n \\t")
            }
            text.append(meant)
            place += 1
        }
        throw ListFilterError(position: begin + 1, why: "a text without an end")
    }

    private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\"": "\"", "\\": "\\", "n": "\n", "t": "\t",
    ]

    /// Names with points between them; `["any text"]` is a name too.
    private mutating func word() throws(ListFilterError) -> [String] {
        var parts = [try name()]
        while place < scalars.count {
            switch scalars[place] {
            case ".":
                place += 1
                parts.append(try name())
            case "[":
                place += 1
                guard place < scalars.count, scalars[place] == "\"" || scalars[place] == "`" else {
                    throw unexpected()
                }
                parts.append(try text())
                guard place < scalars.count, scalars[place] == "]" else { throw unexpected() }
                place += 1
            default: return parts
            }
        }
        return parts
    }

    private mutating func name() throws(ListFilterError) -> String {
        var name = String.UnicodeScalarView()
        while place < scalars.count, Self.isOfName(scalars[place]) {
            name.append(scalars[place])
            place += 1
        }
        guard !name.isEmpty else { throw unexpected() }
        return String(name)
    }

    private static func isOfName(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
        default: false
        }
    }
}

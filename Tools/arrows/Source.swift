// SPDX-License-Identifier: Apache-2.0

/// Swift text with everything that is not code blanked out.
///
/// Comments and the literal parts of strings become spaces, so that words in them do not count and
/// every byte keeps its line. Code inside an interpolation stays.
struct Source {
    /// As written, for the rules about comments.
    let lines: [Substring]
    /// The same lines with spaces for what is not code.
    let code: [[UInt8]]

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var blanker = Blanker(Array(text.utf8))
        code = blanker.blanked()
            .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
    }
}

/// Walks the bytes once; a stack says what surrounds the position.
private struct Blanker {
    private enum Context {
        /// Code, inside so many parentheses of the interpolation that it belongs to.
        case code(depth: Int)
        /// A string literal: how many `#` and whether it has three quotes.
        case string(pounds: Int, isMultiline: Bool)
    }

    private let bytes: [UInt8]
    private var output: [UInt8]
    private var position = 0
    private var stack: [Context] = [.code(depth: 0)]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        output = bytes
    }

    mutating func blanked() -> [UInt8] {
        while position < bytes.count, let context = stack.last {
            switch context {
            case .code(let depth): stepInCode(depth)
            case .string(let pounds, let isMultiline): stepInString(pounds, isMultiline)
            }
        }
        return output
    }

    private func at(_ index: Int) -> UInt8 {
        index < bytes.count ? bytes[index] : 0
    }

    private func has(_ text: String, at index: Int) -> Bool {
        var index = index
        for wanted in text.utf8 {
            guard at(index) == wanted else { return false }
            index += 1
        }
        return true
    }

    private func pounds(at index: Int) -> Int {
        var count = 0
        while at(index + count) == UInt8(ascii: "#") { count += 1 }
        return count
    }

    private mutating func blank(_ count: Int) {
        for index in position..<min(position + count, bytes.count)
        where bytes[index] != UInt8(ascii: "\n") {
            output[index] = UInt8(ascii: " ")
        }
        position += count
    }

    private mutating func stepInCode(_ depth: Int) {
        if has("//", at: position) {
            while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { blank(1) }
            return
        }
        if has("/*", at: position) {
            blankBlockComment()
            return
        }
        let pounds = pounds(at: position)
        if at(position + pounds) == UInt8(ascii: "\"") {
            let isMultiline = has("\"\"\"", at: position + pounds)
            blank(pounds + (isMultiline ? 3 : 1))
            stack.append(.string(pounds: pounds, isMultiline: isMultiline))
            return
        }
        let byte = bytes[position]
        position += 1
        guard stack.count > 1 else { return }
        if byte == UInt8(ascii: "(") {
            stack[stack.count - 1] = .code(depth: depth + 1)
        } else if byte == UInt8(ascii: ")") {
            stack.removeLast()
            if depth > 1 { stack.append(.code(depth: depth - 1)) }
        }
    }

    /// Block comments nest in Swift.
    private mutating func blankBlockComment() {
        var depth = 0
        repeat {
            if has("/*", at: position) {
                depth += 1
                blank(2)
            } else if has("*/", at: position) {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && position < bytes.count
    }

    private mutating func stepInString(_ pounds: Int, _ isMultiline: Bool) {
        let quotes = isMultiline ? 3 : 1
        if bytes[position] == UInt8(ascii: "\\"), self.pounds(at: position + 1) >= pounds {
            let escaped = position + 1 + pounds
            if at(escaped) == UInt8(ascii: "(") {
                blank(1 + pounds)
                position += 1
                stack.append(.code(depth: 1))
            } else {
                blank(2 + pounds)
            }
            return
        }
        let closes =
            isMultiline ? has("\"\"\"", at: position) : bytes[position] == UInt8(ascii: "\"")
        if closes, self.pounds(at: position + quotes) >= pounds {
            blank(quotes + pounds)
            stack.removeLast()
            return
        }
        // A one-line literal ends with its line, whatever is missing: do not lose the whole file.
        if !isMultiline, bytes[position] == UInt8(ascii: "\n") {
            stack.removeLast()
            return
        }
        blank(1)
    }
}

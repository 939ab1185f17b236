// SPDX-License-Identifier: Apache-2.0

/// The smallest parts of a text.
enum HCLToken: Equatable {
    /// Bare: `server`, `true`, `read-job`.
    case word(String)
    /// Quoted or a heredoc, with its escapes read.
    case string(String)
    case number(String)
    case equals, comma, openBrace, closeBrace, openBracket, closeBracket
    case end

    /// What a message says that it found.
    var found: String {
        switch self {
        case .word(let text): hclQuoted(text)
        case .string(let text): "the string \(hclQuoted(text))"
        case .number(let text): "the number \(text.prefix(40))"
        case .equals: "\"=\""
        case .comma: "\",\""
        case .openBrace: "\"{\""
        case .closeBrace: "\"}\""
        case .openBracket: "\"[\""
        case .closeBracket: "\"]\""
        case .end: "the end of the file"
        }
    }
}

/// Cuts a text into tokens, and knows where each begins. Strings: `HCLScanner+Strings.swift`.
///
/// - Precondition: the bytes are UTF-8 without NULs.
struct HCLScanner {
    let bytes: [UInt8]
    var offset = 0
    private var line = 1
    private var column = 1

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var position: HCLPosition { HCLPosition(line: line, column: column) }

    /// nil at the end.
    var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    func peek(_ distance: Int) -> UInt8? {
        offset + distance < bytes.count ? bytes[offset + distance] : nil
    }

    /// Goes one byte on.
    mutating func advance() {
        let byte = bytes[offset]
        offset += 1
        if byte == UInt8(ascii: "\n") {
            line += 1
            column = 1
        } else if current.map(Self.continuesCharacter) != true {
            column += 1
        }
    }

    mutating func advance(by count: Int) {
        for _ in 0..<count { advance() }
    }

    /// The next token, and where it begins.
    mutating func next() throws(HCLError) -> (token: HCLToken, position: HCLPosition) {
        try skipBlanksAndComments()
        let begin = position
        guard let byte = current else { return (.end, begin) }
        switch byte {
        case UInt8(ascii: "="): return (sign(.equals), begin)
        case UInt8(ascii: ","): return (sign(.comma), begin)
        case UInt8(ascii: "{"): return (sign(.openBrace), begin)
        case UInt8(ascii: "}"): return (sign(.closeBrace), begin)
        case UInt8(ascii: "["): return (sign(.openBracket), begin)
        case UInt8(ascii: "]"): return (sign(.closeBracket), begin)
        case UInt8(ascii: "\""): return (.string(try quotedString()), begin)
        case UInt8(ascii: "<"): return (.string(try heredoc()), begin)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."):
            return (.number(try number()), begin)
        default: return (try word(), begin)
        }
    }

    private mutating func sign(_ token: HCLToken) -> HCLToken {
        advance()
        return token
    }

    // MARK: Blanks

    static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }

    /// Bytes 10xxxxxx have no column of their own.
    static func continuesCharacter(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    private mutating func skipBlanksAndComments() throws(HCLError) {
        while let byte = current {
            switch (byte, peek(1)) {
            case _ where Self.isBlank(byte): advance()
            case (UInt8(ascii: "#"), _), (UInt8(ascii: "/"), UInt8(ascii: "/")): skipLine()
            case (UInt8(ascii: "/"), UInt8(ascii: "*")): try skipComment()
            default: return
            }
        }
    }

    private mutating func skipLine() {
        while let byte = current, byte != UInt8(ascii: "\n") { advance() }
    }

    private mutating func skipComment() throws(HCLError) {
        let begin = position
        advance(by: 2)
        while current != nil {
            if current == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
                return advance(by: 2)
            }
            advance()
        }
        throw HCLError("this comment is never closed: \"*/\" is missing", at: begin)
    }

    // MARK: Words and numbers

    private mutating func word() throws(HCLError) -> HCLToken {
        let begin = position
        let start = offset
        guard let first = scalar, Self.beginsWord(first) else {
            throw HCLError("unexpected character \(shownCharacter)", at: begin)
        }
        while let next = scalar, Self.continuesWord(next) {
            advance(by: UTF8.width(next))
        }
        return .word(String(decoding: bytes[start..<offset], as: UTF8.self))
    }

    private mutating func number() throws(HCLError) -> String {
        let begin = position
        let start = offset
        advance()
        while let byte = current, continuesNumber(byte) { advance() }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard HCLNumber.isNumber(text) else {
            throw HCLError(
                "\(hclQuoted(text)) is no number; what is text, such as a duration, stands in"
                    + " quotation marks", at: begin)
        }
        return text
    }

    private func continuesNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "_"),
            0x80...:
            true
        case UInt8(ascii: "+"), UInt8(ascii: "-"): bytes[offset - 1] | 0x20 == UInt8(ascii: "e")
        default: false
        }
    }

    // MARK: Characters

    /// The character that begins here; nil at the end.
    private var scalar: Unicode.Scalar? {
        guard let byte = current else { return nil }
        guard byte >= 0x80 else { return Unicode.Scalar(byte) }
        var end = offset + 1
        while end < bytes.count, Self.continuesCharacter(bytes[end]) { end += 1 }
        return String(decoding: bytes[offset..<end], as: UTF8.self).unicodeScalars.first
    }

    var shownCharacter: String {
        guard let scalar else { return "(none)" }
        let isShown = scalar.value > 0x20 && !(0x7F...0xA0).contains(scalar.value)
        return isShown
            ? "\"\(scalar)\"" : "U+" + String(scalar.value + 0x1_0000, radix: 16).dropFirst()
    }

    private static func beginsWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic
    }

    private static func continuesWord(_ scalar: Unicode.Scalar) -> Bool {
        beginsWord(scalar) || scalar == "-" || scalar == "." || ("0"..."9").contains(scalar)
    }

    /// Whether a key or label needs no quotation marks; the printer's question.
    static func isPlainWord(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first.isASCII, beginsWord(first) else {
            return false
        }
        return text.unicodeScalars.allSatisfy { $0.isASCII && continuesWord($0) }
    }
}

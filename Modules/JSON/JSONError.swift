// SPDX-License-Identifier: Apache-2.0

/// Why a text is not a JSON document that we take, and where.
///
/// ``description`` uses the words of Go's `encoding/json` where that has an error of the same
/// meaning: operators and scripts know them from Nomad.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        /// Nothing but blanks.
        case empty
        /// The text ends inside a value.
        case unexpectedEnd
        /// `context` says what was being read, as in "looking for beginning of value".
        case invalidCharacter(UInt8, context: String)
        /// A string holds bytes that are not UTF-8 (RFC 8259 §8.1).
        case invalidUTF8
        /// Two names of one object are equal, or differ in case only.
        case duplicateName(String)
        /// Arrays and objects are nested deeper than this.
        case tooDeep(limit: Int)
        /// The text has more bytes than this.
        case tooLarge(limitBytes: Int)
        /// The document has more values than this.
        case tooManyValues(limit: Int)
    }

    package let reason: Reason
    /// Bytes before the offending one.
    package let offset: Int
    /// Counted from 1; lines end with a line feed.
    package let line: Int
    /// Counted from 1, in bytes.
    package let column: Int

    init(_ reason: Reason, in bytes: [UInt8], at offset: Int) {
        self.reason = reason
        self.offset = offset
        var line = 1
        var lineStart = 0
        for (index, byte) in bytes.prefix(offset).enumerated() where byte == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        self.line = line
        self.column = offset - lineStart + 1
    }

    package var description: String {
        switch reason {
        case .empty: "EOF"
        case .unexpectedEnd: "unexpected EOF"
        case .invalidCharacter(let byte, let context):
            "invalid character \(Self.quoted(byte)) \(context)"
        case .invalidUTF8: "invalid UTF-8 in string literal"
        case .duplicateName(let name): "duplicate object key \(goQuoted(name))"
        case .tooDeep(let limit): "exceeded max depth of \(limit)"
        case .tooLarge(let limit): "exceeded max size of \(limit) bytes"
        case .tooManyValues(let limit): "exceeded max number of \(limit) values"
        }
    }

    /// One byte between apostrophes, read as the Unicode scalar of that number, as Go shows it.
    private static func quoted(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "'"): "'\\''"
        case UInt8(ascii: "\""): "'\"'"
        default: "'\(goQuoted(String(Unicode.Scalar(byte))).dropFirst().dropLast())'"
        }
    }
}

/// `text` between quotation marks, with what is not printable escaped, as Go's `%q` does: for
/// messages, never for documents.
package func goQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{07}": result += "\\a"
        case "\u{08}": result += "\\b"
        case "\u{0C}": result += "\\f"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case "\u{0B}": result += "\\v"
        case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
        case _ where scalar.value < 0x80: result += "\\x" + hexadecimal(scalar.value, digits: 2)
        case _ where scalar.value < 0x1_0000: result += "\\u" + hexadecimal(scalar.value, digits: 4)
        default: result += "\\U" + hexadecimal(scalar.value, digits: 8)
        }
    }
    return result + "\""
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
        .paragraphSeparator:
        false
    case .spaceSeparator: scalar == " "
    default: true
    }
}

private func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

// SPDX-License-Identifier: Apache-2.0
//
// The character classes of RFC 9110 §5.6 and comparisons of bytes with literals.

extension UInt8 {
    static let lineFeed: UInt8 = 0x0A
    static let carriageReturn: UInt8 = 0x0D

    /// `tchar`, what methods and field names are made of. A 128-bit set in two words: no table has
    /// to be initialised or loaded.
    var isTokenCharacter: Bool {
        let set: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        return self < 128 && set >> UInt64(self & 63) & 1 == 1
    }

    /// What a field value may hold: tab, space, visible characters and obs-text. RFC 9110 §5.5 lets
    /// a recipient keep other control characters; here they are refused.
    var isFieldValueCharacter: Bool { self >= 0x20 && self != 0x7F || self == 0x09 }

    var isVisibleASCII: Bool { self > 0x20 && self < 0x7F }

    var isBlank: Bool { self == 0x20 || self == 0x09 }

    var isDigit: Bool { self &- 0x30 < 10 }

    var lowercased: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit, or nil.
    var hexadecimalValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = lowercased &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// What a host and port are made of: unreserved, sub-delims, `%`, `:` and the brackets of an
    /// IP literal (RFC 3986 §3.2.2). No `@`: user information has no place in a request.
    var isAuthorityCharacter: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: ","), UInt8(ascii: ";"),
            UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
            true
        default: false
        }
    }
}

extension [UInt8] {
    /// Whether the bytes in `range` are exactly `text`.
    func equals(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { literal in
            for offset in 0..<range.count
            where unsafe self[range.lowerBound + offset] != literal[offset] {
                return false
            }
            return true
        }
    }

    /// Whether the bytes in `range` are `lowercased`, whatever the case of their ASCII letters.
    func equalsIgnoringCase(_ lowercased: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == lowercased.utf8CodeUnitCount else { return false }
        return lowercased.withUTF8Buffer { literal in
            for offset in 0..<range.count
            where unsafe self[range.lowerBound + offset].lowercased != literal[offset] {
                return false
            }
            return true
        }
    }

    /// `range` without blanks (optional white space, RFC 9110 §5.6.3) at its ends.
    func trimmingBlanks(_ range: Range<Int>) -> Range<Int> {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high, self[low].isBlank { low += 1 }
        while low < high, self[high - 1].isBlank { high -= 1 }
        return low..<high
    }

    /// Calls `body` with each non-empty element of a comma-separated list (RFC 9110 §5.6.1),
    /// without the blanks around it. Quoted strings are not looked into: no list read this way has
    /// them.
    func forEachListElement(in range: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = range.lowerBound
        for position in range where self[position] == UInt8(ascii: ",") {
            let element = trimmingBlanks(start..<position)
            if !element.isEmpty { body(element) }
            start = position + 1
        }
        let last = trimmingBlanks(start..<range.upperBound)
        if !last.isEmpty { body(last) }
    }

    func text(in range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }

    mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends `number`, which is not negative, in decimal.
    mutating func append(decimal number: Int) {
        precondition(number >= 0, "a length or a status is negative: \(number)")
        if number >= 10 { append(decimal: number / 10) }
        append(UInt8(ascii: "0") + UInt8(number % 10))
    }
}

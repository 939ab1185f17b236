// SPDX-License-Identifier: Apache-2.0

/// What can write itself as one JSON value.
package protocol JSONWritable {
    func write(to writer: inout JSONWriter)
}

/// Appends a document to bytes, members in the order in which they are written.
///
/// The bytes are those of Go's `encoding/json`, so that an answer compares equal to Nomad's:
/// `<`, `>`, `&`, U+2028 and U+2029 are escaped, and the pretty form is that of `json.Indent`.
///
/// - Precondition: calls nest properly: in an object, a key before each value.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    package let isPretty: Bool
    /// For each open container, whether something is in it.
    private var open: [Bool] = []
    private var followsKey = false

    /// - Parameter pretty: four spaces a level, and a line each.
    package init(pretty: Bool = false) {
        isPretty = pretty
        bytes.reserveCapacity(256)  // Enough for most.
    }

    /// A whole document; the pretty form ends with a line feed.
    package static func encode(_ value: some JSONWritable, pretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(pretty: pretty)
        value.write(to: &writer)
        if pretty { writer.bytes.append(UInt8(ascii: "\n")) }
        return writer.bytes
    }

    // MARK: Containers

    package mutating func beginObject() { begin(UInt8(ascii: "{")) }

    package mutating func endObject() { end(UInt8(ascii: "}")) }

    package mutating func beginArray() { begin(UInt8(ascii: "[")) }

    package mutating func endArray() { end(UInt8(ascii: "]")) }

    /// An array of elements that were written already, with commas between them.
    ///
    /// - Precondition: this writer is not pretty.
    package mutating func array(compact elements: [UInt8]) {
        precondition(!isPretty, "written elements have no lines")
        beginArray()
        bytes += elements
        endArray()
    }

    package mutating func key(_ name: String) {
        precondition(!followsKey, "two keys in a row: \(name)")
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        if isPretty { bytes.append(UInt8(ascii: " ")) }
        followsKey = true
    }

    // MARK: Values

    package mutating func string(_ value: String) {
        separate()
        quote(value)
    }

    /// A text of ASCII of which nothing is escaped: `"`, `&`, `<`, `>`, the backslash and what is no text
    /// are not in it.
    package mutating func string(plain text: Span<UInt8>) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        append(text)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func int(_ value: Int64) {
        separate()
        append(decimal: value.magnitude, isNegative: value < 0)
    }

    package mutating func uint(_ value: UInt64) {
        separate()
        append(decimal: value, isNegative: false)
    }

    package mutating func bool(_ value: Bool) {
        separate()
        append(value ? "true" : "false")
    }

    package mutating func null() {
        separate()
        append("null")
    }

    /// The shortest text that reads back as `value`, with an exponent below 1e-6 and from 1e21 on.
    ///
    /// - Precondition: `value` is finite: JSON has no other numbers.
    package mutating func double(_ value: Double) {
        precondition(value.isFinite, "\(value) has no JSON form")
        separate()
        append(GoDouble.text(of: value))
    }

    package mutating func value(_ value: some JSONWritable) { value.write(to: &self) }

    // MARK: Members

    package mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    package mutating func member(_ name: String, _ value: Int64) {
        key(name)
        int(value)
    }

    package mutating func member(_ name: String, _ value: UInt64) {
        key(name)
        uint(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        bool(value)
    }

    package mutating func member(_ name: String, _ value: some JSONWritable) {
        key(name)
        value.write(to: &self)
    }

    package mutating func member(_ name: String, _ values: [some JSONWritable]) {
        key(name)
        beginArray()
        for value in values { value.write(to: &self) }
        endArray()
    }

    package mutating func member(_ name: String, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    // MARK: Layout

    private mutating func begin(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        open.append(false)
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(!followsKey, "a key without a value")
        guard let hadContent = open.popLast() else {
            preconditionFailure("more containers closed than opened")
        }
        if hadContent { breakLine() }
        bytes.append(bracket)
    }

    /// What stands between the previous value and the next.
    private mutating func separate() {
        if followsKey {
            followsKey = false
            return
        }
        guard let last = open.indices.last else { return }
        if open[last] { bytes.append(UInt8(ascii: ",")) }
        open[last] = true
        breakLine()
    }

    private mutating func breakLine() {
        guard isPretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 4 * open.count))
    }

    private mutating func append(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func append(_ text: Span<UInt8>) {
        // SAFETY: the buffer is read while it is lent.
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Digit by digit from the end, without memory for each number.
    private mutating func append(decimal value: UInt64, isNegative: Bool) {
        var digits = InlineArray<21, UInt8>(repeating: 0)
        var (start, rest) = (digits.count, value)
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        if isNegative {
            start -= 1
            digits[start] = minus
        }
        append(digits.span.extracting(start...))
    }

    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        // Looked through in its own memory, where it has one: byte by byte a view takes longer.
        // SAFETY: the bytes are only read, in the call.
        let seen = unsafe text.utf8.withContiguousStorageIfAvailable {
            unsafe $0.contains(where: Self.mayNeedEscape)
        }
        if seen ?? text.utf8.contains(where: Self.mayNeedEscape) {
            for scalar in text.unicodeScalars { appendEscaped(scalar) }
        } else {
            bytes.append(contentsOf: text.utf8)  // Nearly every string that we write.
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// 0xE2 is how U+2028 and U+2029 begin in UTF-8.
    private static func mayNeedEscape(_ byte: UInt8) -> Bool {
        byte < 0x40
            ? escaped >> byte & 1 == 1 : byte == UInt8(ascii: "\\") || byte == 0xE2
    }

    /// A bit for each byte below 0x40 that is escaped: what is no text, and `"`, `&`, `<`, `>`.
    private static let escaped: UInt64 = 0x5000_0044_FFFF_FFFF

    private mutating func appendEscaped(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": append("\\\"")
        case "\\": append("\\\\")
        case "\n": append("\\n")
        case "\r": append("\\r")
        case "\t": append("\\t")
        case "\0"..<" ", "<", ">", "&", "\u{2028}", "\u{2029}":
            let digits = String(scalar.value, radix: 16)
            append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
        default: bytes.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
        }
    }
}

extension JSONNode: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        switch value {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .number(let number): writer.number(number)
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.beginArray()
            for element in elements { element.write(to: &writer) }
            writer.endArray()
        case .object(let members):
            writer.beginObject()
            for member in members { writer.member(member.name, member.node) }
            writer.endObject()
        }
    }
}

extension JSONWriter {
    /// As it was written.
    package mutating func number(_ number: JSONNumber) {
        separate()
        append(number.text)
    }
}

/// How Go writes a floating-point number.
private enum GoDouble {
    static func text(of value: Double) -> String {
        let magnitude = value.magnitude
        guard magnitude != 0 else { return value.sign == .minus ? "-0" : "0" }
        let sign = value < 0 ? "-" : ""
        let (digits, point) = decimal(magnitude)
        if magnitude < 1e-6 || magnitude >= 1e21 {
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            let exponent = point - 1
            return sign + digits.prefix(1) + fraction + (exponent < 0 ? "e-" : "e+")
                + String(exponent.magnitude)
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count {
            return sign + digits + String(repeating: "0", count: point - digits.count)
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The shortest digits that identify `magnitude`, and where its decimal point stands in them.
    private static func decimal(_ magnitude: Double) -> (digits: String, point: Int) {
        let parts = magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let all = mantissa[0] + fraction
        let digits = all.drop { $0 == "0" }
        let point = mantissa[0].count + exponent - (all.count - digits.count)
        let trailing = digits.reversed().prefix { $0 == "0" }.count
        return (String(digits.dropLast(trailing)), point)
    }
}

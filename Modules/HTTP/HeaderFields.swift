// SPDX-License-Identifier: Apache-2.0

/// The head of a message as it came, with the places of its fields.
struct HeaderFields: Sendable {
    struct Field: Sendable {
        let name: Range<Int>
        /// Without the blanks around it.
        let value: Range<Int>
    }

    let bytes: [UInt8]
    private(set) var fields: [Field] = []

    /// Reads the field lines in `range`, each of which ends with CR LF.
    init(_ bytes: [UInt8], in range: Range<Int>) throws(HTTPViolation) {
        self.bytes = bytes
        // What clients send: four to eight fields.
        fields.reserveCapacity(8)
        var position = range.lowerBound
        while position < range.upperBound {
            let field = try Self.field(in: bytes, at: &position, end: range.upperBound)
            fields.append(field)
        }
    }

    /// Reads `name: value CR LF` (RFC 9112 §5) and moves `position` behind it. No blank stands
    /// before the colon, no line continues the one before, no control character hides in a value.
    static func field(
        in bytes: [UInt8], at position: inout Int, end: Int
    ) throws(HTTPViolation) -> Field {
        let start = position
        while position < end, bytes[position].isTokenCharacter { position += 1 }
        guard position > start, position < end, bytes[position] == UInt8(ascii: ":") else {
            throw .badRequest("malformed header field")
        }
        let name = start..<position
        position += 1
        let valueStart = position
        while position < end, bytes[position].isFieldValueCharacter { position += 1 }
        let value = bytes.trimmingBlanks(valueStart..<position)
        guard position + 1 < end, bytes[position] == .carriageReturn,
            bytes[position + 1] == .lineFeed
        else { throw .badRequest("invalid character in header field") }
        position += 2
        return Field(name: name, value: value)
    }

    /// The first field's value, if there is one. `name` is in lower case.
    func first(_ name: StaticString) -> String? {
        for field in fields where bytes.equalsIgnoringCase(name, in: field.name) {
            return bytes.text(in: field.value)
        }
        return nil
    }

    /// Calls `body` with each element of the lists in all fields of that name, in order: they make
    /// one list (RFC 9110 §5.3).
    func forEachElement(of name: StaticString, _ body: (Range<Int>) -> Void) {
        for field in fields where bytes.equalsIgnoringCase(name, in: field.name) {
            bytes.forEachListElement(in: field.value, body)
        }
    }

    /// A `Content-Length`, digits alone (RFC 9110 §8.6); `Int.max` for what does not fit. Nil if
    /// it is anything else, a sign or a list included.
    func length(_ value: Range<Int>) -> Int? {
        guard !value.isEmpty else { return nil }
        var length = 0
        for position in value {
            guard bytes[position].isDigit else { return nil }
            let (tens, tooLarge) = length.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(Int(bytes[position] &- 0x30))
            length = tooLarge || overflows ? .max : sum
        }
        return length
    }
}

/// What the fields that frame a message say, gathered in one pass (RFC 9112 §6).
struct Framing: Sendable {
    enum Coding: Equatable { case none, chunked, unknown, malformed }

    var contentLength: Int?
    var coding = Coding.none
    var closes = false
    var keepsAlive = false
    /// A second `Content-Length`, equal or not, or one that is no number.
    var hasBadLength = false

    /// Takes in one field. The length of a name decides quickly that most fields matter to nobody.
    mutating func note(_ field: HeaderFields.Field, of fields: HeaderFields) {
        let bytes = fields.bytes
        switch field.name.count {
        case 10 where bytes.equalsIgnoringCase("connection", in: field.name):
            bytes.forEachListElement(in: field.value) { element in
                if bytes.equalsIgnoringCase("close", in: element) { closes = true }
                if bytes.equalsIgnoringCase("keep-alive", in: element) { keepsAlive = true }
            }
        case 14 where bytes.equalsIgnoringCase("content-length", in: field.name):
            let length = fields.length(field.value)
            hasBadLength = hasBadLength || contentLength != nil || length == nil
            contentLength = length ?? 0
        case 17 where bytes.equalsIgnoringCase("transfer-encoding", in: field.name):
            noteCodings(field.value, bytes)
        default: break
        }
    }

    /// `chunked`, once, is the only coding understood here.
    private mutating func noteCodings(_ value: Range<Int>, _ bytes: [UInt8]) {
        var elements = 0
        bytes.forEachListElement(in: value) { element in
            elements += 1
            if !bytes[element].allSatisfy(\.isTokenCharacter) || coding == .malformed {
                coding = .malformed
            } else if bytes.equalsIgnoringCase("chunked", in: element) {
                // Chunked twice, or a coding before it: not something to guess at.
                coding = coding == .none ? .chunked : coding == .unknown ? .unknown : .malformed
            } else {
                coding = coding == .chunked ? .malformed : .unknown
            }
        }
        let places = bytes[value].count { $0 == UInt8(ascii: ",") } + 1
        if elements < places { coding = .malformed }
    }
}

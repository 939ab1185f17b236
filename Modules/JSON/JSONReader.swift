// SPDX-License-Identifier: Apache-2.0

/// Bounds of one document.
package struct JSONLimits: Equatable, Sendable {
    /// Arrays and objects inside each other. The reader and the tree use the stack in proportion.
    package var depthMax: Int
    package var bytesMax: Int
    /// Values in the whole tree; one takes some 50 bytes, and as little as 2 bytes of text.
    package var valuesMax: Int

    /// - Precondition: `depthMax` is at most 512: what the stack of any thread holds.
    package init(depthMax: Int = 64, bytesMax: Int = 16 << 20, valuesMax: Int = 1 << 20) {
        precondition(depthMax <= 512, "depth \(depthMax) could exhaust a stack")
        self.depthMax = depthMax
        self.bytesMax = bytesMax
        self.valuesMax = valuesMax
    }
}

/// Reads one document, strictly (RFC 8259): nothing before or after it but blanks, no byte order
/// mark, valid UTF-8, and no object with two names that differ in case at most, since decoders
/// disagree about which of them counts. As in Go, an escaped half of a surrogate pair becomes
/// U+FFFD.
package struct JSONReader {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0
    private var values = 0

    /// - Throws: the first fault of the text.
    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONNode {
        var reader = JSONReader(bytes, limits)
        return try reader.document()
    }

    private init(_ bytes: [UInt8], _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func document() throws(JSONError) -> JSONNode {
        guard bytes.count <= limits.bytesMax else {
            throw JSONError(.tooLarge(limitBytes: limits.bytesMax), in: bytes, at: limits.bytesMax)
        }
        skipBlanks()
        guard position < bytes.count else { throw error(.empty) }
        let root = try value()
        skipBlanks()
        guard position == bytes.count else { throw invalid("after top-level value") }
        return root
    }

    private mutating func value() throws(JSONError) -> JSONNode {
        values += 1
        guard values <= limits.valuesMax else {
            throw error(.tooManyValues(limit: limits.valuesMax))
        }
        let offset = position
        return JSONNode(value: try bareValue(), offset: offset)
    }

    private mutating func bareValue() throws(JSONError) -> JSONValue {
        switch try current() {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        case let byte where byte == minus || isDigit(byte): return .number(try number())
        default: throw invalid("looking for beginning of value")
        }
    }

    // MARK: Containers

    private mutating func elements() throws(JSONError) -> [JSONNode] {
        try enter()
        var elements: [JSONNode] = []
        if try current() == UInt8(ascii: "]") {
            leave()
            return elements
        }
        while true {
            elements.append(try value())
            if try isLast(closing: UInt8(ascii: "]"), otherwise: "after array element") {
                return elements
            }
        }
    }

    private static let comparedMax = 12

    private mutating func members() throws(JSONError) -> [JSONMember] {
        try enter()
        var members: [JSONMember] = []
        // Of large objects: few names are compared with each other.
        var names: Set<[UInt8]> = []
        if try current() == UInt8(ascii: "}") {
            leave()
            return members
        }
        while true {
            let member = try member()
            let isNew: Bool
            if members.count < Self.comparedMax {
                isNew = !members.contains { JSONName.areAlike($0.name, member.name) }
            } else {
                if names.isEmpty { names = Set(members.map { JSONName.folded($0.name) }) }
                isNew = names.insert(JSONName.folded(member.name)).inserted
            }
            guard isNew else {
                throw JSONError(
                    .duplicateName(member.name), in: bytes, at: member.nameOffset)
            }
            members.append(member)
            if try isLast(closing: UInt8(ascii: "}"), otherwise: "after object key:value pair") {
                return members
            }
        }
    }

    private mutating func member() throws(JSONError) -> JSONMember {
        let offset = position
        guard try current() == UInt8(ascii: "\"") else {
            throw invalid("looking for beginning of object key string")
        }
        let name = try string()
        skipBlanks()
        guard try current() == UInt8(ascii: ":") else { throw invalid("after object key") }
        position += 1
        skipBlanks()
        return JSONMember(name: name, nameOffset: offset, node: try value())
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= limits.depthMax else { throw error(.tooDeep(limit: limits.depthMax)) }
        position += 1
        skipBlanks()
    }

    private mutating func leave() {
        depth -= 1
        position += 1
    }

    /// Whether the container ends here; if not, stands at its next element or member.
    private mutating func isLast(
        closing: UInt8, otherwise context: String
    ) throws(JSONError) -> Bool {
        skipBlanks()
        switch try current() {
        case closing:
            leave()
            return true
        case UInt8(ascii: ","):
            position += 1
            skipBlanks()
            return false
        default: throw invalid(context)
        }
    }

    // MARK: Scalars

    private mutating func literal(_ word: String) throws(JSONError) {
        for expected in word.utf8 {
            guard try current() == expected else {
                throw invalid(
                    "in literal \(word) (expecting '\(Unicode.Scalar(expected))')")
            }
            position += 1
        }
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        skip(minus)
        if !skip(UInt8(ascii: "0")) { try digits("in numeric literal") }
        if skip(UInt8(ascii: ".")) { try digits("after decimal point in numeric literal") }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { skip(minus) }
            try digits("in exponent of numeric literal")
        }
        return JSONNumber(bytes[start..<position])
    }

    private mutating func digits(_ context: String) throws(JSONError) {
        guard isDigit(try current()) else { throw invalid(context) }
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
    }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        if let text = plainString() { return text }
        return try anyString()
    }

    /// A string in ASCII without a backslash, which is what most are: it is UTF-8 as it stands. Otherwise nil,
    /// and nothing is read.
    private mutating func plainString() -> String? {
        guard let end = endOfPlainString(in: bytes, from: position) else { return nil }
        let text = String(decoding: bytes[position..<end], as: UTF8.self)
        position = end + 1
        return text
    }

    private mutating func anyString() throws(JSONError) -> String {
        let start = position
        var unescaped: [UInt8] = []
        var copied = start
        while true {
            switch try current() {
            case UInt8(ascii: "\""):
                let rest = bytes[copied..<position]
                let whole = unescaped.isEmpty ? rest : (unescaped + rest)[...]
                guard let text = Self.text(whole) else {
                    throw JSONError(.invalidUTF8, in: bytes, at: start)
                }
                position += 1
                return text
            case UInt8(ascii: "\\"):
                unescaped += bytes[copied..<position]
                position += 1
                unescaped.append(contentsOf: try escape().utf8)
                copied = position
            case 0..<0x20: throw invalid("in string literal")
            default: position += 1
            }
        }
    }

    /// nil unless it is UTF-8. Decoding repairs what is not, and so shows it; validating alone takes
    /// five times as long.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        let (decoded, given) = (text.utf8.span, bytes.span)
        guard decoded.count == given.count else { return nil }
        for position in decoded.indices where decoded[position] != given[position] { return nil }
        return text
    }

    /// Reads what follows a backslash.
    private mutating func escape() throws(JSONError) -> String {
        let byte = try current()
        guard byte != UInt8(ascii: "u") else {
            position += 1
            return String(try escapedScalar())
        }
        let character: String
        switch byte {
        case UInt8(ascii: "\""): character = "\""
        case UInt8(ascii: "\\"): character = "\\"
        case UInt8(ascii: "/"): character = "/"
        case UInt8(ascii: "b"): character = "\u{08}"
        case UInt8(ascii: "f"): character = "\u{0C}"
        case UInt8(ascii: "n"): character = "\n"
        case UInt8(ascii: "r"): character = "\r"
        case UInt8(ascii: "t"): character = "\t"
        default: throw invalid("in string escape code")
        }
        position += 1
        return character
    }

    /// Four digits, or eight with the second half of a surrogate pair (RFC 8259 §7).
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let afterFirst = position
        if UTF16.isLeadSurrogate(first), position + 1 < bytes.count,
            bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
        {
            position += 2
            let second = try codeUnit()
            if UTF16.isTrailSurrogate(second) {
                let value = 0x1_0000 + (UInt32(first) & 0x3FF) << 10 + UInt32(second) & 0x3FF
                return Unicode.Scalar(value) ?? "\u{FFFD}"
            }
            position = afterFirst  // Not a pair: the second stands for itself.
        }
        return "\u{FFFD}"
    }

    private mutating func codeUnit() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(try current())).hexDigitValue else {
                throw invalid("in \\u hexadecimal character escape")
            }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    // MARK: Bytes

    private func current() throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        return bytes[position]
    }

    @discardableResult
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                position += 1
            default: return
            }
        }
    }

    private func invalid(_ context: String) -> JSONError {
        guard position < bytes.count else { return error(.unexpectedEnd) }
        return error(.invalidCharacter(bytes[position], context: context))
    }

    private func error(_ reason: JSONError.Reason) -> JSONError {
        JSONError(reason, in: bytes, at: position)
    }
}

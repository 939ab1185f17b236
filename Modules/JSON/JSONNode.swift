// SPDX-License-Identifier: Apache-2.0

/// A value of a document, and where in its text it begins.
package struct JSONNode: Sendable {
    package let value: JSONValue
    /// Bytes of the document before the value.
    package let offset: Int

    package init(value: JSONValue, offset: Int) {
        self.value = value
        self.offset = offset
    }

    /// The value of the object's member of this name, without regard to case, as Go's decoder
    /// finds fields; nil without one, and for what is not an object.
    package func member(_ name: String) -> JSONNode? {
        guard case .object(let members) = value else { return nil }
        let bytes = name.utf8.count
        // Counts are known, and mostly differ. Where they stand: a member is large.
        for position in members.indices where members[position].name.utf8.count == bytes {
            if JSONName.areEqual(members[position].name, name) { return members[position].node }
        }
        for position in members.indices where JSONName.areAlike(members[position].name, name) {
            return members[position].node
        }
        return nil
    }
}

/// A value with its text's precision and an object's order kept.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONNode])
    case object([JSONMember])

    /// What Go calls this kind of value in its messages.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

/// A name and its value. The names of one object differ by more than case.
package struct JSONMember: Sendable {
    package let name: String
    /// Bytes of the document before the name's quotation mark.
    package let nameOffset: Int
    package let node: JSONNode
}

/// A number as it was written: nothing is rounded before someone asks for a type.
package struct JSONNumber: Equatable, Sendable {
    private enum Form: Equatable {
        /// Of at most 19 digits and nothing else: the text is its decimal form, since none begins with a
        /// needless zero.
        case digits(UInt64)
        case text(String)
    }

    private let form: Form

    /// - Parameter text: follows the grammar of RFC 8259 §6.
    init(_ text: ArraySlice<UInt8>) {
        guard text.count <= 19, text.allSatisfy(isDigit) else {
            form = .text(String(decoding: text, as: UTF8.self))
            return
        }
        form = .digits(text.reduce(0) { $0 * 10 + UInt64($1 - UInt8(ascii: "0")) })
    }

    /// As it was written.
    package var text: String {
        switch form {
        case .digits(let value): String(value)
        case .text(let text): text
        }
    }

    /// nil unless written as an integer, that is without fraction and exponent, and in range.
    package var int64: Int64? {
        switch form {
        case .digits(let value): Int64(exactly: value)
        case .text(let text): Self.isInteger(text) ? Int64(text) : nil
        }
    }

    /// nil unless written as an integer without a sign, and in range.
    package var uint64: UInt64? {
        switch form {
        case .digits(let value): value
        case .text(let text):
            Self.isInteger(text) && text.utf8.first != minus ? UInt64(text) : nil
        }
    }

    private static func isInteger(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 == minus || isDigit($0) }
    }
}

/// How names of members are compared.
enum JSONName {
    /// Equal for names that differ in case only. Bytes rather than a `String`: those compare by
    /// canonical equivalence, which JSON does not know.
    static func folded(_ name: String) -> [UInt8] {
        if name.utf8.allSatisfy({ $0 < 0x80 }) {
            return name.utf8.map(lowered)
        }
        var folded = ""
        for scalar in name.unicodeScalars {
            // Up, then down: the long s and the Kelvin sign meet "s" and "k", as in Go.
            for upper in scalar.properties.uppercaseMapping.unicodeScalars {
                folded += upper.properties.lowercaseMapping
            }
        }
        return Array(folded.utf8)
    }

    /// Whether both are ``folded(_:)`` to the same; without the memory for that while all is ASCII.
    static func areAlike(_ one: String, _ other: String) -> Bool {
        let (left, right) = (one.utf8.span, other.utf8.span)
        for position in 0..<min(left.count, right.count) {
            let (first, second) = (left[position], right[position])
            guard first | second < 0x80 else { return folded(one) == folded(other) }
            if lowered(first) != lowered(second) { return false }
        }
        // A rest that is ASCII folds to something, and so does any other.
        return left.count == right.count
    }

    /// Byte for byte: a `String` compares by canonical equivalence, which JSON does not know.
    static func areEqual(_ one: String, _ other: String) -> Bool {
        let (left, right) = (one.utf8.span, other.utf8.span)
        guard left.count == right.count else { return false }
        for position in left.indices where left[position] != right[position] { return false }
        return true
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        upperA <= byte && byte <= upperZ ? byte | 0x20 : byte
    }

    private static let upperA = UInt8(ascii: "A")
    private static let upperZ = UInt8(ascii: "Z")
}

let minus = UInt8(ascii: "-")

func isDigit(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
}

/// Where the quotation mark stands that ends the string begun before `start`; nil if it is not in ASCII, has
/// a backslash or what is no text, or does not end.
func endOfPlainString(in bytes: [UInt8], from start: Int) -> Int? {
    var end = start
    while end < bytes.count {
        switch bytes[end] {
        case UInt8(ascii: "\""): return end
        case UInt8(ascii: "\\"), 0..<0x20, 0x80...: return nil
        default: end += 1
        }
    }
    return nil
}

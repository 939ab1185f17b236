// SPDX-License-Identifier: Apache-2.0

/// Reads a document once, in its order and without a tree: for what machines send often.
///
/// It reads plain documents only: names of members as they are spelled, none twice, nothing escaped, no
/// text beyond ASCII, integers. Of all others, and of every fault, it says that they are not plain, and no
/// more: ``JSONReader`` reads them, and has the words for what is wrong. So a caller asks for what it expects,
/// value by value, and at the end whether that was all of it. What it is given in between means nothing
/// before that; it is never more than what the text holds.
package struct JSONScanner {
    /// Names that an object may have.
    package struct Names: Sendable {
        fileprivate let all: [[UInt8]]

        /// - Precondition: at most 64, no two the same.
        package init(_ names: String...) {
            precondition(names.count <= 64 && Set(names).count == names.count)
            all = names.map { Array($0.utf8) }
        }
    }

    /// The members of one object that have been seen.
    package struct Members {
        fileprivate let names: Names
        fileprivate var seen: UInt64 = 0
        /// Whoever writes many objects writes each in one order.
        fileprivate var expected = 0

        package init(of names: Names) { self.names = names }
    }

    /// The keys of one object that have been seen, where any may be.
    package struct Keys {
        fileprivate var seen: [String] = []

        package init() {}
    }

    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var depth = 0
    private var values = 0
    /// Whether what comes next in a container needs a comma.
    private var followsValue = false
    /// False from the first thing on that is not plain; nothing is read after it.
    package private(set) var isPlain = true

    package init(_ bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
        if bytes.count > limits.bytesMax { giveUp() }
    }

    /// What was read is not what the caller takes.
    package mutating func giveUp() { isPlain = false }

    /// Whether the document ends here, and all of it was plain.
    package mutating func isAtEnd() -> Bool {
        skipBlanks()
        return isPlain && position == bytes.count && depth == 0
    }

    // MARK: Containers

    /// False for `null`, and for what is not plain.
    package mutating func beginObject() -> Bool { begin(UInt8(ascii: "{")) }

    /// False for `null`, and for what is not plain.
    package mutating func beginArray() -> Bool { begin(UInt8(ascii: "[")) }

    /// The place among the names of the next member's, of which the value is to be read then; nil where the
    /// object ends.
    package mutating func next(_ members: inout Members) -> Int? {
        guard let name = name() else { return nil }
        let names = members.names.all
        var place = members.expected
        if place >= names.count || !isSame(names[place], name) {
            place = 0
            while place < names.count, !isSame(names[place], name) { place += 1 }
        }
        guard place < names.count, members.seen & 1 << UInt64(place) == 0 else {
            giveUp()
            return nil
        }
        members.seen |= 1 << UInt64(place)
        members.expected = place + 1
        return place
    }

    private static let comparedMax = 12

    /// The next key, of which the value is to be read then; nil where the object ends.
    package mutating func next(_ keys: inout Keys) -> String? {
        guard let name = name() else { return nil }
        let key = String(decoding: bytes[name], as: UTF8.self)
        guard keys.seen.count < Self.comparedMax,
            !keys.seen.contains(where: { JSONName.areAlike($0, key) })
        else {
            giveUp()
            return nil
        }
        keys.seen.append(key)
        return key
    }

    /// Whether there is another element in the array; if not, it has ended.
    package mutating func nextElement() -> Bool {
        guard let byte = peek() else { return false }
        if byte == UInt8(ascii: "]") {
            end()
            return false
        }
        if followsValue { take(UInt8(ascii: ",")) }
        return isPlain
    }

    private mutating func begin(_ bracket: UInt8) -> Bool {
        guard let byte = beginValue() else { return false }
        guard byte == bracket else {
            skipNull(byte)
            return false
        }
        depth += 1
        guard depth <= limits.depthMax else {
            giveUp()
            return false
        }
        position += 1
        followsValue = false
        return true
    }

    private mutating func end() {
        depth -= 1
        position += 1
        followsValue = true
    }

    /// Where the next member's name stands; the colon after it is read too. nil where the object ends.
    private mutating func name() -> Range<Int>? {
        guard let byte = peek() else { return nil }
        if byte == UInt8(ascii: "}") {
            end()
            return nil
        }
        if followsValue { take(UInt8(ascii: ",")) }
        guard let quote = peek(), quote == UInt8(ascii: "\""), let name = quoted() else {
            giveUp()
            return nil
        }
        take(UInt8(ascii: ":"))
        return isPlain ? name : nil
    }

    // MARK: Scalars

    /// Empty for `null`.
    package mutating func string() -> String {
        let text = ascii()
        return text.isEmpty ? "" : String(decoding: text, as: UTF8.self)
    }

    /// A string as bytes of ASCII; none for `null`.
    package mutating func ascii() -> ArraySlice<UInt8> {
        guard let byte = beginValue() else { return [] }
        guard byte == UInt8(ascii: "\"") else {
            skipNull(byte)
            return []
        }
        guard let text = quoted() else {
            giveUp()
            return []
        }
        followsValue = true
        return bytes[text]
    }

    /// nil for `null`.
    package mutating func bool() -> Bool? {
        guard let byte = beginValue() else { return nil }
        switch byte {
        case UInt8(ascii: "t"):
            literal("true")
            return true
        case UInt8(ascii: "f"):
            literal("false")
            return false
        default:
            skipNull(byte)
            return nil
        }
    }

    /// 0 for `null`.
    package mutating func int() -> Int64 {
        guard let byte = beginValue() else { return 0 }
        guard byte == minus || isDigit(byte) else {
            skipNull(byte)
            return 0
        }
        if byte == minus { position += 1 }
        let start = position
        var value: Int64 = 0
        while position < bytes.count, isDigit(bytes[position]) {
            let digit = Int64(bytes[position] - UInt8(ascii: "0"))
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isSumTooLarge) = tens.addingReportingOverflow(digit)
            guard !isTooLarge, !isSumTooLarge else {
                giveUp()
                return 0
            }
            value = sum
            position += 1
        }
        let digits = position - start
        guard digits > 0, digits == 1 || bytes[start] != UInt8(ascii: "0"), isEndOfNumber else {
            giveUp()
            return 0
        }
        followsValue = true
        return byte == minus ? -value : value
    }

    /// Whether no fraction and no exponent follow.
    private var isEndOfNumber: Bool {
        guard position < bytes.count else { return true }
        switch bytes[position] {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return false
        default: return true
        }
    }

    private mutating func literal(_ word: String) {
        for expected in word.utf8 {
            guard position < bytes.count, bytes[position] == expected else { return giveUp() }
            position += 1
        }
        followsValue = true
    }

    private mutating func skipNull(_ byte: UInt8) {
        guard byte == UInt8(ascii: "n") else { return giveUp() }
        literal("null")
    }

    // MARK: Bytes

    /// The first byte of a value, which is counted.
    private mutating func beginValue() -> UInt8? {
        values += 1
        if values > limits.valuesMax { giveUp() }
        return peek()
    }

    /// The next byte that is no blank; nil if there is none, or nothing is to be read any more.
    private mutating func peek() -> UInt8? {
        guard isPlain else { return nil }
        skipBlanks()
        guard position < bytes.count else {
            giveUp()
            return nil
        }
        return bytes[position]
    }

    private mutating func take(_ byte: UInt8) {
        guard peek() == byte else { return giveUp() }
        position += 1
    }

    private mutating func skipBlanks() {
        while position < bytes.count, bytes[position] <= 0x20 {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                position += 1
            default: return
            }
        }
    }

    /// Where the text of the string stands that begins here; nil if it is not plain.
    private mutating func quoted() -> Range<Int>? {
        let start = position + 1
        guard let end = endOfPlainString(in: bytes, from: start) else { return nil }
        position = end + 1
        return start..<end
    }

    private func isSame(_ name: [UInt8], _ range: Range<Int>) -> Bool {
        guard name.count == range.count else { return false }
        for (offset, byte) in name.enumerated() where bytes[range.lowerBound + offset] != byte {
            return false
        }
        return true
    }
}

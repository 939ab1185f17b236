// SPDX-License-Identifier: Apache-2.0

/// A period in which at most one server leads (Raft §5.1). Terms only grow; 0 is "before any".
public struct Term: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 is before any election.
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    /// Before the first election.
    public static let zero = Term(0)

    /// The furthest that one message may move a term: a peer that claims more is broken or hostile,
    /// and following it would bring the counter near its end.
    public static let jumpMax: UInt64 = 1 << 40

    public static func < (left: Term, right: Term) -> Bool { left.number < right.number }

    public var description: String { "term \(number)" }
}

/// A position in the log. Counts from 1; 0 is "before the log".
public struct LogIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 0 is before the log; at most that of ``max``.
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    /// Before the log.
    public static let zero = LogIndex(0)

    /// The largest index that a server accepts from a peer or a disk: far beyond any real log, and
    /// far enough from the end of the integer that adding a batch length never overflows.
    public static let max = LogIndex(1 << 62)

    /// The following position.
    public var next: LogIndex { LogIndex(number + 1) }

    /// The preceding position; 0 stays 0.
    public var previous: LogIndex { LogIndex(number == 0 ? 0 : number - 1) }

    public static func < (left: LogIndex, right: LogIndex) -> Bool { left.number < right.number }

    public var description: String { "index \(number)" }
}

/// Who a server is, for good: 128 random bits made on its first start. An address may change, this
/// may not. Written as a UUID (RFC 9562 §4), in lower case.
public struct ServerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first 64 bits of the UUID as it is written, and the last.
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 8-4-4-4-12 form, in either case; nil for any other text.
    public init?(_ text: some StringProtocol) {
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        var position = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard digits < 32, let digit = Self.hexadecimalValue(byte) else { return nil }
                if digits < 16 {
                    words.0 = words.0 << 4 | digit
                } else {
                    words.1 = words.1 << 4 | digit
                }
                digits += 1
            }
            position += 1
        }
        guard position == 36, digits == 32 else { return nil }
        self.init(high: words.0, low: words.1)
    }

    public static func < (left: ServerID, right: ServerID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    public var description: String {
        // SAFETY: each of the 36 places is written, and no other: four times eight digits, of which
        // the inner ones make room for a hyphen in their middle.
        unsafe String(unsafeUninitializedCapacity: 36) { text in
            let bytes = UnsafeMutableRawBufferPointer(text)
            let (second, third) = (Self.digits(high), Self.digits(low >> 32))
            unsafe bytes.storeBytes(of: Self.digits(high >> 32), toByteOffset: 0, as: UInt64.self)
            unsafe bytes.storeBytes(of: second, toByteOffset: 9, as: UInt64.self)
            unsafe bytes.storeBytes(of: second >> 32, toByteOffset: 14, as: UInt64.self)
            unsafe bytes.storeBytes(of: third, toByteOffset: 19, as: UInt64.self)
            unsafe bytes.storeBytes(of: third >> 32, toByteOffset: 24, as: UInt64.self)
            unsafe bytes.storeBytes(of: Self.digits(low), toByteOffset: 28, as: UInt64.self)
            let hyphen = UInt8(ascii: "-")
            unsafe bytes[8] = hyphen
            unsafe bytes[13] = hyphen
            unsafe bytes[18] = hyphen
            unsafe bytes[23] = hyphen
            return 36
        }
    }

    /// The lower half of a word in eight hexadecimal digits, in the order of memory.
    private static func digits(_ word: UInt64) -> UInt64 {
        // Each digit into a byte of its own, the last one lowest.
        var spread = word & 0xFFFF_FFFF
        spread = (spread | spread << 16) & 0x0000_FFFF_0000_FFFF
        spread = (spread | spread << 8) & 0x00FF_00FF_00FF_00FF
        spread = (spread | spread << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // 1 where it is a letter: from 10 on, 6 more carry into the upper half of the byte.
        let letters = (spread + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (spread + 0x3030_3030_3030_3030 + letters * 0x27).bigEndian
    }

    private static func hexadecimalValue(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

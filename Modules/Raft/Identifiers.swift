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
        // SAFETY: each of the 36 places is written, and no other: the digits of the two words, 16
        // of each, and the four hyphens.
        unsafe String(unsafeUninitializedCapacity: 36) { text in
            var place = 0
            for word in [high, low] {
                for shift in stride(from: UInt64(60), through: 0, by: -4) {
                    if place == 8 || place == 13 || place == 18 || place == 23 {
                        unsafe text[place] = UInt8(ascii: "-")
                        place += 1
                    }
                    unsafe text[place] = Self.digit(UInt8(truncatingIfNeeded: word >> shift) & 0xF)
                    place += 1
                }
            }
            return place
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? value + UInt8(ascii: "0") : value - 10 + UInt8(ascii: "a")
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

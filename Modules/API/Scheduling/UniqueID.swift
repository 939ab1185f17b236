// SPDX-License-Identifier: Apache-2.0

/// 128 bits that name a node, an evaluation, an allocation or a deployment. As text 36 characters:
/// hexadecimal digits in lower case, in groups of 8, 4, 4, 4 and 12.
///
/// Whoever makes one takes its bits from a source that is given to it; nothing here draws any.
public struct UniqueID: Hashable, Sendable {
    /// The first 16 digits.
    public let high: UInt64
    /// The last 16 digits.
    public let low: UInt64

    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

// Compared and hashed at every step through a table.
extension UniqueID {
    @inlinable public static func == (left: Self, right: Self) -> Bool {
        left.high == right.high && left.low == right.low
    }

    @inlinable public func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }
}

extension UniqueID: Comparable {
    /// The order of the texts.
    @inlinable public static func < (left: Self, right: Self) -> Bool {
        left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension UniqueID: LosslessStringConvertible {
    /// Digits may be of either case; nil for any other form.
    public init?(_ text: String) { self.init(digits: text.utf8) }

    /// The same for a text of ASCII.
    init?(ascii text: ArraySlice<UInt8>) { self.init(digits: text) }

    private init?(digits: some Sequence<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var position = 0
        for byte in digits {
            defer { position += 1 }
            guard position < 36 else { return nil }
            if Self.isDash(position) {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Self.value(ofDigit: byte) else { return nil }
            // Sixteen digits and two dashes stand before the low half.
            if position < 18 { high = high << 4 | digit } else { low = low << 4 | digit }
        }
        guard position == 36 else { return nil }
        self.init(high: high, low: low)
    }

    public var description: String {
        let text = text
        // SAFETY: the buffer is read while it is lent.
        return unsafe text.span.withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }

    /// In ASCII.
    var text: InlineArray<36, UInt8> {
        var digits = (high, low)
        var text = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
        // From the last digit to the first.
        for position in stride(from: 35, through: 0, by: -1) where !Self.isDash(position) {
            if position < 18 {
                text[position] = Self.digit(digits.0 & 0xF)
                digits.0 >>= 4
            } else {
                text[position] = Self.digit(digits.1 & 0xF)
                digits.1 >>= 4
            }
        }
        return text
    }

    /// The first eight digits: enough for people to tell a few apart.
    package var short: String { String(description.prefix(8)) }

    private static func isDash(_ position: Int) -> Bool {
        position == 8 || position == 13 || position == 18 || position == 23
    }

    private static func digit(_ value: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: value) + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }

    private static func value(ofDigit byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

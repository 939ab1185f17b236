// SPDX-License-Identifier: Apache-2.0

/// Reads one instant in the form of RFC 3339 §5.6.
struct TimestampReader {
    private let text: ArraySlice<UInt8>
    private var position: Int

    init(_ text: ArraySlice<UInt8>) {
        self.text = text
        position = text.startIndex
    }

    /// The years 1678 to 2261 in UTC, in seconds since 1970: an offset may lead out of them, to an
    /// instant that is written as one that cannot be read.
    private static let instants: Range<Int64> = -9_214_560_000..<9_214_646_400

    mutating func unixNanoseconds() -> Int64? {
        guard let days = date(), take("T") || take("t"), let second = clock() else { return nil }
        let nanoseconds = fraction()
        guard let nanoseconds, let offset = offset(), position == text.endIndex
        else { return nil }
        let seconds = Int64(days * 86_400 + second - offset)
        guard Self.instants.contains(seconds) else { return nil }
        let (scaled, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isSumTooLarge) = scaled.addingReportingOverflow(nanoseconds)
        return isTooLarge || isSumTooLarge ? nil : sum
    }

    /// Days since the start of 1970.
    private mutating func date() -> Int? {
        guard let year = number(4), take("-"), let month = number(2), take("-"),
            let day = number(2), (1678...2261).contains(year), (1...12).contains(month),
            (1...Self.days(of: month, in: year)).contains(day)
        else { return nil }
        // Years counted from March, so that a leap day ends one: as `Timestamp.date` does.
        let marchYear = month <= 2 ? year - 1 : year
        let monthFromMarch = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        return 365 * marchYear + leapDays + dayOfYear - 719_468
    }

    private static func days(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Seconds since midnight.
    private mutating func clock() -> Int? {
        guard let hour = number(2), take(":"), let minute = number(2), take(":"),
            let second = number(2), hour < 24, minute < 60, second < 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// Nanoseconds; 0 without a fraction, nil for a point without digits.
    private mutating func fraction() -> Int64? {
        guard take(".") else { return 0 }
        var digits = 0
        var value: Int64 = 0
        while let digit = digit() {
            if digits < 9 { value = value * 10 + Int64(digit) }
            digits += 1
        }
        guard digits > 0 else { return nil }
        for _ in 0..<max(0, 9 - digits) { value *= 10 }
        return value
    }

    /// Seconds that the text is ahead of UTC.
    private mutating func offset() -> Int? {
        if take("Z") || take("z") { return 0 }
        let sign = take("-") ? -1 : 1
        guard sign < 0 || take("+"), let hour = number(2), take(":"), let minute = number(2),
            hour < 24, minute < 60
        else { return nil }
        return sign * (hour * 3600 + minute * 60)
    }

    private mutating func number(_ digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    private mutating func digit() -> Int? {
        guard position < text.endIndex else { return nil }
        let byte = text[position]
        guard UInt8(ascii: "0") <= byte, byte <= UInt8(ascii: "9") else { return nil }
        position += 1
        return Int(byte - UInt8(ascii: "0"))
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < text.endIndex, text[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }
}

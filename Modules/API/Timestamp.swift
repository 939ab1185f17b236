// SPDX-License-Identifier: Apache-2.0

/// An instant of the wall clock, for people to read.
package enum Timestamp {
    /// RFC 3339, in UTC with `Z` and whole seconds, rounded down.
    ///
    /// - Parameter nanoseconds: since the start of 1970, leap seconds not counted; may be negative.
    package static func rfc3339(unixNanoseconds nanoseconds: Int64) -> String {
        wholeSeconds(nanoseconds) + "Z"
    }

    /// The same with as many digits behind the point as are not zero, up to nine: Go's RFC3339Nano.
    package static func rfc3339Nano(unixNanoseconds nanoseconds: Int64) -> String {
        let fraction = padded(floored(nanoseconds, by: 1_000_000_000).remainder, 9)
        let zeros = fraction.utf8.reversed().prefix { $0 == UInt8(ascii: "0") }.count
        let digits = fraction.dropLast(zeros)
        return wholeSeconds(nanoseconds) + (digits.isEmpty ? "Z" : ".\(digits)Z")
    }

    /// How Go writes the instant that stands for none.
    package static let goZero = "0001-01-01T00:00:00Z"

    /// Reads RFC 3339: a date, a time with a fraction or none, and `Z` or an offset. Digits of a
    /// fraction beyond the ninth are dropped.
    ///
    /// - Returns: nanoseconds since the start of 1970; nil for another form, for a date that does not
    ///   exist, and for years outside 1678 to 2261, which do not fit. Leap seconds do not count.
    package static func unixNanoseconds(rfc3339 text: String) -> Int64? {
        var reader = TimestampReader(text)
        return reader.unixNanoseconds()
    }

    private static func wholeSeconds(_ nanoseconds: Int64) -> String {
        let seconds = floored(nanoseconds, by: 1_000_000_000)
        let (year, month, day) = date(daysSince1970: floored(seconds.quotient, by: 86_400).quotient)
        let second = floored(seconds.quotient, by: 86_400).remainder
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
            + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":"
            + padded(second % 60, 2)
    }

    /// The Gregorian date. Years are counted from March, so that a leap day ends its year; 400 of
    /// them have 146,097 days.
    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // 719,468 days lie between 1 March of year 0 and the start of 1970.
        let (era, dayOfEra) = floored(days + 719_468, by: 146_097)
        let leapDaysBefore = dayOfEra / 1_460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDaysBefore) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // From March on, five months have 153 days: 31, 30, 31, 30, 31.
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (400 * era + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    static func floored(
        _ value: Int64, by divisor: Int64
    ) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

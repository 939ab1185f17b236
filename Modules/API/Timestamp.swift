// SPDX-License-Identifier: Apache-2.0

/// An instant of the wall clock, for people to read.
package enum Timestamp {
    /// RFC 3339, in UTC with `Z` and whole seconds, rounded down.
    ///
    /// - Parameter nanoseconds: since the start of 1970, leap seconds not counted; may be negative.
    package static func rfc3339(unixNanoseconds nanoseconds: Int64) -> String {
        Text(nanoseconds).string
    }

    /// The same with as many digits behind the point as are not zero, up to nine: Go's RFC3339Nano.
    package static func rfc3339Nano(unixNanoseconds nanoseconds: Int64) -> String {
        Text(nano: nanoseconds).string
    }

    /// An instant's text in ASCII, without memory of its own: answers are full of them.
    struct Text {
        /// `1678-01-01T00:00:00.123456789Z`
        private var bytes = InlineArray<30, UInt8>(repeating: 0)
        private var count = 0

        /// As ``Timestamp/rfc3339(unixNanoseconds:)`` has it.
        init(_ nanoseconds: Int64) {
            writeWholeSeconds(of: nanoseconds)
            write("Z")
        }

        /// As ``Timestamp/rfc3339Nano(unixNanoseconds:)`` has it.
        init(nano nanoseconds: Int64) {
            writeWholeSeconds(of: nanoseconds)
            var (fraction, digits) = (floored(nanoseconds, by: 1_000_000_000).remainder, 9)
            if fraction > 0 {
                while fraction % 10 == 0 { (fraction, digits) = (fraction / 10, digits - 1) }
                write(".")
                write(fraction, digits: digits)
            }
            write("Z")
        }

        var span: Span<UInt8> {
            @_lifetime(borrow self) get { bytes.span.extracting(..<count) }
        }

        var string: String {
            // SAFETY: the buffer is read while it is lent.
            unsafe span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }

        private mutating func writeWholeSeconds(of nanoseconds: Int64) {
            let seconds = floored(nanoseconds, by: 1_000_000_000).quotient
            let (days, second) = floored(seconds, by: 86_400)
            let (year, month, day) = date(daysSince1970: days)
            write(year, digits: 4)
            write("-")
            write(month, digits: 2)
            write("-")
            write(day, digits: 2)
            write("T")
            write(second / 3600, digits: 2)
            write(":")
            write(second / 60 % 60, digits: 2)
            write(":")
            write(second % 60, digits: 2)
        }

        private mutating func write(_ character: Unicode.Scalar) {
            bytes[count] = UInt8(ascii: character)
            count += 1
        }

        /// - Precondition: `value` is not negative, and has no more digits.
        private mutating func write(_ value: Int64, digits: Int) {
            var rest = value
            for place in (count..<count + digits).reversed() {
                bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            count += digits
        }
    }

    /// How Go writes the instant that stands for none.
    package static let goZero = "0001-01-01T00:00:00Z"

    /// Reads RFC 3339: a date, a time with a fraction or none, and `Z` or an offset. Digits of a
    /// fraction beyond the ninth are dropped.
    ///
    /// - Returns: nanoseconds since the start of 1970; nil for another form, for a date that does not
    ///   exist, and for years outside 1678 to 2261, which do not fit. Leap seconds do not count.
    package static func unixNanoseconds(rfc3339 text: String) -> Int64? {
        unixNanoseconds(rfc3339: Array(text.utf8)[...])
    }

    /// The same for a text of ASCII.
    static func unixNanoseconds(rfc3339 text: ArraySlice<UInt8>) -> Int64? {
        var reader = TimestampReader(text)
        return reader.unixNanoseconds()
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
}

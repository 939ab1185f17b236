// SPDX-License-Identifier: Apache-2.0

/// Dates as header fields have them: `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110
/// §5.6.7).
package enum HTTPDate {
    private static let weekdays: [String] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [String] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    /// 0000-01-01 and 9999-12-31, the days that four digits of a year can tell.
    private static let seconds: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

    /// Formats a time in the proleptic Gregorian calendar. A time outside the years 0 to 9999
    /// becomes the nearest one inside.
    package static func format(unixSeconds: Int64) -> String {
        let time = min(max(unixSeconds, seconds.lowerBound), seconds.upperBound)
        // From 0000-03-01, so that a leap day is the last day of its year.
        let sinceMarch = time + 62_162_035_200
        let days = floored(sinceMarch, by: 86_400)
        let second = sinceMarch - days * 86_400

        let era = floored(days, by: 146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Five months have 153 days, from March as from August.
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        // 0000-03-01 was a Wednesday.
        let weekday = days + 3 - floored(days + 3, by: 7) * 7

        return "\(weekdays[Int(weekday)]), \(digits(day, 2)) \(months[Int(month - 1)]) "
            + "\(digits(year, 4)) \(digits(second / 3_600, 2)):"
            + "\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2)) GMT"
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    private static func digits(_ value: Int64, _ width: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(width - text.count, 0)) + text
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Instants for people.
enum Moment {
    /// As Go prints one in UTC, from RFC 3339; on a terminal also how far away it is.
    static func text(_ rfc3339: String, _ environment: CLIEnvironment) -> String {
        guard rfc3339.hasSuffix("Z"), let mark = rfc3339.firstIndex(of: "T") else { return rfc3339 }
        let day = rfc3339[..<mark]
        let time = rfc3339[rfc3339.index(after: mark)...].dropLast()
        let text = "\(day) \(time) +0000 UTC"
        guard let distance = distance(of: rfc3339, environment) else { return text }
        return "\(text) (\(distance))"
    }

    /// On a terminal how far away it is; elsewhere the instant as it came.
    static func age(of rfc3339: String, _ environment: CLIEnvironment) -> String {
        distance(of: rfc3339, environment) ?? rfc3339
    }

    /// The same of nanoseconds since 1970; nothing for 0.
    static func age(ofUnixNanoseconds nanoseconds: Int64, _ environment: CLIEnvironment) -> String {
        guard nanoseconds != 0 else { return "" }
        return age(of: Timestamp.rfc3339(unixNanoseconds: nanoseconds), environment)
    }

    /// An instant of Go's, to the second; nothing for its zero.
    static func given(_ rfc3339: String) -> String {
        guard rfc3339 != Timestamp.goZero else { return "" }
        return Timestamp.unixNanoseconds(rfc3339: rfc3339).map {
            Timestamp.rfc3339(unixNanoseconds: $0)
        } ?? rfc3339
    }

    private static func distance(of rfc3339: String, _ environment: CLIEnvironment) -> String? {
        guard environment.isTerminal, let then = Timestamp.unixNanoseconds(rfc3339: rfc3339) else {
            return nil
        }
        let now = environment.wallClockNanoseconds()
        let (span, isTooLarge) = now.subtractingReportingOverflow(then)
        return isTooLarge ? nil : distance(span / 1_000_000_000)
    }

    /// A duration as Go writes it, to three digits or so: nobody reads nanoseconds.
    static func rounded(_ duration: String) -> String {
        do throws(GoDuration.ParseError) {
            let span = try GoDuration(parsing: duration).duration
            let milliseconds = max(.zero, span) / Duration.milliseconds(1)
            if milliseconds < 1000 { return "\(Int64(milliseconds))ms" }
            let tenths = Int64(milliseconds / 100)
            return tenths < 600 ? "\(tenths / 10).\(tenths % 10)s" : "\(tenths / 10)s"
        } catch {
            return duration
        }
    }

    /// `3 min ago`, `in 2 h`.
    static func distance(_ seconds: Int64) -> String {
        let count = seconds.magnitude
        let words =
            switch count {
            case 0..<60: "\(count) s"
            case 60..<3600: "\(count / 60) min"
            case 3600..<172_800: "\(count / 3600) h"
            default: "\(count / 86_400) days"
            }
        return seconds < 0 ? "in \(words)" : "\(words) ago"
    }
}

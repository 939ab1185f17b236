// SPDX-License-Identifier: Apache-2.0
package import Logging

/// One line of the log, in Nomad's forms, so that what reads them goes on working:
///
///     2021-06-01T10:00:00.000Z [INFO]  nomad: cluster leadership acquired: index=7
///
/// or one JSON object to a line, with `@level`, `@message`, `@module` and `@timestamp`.
///
/// The label of the logger is the module, such as `nomad.raft`. Metadata is sorted by key, so that
/// equal events are equal lines. Control characters are escaped: one event is one line, whatever a
/// client managed to get logged.
package struct LogLine {
    private let level: Logger.Level
    private let message: String
    private let label: String
    private let pairs: [(String, String)]
    private let time: LogTime

    /// - Parameters:
    ///   - metadata: of the logger; what the event has of its own goes first.
    ///   - unixNanoseconds: since 1970-01-01 UTC.
    package init(
        _ event: LogEvent, label: String, metadata: Logger.Metadata, unixNanoseconds: Int64
    ) {
        let merged = metadata.merging(event.metadata ?? [:]) { _, new in new }
        var pairs = merged.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        if let error = event.error { pairs.append(("error", "\(error)")) }
        self.pairs = pairs
        self.label = label
        level = event.level
        message = event.message.description
        time = LogTime(nanoseconds: unixNanoseconds)
    }

    /// What a program says of itself, without an event.
    package init(_ level: Logger.Level, _ message: String, label: String, unixNanoseconds: Int64) {
        self.level = level
        self.message = message
        self.label = label
        pairs = []
        time = LogTime(nanoseconds: unixNanoseconds)
    }

    // Both with their newline.

    package var text: String {
        // Nomad pads the level, not the brackets, to line the modules up.
        let level = "[\(Self.name(of: level))]"
        let padded = level + String(repeating: " ", count: 7 - level.utf8.count)
        var line = "\(time.description(.milliseconds)) \(padded) \(Self.clean(label)): "
        line += Self.clean(message)
        if !pairs.isEmpty { line += ":" }
        for (key, value) in pairs { line += " \(Self.bare(key))=\(Self.bare(value))" }
        return line + "\n"
    }

    package var json: String {
        let fixed = [
            ("@level", Self.name(of: level).lowercased()),
            ("@message", message),
            ("@module", label),
            ("@timestamp", time.description(.microseconds)),
        ]
        let members = (fixed + pairs).map { "\(Self.quoted($0.0)):\(Self.quoted($0.1))" }
        return "{\(members.joined(separator: ","))}\n"
    }

    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error, .critical: "ERROR"
        }
    }

    /// As it is, or quoted where a reader could not tell where it ends.
    private static func bare(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.value > 0x20 && scalar != "\"" && scalar != "=" && !isControl(scalar)
        }
        return isPlain && !text.isEmpty ? text : quoted(text)
    }

    /// Without what could start another line or steer a terminal.
    private static func clean(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(quoted(text).dropFirst().dropLast())
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
            || scalar.value == 0x2028 || scalar.value == 0x2029
    }

    /// A JSON string (RFC 8259 §7).
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where isControl(scalar):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// A moment in UTC, split into what RFC 3339 shows.
private struct LogTime {
    enum Precision {
        case milliseconds
        case microseconds
    }

    private let year: Int64
    private let month: Int64
    private let day: Int64
    private let secondOfDay: Int64
    private let nanosecond: Int64

    /// The proleptic Gregorian calendar in eras of 400 years (146,097 days) that start on 1 March,
    /// so that a leap day is the last of its year.
    init(nanoseconds: Int64) {
        let (seconds, fraction) = Self.floored(nanoseconds, by: 1_000_000_000)
        let (days, second) = Self.floored(seconds, by: 86_400)
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        let (era, dayOfEra) = Self.floored(days + 719_468, by: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        secondOfDay = second
        nanosecond = fraction
    }

    func description(_ precision: Precision) -> String {
        let fraction =
            switch precision {
            case .milliseconds: Self.padded(nanosecond / 1_000_000, to: 3)
            case .microseconds: Self.padded(nanosecond / 1_000, to: 6)
            }
        let date = [Self.padded(year, to: 4), Self.padded(month, to: 2), Self.padded(day, to: 2)]
        let time = [secondOfDay / 3_600, secondOfDay / 60 % 60, secondOfDay % 60].map {
            Self.padded($0, to: 2)
        }
        return date.joined(separator: "-") + "T" + time.joined(separator: ":") + ".\(fraction)Z"
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func padded(_ number: Int64, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

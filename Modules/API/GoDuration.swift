// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A span of time as Nomad's API writes it, such as `1m30s`: what Go's `time.Duration` is.
package struct GoDuration: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = GoDuration(nanoseconds: 0)

    package static func milliseconds(_ count: Int32) -> GoDuration {
        GoDuration(nanoseconds: Int64(count) * 1_000_000)
    }

    package static func seconds(_ count: Int32) -> GoDuration {
        GoDuration(nanoseconds: Int64(count) * 1_000_000_000)
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Rounded down to nanoseconds; what does not fit (292 years) becomes the nearest that does.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isSumTooLarge) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        nanoseconds = isTooLarge || isSumTooLarge ? (seconds < 0 ? .min : .max) : sum
    }

    package var duration: Duration { .nanoseconds(nanoseconds) }
}

// MARK: Reading

extension GoDuration {
    /// Why a text is no duration, in Go's words.
    package enum ParseError: Error, Equatable, Sendable, CustomStringConvertible {
        case invalid(String)
        case missingUnit(String)
        case unknownUnit(String, in: String)

        package var description: String {
            switch self {
            case .invalid(let text): "time: invalid duration \(goQuoted(text))"
            case .missingUnit(let text): "time: missing unit in duration \(goQuoted(text))"
            case .unknownUnit(let unit, let text):
                "time: unknown unit \(goQuoted(unit)) in duration \(goQuoted(text))"
            }
        }
    }

    /// Reads what Go's `time.ParseDuration` reads: a sign or none, then `0` or numbers with units
    /// (`ns`, `us`, `µs` in both spellings, `ms`, `s`, `m`, `h`), fractions allowed. The empty
    /// text is zero, as in Nomad's configurations.
    package init(parsing text: String) throws(ParseError) {
        var rest = text.utf8[...]
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative || rest.first == UInt8(ascii: "+") {
            rest.removeFirst()
            if rest.isEmpty { throw .invalid(text) }
        }
        if rest.isEmpty || rest.elementsEqual("0".utf8) {
            self = .zero
            return
        }
        // The magnitude may be one more than Int64.max, for the most negative duration.
        var total: UInt64 = 0
        while !rest.isEmpty {
            let part = try Self.part(&rest, of: text)
            let (sum, isTooLarge) = total.addingReportingOverflow(part)
            guard !isTooLarge, sum <= Int64.min.magnitude else { throw .invalid(text) }
            total = sum
        }
        guard isNegative || total <= Int64.max.magnitude else { throw .invalid(text) }
        nanoseconds = Int64(truncatingIfNeeded: isNegative ? 0 &- total : total)
    }

    /// Takes one number and its unit from the front: nanoseconds, at most 2^63.
    private static func part(
        _ rest: inout Substring.UTF8View, of text: String
    ) throws(ParseError) -> UInt64 {
        let whole = rest.prefix(while: isDigit)
        rest = rest[whole.endIndex...]
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            fraction = rest.prefix(while: isDigit)
            rest = rest[fraction.endIndex...]
        }
        guard !whole.isEmpty || !fraction.isEmpty else { throw .invalid(text) }
        let name = rest.prefix { !isDigit($0) && $0 != UInt8(ascii: ".") }
        guard !name.isEmpty else { throw .missingUnit(text) }
        guard let unit = unit(Substring(name)) else {
            throw .unknownUnit(String(Substring(name)), in: text)
        }
        rest = rest[name.endIndex...]

        guard let count = UInt64("0" + Substring(whole)) else { throw .invalid(text) }
        let (scaled, isTooLarge) = count.multipliedReportingOverflow(by: unit)
        guard !isTooLarge, scaled <= Int64.min.magnitude else { throw .invalid(text) }
        return scaled + nanoseconds(of: fraction, unit)  // At most 2^63 and one unit: it fits.
    }

    /// The digits' worth of `unit`, rounded as Go does: digits beyond 63 bits do not count, and the
    /// rest is a floating-point product, cut off.
    private static func nanoseconds(of digits: Substring.UTF8View, _ unit: UInt64) -> UInt64 {
        var value: UInt64 = 0
        var scale = 1.0
        for digit in digits {
            guard value <= Int64.max.magnitude / 10 else { break }
            let next = value * 10 + UInt64(digit - UInt8(ascii: "0"))
            guard next <= Int64.min.magnitude else { break }
            value = next
            scale *= 10
        }
        return UInt64(Double(value) * (Double(unit) / scale))
    }

    private static func unit(_ name: Substring) -> UInt64? {
        switch name {
        case "ns": 1
        case "us", "\u{B5}s", "\u{3BC}s": 1_000
        case "ms": 1_000_000
        case "s": 1_000_000_000
        case "m": 60_000_000_000
        case "h": 3_600_000_000_000
        default: nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
    }
}

// MARK: Writing

extension GoDuration: CustomStringConvertible, JSONWritable {
    /// What Go's `Duration.String` gives: the largest units first, no leading zeros, and a smaller
    /// unit than the second for what is shorter than one.
    package var description: String {
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        return switch magnitude {
        case 0: "0s"
        case ..<1_000: "\(sign)\(magnitude)ns"
        case ..<1_000_000: sign + Self.decimal(magnitude, unit: 1_000) + "µs"
        case ..<1_000_000_000: sign + Self.decimal(magnitude, unit: 1_000_000) + "ms"
        default: sign + Self.clock(magnitude)
        }
    }

    package func write(to writer: inout JSONWriter) { writer.string(description) }

    private static func clock(_ magnitude: UInt64) -> String {
        let minute: UInt64 = 60_000_000_000
        let seconds = decimal(magnitude % minute, unit: 1_000_000_000) + "s"
        let minutes = magnitude / minute
        guard minutes > 0 else { return seconds }
        guard minutes >= 60 else { return "\(minutes)m\(seconds)" }
        return "\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    /// `value` in units, with as many decimals as it needs.
    private static func decimal(_ value: UInt64, unit: UInt64) -> String {
        var fraction = value % unit
        guard fraction > 0 else { return String(value / unit) }
        var width = String(unit).utf8.count - 1
        while fraction % 10 == 0 {
            fraction /= 10
            width -= 1
        }
        let digits = String(fraction)
        let padding = String(repeating: "0", count: width - digits.utf8.count)
        return "\(value / unit).\(padding)\(digits)"
    }
}

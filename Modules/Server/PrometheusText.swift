// SPDX-License-Identifier: Apache-2.0

/// Metrics of one name, as Prometheus sees them.
struct MetricFamily: Equatable {
    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    struct Sample: Equatable {
        /// What stands behind the family's name: `_bucket` and the like, or nothing.
        var suffix = ""
        /// In the order in which they are written.
        var labels: [MetricLabel] = []
        var value: String
    }

    var name: String
    var kind: Kind
    var help: String
    var samples: [Sample] = []
}

struct MetricLabel: Equatable {
    var name: String
    /// Any text.
    var value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Prometheus' text format, version 0.0.4.
enum PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// - Parameter families: of different names.
    static func write(_ families: [MetricFamily]) -> [UInt8] {
        var text = ""
        for family in families where !family.samples.isEmpty {
            text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                text += family.name + sample.suffix
                if !sample.labels.isEmpty {
                    text += "{"
                    text += sample.labels.map {
                        "\($0.name)=\"\(escaped($0.value, quotes: true))\""
                    }
                    .joined(separator: ",")
                    text += "}"
                }
                text += " \(sample.value)\n"
            }
        }
        return Array(text.utf8)
    }

    /// As short as it can be read back: whole numbers without a point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Histogram {
    /// Cumulative, as Prometheus counts.
    func samples(_ labels: [MetricLabel] = []) -> [MetricFamily.Sample] {
        var samples: [MetricFamily.Sample] = []
        var total: UInt64 = 0
        let limits = Self.bounds.map(\.seconds) + ["+Inf"]
        for (limit, count) in zip(limits, counts) {
            total += count
            samples.append(
                .init(
                    suffix: "_bucket", labels: labels + [MetricLabel("le", limit)],
                    value: "\(total)"))
        }
        samples.append(
            .init(suffix: "_sum", labels: labels, value: PrometheusText.number(sumSeconds)))
        samples.append(.init(suffix: "_count", labels: labels, value: "\(count)"))
        return samples
    }
}

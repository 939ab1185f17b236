// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What the metrics endpoint answers with: in JSON as Nomad writes it, keys in alphabetical order, or
/// as Prometheus' families.
struct MetricsSummary: JSONWritable {
    struct Gauge {
        var name: String
        var value: Double
        /// In the order of their names.
        var labels: [(name: String, value: String)] = []

        /// Milliseconds as seconds, the base unit; nil for a time that is not known.
        var inSeconds: Gauge? {
            guard name.hasSuffix("_ms") else { return self }
            guard value >= 0 else { return nil }
            return Gauge(
                name: name.dropLast(3) + "_seconds", value: value / 1000, labels: labels)
        }
    }

    /// Times since the server started; in milliseconds in JSON, as Nomad's are.
    struct Sample {
        var name: String
        /// In Prometheus' form.
        var family: String
        var help: String
        var labels: [(name: String, value: String)] = []
        var histogram: Histogram
    }

    /// Sorted by name, as are the counters.
    let gauges: [Gauge]
    let counters: [(name: String, value: UInt64)]
    let samples: [Sample]
    /// Since the server started.
    let seconds: Double
    let timestamp: String

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Counters")
        writer.beginArray()
        for counter in counters {
            writer.beginObject()
            writer.member("Count", counter.value)
            writer.key("Labels")
            writer.beginObject()
            writer.endObject()
            writer.member("Name", counter.name)
            writer.member("Sum", counter.value)
            writer.endObject()
        }
        writer.endArray()
        writer.key("Gauges")
        writer.beginArray()
        for gauge in gauges {
            writer.beginObject()
            writer.key("Labels")
            writer.beginObject()
            for label in gauge.labels { writer.member(label.name, label.value) }
            writer.endObject()
            writer.member("Name", gauge.name)
            writer.key("Value")
            writer.double(gauge.value)
            writer.endObject()
        }
        writer.endArray()
        writer.key("Points")
        writer.beginArray()
        writer.endArray()
        writer.key("Samples")
        writer.beginArray()
        for sample in samples { write(sample, to: &writer) }
        writer.endArray()
        writer.member("Timestamp", timestamp)
        writer.endObject()
    }

    private func write(_ sample: Sample, to writer: inout JSONWriter) {
        let histogram = sample.histogram
        let sum = histogram.sumSeconds * 1000
        writer.beginObject()
        writer.member("Count", histogram.count)
        writer.key("Labels")
        writer.beginObject()
        for label in sample.labels { writer.member(label.name, label.value) }
        writer.endObject()
        for (key, value) in [
            ("Max", histogram.maxSeconds * 1000), ("Mean", histogram.meanSeconds * 1000),
            ("Min", histogram.minSeconds * 1000),
        ] {
            writer.key(key)
            writer.double(value)
        }
        writer.member("Name", sample.name)
        for (key, value) in [
            ("Rate", seconds > 0 ? sum / seconds : 0),
            ("Stddev", histogram.deviationSeconds * 1000), ("Sum", sum),
        ] {
            writer.key(key)
            writer.double(value)
        }
        writer.endObject()
    }
}

extension MetricsSummary {
    /// Sorted by name; no name twice.
    var families: [MetricFamily] {
        var families: [String: MetricFamily] = [:]
        func add(
            _ name: String, _ kind: MetricFamily.Kind, _ help: String,
            _ samples: [MetricFamily.Sample]
        ) {
            families[name, default: MetricFamily(name: name, kind: kind, help: help)].samples +=
                samples
        }
        for gauge in gauges {
            guard let gauge = gauge.inSeconds else { continue }
            let entry = MetricCatalog.gauge(gauge.name)
            let sample = MetricFamily.Sample(
                labels: gauge.labels.map { MetricLabel($0.name, $0.value) },
                value: PrometheusText.number(gauge.value))
            add(entry.name, .gauge, entry.help, [sample])
            if MetricCatalog.nomads.contains(gauge.name) {
                add(MetricCatalog.mangled(gauge.name), .gauge, entry.help, [sample])
            }
        }
        for counter in counters {
            let entry = MetricCatalog.counter(counter.name)
            add(
                entry.name, .counter, entry.help,
                [.init(labels: entry.labels, value: "\(counter.value)")])
        }
        for sample in samples {
            add(
                sample.family, .histogram, sample.help,
                sample.histogram.samples(
                    sample.labels.map { MetricLabel($0.name, $0.value) }))
        }
        return families.values.sorted { $0.name < $1.name }
    }
}

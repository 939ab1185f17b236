// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation
import Testing

@testable import MartletServer

@Suite("Histograms and Prometheus' text") struct MetricsTests {
    @Test("An observation counts up to the first bound that holds it, and no further")
    func buckets() {
        var histogram = Histogram()
        for microseconds in [0, 50, 51, 1000, 10_000_000, 10_000_001] {
            histogram.observe(.microseconds(microseconds))
        }
        histogram.observe(.seconds(-1))
        #expect(histogram.counts[0] == 3)
        #expect(histogram.counts[1] == 1)
        #expect(histogram.counts[4] == 1)
        #expect(histogram.counts[16] == 1)
        #expect(histogram.counts[17] == 1)
        #expect(histogram.counts.reduce(0, +) == histogram.count)
        #expect(histogram.minSeconds == 0)
        #expect(histogram.maxSeconds == 10.000001)
        #expect(
            Histogram.bounds.map { Double($0.seconds) }
                == Histogram.bounds.map { $0.limit / .seconds(1) })
    }

    @Test("Mean and deviation are those of the observations")
    func moments() {
        var histogram = Histogram()
        #expect(histogram.meanSeconds == 0)
        histogram.observe(.seconds(2))
        #expect(histogram.deviationSeconds == 0)
        histogram.observe(.seconds(4))
        histogram.observe(.seconds(6))
        #expect(histogram.meanSeconds == 4)
        #expect(histogram.deviationSeconds == 2)
    }

    @Test("What is recent is of the minute under way and the one before it")
    func recent() {
        var times = RecentTimes()
        func value(_ seconds: Int64) -> [Duration]? {
            times.value(at: .seconds(seconds)).map { [$0.mean, $0.max] }
        }
        #expect(value(1000) == nil)
        times.observe(.seconds(9), at: .seconds(1000))
        times.observe(.seconds(1), at: .seconds(1059))
        #expect(value(1059) == [.seconds(5), .seconds(9)])
        times.observe(.seconds(2), at: .seconds(1060))
        #expect(value(1119) == [.seconds(4), .seconds(9)])
        #expect(value(1120) == [.seconds(2), .seconds(2)], "the first minute is forgotten")
        #expect(value(1180) == nil)
        times.observe(.seconds(-1), at: .seconds(5000))
        #expect(value(5000) == [.zero, .zero])
        #expect(value(5119) == [.zero, .zero])
        #expect(value(5120) == nil)
    }

    @Test("A histogram's buckets accumulate, and its last holds all")
    func cumulative() {
        var histogram = Histogram()
        histogram.observe(.microseconds(1))
        histogram.observe(.milliseconds(3))
        histogram.observe(.seconds(99))
        let samples = histogram.samples([MetricLabel("class", "read")])
        #expect(samples.count == Histogram.bounds.count + 3)
        #expect(samples[0].value == "1")
        #expect(samples[6].labels.last == MetricLabel("le", "0.005"))
        #expect(samples[6].value == "2")
        #expect(samples[17].labels == [MetricLabel("class", "read"), MetricLabel("le", "+Inf")])
        #expect(samples[17].value == "3")
        #expect(samples[19].suffix == "_count" && samples[19].value == "3")
    }

    @Test("Labels and help texts are escaped, numbers are as short as they can be")
    func escaping() {
        let family = MetricFamily(
            name: "x", kind: .gauge, help: "a\\b\n\"c\"",
            samples: [.init(labels: [MetricLabel("n", "\"q\"\\\né")], value: "1")])
        let text = String(decoding: PrometheusText.write([family]), as: UTF8.self)
        #expect(
            text == "# HELP x a\\\\b\\n\"c\"\n# TYPE x gauge\nx{n=\"\\\"q\\\"\\\\\\né\"} 1\n")
        let numbers = [3, -1, 0.25, .infinity, -.infinity, .nan, 1e300].map(PrometheusText.number)
        #expect(numbers == ["3", "-1", "0.25", "+Inf", "-Inf", "NaN", "1e+300"])
    }

    @Test("What is refused is told apart by labels, never by names")
    func reasons() {
        let peer = MetricCatalog.counter("nomad.raft.messages_refused.malformed")
        #expect(peer.name == "martlet_raft_messages_refused_total")
        #expect(peer.labels == [MetricLabel("reason", "malformed")])
        let tls = MetricCatalog.counter("nomad.agent.tls.http.refused.no_certificate")
        #expect(tls.name == "martlet_tls_refused_total")
        #expect(
            tls.labels == [MetricLabel("port", "http"), MetricLabel("reason", "no_certificate")])
        #expect(
            MetricCatalog.counter("nomad.agent.tls.rpc.accepted").name
                == "martlet_tls_accepted_total")
        #expect(
            MetricCatalog.gauge("nomad.agent.tls.cert_expiry_seconds").name
                == "martlet_tls_cert_expiry_seconds")
        #expect(
            MetricCatalog.gauge("nomad.nomad.autopilot.healthy").name == "martlet_autopilot_healthy"
        )
    }
}

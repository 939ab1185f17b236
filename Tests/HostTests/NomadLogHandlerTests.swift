// SPDX-License-Identifier: Apache-2.0

import Logging
import MartletHost
import Synchronization
import Testing

@Suite("Log lines") struct NomadLogHandlerTests {
    /// What was logged, gathered from whatever thread.
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func add(_ line: String) { lines.withLock { $0.append(line) } }
    }

    private func logged(
        _ format: NomadLogHandler.Format, at nanoseconds: Int64 = 1_622_541_600_123_456_789,
        level: AgentConfiguration.LogLevel = .trace, _ body: (inout Logger) -> Void
    ) -> [String] {
        let lines = Lines()
        var logger = Logger(label: "nomad.raft") { label in
            NomadLogHandler(
                label: label, level: level, format: format,
                wallClockNanoseconds: { nanoseconds }, sink: { lines.add($0) })
        }
        body(&logger)
        return lines.all
    }

    @Test("A line is Nomad's: time, padded level, module, message, sorted pairs")
    func text() {
        let lines = logged(.text) { logger in
            logger[metadataKey: "zone"] = "a"
            logger.info("elected", metadata: ["term": "7", "by": "two servers", "none": ""])
            logger.warning("plain")
        }
        #expect(
            lines == [
                "2021-06-01T10:00:00.123Z [INFO]  nomad.raft: elected:"
                    + " by=\"two servers\" none=\"\" term=7 zone=a\n",
                "2021-06-01T10:00:00.123Z [WARN]  nomad.raft: plain: zone=a\n",
            ])
    }

    @Test("JSON lines carry the same, strings escaped")
    func json() {
        let lines = logged(.json) { $0.error("a \"b\"\n\u{1}", metadata: ["k": "\\é"]) }
        #expect(
            lines == [
                #"{"@level":"error","@message":"a \"b\"\n\u0001","@module":"nomad.raft","#
                    + #""@timestamp":"2021-06-01T10:00:00.123456Z","k":"\\é"}"# + "\n"
            ])
    }

    @Test("One event is one line, whatever a client got into it")
    func injection() {
        let lines = logged(.text) {
            $0.info("x\n2021 [INFO] forged\u{1b}[2J", metadata: ["k\n": "v\r\nforged"])
        }
        #expect(
            lines == [
                "2021-06-01T10:00:00.123Z [INFO]  nomad.raft: x\\n2021 [INFO] forged\\u001b[2J:"
                    + " \"k\\n\"=\"v\\r\\nforged\"\n"
            ])
    }

    @Test("The error of an event comes last")
    func error() {
        let error = ConfigurationFailure(text: "broken", exitCode: 1)
        let lines = logged(.text) { $0.error("no", error: error, metadata: ["z": "1"]) }
        #expect(lines.count == 1)
        #expect(lines.first?.contains("[ERROR] nomad.raft: no: z=1 error=") == true)
    }

    @Test("Lines below the level are not written")
    func level() {
        let lines = logged(.text, level: .error) { logger in
            logger.info("no")
            logger.critical("yes")
        }
        #expect(lines == ["2021-06-01T10:00:00.123Z [ERROR] nomad.raft: yes\n"])
    }

    @Test(
        "The calendar holds at its corners",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999_999_999, "2024-02-29T23:59:59.999Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
            (Int64.min, "1677-09-21T00:12:43.145Z"), (Int64.max, "2262-04-11T23:47:16.854Z"),
        ])
    func calendar(nanoseconds: Int64, expected: String) {
        let lines = logged(.text, at: nanoseconds) { $0.info("x") }
        #expect(lines == ["\(expected) [INFO]  nomad.raft: x\n"])
    }
}

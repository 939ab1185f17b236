// SPDX-License-Identifier: Apache-2.0
import Logging
import Testing

@testable import MartletServer

@Suite("Watching the log") struct LogWatchTests {
    private struct Counting: LogHandler {
        final class Count: @unchecked Sendable {
            // SAFETY: the test logs from its one thread.
            var lines = 0
        }

        let count: Count
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { count.lines += 1 }
    }

    private let watch = LogWatch { 1_622_541_600_123_456_789 }
    private let count = Counting.Count()

    private var logger: Logger {
        Logger(label: "nomad") { label in
            WatchedLogHandler(Counting(count: count), label: label, watch: watch)
        }
    }

    private func text(_ number: UInt64) -> String {
        String(decoding: watch.take(number), as: UTF8.self)
    }

    @Test("Who watches a level sees it although the log leaves it out, and the log still does")
    func levels() throws {
        logger.debug("nobody")
        let debug = try #require(watch.open(.debug, .text))
        let warnings = try #require(watch.open(.warning, .json))
        logger.debug("one")
        logger.trace("none")
        logger.warning("two", metadata: ["k": "v"])
        #expect(
            text(debug)
                == "2021-06-01T10:00:00.123Z [DEBUG] nomad: one\n"
                + "2021-06-01T10:00:00.123Z [WARN]  nomad: two: k=v\n")
        #expect(text(warnings).hasPrefix(#"{"@level":"warn","@message":"two","@module":"nomad""#))
        #expect(count.lines == 1)
        watch.close(debug)
        watch.close(warnings)
        #expect(logger.logLevel == .info)
        logger.warning("three")
        #expect(text(debug).isEmpty)
    }

    @Test("Lines that find no room are counted, and told where they are missing")
    func dropped() throws {
        let number = try #require(watch.open(.info, .text))
        let long = String(repeating: "x", count: 1_000)
        for _ in 0..<1_000 { logger.info("\(long)") }
        let lines = text(number).split(separator: "\n")
        let last = try #require(lines.last)
        let kept = lines.count - 1
        #expect(kept * 1_000 <= LogWatch.queuedBytesMax)
        #expect(kept > 200)
        #expect(
            last.hasSuffix(
                "[WARN]  martlet.monitor: \(1_000 - kept) lines were dropped: this watcher does not "
                    + "take them in time"))
        logger.info("again")
        #expect(text(number).hasSuffix("again\n"))
    }
}

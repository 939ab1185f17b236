// SPDX-License-Identifier: Apache-2.0
package import Logging
import Synchronization

/// Who watches the log as it is written (`/v1/agent/monitor`), each at a level of its own.
///
/// Lines come from whatever thread logs and are put into the watchers' queues under a lock, in the form
/// that each wants; the server's loop takes them out when it looks. Nothing is made of a line that
/// nobody watches. A queue that is full drops lines, counts them, and says so in their place.
package final class LogWatch: Sendable {
    package enum Form: Sendable {
        case text
        case json
    }

    /// Watchers at a time.
    static let watchersMax = 32
    /// What waits for one watcher.
    static let queuedBytesMax = 256 << 10

    private struct Watcher {
        let level: Logger.Level
        let form: Form
        var bytes: [UInt8] = []
        var dropped = 0
    }

    private struct Watchers {
        var all: [UInt64: Watcher] = [:]
        var next: UInt64 = 0
    }

    private let watchers = Mutex(Watchers())
    /// The lowest of the watchers' levels, by its place among all; their number for none.
    private let lowest = Atomic<Int>(Logger.Level.allCases.count)
    private let wallClockNanoseconds: @Sendable () -> Int64

    /// - Parameter wallClockNanoseconds: since 1970-01-01 UTC.
    package init(wallClockNanoseconds: @escaping @Sendable () -> Int64) {
        self.wallClockNanoseconds = wallClockNanoseconds
    }

    /// The lowest level that somebody watches; nil for nobody.
    var level: Logger.Level? {
        let place = lowest.load(ordering: .relaxed)
        return place < Logger.Level.allCases.count ? Logger.Level.allCases[place] : nil
    }

    /// Begins to watch; nil when too many do.
    func open(_ level: Logger.Level, _ form: Form) -> UInt64? {
        watchers.withLock { watchers in
            guard watchers.all.count < Self.watchersMax else { return nil }
            watchers.next += 1
            watchers.all[watchers.next] = Watcher(level: level, form: form)
            noteLowest(watchers)
            return watchers.next
        }
    }

    func close(_ number: UInt64) {
        watchers.withLock { watchers in
            watchers.all[number] = nil
            noteLowest(watchers)
        }
    }

    /// What was logged since the last time: whole lines.
    func take(_ number: UInt64) -> [UInt8] {
        let (bytes, dropped, form) = watchers.withLock { watchers in
            let watcher = watchers.all[number]
            watchers.all[number]?.bytes = []
            watchers.all[number]?.dropped = 0
            return (watcher?.bytes ?? [], watcher?.dropped ?? 0, watcher?.form ?? .text)
        }
        guard dropped > 0 else { return bytes }
        let line = LogLine(
            .warning, "\(dropped) lines were dropped: this watcher does not take them in time",
            label: "martlet.monitor", unixNanoseconds: wallClockNanoseconds())
        return bytes + Self.bytes(of: line, form)
    }

    var count: Int { watchers.withLock { $0.all.count } }

    fileprivate func publish(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
        let line = LogLine(
            event, label: label, metadata: metadata, unixNanoseconds: wallClockNanoseconds())
        var text: [UInt8]?
        var json: [UInt8]?
        watchers.withLock { watchers in
            for number in watchers.all.keys {
                guard let watcher = watchers.all[number], watcher.level <= event.level else {
                    continue
                }
                let bytes: [UInt8]
                switch watcher.form {
                case .text:
                    bytes = text ?? Self.bytes(of: line, .text)
                    text = bytes
                case .json:
                    bytes = json ?? Self.bytes(of: line, .json)
                    json = bytes
                }
                // Once some were dropped, so are all until the watcher takes what there is: what it is
                // told then stands where they are missing.
                if watcher.dropped > 0
                    || watcher.bytes.count + bytes.count > Self.queuedBytesMax
                {
                    watchers.all[number]?.dropped += 1
                } else {
                    watchers.all[number]?.bytes += bytes
                }
            }
        }
    }

    private static func bytes(of line: LogLine, _ form: Form) -> [UInt8] {
        Array((form == .text ? line.text : line.json).utf8)
    }

    private func noteLowest(_ watchers: borrowing Watchers) {
        let levels = Logger.Level.allCases
        let place = watchers.all.values.compactMap { levels.firstIndex(of: $0.level) }.min()
        lowest.store(place ?? levels.count, ordering: .relaxed)
    }
}

/// Hands events on as they are, and to those who watch, also where the log itself leaves them out.
package struct WatchedLogHandler: LogHandler {
    private var base: any LogHandler
    private let label: String
    private let watch: LogWatch

    package init(_ base: any LogHandler, label: String, watch: LogWatch) {
        self.base = base
        self.label = label
        self.watch = watch
    }

    package var logLevel: Logger.Level {
        get { watch.level.map { min($0, base.logLevel) } ?? base.logLevel }
        set { base.logLevel = newValue }
    }

    package var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    package func log(event: LogEvent) {
        if event.level >= base.logLevel { base.log(event: event) }
        guard let level = watch.level, event.level >= level else { return }
        watch.publish(event, label: label, metadata: metadata)
    }
}

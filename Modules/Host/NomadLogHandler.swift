// SPDX-License-Identifier: Apache-2.0

package import Logging
import MartletServer

/// Writes log lines as Nomad does, as text or as JSON: ``LogLine``.
package struct NomadLogHandler: LogHandler {
    package enum Format: Sendable {
        case text
        case json
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]

    private let label: String
    private let format: Format
    private let wallClockNanoseconds: @Sendable () -> Int64
    private let sink: @Sendable (String) -> Void

    /// - Parameters:
    ///   - wallClockNanoseconds: since 1970-01-01 UTC; Host reads no clock itself.
    ///   - sink: gets each line with its newline, from whatever thread logs.
    package init(
        label: String, level: AgentConfiguration.LogLevel, format: Format,
        wallClockNanoseconds: @escaping @Sendable () -> Int64,
        sink: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.wallClockNanoseconds = wallClockNanoseconds
        self.sink = sink
        logLevel =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .warn: .warning
            case .error: .error
            }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let line = LogLine(
            event, label: label, metadata: metadata, unixNanoseconds: wallClockNanoseconds())
        switch format {
        case .text: sink(line.text)
        case .json: sink(line.json)
        }
    }
}

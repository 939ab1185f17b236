// SPDX-License-Identifier: Apache-2.0
package import Logging

extension Logger {
    /// Hands each line to a closure, with its metadata in order of the keys: for traces. Silent
    /// without one.
    package static func telling(
        _ tell: (@Sendable (String) -> Void)?, watchedBy watch: LogWatch? = nil
    ) -> Logger {
        guard tell != nil || watch != nil else { return .silent }
        return Logger(label: "nomad") { label in
            let base: any LogHandler =
                tell.map { TellingLogHandler(tell: $0) } ?? SwiftLogNoOpLogHandler()
            return watch.map { WatchedLogHandler(base, label: label, watch: $0) } ?? base
        }
    }
}

private struct TellingLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    let tell: @Sendable (String) -> Void

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }
        tell(pairs.reduce("\(event.message)") { "\($0) \($1.key)=\($1.value)" })
    }
}

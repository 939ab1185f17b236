// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletServer
import MartletTransport
import Synchronization

/// The file that traces go to: lines wait in memory and are appended by a lane, the next ones while
/// those before are being written.
final class TraceFile: Sendable {
    private struct Buffer {
        var waiting: [UInt8] = []
        var isWriting = false
        var dropped = 0
        var isBroken = false
    }

    private let path: String
    private let files: any Files
    private let lane: any Lane
    private let logger: Logger
    private let buffer = Mutex(Buffer())

    /// What may wait for a slow disk; lines beyond are dropped and counted.
    private static let waitingBytesMax = 4 << 20

    init(_ path: String, files: any Files, loop: any Loop, logger: Logger) {
        self.path = path
        self.files = files
        lane = loop.makeLane(named: "traces")
        self.logger = logger
    }

    /// On the loop, as all that traces here.
    func add(_ line: String) {
        buffer.withLock { buffer in
            guard buffer.waiting.count + line.utf8.count < Self.waitingBytesMax else {
                buffer.dropped += 1
                return
            }
            buffer.waiting.append(contentsOf: line.utf8)
            buffer.waiting.append(UInt8(ascii: "\n"))
        }
        write()
    }

    private func write() {
        let lines = buffer.withLock { buffer -> [UInt8]? in
            guard !buffer.isWriting, !buffer.waiting.isEmpty else { return nil }
            buffer.isWriting = true
            defer { buffer.waiting = [] }
            return buffer.waiting
        }
        guard let lines else { return }
        let (path, files) = (path, files)
        lane.submit({ () -> FileError? in
            do throws(FileError) {
                try files.append(lines, to: path)
                return nil
            } catch {
                return error
            }
        }) { [self] in written($0) }
    }

    /// A trace is no reason to fill the log: trouble is said once, until it is over.
    private func written(_ error: FileError?) {
        let (wasBroken, dropped) = buffer.withLock { buffer -> (Bool, Int) in
            defer {
                buffer.isWriting = false
                buffer.isBroken = error != nil
                if error == nil { buffer.dropped = 0 }
            }
            return (buffer.isBroken, error == nil ? buffer.dropped : 0)
        }
        if let error, !wasBroken {
            logger.warning(
                "traces are lost: their file cannot be written", metadata: ["error": "\(error)"])
        }
        if dropped > 0 {
            logger.warning(
                "traces were dropped: the disk was slow", metadata: ["spans": "\(dropped)"])
        }
        write()
    }

    /// What a configuration asks for; nil for no traces, as by default.
    static func tracer(
        for configuration: AgentConfiguration, _ plugins: HostPlugins, logger: Logger
    ) -> (any WriteTracer)? {
        guard let path = configuration.telemetry.traceFile else { return nil }
        let file = TraceFile(path, files: plugins.files, loop: plugins.loop, logger: logger)
        let crypto = plugins.crypto
        let base = FileTracer(
            resource: [
                ("service.name", "martlet"), ("service.version", ServerOptions.softwareVersion),
                ("service.instance.id", configuration.name),
                ("service.namespace", configuration.region),
            ],
            makeID: { randomID(crypto) }, emit: { file.add($0) })
        return DistributedTracer(base, oneIn: UInt64(configuration.telemetry.traceOneIn))
    }

    private static func randomID(_ crypto: any Crypto) -> UInt64? {
        do {
            let id = try crypto.secureRandomBytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return id == 0 ? nil : id
        } catch {
            return nil  // The span is left out: nothing depends on it.
        }
    }
}

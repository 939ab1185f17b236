// SPDX-License-Identifier: Apache-2.0
package import MartletAPI
import MartletBytes

/// A wish that goes through the log. All it needs of time or chance, the leader puts into it.
///
/// | bytes | meaning                                                                 |
/// |-------|-------------------------------------------------------------------------|
/// | 1     | the oldest version of this table that has the command: its reader's min. |
/// | 1     | kind                                                                    |
/// | …     | the kind's fields, as `Codec.swift` writes them                         |
///
/// | kind | command             | fields                                            |
/// |------|---------------------|---------------------------------------------------|
/// | 1    | setAutopilot        | 1: whether cas follows; 8: cas; the configuration |
/// | 2    | initializeAutopilot | the configuration                                 |
/// | 3    | setScheduler        | 1: whether cas follows; 8: cas; the configuration |
/// | 4    | initializeScheduler | the configuration                                 |
/// | 5    | putServer           | the server                                        |
/// | 6    | removeServer        | string: id                                        |
///
/// A kind that is added, or a field, takes the next version. It is proposed only once every server
/// of the configuration reads that version: an older one would refuse what the others apply.
package enum Command: Equatable, Sendable {
    /// Replaces the configuration, if `cas` is nil or its ModifyIndex.
    case setAutopilot(AutopilotConfiguration, cas: UInt64?)
    /// Stores a first configuration, if there is none.
    case initializeAutopilot(AutopilotConfiguration)
    case setScheduler(SchedulerConfiguration, cas: UInt64?)
    case initializeScheduler(SchedulerConfiguration)
    /// Adds the server, or replaces what is known of it.
    case putServer(ServerIdentity)
    case removeServer(id: String)

    /// The newest version that this program reads.
    package static let version: UInt8 = 1

    /// The oldest version whose programs can apply this command.
    package var minimumReaderVersion: UInt8 { 1 }

    private var kind: UInt8 {
        switch self {
        case .setAutopilot: 1
        case .initializeAutopilot: 2
        case .setScheduler: 3
        case .initializeScheduler: 4
        case .putServer: 5
        case .removeServer: 6
        }
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 64)
        writer.write(minimumReaderVersion)
        writer.write(kind)
        switch self {
        case .setAutopilot(let configuration, let cas):
            Self.write(cas: cas, to: &writer)
            writer.write(configuration)
        case .initializeAutopilot(let configuration): writer.write(configuration)
        case .setScheduler(let configuration, let cas):
            Self.write(cas: cas, to: &writer)
            writer.write(configuration)
        case .initializeScheduler(let configuration): writer.write(configuration)
        case .putServer(let server): writer.write(server)
        case .removeServer(let id): writer.write(string: id)  // May be long, and then refused.
        }
        return writer.bytes
    }

    /// Reads bytes of any origin. What was written by ``encoded()`` reads back equal, but for the
    /// indexes of configurations, which the log gives.
    package init(decoding bytes: [UInt8]) throws(StateError) {
        var reader = StateReader(bytes)
        let version = try reader.uint8()
        guard version <= Self.version else {
            throw .newerVersion(version, known: Self.version)
        }
        switch (version, try reader.uint8()) {
        case (1, 1):
            let cas = try Self.readCAS(&reader)
            self = .setAutopilot(try reader.autopilot(), cas: cas)
        case (1, 2): self = .initializeAutopilot(try reader.autopilot())
        case (1, 3):
            let cas = try Self.readCAS(&reader)
            self = .setScheduler(try reader.scheduler(), cas: cas)
        case (1, 4): self = .initializeScheduler(try reader.scheduler())
        case (1, 5): self = .putServer(try reader.server())
        case (1, 6): self = .removeServer(id: try reader.longText())
        case (let version, let kind):
            throw .malformed("no command \(kind) in version \(version)")
        }
        try reader.finish()
    }

    private static func write(cas: UInt64?, to writer: inout ByteWriter) {
        writer.write(cas != nil)
        if let cas { writer.write(cas) }
    }

    private static func readCAS(_ reader: inout StateReader) throws(StateError) -> UInt64? {
        try reader.bool() ? try reader.uint64() : nil
    }
}

/// What became of a command: the same on every server.
package enum CommandResult: Equatable, Sendable {
    /// Done; `modifyIndex` is the command's log index.
    case applied(modifyIndex: UInt64)
    /// Check-and-set found another ModifyIndex, 0 for none; `index` is the command's log index.
    case casFailed(current: UInt64, at: UInt64)
    /// There was nothing to do.
    case unchanged
    /// It could not be read, or breaks a bound; the reason is for people.
    case refused(String)
}

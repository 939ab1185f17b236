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
/// | 7    | restoreBegin        | 8: bytes of the whole; 4: its CRC-32C             |
/// | 8    | restoreChunk        | 8: index of its restoreBegin; 4: number; bytes    |
/// | 9    | restoreEnd          | 8: index of its restoreBegin                      |
/// | 10   | recordEvent         | the event                                         |
/// | 11   | recordLeader        | the leadership term                               |
/// | 12   | setUpgradeBaseline  | 1: whether cas follows; 8: cas;                   |
/// |      |                     | 1: whether a number follows; 8: the number        |
/// | 13…  | acl                 | those of ``ACLCommand``                           |
/// | 23…  | scheduling          | those of ``SchedulerCommand``                     |
///
/// Kinds 1 to 6 came with version 1, 7 to 9 with version 2, 10 to 12 with version 3, 13 to 22 with
/// version 4. Version 3 also has kinds 1 and 3 with an author before the configuration, and kind 5
/// with a zone or an upgrade version; version 4 has kind 7 of a state beyond the bound of version 2,
/// and kind 9 of a state with ACL tables. Without those they stay what they were. Version 5 has kinds
/// 13 to 22 with the bounds of ``ACLTables/Bounds/current``, and kind 7 of a restore that is staged,
/// and kinds 23 to 41. Version 6 has kinds 42 to 44, and kind 27 that makes pools and holds digests.
///
/// A kind that is added, or a field, takes the next version. It is proposed only once every server
/// of the configuration reads that version: an older one would refuse what the others apply.
package enum Command: Equatable, Sendable {
    /// Replaces the configuration, if `cas` is nil or its ModifyIndex. With an author it is an event
    /// in the history.
    case setAutopilot(AutopilotConfiguration, cas: UInt64?, by: HistoryEvent.Author? = nil)
    /// Stores a first configuration, if there is none.
    case initializeAutopilot(AutopilotConfiguration)
    case setScheduler(SchedulerConfiguration, cas: UInt64?, by: HistoryEvent.Author? = nil)
    case initializeScheduler(SchedulerConfiguration)
    /// Adds the server, or replaces what is known of it.
    case putServer(ServerIdentity)
    case removeServer(id: String)
    /// Announces a state to restore: ``StateRestore`` says how it goes on.
    ///
    /// If it is staged, the chunks are read as they come, and a state may be as large as the tables.
    case restoreBegin(sizeBytes: UInt64, checksum: UInt32, isStaged: Bool = false)
    /// The chunk with this number, from 0, of the restore that began at this log index.
    case restoreChunk(restore: UInt64, number: UInt32, bytes: [UInt8])
    /// Puts the restore that began at this log index in force; `hasACL` says whether it may have the
    /// tables of tokens, policies and roles, which then take the place of the present ones.
    case restoreEnd(restore: UInt64, hasACL: Bool = false)
    case recordEvent(HistoryEvent)
    /// Nothing where the term was recorded already, or a later one.
    case recordLeader(LeadershipTerm)
    /// How many voters there were when an upgrade began, or that none is under way; if `cas` is nil or
    /// ``State/upgradeBaselineIndex``.
    case setUpgradeBaseline(UInt64?, cas: UInt64?)
    /// `bounds` are those of version 4 or 5: a state grows beyond the former only by commands that
    /// older programs never see.
    case acl(ACLCommand, bounds: ACLTables.Bounds = .first)
    case scheduling(SchedulerCommand)

    /// The newest version that this program reads.
    package static let version: UInt8 = 6

    /// The oldest version whose programs can apply this command.
    package var minimumReaderVersion: UInt8 {
        switch self {
        case .initializeAutopilot, .initializeScheduler, .removeServer: 1
        case .setAutopilot(_, _, let author), .setScheduler(_, _, let author):
            author == nil ? 1 : Self.historyVersion
        case .putServer(let server): server.hasLabels ? Self.historyVersion : 1
        case .restoreBegin(_, _, isStaged: true): Self.largeVersion
        case .restoreBegin(let size, _, isStaged: false):
            size > StateRestore.olderBytesMax ? Self.aclVersion : Self.restoreVersion
        case .restoreChunk: Self.restoreVersion
        case .restoreEnd(_, let hasACL): hasACL ? Self.aclVersion : Self.restoreVersion
        case .recordEvent, .recordLeader, .setUpgradeBaseline: Self.historyVersion
        case .acl(_, let bounds): bounds == .first ? Self.aclVersion : Self.largeVersion
        case .scheduling(let command): command.version
        }
    }

    /// The version that brought ``StateRestore``.
    package static let restoreVersion: UInt8 = 2
    /// The version that brought the history, zones and upgrades.
    package static let historyVersion: UInt8 = 3
    /// The version that brought tokens, policies and roles.
    package static let aclVersion: UInt8 = 4
    /// The version that brought states of gigabytes.
    package static let largeVersion: UInt8 = 5
    /// The version that brought nodes, jobs and what is made of them.
    package static let schedulingVersion: UInt8 = 5
    /// The version that brought pools of nodes.
    package static let poolVersion: UInt8 = 6

    private var kind: UInt8 {
        switch self {
        case .setAutopilot: 1
        case .initializeAutopilot: 2
        case .setScheduler: 3
        case .initializeScheduler: 4
        case .putServer: 5
        case .removeServer: 6
        case .restoreBegin: 7
        case .restoreChunk: 8
        case .restoreEnd: 9
        case .recordEvent: 10
        case .recordLeader: 11
        case .setUpgradeBaseline: 12
        case .acl(let command, _): command.kind
        case .scheduling(let command): command.kind
        }
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingBytes: 64)
        writer.write(minimumReaderVersion)
        writer.write(kind)
        switch self {
        case .setAutopilot(let configuration, let cas, let author):
            Self.write(optional: cas, to: &writer)
            if let author { writer.write(author) }
            writer.write(configuration)
        case .initializeAutopilot(let configuration): writer.write(configuration)
        case .setScheduler(let configuration, let cas, let author):
            Self.write(optional: cas, to: &writer)
            if let author { writer.write(author) }
            writer.write(configuration)
        case .initializeScheduler(let configuration): writer.write(configuration)
        case .putServer(let server):
            writer.write(server)
            if server.hasLabels { writer.writeLabels(server) }
        case .removeServer(let id): writer.write(string: id)  // May be long, and then refused.
        case .restoreBegin(let sizeBytes, let checksum, _):
            writer.write(sizeBytes)
            writer.write(checksum)
        case .restoreChunk(let restore, let number, let bytes):
            writer.write(restore)
            writer.write(number)
            writer.write(bytes: bytes)
        case .restoreEnd(let restore, _): writer.write(restore)
        case .recordEvent(let event): writer.write(event)
        case .recordLeader(let leader): writer.write(leader)
        case .setUpgradeBaseline(let voters, let cas):
            Self.write(optional: cas, to: &writer)
            Self.write(optional: voters, to: &writer)
        case .acl(let command, _): writer.write(command)
        case .scheduling(let command): writer.write(command)
        }
        return writer.finish()
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
            let cas = try reader.optional()
            self = .setAutopilot(try reader.autopilot(), cas: cas)
        case (1, 2): self = .initializeAutopilot(try reader.autopilot())
        case (1, 3):
            let cas = try reader.optional()
            self = .setScheduler(try reader.scheduler(), cas: cas)
        case (1, 4): self = .initializeScheduler(try reader.scheduler())
        case (1, 5): self = .putServer(try reader.server(version: version))
        case (1, 6): self = .removeServer(id: try reader.longText())
        case (2, 7), (4, 7):
            let size = try reader.uint64()
            guard (size > StateRestore.olderBytesMax) == (version == 4) else {
                throw .malformed("a state of \(size) bytes in version \(version)")
            }
            self = .restoreBegin(sizeBytes: size, checksum: try reader.uint32())
        case (5, 7):
            self = .restoreBegin(
                sizeBytes: try reader.uint64(), checksum: try reader.uint32(), isStaged: true)
        case (2, 8):
            self = .restoreChunk(
                restore: try reader.uint64(), number: try reader.uint32(),
                bytes: try reader.chunk())
        case (2, 9): self = .restoreEnd(restore: try reader.uint64())
        case (3, 1):
            let cas = try reader.optional()
            let author = try reader.author()
            self = .setAutopilot(try reader.autopilot(), cas: cas, by: author)
        case (3, 3):
            let cas = try reader.optional()
            let author = try reader.author()
            self = .setScheduler(try reader.scheduler(), cas: cas, by: author)
        case (3, 5):
            let server = try reader.server(version: version)
            guard server.hasLabels else {
                throw .malformed("server \(server.id) in version 3 without need")
            }
            self = .putServer(server)
        case (3, 10): self = .recordEvent(try reader.event())
        case (3, 11): self = .recordLeader(try reader.leader())
        case (3, 12):
            let cas = try reader.optional()
            self = .setUpgradeBaseline(try reader.optional(), cas: cas)
        case (4, 9): self = .restoreEnd(restore: try reader.uint64(), hasACL: true)
        case (4, let kind) where ACLCommand.kinds.contains(kind),
            (5, let kind) where ACLCommand.kinds.contains(kind):
            self = .acl(try reader.aclCommand(kind), bounds: .of(version: version))
        case (let version, let kind) where SchedulerCommand.has(kind, in: version):
            self = .scheduling(try reader.schedulerCommand(kind, version: version))
        case (let version, let kind):
            throw .malformed("no command \(kind) in version \(version)")
        }
        try reader.finish()
    }

    static func write(optional number: UInt64?, to writer: inout ByteWriter) {
        writer.write(number != nil)
        if let number { writer.write(number) }
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
    /// It does not fit the tokens, policies and roles that there are.
    case aclRefused(ACLRefusal)
    /// It does not fit the nodes, jobs, evaluations, allocations and deployments that there are.
    case schedulerRefused(SchedulerRefusal)
}

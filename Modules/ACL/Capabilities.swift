// SPDX-License-Identifier: Apache-2.0

/// What a rule can grant inside a block, by the name that policies use. `deny` clears all others.
///
/// - Invariant: raw values count from 0 and are below 64.
package protocol Capability: RawRepresentable<Int>, CaseIterable, Equatable, Sendable {
    static var deny: Self { get }
    /// In the order of the raw values.
    static var names: [String] { get }
    /// What a level stands for; nil where the block has no such level.
    static func expansion(of level: Level) -> [Self]?
    /// What else has who has this.
    var implied: [Self] { get }
}

extension Capability {
    package init?(name: String) {
        guard let position = Self.names.firstIndex(of: name) else { return nil }
        self.init(rawValue: position)
    }

    package var name: String { Self.names[rawValue] }

    package var implied: [Self] { [] }
}

/// What a block's `policy` says.
package enum Level: String, CaseIterable, Equatable, Sendable {
    case deny
    /// Of `plugin` only.
    case list
    case read
    case write
    /// Of namespaces; elsewhere it can be written and grants nothing.
    case scale
}

/// Ours is finer than Nomad's, which has `snapshot-save`, `license-read`, `deny` and, for the root
/// keyring that we have not, the three `keyring-…`.
package enum OperatorCapability: Int, Capability {
    case deny
    case raftRead
    case raftRemove
    case leaderTransfer
    case autopilotRead
    case autopilotWrite
    case schedulerRead
    case schedulerWrite
    case snapshotSave
    case snapshotRestore
    case keyring
    case licenseRead
    case keyringRead
    case keyringRotate
    case keyringDelete

    package static let names = [
        "deny", "raft-read", "raft-remove", "leader-transfer", "autopilot-read", "autopilot-write",
        "scheduler-read", "scheduler-write", "snapshot-save", "snapshot-restore", "keyring",
        "license-read", "keyring-read", "keyring-rotate", "keyring-delete",
    ]

    package static func expansion(of level: Level) -> [Self]? {
        switch level {
        case .deny: [.deny]
        case .read: [.autopilotRead, .schedulerRead, .licenseRead]
        case .write:
            [.autopilotRead, .schedulerRead, .licenseRead, .autopilotWrite, .schedulerWrite]
        case .scale: []
        case .list: nil
        }
    }
}

package enum HostVolumeCapability: Int, Capability {
    case deny
    case mountReadOnly
    case mountReadWrite

    package static let names = [
        "deny", "mount-readonly", "mount-readwrite",
    ]

    package static func expansion(of level: Level) -> [Self]? {
        switch level {
        case .deny: [.deny]
        case .read: [.mountReadOnly]
        case .write: [.mountReadOnly, .mountReadWrite]
        case .scale: []
        case .list: nil
        }
    }
}

package enum NodePoolCapability: Int, Capability {
    case deny
    case read
    case write
    case delete

    package static let names = [
        "deny", "read", "write", "delete",
    ]

    package static func expansion(of level: Level) -> [Self]? {
        switch level {
        case .deny: [.deny]
        case .read: [.read]
        case .write: [.read, .write, .delete]
        case .scale: []
        case .list: nil
        }
    }
}

/// Of a path of variables. There are no levels.
package enum VariableCapability: Int, Capability {
    case deny
    case list
    case read
    case write
    case destroy

    package static let names = [
        "deny", "list", "read", "write", "destroy",
    ]

    package static func expansion(of level: Level) -> [Self]? { nil }

    package var implied: [Self] { self == .read ? [.list] : [] }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHCL

/// What a call is about to do, as far as rules tell it apart.
package enum Operation: Equatable, Sendable {
    /// Raft's configuration and history: who the peers are.
    case raftRead
    case raftRemove
    case leaderTransfer
    case autopilotRead
    case autopilotWrite
    case schedulerRead
    case schedulerWrite
    case snapshotSave
    case snapshotRestore
    case licenseRead
    /// Gossip's keys, seen or changed.
    case keyring
    case agentRead
    case agentWrite
    case nodeRead
    case nodeWrite
    case quotaRead
    case quotaWrite
    case pluginList
    case pluginRead
    /// Tokens, policies and roles, but for a caller's own.
    case aclManage
    case namespace(String, NamespaceCapability)
    case variables(namespace: String, path: String, VariableCapability)
    case hostVolume(String, HostVolumeCapability)
    case nodePool(String, NodePoolCapability)
}

/// What came of the question whether a call may do what it is about to do.
package struct Decision: Equatable, Sendable {
    package let isAllowed: Bool
    package let reason: Reason

    /// For the audit log and for `?explain`; never for who was refused.
    package enum Reason: Equatable, Sendable {
        /// The token is a management token.
        case management
        /// This level of this block, in this policy.
        case level(Block, Level, policy: String)
        /// This capability of `operator`, in this policy.
        case operatorCapability(OperatorCapability, policy: String)
        /// The rule for this name or glob of this block, in this policy; `capability` is `deny` where it
        /// refuses.
        case rule(Block, glob: String, capability: String, policy: String)
        /// No policy says anything that gives it.
        case notGranted(Operation)
        case managementOnly
        /// A policy of the token cannot be read: it may deny what the others grant.
        case unreadable(policy: String)
    }

    static func allowed(_ reason: Reason) -> Decision {
        Decision(isAllowed: true, reason: reason)
    }

    static func refused(_ reason: Reason) -> Decision {
        Decision(isAllowed: false, reason: reason)
    }
}

/// The blocks that a policy can have, by their names.
package enum Block: String, CaseIterable, Equatable, Sendable {
    case `operator`
    case agent
    case node
    case quota
    case plugin
    case namespace
    case hostVolume = "host_volume"
    case nodePool = "node_pool"
    /// Within a namespace.
    case variables
}

extension Operation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .raftRead: "raft-read"
        case .raftRemove: "raft-remove"
        case .leaderTransfer: "leader-transfer"
        case .autopilotRead: "autopilot-read"
        case .autopilotWrite: "autopilot-write"
        case .schedulerRead: "scheduler-read"
        case .schedulerWrite: "scheduler-write"
        case .snapshotSave: "snapshot-save"
        case .snapshotRestore: "snapshot-restore"
        case .licenseRead: "license-read"
        case .keyring: "keyring"
        case .agentRead: "agent read"
        case .agentWrite: "agent write"
        case .nodeRead: "node read"
        case .nodeWrite: "node write"
        case .quotaRead: "quota read"
        case .quotaWrite: "quota write"
        case .pluginList: "plugin list"
        case .pluginRead: "plugin read"
        case .aclManage: "acl"
        case .namespace(let name, let capability):
            "\(capability.name) in namespace \(hclQuoted(name))"
        case .variables(let namespace, let path, let capability):
            "\(capability.name) of variable \(hclQuoted(path)) in namespace \(hclQuoted(namespace))"
        case .hostVolume(let name, let capability):
            "\(capability.name) of host volume \(hclQuoted(name))"
        case .nodePool(let name, let capability):
            "\(capability.name) of node pool \(hclQuoted(name))"
        }
    }
}

extension Decision.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .management: "management token"
        case .level(let block, let level, let policy):
            "policy \(policy): \(block.rawValue) = \(level.rawValue)"
        case .operatorCapability(let capability, let policy):
            "policy \(policy): operator has \(capability.name)"
        case .rule(let block, let glob, let capability, let policy):
            "policy \(policy): \(block.rawValue) \(hclQuoted(glob)) has \(capability)"
        case .notGranted(let what): "no policy grants \(what)"
        case .managementOnly: "only management tokens may"
        case .unreadable(let policy): "policy \(policy) cannot be read"
        }
    }
}

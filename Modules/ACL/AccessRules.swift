// SPDX-License-Identifier: Apache-2.0

/// What a token may do: its policies merged, in whatever order they come.
///
/// - Of the levels of one block the highest counts: deny, write, read, list.
/// - Capabilities of one name or glob are united; deny clears them, whoever says it.
/// - For a name its own rule counts; without one, that of the glob with the most characters besides its
///   stars which matches. Of two with as many, one that denies, then the first in alphabetical order.
///
/// Where several policies say the same, decisions name the first in alphabetical order.
package struct AccessRules: Sendable {
    private enum Scope: Sendable {
        case everything
        case nothing(Decision.Reason)
        case merged
    }

    private let scope: Scope
    private var levels = Levels()
    private var operatorGrants = Grants<OperatorCapability>()
    private var namespaces = ScopedTable<NamespaceCapability>(.namespace)
    private var variables = VariableTable()
    private var hostVolumes = ScopedTable<HostVolumeCapability>(.hostVolume)
    private var nodePools = ScopedTable<NodePoolCapability>(.nodePool)

    /// Of a management token: all is allowed.
    package static let management = AccessRules(.everything)

    /// Of a token with a policy that cannot be read: it might deny anything.
    package static func unreadable(policy: String) -> AccessRules {
        AccessRules(.nothing(.unreadable(policy: policy)))
    }

    private init(_ scope: Scope) { self.scope = scope }

    /// Of no policies: nothing is allowed.
    package init(merging policies: [PolicyRules]) {
        scope = .merged
        for rules in policies { merge(rules) }
        namespaces.sort()
        variables.sort()
        hostVolumes.sort()
        nodePools.sort()
    }

    private mutating func merge(_ rules: PolicyRules) {
        let policy = rules.policy
        levels.agent.merge(rules.agent, policy)
        levels.node.merge(rules.node, policy)
        levels.quota.merge(rules.quota, policy)
        levels.plugin.merge(rules.plugin, policy)
        if let rule = rules.operator {
            operatorGrants.merge(CapabilitySet(level: rule.level, rule.capabilities), policy)
        }
        for rule in rules.namespaces {
            namespaces.merge(rule.namespace, policy)
            for path in rule.variables {
                variables.merge(path, namespace: rule.namespace.glob, policy)
            }
        }
        for rule in rules.hostVolumes { hostVolumes.merge(rule, policy) }
        for rule in rules.nodePools { nodePools.merge(rule, policy) }
    }

    /// Allocates nothing.
    package func decide(_ operation: Operation) -> Decision {
        switch scope {
        case .everything: .allowed(.management)
        case .nothing(let reason): .refused(reason)
        case .merged: decideByRules(operation)
        }
    }

    private func decideByRules(_ operation: Operation) -> Decision {
        switch operation {
        case .aclManage: .refused(.managementOnly)
        case .raftRead: decide(.raftRead, operation)
        case .raftRemove: decide(.raftRemove, operation)
        case .leaderTransfer: decide(.leaderTransfer, operation)
        case .autopilotRead: decide(.autopilotRead, operation)
        case .autopilotWrite: decide(.autopilotWrite, operation)
        case .schedulerRead: decide(.schedulerRead, operation)
        case .schedulerWrite: decide(.schedulerWrite, operation)
        case .snapshotSave: decide(.snapshotSave, operation)
        case .snapshotRestore: decide(.snapshotRestore, operation)
        case .licenseRead: decide(.licenseRead, operation)
        case .keyring: decideKeyring()
        case .agentRead: levels.agent.decide(.agent, .read, operation)
        case .agentWrite: levels.agent.decide(.agent, .write, operation)
        case .nodeRead: levels.node.decide(.node, .read, operation)
        case .nodeWrite: levels.node.decide(.node, .write, operation)
        case .quotaRead: levels.quota.decide(.quota, .read, operation)
        case .quotaWrite: levels.quota.decide(.quota, .write, operation)
        case .pluginList: levels.plugin.decide(.plugin, .list, operation)
        case .pluginRead: levels.plugin.decide(.plugin, .read, operation)
        case .namespace(let name, let capability):
            namespaces.decide(name, capability, operation)
        case .variables(let namespace, let path, let capability):
            // Who is denied a namespace is denied what is in it.
            namespaces.denial(of: namespace)
                ?? variables.decide(namespace, path, capability, operation)
        case .hostVolume(let name, let capability):
            hostVolumes.decide(name, capability, operation)
        case .nodePool(let name, let capability): nodePools.decide(name, capability, operation)
        }
    }

    private func decide(_ capability: OperatorCapability, _ operation: Operation) -> Decision {
        if let policy = operatorGrants.denier {
            return .refused(.operatorCapability(.deny, policy: policy))
        }
        guard let policy = operatorGrants.granter(of: capability) else {
            return .refused(.notGranted(operation))
        }
        return .allowed(.operatorCapability(capability, policy: policy))
    }

    /// By `agent` as in Nomad, or by the capability; a deny of `agent` counts in both cases.
    private func decideKeyring() -> Decision {
        let byAgent = levels.agent.decide(.agent, .write, .keyring)
        if byAgent.isAllowed || levels.agent.isDenied { return byAgent }
        return decide(.keyring, .keyring)
    }
}

/// The blocks that have nothing but a level.
private struct Levels: Sendable {
    var agent = LevelGrant()
    var node = LevelGrant()
    var quota = LevelGrant()
    var plugin = LevelGrant()
}

private struct LevelGrant: Sendable {
    private var level: Level?
    private var policy = ""

    var isDenied: Bool { level == .deny }

    mutating func merge(_ other: Level?, _ otherPolicy: String) {
        guard let other else { return }
        let (rank, otherRank) = (level?.rank ?? -1, other.rank)
        guard otherRank > rank || otherRank == rank && otherPolicy < policy else { return }
        level = other
        policy = otherPolicy
    }

    func decide(_ block: Block, _ needed: Level, _ operation: Operation) -> Decision {
        guard let level else { return .refused(.notGranted(operation)) }
        let reason = Decision.Reason.level(block, level, policy: policy)
        return level != .deny && level.rank >= needed.rank ? .allowed(reason) : .refused(reason)
    }
}

extension Level {
    /// Which of two levels counts: the higher.
    fileprivate var rank: Int {
        switch self {
        case .scale: 0
        case .list: 1
        case .read: 2
        case .write: 3
        case .deny: 4
        }
    }
}

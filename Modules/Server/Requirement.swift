// SPDX-License-Identifier: Apache-2.0
import MartletACL

/// What a caller has to be before an endpoint listens to it (`spec/acl.md`, section 4.2).
enum Requirement: Equatable {
    /// Anybody, whatever it presents.
    case nothing
    /// Whoever the policies allow this.
    case operation(Operation)
    /// Whoever the policies allow this in the namespace that the call is about.
    case namespace(NamespaceCapability)
    /// Whoever the policies allow this of the pool of nodes that the path names.
    case nodePool(NodePoolCapability)
    /// The owner of any token that is known.
    case token
    /// Anybody who presents nothing or a token that is known: each is shown what it may see.
    case filtered
    /// The nodes that it is about, by their secret; policies have no say.
    case nodeSecret
}

extension Endpoint {
    var requirement: Requirement {
        switch self {
        case .statusLeader, .statusPeers, .statusIsLeader, .regions, .agentHealth, .metrics, .livez,
            .readyz, .aclBootstrap, .page, .pageElsewhere:
            .nothing
        case .raftConfiguration, .raftHistory: .operation(.raftRead)
        case .removePeer: .operation(.raftRemove)
        case .transferLeadership: .operation(.leaderTransfer)
        case .autopilotConfiguration, .autopilotHealth, .autopilotState, .autopilotPlan:
            .operation(.autopilotRead)
        case .setAutopilotConfiguration: .operation(.autopilotWrite)
        case .schedulerConfiguration: .operation(.schedulerRead)
        case .setSchedulerConfiguration: .operation(.schedulerWrite)
        case .saveSnapshot: .operation(.snapshotSave)
        case .restoreSnapshot: .operation(.snapshotRestore)
        case .agentSelf, .monitor: .operation(.agentRead)
        case .eventStream: .filtered
        case .agentMembers: .operation(.nodeRead)
        case .agentJoin, .agentForceLeave: .operation(.agentWrite)
        case .keyringList, .keyringInstall, .keyringUse, .keyringRemove: .operation(.keyring)
        case .aclOwnToken: .token
        case .aclPolicies, .aclPolicy, .aclToken, .aclRoles, .aclRole, .aclRoleByName: .filtered
        case .aclTokens, .setACLPolicy, .deleteACLPolicy, .createACLToken, .updateACLToken,
            .deleteACLToken, .createACLRole, .updateACLRole, .deleteACLRole:
            .operation(.aclManage)
        case .jobs(let endpoint): endpoint.requirement
        case .nodes(let endpoint): endpoint.requirement
        case .pools(let endpoint): endpoint.requirement
        }
    }

    /// Of the access control itself: answered only where that is switched on.
    var isAboutACL: Bool {
        switch self {
        case .aclBootstrap, .aclPolicies, .aclPolicy, .setACLPolicy, .deleteACLPolicy, .aclTokens,
            .aclToken, .aclOwnToken, .createACLToken, .updateACLToken, .deleteACLToken, .aclRoles,
            .aclRole, .aclRoleByName, .createACLRole, .updateACLRole, .deleteACLRole:
            true
        default: false
        }
    }
}

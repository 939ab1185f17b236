// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI

/// What events are about. Whoever may read the subject may read its events.
enum EventTopic: String, CaseIterable, Sendable {
    /// Who leads, and what part a server takes.
    case leadership = "Leadership"
    /// The servers of the Raft configuration.
    case raftConfiguration = "RaftConfiguration"
    case autopilotConfiguration = "AutopilotConfiguration"
    case schedulerConfiguration = "SchedulerConfiguration"
    /// What Autopilot and operators did to the servers.
    case autopilot = "Autopilot"
    /// Whether servers are there and healthy, as the server that is asked sees it.
    case health = "Health"
    case aclToken = "ACLToken"
    case aclPolicy = "ACLPolicy"
    case aclRole = "ACLRole"
    /// Snapshots of the state that were taken, or put in force.
    case snapshot = "Snapshot"
    case job = "Job"
    case evaluation = "Evaluation"
    case allocation = "Allocation"
    case deployment = "Deployment"
    case node = "Node"
    case nodePool = "NodePool"

    var operation: Operation {
        switch self {
        case .leadership, .raftConfiguration, .autopilot, .snapshot: .raftRead
        case .autopilotConfiguration, .health: .autopilotRead
        case .schedulerConfiguration: .schedulerRead
        case .aclToken, .aclPolicy, .aclRole: .aclManage
        case .job, .evaluation, .allocation, .deployment:
            .namespace(Job.namespaceDefault, .readJob)
        case .node, .nodePool: .nodeRead
        }
    }

    /// Of the scheduler's objects, of which there are many more events than of all else.
    var isScheduling: Bool {
        switch self {
        case .job, .evaluation, .allocation, .deployment, .node, .nodePool: true
        case .leadership, .raftConfiguration, .autopilotConfiguration, .schedulerConfiguration,
            .autopilot, .health, .aclToken, .aclPolicy, .aclRole, .snapshot:
            false
        }
    }
}

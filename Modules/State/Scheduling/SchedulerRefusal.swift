// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Why the state refuses a command about the scheduler's objects: what only it can know.
package enum SchedulerRefusal: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownJob(JobKey)
    case unknownVersion(JobKey, UInt64)
    /// `EnforceIndex` asked for another job than there is; `current` is nil without one.
    case jobChanged(enforced: UInt64, current: UInt64?)
    /// An `EnforcePriorVersion` that is not the present one.
    case versionChanged(enforced: UInt64, current: UInt64)
    case unknownNode(UniqueID)
    /// The node has another secret.
    case wrongSecret(node: UniqueID)
    /// What is drained takes no work.
    case nodeDrains(UniqueID)
    case unknownAllocation(UniqueID)
    case unknownDeployment(UniqueID)
    case deploymentEnded(UniqueID, Deployment.Status)
    case notPromotable(UniqueID, String)
    case unknownPool(String)
    /// Nobody may change or remove it.
    case builtInPool(String)
    /// It is not empty: nodes that are in it, and jobs that want it and have not ended.
    case poolInUse(String, nodes: Int, jobs: Int)
    /// A table has no room: its bound.
    case full(String, max: Int)

    /// In Nomad's words where it has such a refusal.
    package var description: String {
        switch self {
        case .unknownJob(let key): "job \(goQuotedText(key.id)) not found"
        case .unknownVersion(let key, let version):
            "job \(goQuotedText(key.id)) in namespace \(goQuotedText(key.namespace)) at version "
                + "\(version) not found"
        case .jobChanged(0, _): "Enforcing job modify index 0: job already exists"
        case .jobChanged(let enforced, nil):
            "Enforcing job modify index \(enforced): job does not exist"
        case .jobChanged(let enforced, let current?):
            "Enforcing job modify index \(enforced): job exists with conflicting job modify index: "
                + "\(current)"
        case .versionChanged(let enforced, let current):
            "Current job has version \(current); enforcing version \(enforced)"
        case .unknownNode(let id): "node \(id) not found"
        case .wrongSecret: "node secret ID does not match. Not registering node."
        case .nodeDrains:
            "can not set node's scheduling eligibility to eligible while it is draining"
        case .unknownAllocation(let id): "alloc \(id) not found"
        case .unknownDeployment(let id): "deployment \(id) not found"
        case .deploymentEnded(let id, let status):
            "Deployment ID \(goQuotedText(id.description)) couldn't be updated: already has "
                + "terminal status \(goQuotedText(status.rawValue))"
        case .notPromotable(_, let why): why
        case .unknownPool(let name): "node pool \(goQuotedText(name)) not found"
        case .builtInPool(let name):
            "node pool \(goQuotedText(name)) is built in: of the pool \"default\" its "
                + "SchedulerConfiguration may be changed, and nothing else of any"
        case .poolInUse(let name, let nodes, let jobs):
            "node pool \(goQuotedText(name)) has \(nodes) nodes and \(jobs) non-terminal jobs"
        case .full(let table, let max): "there is no room for more than \(max) \(table)"
        }
    }

    private func goQuotedText(_ text: String) -> String { "\"\(text)\"" }
}

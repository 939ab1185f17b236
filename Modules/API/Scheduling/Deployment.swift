// SPDX-License-Identifier: Apache-2.0

/// How far a version of a job has got.
package struct Deployment: Equatable, Sendable {
    package enum Status: String, Hashable, Sendable, CaseIterable {
        case running
        case paused
        case failed
        case successful
        case cancelled

        /// Whether it still goes on.
        package var isActive: Bool { self == .running || self == .paused }
    }

    package var id: UniqueID
    package var job: JobKey
    package var jobVersion: UInt64
    /// The job's ModifyIndex when it was made.
    package var jobModifyIndex: UInt64
    package var jobSpecModifyIndex: UInt64
    package var jobCreateIndex: UInt64
    /// By name.
    package var groups = SortedMap<DeploymentGroupState>()
    package var status = Status.running
    package var statusDescription = Deployment.runningDescription
    /// The job's priority, for the evaluations that it makes.
    package var evaluationPriority = Job.priorityDefault
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package static let runningDescription = "Deployment is running"

    /// A running one of the version, without groups.
    package init(id: UniqueID, of job: Job) {
        self.id = id
        self.job = job.key
        jobVersion = job.version
        jobModifyIndex = job.modifyIndex
        jobSpecModifyIndex = job.jobModifyIndex
        jobCreateIndex = job.createIndex
        evaluationPriority = job.priority
    }

    package var jobID: String { job.id }
    package var namespace: String { job.namespace }
    package var isActive: Bool { status.isActive }

    /// Whether some group has canaries that nobody has promoted.
    package var requiresPromotion: Bool {
        groups.contains { $0.value.desiredCanaries > 0 && !$0.value.isPromoted }
    }
}

package struct DeploymentGroupState: Hashable, Sendable {
    package var desiredTotal = 0
    package var desiredCanaries = 0
    package var placedCanaries: [UniqueID] = []
    package var placedAllocations = 0
    package var healthyAllocations = 0
    package var unhealthyAllocations = 0
    package var isPromoted = false
    package var autoRevert = false
    package var autoPromote = false
    package var progressDeadline = GoDuration.zero
    /// Nanoseconds since 1970; 0 for none yet.
    package var requireProgressByUnixNanoseconds: Int64 = 0

    package init() {}
}

/// A change to a deployment's status.
package struct DeploymentStatusUpdate: Hashable, Sendable {
    package var id: UniqueID
    package var status: Deployment.Status
    package var description: String

    package init(id: UniqueID, status: Deployment.Status, description: String) {
        self.id = id
        self.status = status
        self.description = description
    }
}

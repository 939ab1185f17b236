// SPDX-License-Identifier: Apache-2.0

/// Why there is an evaluation.
package enum EvaluationTrigger: String, Hashable, Sendable, CaseIterable {
    case jobRegister = "job-register"
    case jobDeregister = "job-deregister"
    case jobScaling = "job-scaling"
    case periodicJob = "periodic-job"
    case nodeUpdate = "node-update"
    case nodeDrain = "node-drain"
    case allocStop = "alloc-stop"
    case allocFailure = "alloc-failure"
    case scheduled
    case rollingUpdate = "rolling-update"
    case deploymentWatcher = "deployment-watcher"
    case failedFollowUp = "failed-follow-up"
    case maxPlanAttempts = "max-plan-attempts"
    case queuedAllocs = "queued-allocs"
    case preemption
}

/// A request to the scheduler: look at this job, and bring about what it should be.
package struct Evaluation: Equatable, Sendable {
    package enum Status: String, Hashable, Sendable, CaseIterable {
        case pending
        /// It waits for capacity.
        case blocked
        case complete
        case failed
        case canceled

        package var isTerminal: Bool {
            switch self {
            case .complete, .failed, .canceled: true
            case .pending, .blocked: false
            }
        }
    }

    package var id: UniqueID
    package var job: JobKey
    /// Of the job when it was made.
    package var priority: Int
    /// Which scheduler it is for.
    package var type: JobType
    package var trigger: EvaluationTrigger
    package var jobModifyIndex: UInt64 = 0
    package var nodeID: UniqueID?
    package var nodeModifyIndex: UInt64 = 0
    package var deploymentID: UniqueID?
    package var status = Status.pending
    package var statusDescription = ""
    /// How long it waits before it is looked at.
    package var wait = GoDuration.zero
    /// Until when, in nanoseconds since 1970; 0 for not at all.
    package var waitUntilUnixNanoseconds: Int64 = 0
    package var nextEvaluation: UniqueID?
    package var previousEvaluation: UniqueID?
    /// The one that waits for what this one could not place.
    package var blockedEvaluation: UniqueID?
    /// By group, why instances could not be placed.
    package var failedGroups = SortedMap<PlacementMetric>()
    /// Of a blocked one: the computed classes that it has seen, and whether they would do. Keys are the
    /// classes as ``Node/computedClassText``.
    package var classEligibility = SortedMap<Bool>()
    /// Whether some constraint looks at what is unique to a node: then classes say nothing.
    package var hasEscapedClass = false
    /// By group, instances that wait for a place.
    package var queuedAllocations = SortedMap<Int>()
    /// Index of the state that was looked at.
    package var snapshotIndex: UInt64 = 0
    package var annotatesPlan = false
    package var quotaLimitReached = ""

    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0
    package var createUnixNanoseconds: Int64 = 0
    package var modifyUnixNanoseconds: Int64 = 0

    package init(
        id: UniqueID, job: JobKey, priority: Int, type: JobType, trigger: EvaluationTrigger
    ) {
        self.id = id
        self.job = job
        self.priority = priority
        self.type = type
        self.trigger = trigger
    }

    package var jobID: String { job.id }
    package var namespace: String { job.namespace }
    /// Whether the broker is to hand it out.
    package var shouldEnqueue: Bool { status == .pending }
    package var shouldBlock: Bool { status == .blocked }
}

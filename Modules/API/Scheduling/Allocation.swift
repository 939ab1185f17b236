// SPDX-License-Identifier: Apache-2.0

/// An instance of a group on a node: what shall become of it, and what has.
///
/// The job's version, the resources and the metric are shared with the other instances that have the
/// same; an allocation itself takes some 400 bytes, so that tables and views hold it as ``Shared``.
package struct Allocation: Equatable, Sendable {
    package enum DesiredStatus: String, Hashable, Sendable, CaseIterable {
        case run
        case stop
        /// It makes room for a more important one.
        case evict
    }

    package enum ClientStatus: String, Hashable, Sendable, CaseIterable {
        case pending
        case running
        case complete
        case failed
        case lost
    }

    package var id: UniqueID
    /// The evaluation that placed it, or last changed it.
    package var evaluationID: UniqueID
    package var nodeID: UniqueID
    package var nodeName = ""
    /// The version that it runs.
    package var job: Shared<Job>
    /// Name of its group.
    package var group: String
    /// Its number among the instances of the group, from 0.
    package var index: Int
    package var resources: Shared<AllocatedResources>

    package var desiredStatus = DesiredStatus.run
    package var desiredDescription = ""
    package var transition = DesiredTransition()
    package var clientStatus = ClientStatus.pending
    package var clientDescription = ""
    /// By task; nil until the node has told.
    package var taskStates: Shared<SortedMap<TaskState>>?

    package var deploymentID: UniqueID?
    package var deploymentStatus: AllocationHealth?
    package var previousAllocation: UniqueID?
    package var nextAllocation: UniqueID?
    package var followUpEvaluationID: UniqueID?
    /// Oldest first.
    package var reschedules: [RescheduleEvent] = []
    /// Whom it took the place of.
    package var preemptedAllocations: [UniqueID] = []
    package var preemptedBy: UniqueID?
    package var metrics: Shared<PlacementMetric>?

    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0
    /// Log index of the last change that a node must hear of.
    package var allocModifyIndex: UInt64 = 0
    package var createUnixNanoseconds: Int64 = 0
    package var modifyUnixNanoseconds: Int64 = 0

    package init(
        id: UniqueID, evaluationID: UniqueID, nodeID: UniqueID, job: Shared<Job>, group: String,
        index: Int, resources: Shared<AllocatedResources>
    ) {
        self.id = id
        self.evaluationID = evaluationID
        self.nodeID = nodeID
        self.job = job
        self.group = group
        self.index = index
        self.resources = resources
    }
}

extension Allocation {
    @inlinable package var jobID: String { job.value.id }
    @inlinable package var namespace: String { job.value.namespace }
    @inlinable package var jobKey: JobKey { job.value.key }
    @inlinable package var priority: Int { job.value.priority }

    /// `job.group[index]`.
    package var name: String { Self.name(job: jobID, group: group, index: index) }

    package static func name(job: String, group: String, index: Int) -> String {
        "\(job).\(group)[\(index)]"
    }

    /// The number between the last brackets of a name; nil for what is none.
    package static func index(ofName name: String) -> Int? {
        guard name.utf8.last == UInt8(ascii: "]"), let bracket = name.utf8.lastIndex(of: 0x5B)
        else {
            return nil
        }
        let digits = name.utf8[bracket...].dropFirst().dropLast()
        guard !digits.isEmpty, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        return Int(String(Substring(digits)))
    }

    /// Whether it shall end.
    @inlinable package var isServerTerminal: Bool { desiredStatus != .run }

    /// Whether it has ended.
    @inlinable package var isClientTerminal: Bool {
        switch clientStatus {
        case .complete, .failed, .lost: true
        case .pending, .running: false
        }
    }

    @inlinable package var isTerminal: Bool { isServerTerminal || isClientTerminal }

    @inlinable package var isCanary: Bool { deploymentStatus?.isCanary ?? false }
    @inlinable package var isHealthy: Bool { deploymentStatus?.isHealthy == true }
    @inlinable package var isUnhealthy: Bool { deploymentStatus?.isHealthy == false }

    /// Whether every task has ended well. False for one that was evicted before it was complete: it
    /// did not get to its end.
    package var ranSuccessfully: Bool {
        guard clientStatus == .complete, desiredStatus != .evict || preemptedBy == nil else {
            return false
        }
        guard let states = taskStates?.value, !states.isEmpty else { return true }
        return states.allSatisfy { !$0.value.isFailed && $0.value.state == .dead }
    }
}

/// What somebody wants to become of an allocation, for the scheduler to bring about.
package struct DesiredTransition: Hashable, Sendable {
    package var migrate: Bool?
    package var reschedule: Bool?
    package var forceReschedule: Bool?

    package init(migrate: Bool? = nil, reschedule: Bool? = nil, forceReschedule: Bool? = nil) {
        self.migrate = migrate
        self.reschedule = reschedule
        self.forceReschedule = forceReschedule
    }

    package var shouldMigrate: Bool { migrate ?? false }
    package var shouldForceReschedule: Bool { forceReschedule ?? false }
}

/// How an allocation does in its deployment.
package struct AllocationHealth: Hashable, Sendable {
    /// nil while it is not known.
    package var isHealthy: Bool?
    package var isCanary: Bool
    /// Nanoseconds since 1970; 0 for none.
    package var unixNanoseconds: Int64
    package var modifyIndex: UInt64

    package init(
        isHealthy: Bool? = nil, isCanary: Bool = false, unixNanoseconds: Int64 = 0,
        modifyIndex: UInt64 = 0
    ) {
        self.isHealthy = isHealthy
        self.isCanary = isCanary
        self.unixNanoseconds = unixNanoseconds
        self.modifyIndex = modifyIndex
    }
}

/// That an instance was placed again after it failed.
package struct RescheduleEvent: Hashable, Sendable {
    package var unixNanoseconds: Int64
    package var previousAllocation: UniqueID
    package var previousNode: UniqueID
    package var delay: GoDuration

    package init(
        unixNanoseconds: Int64, previousAllocation: UniqueID, previousNode: UniqueID,
        delay: GoDuration
    ) {
        self.unixNanoseconds = unixNanoseconds
        self.previousAllocation = previousAllocation
        self.previousNode = previousNode
        self.delay = delay
    }
}

/// Asked where it stands: another module would copy an allocation to ask it.
extension Shared where Value == Allocation {
    package var isTerminal: Bool { value.isTerminal }
    package var isHealthy: Bool { value.isHealthy }
    package var isUnhealthy: Bool { value.isUnhealthy }
}

// SPDX-License-Identifier: Apache-2.0

package enum NodeStatus: String, Hashable, Sendable, CaseIterable {
    case initializing
    case ready
    case down
    case disconnected

    /// Whether what ran there is lost.
    package var isDown: Bool { self == .down }
}

package enum SchedulingEligibility: String, Hashable, Sendable, CaseIterable {
    case eligible
    case ineligible
}

/// A machine that runs allocations.
package struct Node: Hashable, Sendable {
    package var id: UniqueID
    /// What the node proves itself with. In no answer.
    package var secretID: UniqueID
    /// SHA-256 of the secret, where that is all that is kept of it: then `secretID` is zero.
    package var secretDigest: TokenDigest?
    package var name: String
    package var datacenter: String
    package var nodePool = Job.nodePoolDefault
    package var nodeClass = ""
    package var attributes = StringMap()
    package var meta = StringMap()
    package var links = StringMap()
    package var drivers = SortedMap<DriverState>()
    package var hostVolumes = SortedMap<HostVolume>()
    package var resources = NodeResources()
    package var reserved = ReservedResources()
    package var httpAddress = ""
    package var isTLSEnabled = false

    package var status = NodeStatus.initializing
    package var statusDescription = ""
    package var eligibility = SchedulingEligibility.eligible
    /// While it is drained.
    package var drain: DrainStrategy?
    /// nil before the first drain.
    package var lastDrain: DrainRecord?
    /// The class by what placement looks at; see ``classDigest``. 0 until the state computes it.
    package var computedClass: UInt64 = 0
    /// Seconds since 1970.
    package var statusUpdatedUnixSeconds: Int64 = 0
    /// The newest ten, oldest first.
    package var events: [NodeEvent] = []
    package var createIndex: UInt64 = 0
    package var modifyIndex: UInt64 = 0

    package init(
        id: UniqueID, secretID: UniqueID = UniqueID(high: 0, low: 0), name: String = "",
        datacenter: String = "dc1", resources: NodeResources = NodeResources()
    ) {
        self.id = id
        self.secretID = secretID
        self.name = name
        self.datacenter = datacenter
        self.resources = resources
    }

    /// Keeps no more of the secret than this.
    package mutating func seal(_ digest: TokenDigest) {
        secretDigest = digest
        secretID = UniqueID(high: 0, low: 0)
    }

    /// Whether work may be placed on it.
    package var isReady: Bool {
        status == .ready && drain == nil && eligibility == .eligible
    }

    /// What is there for jobs: the resources without what is reserved, never negative.
    package var usable: CombinedResources {
        CombinedResources(
            cpu: Self.rest(resources.cpu, without: reserved.cpu),
            memoryMB: Self.rest(resources.memoryMB, without: reserved.memoryMB),
            diskMB: Self.rest(resources.diskMB, without: reserved.diskMB),
            cores: max(0, resources.reservableCores.count - reserved.reservedCores.count))
    }

    /// A node that reserves less than nothing reserves nothing.
    private static func rest(_ whole: Int, without reserved: Int) -> Int {
        max(0, max(0, whole) - max(0, reserved))
    }
}

/// Whether a node can run tasks of a driver.
package struct DriverState: Hashable, Sendable {
    package var isDetected: Bool
    package var isHealthy: Bool
    package var healthDescription: String
    package var attributes = StringMap()
    package var updateUnixNanoseconds: Int64 = 0

    package init(
        isDetected: Bool = true, isHealthy: Bool = true, healthDescription: String = ""
    ) {
        self.isDetected = isDetected
        self.isHealthy = isHealthy
        self.healthDescription = healthDescription
    }
}

package struct HostVolume: Hashable, Sendable {
    package var path: String
    package var isReadOnly: Bool

    package init(path: String, isReadOnly: Bool = false) {
        self.path = path
        self.isReadOnly = isReadOnly
    }
}

/// How a node is emptied.
package struct DrainStrategy: Hashable, Sendable {
    /// How long instances may take; 0 for as long as they need, negative for none at all.
    package var deadline: GoDuration
    package var ignoresSystemJobs: Bool
    /// When what is left is stopped, in nanoseconds since 1970; 0 for never.
    package var forceDeadlineUnixNanoseconds: Int64
    package var startedUnixNanoseconds: Int64

    package init(
        deadline: GoDuration = .zero, ignoresSystemJobs: Bool = false,
        forceDeadlineUnixNanoseconds: Int64 = 0, startedUnixNanoseconds: Int64 = 0
    ) {
        self.deadline = deadline
        self.ignoresSystemJobs = ignoresSystemJobs
        self.forceDeadlineUnixNanoseconds = forceDeadlineUnixNanoseconds
        self.startedUnixNanoseconds = startedUnixNanoseconds
    }
}

/// What became of a drain.
package struct DrainRecord: Hashable, Sendable {
    package enum Status: String, Hashable, Sendable, CaseIterable {
        case draining
        case complete
        case canceled
    }

    package var startedUnixNanoseconds: Int64
    package var updatedUnixNanoseconds: Int64
    package var status: Status
    package var accessorID: String
    package var meta: StringMap

    package init(
        startedUnixNanoseconds: Int64, updatedUnixNanoseconds: Int64, status: Status,
        accessorID: String = "", meta: StringMap = [:]
    ) {
        self.startedUnixNanoseconds = startedUnixNanoseconds
        self.updatedUnixNanoseconds = updatedUnixNanoseconds
        self.status = status
        self.accessorID = accessorID
        self.meta = meta
    }
}

package struct NodeEvent: Hashable, Sendable {
    package static let keptMax = 10
    /// Of one, as the log holds it.
    package static let bytesMax = 64 << 10

    package var message: String
    package var subsystem: String
    package var details: StringMap
    package var unixNanoseconds: Int64
    package var createIndex: UInt64 = 0

    package init(
        message: String, subsystem: String, details: StringMap = [:], unixNanoseconds: Int64
    ) {
        self.message = message
        self.subsystem = subsystem
        self.details = details
        self.unixNanoseconds = unixNanoseconds
    }
}

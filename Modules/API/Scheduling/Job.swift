// SPDX-License-Identifier: Apache-2.0

package enum JobType: String, Hashable, Sendable, CaseIterable {
    /// Runs until it is stopped.
    case service
    /// Runs until it has ended well.
    case batch
    /// One instance of each group on every node, until it is stopped.
    case system
    /// One instance of each group on every node, until it has ended well.
    case sysbatch

    /// Whether it is placed on every node rather than counted.
    package var isSystem: Bool { self == .system || self == .sysbatch }
}

package enum JobStatus: String, Hashable, Sendable, CaseIterable {
    case pending
    case running
    case dead
}

/// Within a namespace a job's id is its own.
package struct JobKey: Hashable, Comparable, Sendable {
    package var namespace: String
    package var id: String

    package init(namespace: String = Job.namespaceDefault, id: String) {
        self.namespace = namespace
        self.id = id
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.namespace != right.namespace ? left.namespace < right.namespace : left.id < right.id
    }
}

/// What shall run: one version of a job. Allocations hold theirs as ``Shared``, so that a version is
/// in memory once.
package struct Job: Hashable, Sendable {
    package static let namespaceDefault = "default"
    package static let nodePoolDefault = "default"
    /// The pool of all nodes.
    package static let nodePoolAll = "all"
    /// What stands for every datacenter.
    package static let anyDatacenter = "*"
    package static let priorityDefault = 50
    package static let priorities = 1...100

    package var id: String
    package var name: String
    package var namespace = Job.namespaceDefault
    package var region = "global"
    package var type = JobType.service
    /// From 1 to 100; the higher is more important.
    package var priority = Job.priorityDefault
    /// Names, or patterns with `*`.
    package var datacenters = [Job.anyDatacenter]
    package var nodePool = Job.nodePoolDefault
    /// Whether a plan that cannot place all of it places nothing.
    package var isAllAtOnce = false
    package var constraints: [Constraint] = []
    package var affinities: [Affinity] = []
    package var spreads: [Spread] = []
    package var groups: [TaskGroup] = []
    /// What groups without an own one got.
    package var update: UpdateStrategy?
    package var meta = StringMap()
    package var parentID = ""
    /// What is kept of a periodic job, and of one with parameters, which nothing launches here.
    package var periodic: JSONText?
    package var parameterized: JSONText?
    package var isStopped = false

    package var status = JobStatus.pending
    package var statusDescription = ""
    /// From 0, one more for each change of what shall run.
    package var version: UInt64 = 0
    /// Whether a deployment of this version has ended well: what an automatic revert goes back to.
    package var isStable = false
    /// When it was submitted, in nanoseconds since 1970.
    package var submitUnixNanoseconds: Int64 = 0
    /// Log index of the first registration.
    package var createIndex: UInt64 = 0
    /// Log index of the last change, of the status too.
    package var modifyIndex: UInt64 = 0
    /// Log index of the registration of this version.
    package var jobModifyIndex: UInt64 = 0

    package init(id: String, type: JobType = .service, groups: [TaskGroup] = []) {
        self.id = id
        name = id
        self.type = type
        self.groups = groups
    }

    package var key: JobKey { JobKey(namespace: namespace, id: id) }

    /// The group of this name.
    package func lookup(group name: String) -> TaskGroup? { groups.first { $0.name == name } }

    package func index(ofGroup name: String) -> Int? { groups.firstIndex { $0.name == name } }

    package var isPeriodic: Bool { periodic != nil }
    package var isParameterized: Bool { parameterized != nil }
}

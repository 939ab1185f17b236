// SPDX-License-Identifier: Apache-2.0

/// Tasks that are placed together, and how many times.
package struct TaskGroup: Hashable, Sendable {
    package var name: String
    package var count: Int
    package var tasks: [JobTask]
    package var constraints: [Constraint] = []
    package var affinities: [Affinity] = []
    package var spreads: [Spread] = []
    /// At most one.
    package var networks: [NetworkRequest] = []
    package var ephemeralDisk = EphemeralDisk()
    package var restartPolicy: RestartPolicy?
    package var reschedulePolicy: ReschedulePolicy?
    /// nil outside of services.
    package var migrate: MigrateStrategy?
    /// nil where nothing is deployed step by step.
    package var update: UpdateStrategy?
    package var volumes = SortedMap<VolumeRequest>()
    package var meta = StringMap()
    package var shutdownDelay: GoDuration?
    /// How long after its node was lost an instance is still waited for; nil for not at all.
    package var stopAfterClientDisconnect: GoDuration?

    package init(name: String, count: Int = 1, tasks: [JobTask] = []) {
        self.name = name
        self.count = count
        self.tasks = tasks
    }

    package var volumeRequests: [VolumeRequest] { volumes.isEmpty ? [] : volumes.values }

    /// What an instance takes of a node, ports and devices aside: the disk, and of the tasks those that
    /// run at the same time. Sidecars run all the time; the prestart tasks are over before the main
    /// tasks begin, and those before the poststop tasks.
    package var combinedResources: CombinedResources {
        var always = CombinedResources()
        var main = CombinedResources()
        var before = CombinedResources()
        var after = CombinedResources()
        for task in tasks {
            let asked = CombinedResources(task.resources)
            switch (task.lifecycle?.hook, task.lifecycle?.isSidecar ?? false) {
            case (.prestart, true): always = always + asked
            case (.prestart, false): before = before + asked
            case (.poststop, _): after = after + asked
            case (.poststart, _), (nil, _): main = main + asked
            }
        }
        var combined = always + .larger(main, .larger(before, after))
        combined.diskMB = ephemeralDisk.sizeMB
        return combined
    }
}

extension CombinedResources {
    package init(_ resources: TaskResources) {
        self.init(
            cpu: resources.cpu, memoryMB: resources.memoryMB, cores: resources.cores,
            memoryMaxMB: max(resources.memoryMB, resources.memoryMaxMB))
    }
}

/// The disk that the tasks of an instance share.
package struct EphemeralDisk: Hashable, Sendable {
    package static let sizeDefaultMB = 300

    package var sizeMB = EphemeralDisk.sizeDefaultMB
    /// Whether a replacement is placed on the same node, if it can be.
    package var isSticky = false
    package var migrates = false

    /// Nomad's defaults.
    package init() {}
}

/// A volume of the node that the group wants.
package struct VolumeRequest: Hashable, Sendable {
    package var name: String
    /// `host`; others are not offered.
    package var type: String
    package var source: String
    package var isReadOnly: Bool

    package init(name: String, type: String = "host", source: String, isReadOnly: Bool = false) {
        self.name = name
        self.type = type
        self.source = source
        self.isReadOnly = isReadOnly
    }
}

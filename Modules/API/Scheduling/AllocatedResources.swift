// SPDX-License-Identifier: Apache-2.0

/// What an instance was given. Instances that were given the same share it.
package struct AllocatedResources: Hashable, Sendable {
    /// In the order of the group's tasks.
    package var tasks: [AllocatedTask]
    package var diskMB: Int
    /// The group's network, with numbers for its ports; at most one.
    package var networks: [AllocatedNetwork] = []
    /// The group's ports, with the addresses where they are open.
    package var ports: [AllocatedPort] = []

    package init(tasks: [AllocatedTask] = [], diskMB: Int = 0) {
        self.tasks = tasks
        self.diskMB = diskMB
    }

    /// As ``TaskGroup/combinedResources``, of what was given.
    package var combined: CombinedResources {
        var always = CombinedResources()
        var main = CombinedResources()
        var before = CombinedResources()
        var after = CombinedResources()
        for task in tasks {
            let given = CombinedResources(
                cpu: task.cpu, memoryMB: task.memoryMB, cores: task.reservedCores.count,
                memoryMaxMB: max(task.memoryMB, task.memoryMaxMB))
            switch (task.lifecycle?.hook, task.lifecycle?.isSidecar ?? false) {
            case (.prestart, true): always = always + given
            case (.prestart, false): before = before + given
            case (.poststop, _): after = after + given
            case (.poststart, _), (nil, _): main = main + given
            }
        }
        var combined = always + .larger(main, .larger(before, after))
        combined.diskMB = diskMB
        return combined
    }
}

package struct AllocatedTask: Hashable, Sendable {
    package var name: String
    /// MHz.
    package var cpu: Int
    package var reservedCores: [UInt16] = []
    package var memoryMB: Int
    /// 0 where no more than `memoryMB` may be used.
    package var memoryMaxMB = 0
    package var networks: [AllocatedNetwork] = []
    package var devices: [AllocatedDevice] = []
    package var lifecycle: TaskLifecycle?

    package init(name: String, cpu: Int, memoryMB: Int) {
        self.name = name
        self.cpu = cpu
        self.memoryMB = memoryMB
    }
}

package struct AllocatedNetwork: Hashable, Sendable {
    package var mode = ""
    package var device = ""
    package var ip = ""
    package var megabits = 0
    package var dns: NetworkRequest.DNSConfiguration?
    package var reservedPorts: [PortRequest] = []
    /// With the numbers that were chosen.
    package var dynamicPorts: [PortRequest] = []

    package init() {}
}

package struct AllocatedPort: Hashable, Sendable {
    package var label: String
    package var value: Int
    package var to: Int
    package var hostIP: String

    package init(label: String, value: Int, to: Int, hostIP: String) {
        self.label = label
        self.value = value
        self.to = to
        self.hostIP = hostIP
    }
}

package struct AllocatedDevice: Hashable, Sendable {
    package var vendor: String
    package var type: String
    package var name: String
    package var deviceIDs: [String]

    package init(vendor: String, type: String, name: String, deviceIDs: [String]) {
        self.vendor = vendor
        self.type = type
        self.name = name
        self.deviceIDs = deviceIDs
    }
}

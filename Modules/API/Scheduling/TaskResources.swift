// SPDX-License-Identifier: Apache-2.0

/// What a task asks of its node.
package struct TaskResources: Hashable, Sendable {
    package static let cpuDefault = 100
    package static let memoryDefaultMB = 300

    /// MHz; 0 where `cores` are asked.
    package var cpu = TaskResources.cpuDefault
    /// Whole cores for it alone.
    package var cores = 0
    package var memoryMB = TaskResources.memoryDefaultMB
    /// What it may use while its node has it to spare; 0 for no more than `memoryMB`.
    package var memoryMaxMB = 0
    /// A deprecated place for what a group asks; at most one.
    package var networks: [NetworkRequest] = []
    package var devices: [DeviceRequest] = []

    /// Nomad's defaults.
    package init() {}

    package init(
        cpu: Int, memoryMB: Int, cores: Int = 0, memoryMaxMB: Int = 0,
        networks: [NetworkRequest] = [], devices: [DeviceRequest] = []
    ) {
        self.cpu = cpu
        self.cores = cores
        self.memoryMB = memoryMB
        self.memoryMaxMB = memoryMaxMB
        self.networks = networks
        self.devices = devices
    }
}

/// Instances of a kind of device, such as `gpu`, `nvidia/gpu` or `nvidia/gpu/1080ti`.
package struct DeviceRequest: Hashable, Sendable {
    package var name: String
    package var count: Int
    package var constraints: [Constraint]
    package var affinities: [Affinity]

    package init(
        name: String, count: Int = 1, constraints: [Constraint] = [], affinities: [Affinity] = []
    ) {
        self.name = name
        self.count = count
        self.constraints = constraints
        self.affinities = affinities
    }
}

/// Ports of one network, and how it is reached.
package struct NetworkRequest: Hashable, Sendable {
    /// `host`, `bridge`, `none`, `cni/…`; empty means `host`.
    package var mode = ""
    /// Megabits a second, a deprecated wish of tasks.
    package var megabits = 0
    package var dns: DNSConfiguration?
    /// Ports with a number that must be free.
    package var reservedPorts: [PortRequest] = []
    /// Ports whose number the scheduler chooses.
    package var dynamicPorts: [PortRequest] = []

    package init() {}

    package struct DNSConfiguration: Hashable, Sendable {
        package var servers: [String]
        package var searches: [String]
        package var options: [String]

        package init(
            servers: [String] = [], searches: [String] = [], options: [String] = []
        ) {
            self.servers = servers
            self.searches = searches
            self.options = options
        }
    }
}

package struct PortRequest: Hashable, Sendable {
    package static let hostNetworkDefault = "default"

    package var label: String
    /// The number; 0 in a request for any.
    package var value: Int
    /// The port inside of a network of its own; -1 for the same number as outside.
    package var to: Int
    /// Alias of the node's address that it is opened at.
    package var hostNetwork: String

    package init(
        label: String, value: Int = 0, to: Int = 0,
        hostNetwork: String = PortRequest.hostNetworkDefault
    ) {
        self.label = label
        self.value = value
        self.to = to
        self.hostNetwork = hostNetwork
    }
}

/// What all tasks of an instance take together.
package struct CombinedResources: Hashable, Sendable {
    package var cpu = 0
    package var cores = 0
    package var memoryMB = 0
    package var memoryMaxMB = 0
    package var diskMB = 0

    package init() {}

    package init(
        cpu: Int, memoryMB: Int, diskMB: Int = 0, cores: Int = 0, memoryMaxMB: Int = 0
    ) {
        self.cpu = cpu
        self.cores = cores
        self.memoryMB = memoryMB
        self.memoryMaxMB = memoryMaxMB
        self.diskMB = diskMB
    }

    /// Both at the same time. What does not fit an `Int` stays at its end.
    package static func + (left: Self, right: Self) -> Self {
        left.merging(right, by: saturatingSum)
    }

    /// What is enough for one or the other, in each dimension.
    package static func larger(_ left: Self, _ right: Self) -> Self {
        left.merging(right, by: max)
    }

    private func merging(_ other: Self, by merge: (Int, Int) -> Int) -> Self {
        CombinedResources(
            cpu: merge(cpu, other.cpu), memoryMB: merge(memoryMB, other.memoryMB),
            diskMB: merge(diskMB, other.diskMB), cores: merge(cores, other.cores),
            memoryMaxMB: merge(memoryMaxMB, other.memoryMaxMB))
    }

    private static func saturatingSum(_ left: Int, _ right: Int) -> Int {
        let (sum, isTooLarge) = left.addingReportingOverflow(right)
        return isTooLarge ? (left < 0 ? .min : .max) : sum
    }
}

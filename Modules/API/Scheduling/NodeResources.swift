// SPDX-License-Identifier: Apache-2.0

/// What a node has.
package struct NodeResources: Hashable, Sendable {
    /// MHz of all cores together.
    package var cpu = 0
    package var totalCores = 0
    /// Numbers of the cores that may be given to one task alone, ascending.
    package var reservableCores: [UInt16] = []
    package var memoryMB = 0
    package var diskMB = 0
    package var networks: [NodeNetworkDevice] = []
    package var nodeNetworks: [NodeNetwork] = []
    package var devices: [NodeDeviceGroup] = []
    /// What dynamic ports are taken from.
    package var minDynamicPort = NodeResources.dynamicPortsDefault.lowerBound
    package var maxDynamicPort = NodeResources.dynamicPortsDefault.upperBound

    package static let dynamicPortsDefault = 20_000...32_000

    package init() {}

    package init(cpu: Int, memoryMB: Int, diskMB: Int = 0) {
        self.cpu = cpu
        self.memoryMB = memoryMB
        self.diskMB = diskMB
    }
}

/// What of a node's resources is not for jobs.
package struct ReservedResources: Hashable, Sendable {
    package var cpu = 0
    package var reservedCores: [UInt16] = []
    package var memoryMB = 0
    package var diskMB = 0
    /// Numbers and ranges with commas between them: `22,80,8500-8600`.
    package var reservedHostPorts = ""

    package init() {}
}

/// A network card, as tasks with networks of their own see it.
package struct NodeNetworkDevice: Hashable, Sendable {
    package var mode = ""
    package var device = ""
    package var cidr = ""
    package var ip = ""
    package var megabits = 0

    package init(device: String = "", ip: String = "", cidr: String = "", megabits: Int = 0) {
        self.device = device
        self.cidr = cidr
        self.ip = ip
        self.megabits = megabits
    }
}

/// A network card with its addresses and their names.
package struct NodeNetwork: Hashable, Sendable {
    package var mode = ""
    package var device = ""
    package var macAddress = ""
    package var speed = 0
    package var addresses: [NodeAddress] = []

    package init(mode: String = "host", device: String = "", addresses: [NodeAddress] = []) {
        self.mode = mode
        self.device = device
        self.addresses = addresses
    }
}

package struct NodeAddress: Hashable, Sendable {
    /// What ports name it by.
    package var alias = ""
    package var address = ""
    /// `ipv4` or `ipv6`.
    package var family = ""
    /// As ``ReservedResources/reservedHostPorts``.
    package var reservedPorts = ""

    package init(
        alias: String, address: String, family: String = "ipv4", reservedPorts: String = ""
    ) {
        self.alias = alias
        self.address = address
        self.family = family
        self.reservedPorts = reservedPorts
    }
}

/// Devices of one model.
package struct NodeDeviceGroup: Hashable, Sendable {
    package var vendor: String
    package var type: String
    package var name: String
    package var instances: [NodeDevice]
    package var attributes: SortedMap<DeviceAttribute>

    package init(
        vendor: String, type: String, name: String, instances: [NodeDevice] = [],
        attributes: SortedMap<DeviceAttribute> = [:]
    ) {
        self.vendor = vendor
        self.type = type
        self.name = name
        self.instances = instances
        self.attributes = attributes
    }

    /// `vendor/type/name`.
    package var fullName: String { "\(vendor)/\(type)/\(name)" }
}

package struct NodeDevice: Hashable, Sendable {
    package var id: String
    package var isHealthy: Bool
    package var healthDescription: String

    package init(id: String, isHealthy: Bool = true, healthDescription: String = "") {
        self.id = id
        self.isHealthy = isHealthy
        self.healthDescription = healthDescription
    }
}

/// A property of a device, with a unit such as `MiB` or none.
package struct DeviceAttribute: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case int(Int64)
        case float(Double)
        case string(String)
        case bool(Bool)
    }

    package var value: Value
    package var unit: String

    package init(_ value: Value, unit: String = "") {
        self.value = value
        self.unit = unit
    }
}

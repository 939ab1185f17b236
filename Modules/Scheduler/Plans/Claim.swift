// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Something of a node that only one allocation can have.
enum Claim: Hashable, Sendable {
    case port(Int, ip: String)
    case core(UInt16)
    case device(group: String, id: String)

    /// What refusals call it.
    var dimension: String {
        switch self {
        case .port: "network: port already in use"
        case .core: "cores"
        case .device: "devices"
        }
    }

    static func all(of resources: AllocatedResources) -> [Claim] {
        var claims: [Claim] = []
        // The group's ports stand in both lists, where there are two.
        if resources.ports.isEmpty {
            for network in resources.networks { claims += ports(of: network) }
        } else {
            claims += resources.ports.map { .port($0.value, ip: $0.hostIP) }
        }
        for task in resources.tasks {
            for network in task.networks { claims += ports(of: network) }
            claims += task.reservedCores.map { .core($0) }
            for device in task.devices {
                let group = "\(device.vendor)/\(device.type)/\(device.name)"
                claims += device.deviceIDs.map { .device(group: group, id: $0) }
            }
        }
        return claims
    }

    private static func ports(of network: AllocatedNetwork) -> [Claim] {
        (network.reservedPorts + network.dynamicPorts).map { .port($0.value, ip: network.ip) }
    }
}

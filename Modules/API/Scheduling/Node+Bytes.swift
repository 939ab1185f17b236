// SPDX-License-Identifier: Apache-2.0

/// What nodes take in memory, roughly: whoever reaches a server's port may register one, so that there is a
/// bound for all of them together.
extension Node {
    /// Of its texts and lists, with something for each; without ``events``.
    package var bytes: Int {
        var bytes = 512 + name.utf8.count + datacenter.utf8.count + nodePool.utf8.count
        bytes += nodeClass.utf8.count + httpAddress.utf8.count + statusDescription.utf8.count
        bytes += attributes.bytes + meta.bytes + links.bytes
        for driver in drivers {
            bytes += Self.elementBytes + driver.key.utf8.count
            bytes += driver.value.healthDescription.utf8.count + driver.value.attributes.bytes
        }
        for volume in hostVolumes {
            bytes += Self.elementBytes + volume.key.utf8.count + volume.value.path.utf8.count
        }
        return bytes + resources.bytes + reserved.reservedHostPorts.utf8.count
            + 2 * reserved.reservedCores.count
    }

    package var eventBytes: Int { events.reduce(0) { $0 + $1.bytes } }

    fileprivate static let elementBytes = 32
}

extension NodeEvent {
    package var bytes: Int {
        Node.elementBytes + message.utf8.count + subsystem.utf8.count + details.bytes
    }
}

extension NodeResources {
    fileprivate var bytes: Int {
        var bytes = 2 * reservableCores.count
        for network in networks {
            bytes += Node.elementBytes + network.mode.utf8.count + network.device.utf8.count
            bytes += network.cidr.utf8.count + network.ip.utf8.count
        }
        for network in nodeNetworks {
            bytes += Node.elementBytes + network.mode.utf8.count + network.device.utf8.count
            bytes += network.macAddress.utf8.count
            for address in network.addresses {
                bytes += Node.elementBytes + address.alias.utf8.count + address.address.utf8.count
                bytes += address.family.utf8.count + address.reservedPorts.utf8.count
            }
        }
        return devices.reduce(bytes) { $0 + $1.bytes }
    }
}

extension NodeDeviceGroup {
    fileprivate var bytes: Int {
        var bytes = Node.elementBytes + vendor.utf8.count + type.utf8.count + name.utf8.count
        for device in instances {
            bytes += Node.elementBytes + device.id.utf8.count + device.healthDescription.utf8.count
        }
        for attribute in attributes {
            bytes += Node.elementBytes + attribute.key.utf8.count + attribute.value.unit.utf8.count
            if case .string(let text) = attribute.value.value { bytes += text.utf8.count }
        }
        return bytes
    }
}

extension StringMap {
    fileprivate var bytes: Int {
        reduce(0) { $0 + Node.elementBytes + $1.key.utf8.count + $1.value.utf8.count }
    }
}

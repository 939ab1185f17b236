// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension NodeResources: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Cpu")
        writer.beginObject()
        writer.member("CpuShares", cpu)
        writer.member("ReservableCpuCores", orNull: reservableCores)
        writer.member("TotalCpuCores", totalCores)
        writer.endObject()
        writer.member("Devices", orNull: devices)
        writer.key("Disk")
        writer.beginObject()
        writer.member("DiskMB", diskMB)
        writer.endObject()
        writer.member("MaxDynamicPort", maxDynamicPort)
        writer.key("Memory")
        writer.beginObject()
        writer.member("MemoryMB", memoryMB)
        writer.endObject()
        writer.member("MinDynamicPort", minDynamicPort)
        writer.member("Networks", orNull: networks)
        writer.member("NodeNetworks", orNull: nodeNetworks)
        writer.endObject()
    }
}

extension ReservedResources: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Cpu")
        writer.beginObject()
        writer.member("CpuShares", cpu)
        writer.member("ReservedCpuCores", orNull: reservedCores)
        writer.endObject()
        writer.key("Disk")
        writer.beginObject()
        writer.member("DiskMB", diskMB)
        writer.endObject()
        writer.key("Memory")
        writer.beginObject()
        writer.member("MemoryMB", memoryMB)
        writer.endObject()
        writer.key("Networks")
        writer.beginObject()
        writer.member("ReservedHostPorts", reservedHostPorts)
        writer.endObject()
        writer.endObject()
    }
}

extension NodeNetwork: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Addresses", orNull: addresses)
        writer.member("Device", device)
        writer.member("MacAddress", macAddress)
        writer.member("Mode", mode)
        writer.member("Speed", speed)
        writer.endObject()
    }
}

extension NodeAddress: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Address", address)
        writer.member("Alias", alias)
        writer.member("Family", family)
        writer.member("Gateway", "")
        writer.member("ReservedPorts", reservedPorts)
        writer.endObject()
    }
}

extension NodeDeviceGroup: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attributes", orNull: attributes)
        writer.member("Instances", orNull: instances)
        writer.member("Name", name)
        writer.member("Type", type)
        writer.member("Vendor", vendor)
        writer.endObject()
    }
}

extension NodeDevice: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("HealthDescription", healthDescription)
        writer.member("Healthy", isHealthy)
        writer.member("ID", id)
        writer.nullMember("Locality")
        writer.endObject()
    }
}

extension DeviceAttribute: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if case .bool(let value) = self.value { writer.member("Bool", value) }
        if case .float(let value) = self.value {
            writer.key("Float")
            writer.double(value)
        }
        if case .int(let value) = self.value { writer.member("Int", value) }
        if case .string(let value) = self.value { writer.member("String", value) }
        writer.member("Unit", unit)
        writer.endObject()
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension TaskResources: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CPU", cpu)
        writer.member("Cores", cores)
        writer.member("Devices", orNull: devices)
        writer.member("DiskMB", 0 as Int64)
        writer.member("IOPS", 0 as Int64)
        writer.member("MemoryMB", memoryMB)
        writer.member("MemoryMaxMB", memoryMaxMB)
        writer.member("Networks", orNull: networks)
        writer.endObject()
    }
}

extension DeviceRequest: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Affinities", orNull: affinities)
        writer.member("Constraints", orNull: constraints)
        writer.member("Count", count)
        writer.member("Name", name)
        writer.endObject()
    }
}

extension NetworkRequest: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        NetworkValue(
            mode: mode, megabits: megabits, dns: dns, reservedPorts: reservedPorts,
            dynamicPorts: dynamicPorts
        ).write(to: &writer)
    }
}

extension NetworkRequest.DNSConfiguration: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Options", orNull: options)
        writer.member("Searches", orNull: searches)
        writer.member("Servers", orNull: servers)
        writer.endObject()
    }
}

extension PortRequest: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("HostNetwork", hostNetwork)
        writer.member("Label", label)
        writer.member("To", to)
        writer.member("Value", value)
        writer.endObject()
    }
}

extension AllocatedNetwork: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        NetworkValue(
            mode: mode, device: device, ip: ip, megabits: megabits, dns: dns,
            reservedPorts: reservedPorts, dynamicPorts: dynamicPorts
        ).write(to: &writer)
    }
}

extension NodeNetworkDevice: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        NetworkValue(mode: mode, device: device, cidr: cidr, ip: ip, megabits: megabits)
            .write(to: &writer)
    }
}

/// What Nomad calls NetworkResource, of which requests, nodes and allocations use different fields.
struct NetworkValue: JSONWritable {
    var mode = ""
    var device = ""
    var cidr = ""
    var ip = ""
    var megabits = 0
    var dns: NetworkRequest.DNSConfiguration?
    var reservedPorts: [PortRequest] = []
    var dynamicPorts: [PortRequest] = []

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CIDR", cidr)
        writer.member("DNS", orNull: dns)
        writer.member("Device", device)
        writer.member("DynamicPorts", orNull: dynamicPorts)
        writer.member("IP", ip)
        writer.member("MBits", megabits)
        writer.member("Mode", mode)
        writer.member("ReservedPorts", orNull: reservedPorts)
        writer.endObject()
    }
}

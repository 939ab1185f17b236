// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension AllocatedResources: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Shared")
        writer.beginObject()
        writer.member("DiskMB", diskMB)
        writer.member("Networks", orNull: networks)
        writer.member("Ports", orNull: ports)
        writer.endObject()
        writer.member("TaskLifecycles", orNull: lifecycles) { writer, lifecycle in
            if let lifecycle { lifecycle.write(to: &writer) } else { writer.null() }
        }
        writer.member("Tasks", orNull: byTask)
        writer.endObject()
    }

    private var lifecycles: SortedMap<TaskLifecycle?> {
        SortedMap(tasks.map { ($0.name, $0.lifecycle) })
    }

    private var byTask: SortedMap<AllocatedTask> { SortedMap(tasks.map { ($0.name, $0) }) }
}

extension AllocatedTask: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Cpu")
        writer.beginObject()
        writer.member("CpuShares", cpu)
        writer.member("ReservedCores", orNull: reservedCores)
        writer.endObject()
        writer.member("Devices", orNull: devices)
        writer.key("Memory")
        writer.beginObject()
        writer.member("MemoryMB", memoryMB)
        writer.member("MemoryMaxMB", memoryMaxMB)
        writer.endObject()
        writer.member("Networks", orNull: networks)
        writer.endObject()
    }
}

extension AllocatedPort: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("HostIP", hostIP)
        writer.member("Label", label)
        writer.member("To", to)
        writer.member("Value", value)
        writer.endObject()
    }
}

extension AllocatedDevice: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("DeviceIDs", orNull: deviceIDs)
        writer.member("Name", name)
        writer.member("Type", type)
        writer.member("Vendor", vendor)
        writer.endObject()
    }
}

/// What clients from before AllocatedResources read: amounts in one flat object.
struct FlatResources: JSONWritable {
    var cpu: Int
    var memoryMB: Int
    var diskMB = 0
    var networks: [AllocatedNetwork] = []

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CPU", cpu)
        writer.member("Cores", 0 as Int64)
        writer.nullMember("Devices")
        writer.member("DiskMB", diskMB)
        writer.member("IOPS", 0 as Int64)
        writer.member("MemoryMB", memoryMB)
        writer.member("MemoryMaxMB", 0 as Int64)
        writer.member("Networks", orNull: networks)
        writer.endObject()
    }
}

extension AllocatedResources {
    /// The sum of all.
    var flat: FlatResources {
        let all = combined
        return FlatResources(
            cpu: all.cpu, memoryMB: all.memoryMB, diskMB: diskMB, networks: networks)
    }

    var flatByTask: SortedMap<FlatResources> {
        SortedMap(
            tasks.map {
                ($0.name, FlatResources(cpu: $0.cpu, memoryMB: $0.memoryMB, networks: $0.networks))
            })
    }
}

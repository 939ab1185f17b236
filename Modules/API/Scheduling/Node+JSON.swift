// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// Without its secret, which no answer holds.
extension Node: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attributes", orNull: attributes)
        writer.nullMember("CSIControllerPlugins")
        writer.nullMember("CSINodePlugins")
        writer.member("ComputedClass", computedClassText)
        writer.member("CreateIndex", createIndex)
        writer.member("Datacenter", datacenter)
        writer.member("Drain", drain != nil)
        writer.member("DrainStrategy", orNull: drain)
        writer.member("Drivers", orNull: drivers)
        writer.member("Events", orNull: events)
        writer.member("HTTPAddr", httpAddress)
        writer.nullMember("HostNetworks")
        writer.member("HostVolumes", orNull: hostVolumes) { writer, volume in
            writer.beginObject()
            writer.member("Path", volume.path)
            writer.member("ReadOnly", volume.isReadOnly)
            writer.endObject()
        }
        writer.member("ID", id)
        writer.member("LastDrain", orNull: lastDrain)
        writer.member("Links", orNull: links)
        writer.member("Meta", orNull: meta)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("Name", name)
        writer.member("NodeClass", nodeClass)
        writer.member("NodePool", nodePool)
        writer.member("NodeResources", resources)
        writer.member(
            "Reserved",
            FlatResources(cpu: reserved.cpu, memoryMB: reserved.memoryMB, diskMB: reserved.diskMB))
        writer.member("ReservedResources", reserved)
        writer.member(
            "Resources",
            FlatResources(
                cpu: resources.cpu, memoryMB: resources.memoryMB, diskMB: resources.diskMB))
        writer.member("SchedulingEligibility", eligibility.rawValue)
        writer.member("SecretID", "")
        writer.member("Status", status.rawValue)
        writer.member("StatusDescription", statusDescription)
        writer.member("StatusUpdatedAt", statusUpdatedUnixSeconds)
        writer.member("TLSEnabled", isTLSEnabled)
        writer.endObject()
    }
}

/// A node in a list.
package struct NodeStub: Equatable, Sendable, JSONWritable {
    package var node: Shared<Node>
    /// Whether it shows what it has: `?resources=true`.
    package var showsResources: Bool

    package init(_ node: Shared<Node>, showsResources: Bool = false) {
        self.node = node
        self.showsResources = showsResources
    }

    package func write(to writer: inout JSONWriter) {
        let node = node.value
        writer.beginObject()
        writer.member("Address", node.address)
        writer.member("CreateIndex", node.createIndex)
        writer.member("Datacenter", node.datacenter)
        writer.member("Drain", node.drain != nil)
        writer.member("Drivers", orNull: node.drivers)
        writer.member("HostVolumes", orNull: node.hostVolumes) { writer, volume in
            writer.beginObject()
            writer.member("Path", volume.path)
            writer.member("ReadOnly", volume.isReadOnly)
            writer.endObject()
        }
        writer.member("ID", node.id)
        writer.member("LastDrain", orNull: node.lastDrain)
        writer.member("ModifyIndex", node.modifyIndex)
        writer.member("Name", node.name)
        writer.member("NodeClass", node.nodeClass)
        writer.member("NodePool", node.nodePool)
        if showsResources {
            writer.member("NodeResources", node.resources)
            writer.member("ReservedResources", node.reserved)
        }
        writer.member("SchedulingEligibility", node.eligibility.rawValue)
        writer.member("Status", node.status.rawValue)
        writer.member("StatusDescription", node.statusDescription)
        writer.member("Version", node.attributes["nomad.version"] ?? "")
        writer.endObject()
    }
}

extension Node {
    /// Where its API is, without the port.
    package var address: String {
        guard let colon = httpAddress.lastIndex(of: ":") else { return httpAddress }
        let host = httpAddress[..<colon]
        guard host.first == "[", host.last == "]" else { return String(host) }
        return String(host.dropFirst().dropLast())
    }
}

extension DriverState: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attributes", orNull: attributes)
        writer.member("Detected", isDetected)
        writer.member("HealthDescription", healthDescription)
        writer.member("Healthy", isHealthy)
        writer.member(instant: "UpdateTime", updateUnixNanoseconds)
        writer.endObject()
    }
}

extension DrainStrategy: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member(span: "Deadline", deadline)
        writer.member(instant: "ForceDeadline", forceDeadlineUnixNanoseconds)
        writer.member("IgnoreSystemJobs", ignoresSystemJobs)
        writer.member(instant: "StartedAt", startedUnixNanoseconds)
        writer.endObject()
    }
}

extension DrainRecord: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("AccessorID", accessorID)
        writer.member("Meta", orNull: meta)
        writer.member(instant: "StartedAt", startedUnixNanoseconds)
        writer.member("Status", status.rawValue)
        writer.member(instant: "UpdatedAt", updatedUnixNanoseconds)
        writer.endObject()
    }
}

extension NodeEvent: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", createIndex)
        writer.member("Details", orNull: details)
        writer.member("Message", message)
        writer.member("Subsystem", subsystem)
        writer.member(instant: "Timestamp", unixNanoseconds)
        writer.endObject()
    }
}

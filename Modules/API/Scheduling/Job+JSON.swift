// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension Job: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Affinities", orNull: affinities)
        writer.member("AllAtOnce", isAllAtOnce)
        writer.member("Constraints", orNull: constraints)
        writer.member("ConsulNamespace", "")
        writer.member("ConsulToken", "")
        writer.member("CreateIndex", createIndex)
        writer.member("Datacenters", datacenters)
        writer.member("Dispatched", false)
        writer.member("ID", id)
        writer.member("JobModifyIndex", jobModifyIndex)
        writer.member("Meta", orNull: meta)
        writer.member("ModifyIndex", modifyIndex)
        writer.nullMember("Multiregion")
        writer.member("Name", name)
        writer.member("Namespace", namespace)
        writer.member("NodePool", nodePool)
        writer.member("NomadTokenID", "")
        writer.member("ParameterizedJob", orNull: parameterized)
        writer.member("ParentID", parentID)
        writer.nullMember("Payload")
        writer.member("Periodic", orNull: periodic)
        writer.member("Priority", priority)
        writer.member("Region", region)
        writer.member("Spreads", orNull: spreads)
        writer.member("Stable", isStable)
        writer.member("Status", status.rawValue)
        writer.member("StatusDescription", statusDescription)
        writer.member("Stop", isStopped)
        writer.member("SubmitTime", submitUnixNanoseconds)
        writer.member("TaskGroups", orNull: groups)
        writer.member("Type", type.rawValue)
        writer.member("Update", update ?? .none)
        writer.member("VaultNamespace", "")
        writer.member("VaultToken", "")
        writer.member("Version", version)
        writer.endObject()
    }
}

extension TaskGroup: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Affinities", orNull: affinities)
        writer.member("Constraints", orNull: constraints)
        writer.nullMember("Consul")
        writer.member("Count", count)
        writer.member("EphemeralDisk", ephemeralDisk)
        writer.member("Meta", orNull: meta)
        writer.member("Migrate", orNull: migrate)
        writer.member("Name", name)
        writer.member("Networks", orNull: networks)
        writer.member("ReschedulePolicy", orNull: reschedulePolicy)
        writer.member("RestartPolicy", orNull: restartPolicy)
        writer.nullMember("Scaling")
        writer.nullMember("Services")
        writer.member(span: "ShutdownDelay", shutdownDelay)
        writer.member("Spreads", orNull: spreads)
        writer.member(span: "StopAfterClientDisconnect", stopAfterClientDisconnect)
        writer.member("Tasks", orNull: tasks)
        writer.member("Update", orNull: update)
        writer.member("Volumes", orNull: volumes)
        writer.endObject()
    }
}

extension EphemeralDisk: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Migrate", migrates)
        writer.member("SizeMB", sizeMB)
        writer.member("Sticky", isSticky)
        writer.endObject()
    }
}

extension VolumeRequest: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.nullMember("MountOptions")
        writer.member("Name", name)
        writer.member("ReadOnly", isReadOnly)
        writer.member("Source", source)
        writer.member("Type", type)
        writer.endObject()
    }
}

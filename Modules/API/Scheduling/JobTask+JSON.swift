// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension JobTask: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Affinities", orNull: affinities)
        writer.member("Artifacts", orNull: artifacts)
        writer.nullMember("CSIPluginConfig")
        writer.member("Config", orNull: config)
        writer.member("Constraints", orNull: constraints)
        writer.nullMember("DispatchPayload")
        writer.member("Driver", driver)
        writer.member("Env", orNull: environment)
        writer.member("KillSignal", killSignal)
        writer.member(span: "KillTimeout", killTimeout)
        writer.member("Kind", kind)
        writer.member("Leader", isLeader)
        writer.member("Lifecycle", orNull: lifecycle)
        writer.member("LogConfig", logs)
        writer.member("Meta", orNull: meta)
        writer.member("Name", name)
        writer.member("Resources", resources)
        writer.member("RestartPolicy", orNull: restartPolicy)
        writer.nullMember("ScalingPolicies")
        writer.nullMember("Services")
        writer.member(span: "ShutdownDelay", shutdownDelay)
        writer.nullMember("Templates")
        writer.member("User", user)
        writer.nullMember("Vault")
        writer.member("VolumeMounts", orNull: volumeMounts)
        writer.endObject()
    }
}

extension TaskLifecycle: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Hook", hook.rawValue)
        writer.member("Sidecar", isSidecar)
        writer.endObject()
    }
}

extension LogSettings: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("MaxFileSizeMB", maxFileSizeMB)
        writer.member("MaxFiles", maxFiles)
        writer.endObject()
    }
}

extension VolumeMount: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Destination", destination)
        writer.member("PropagationMode", propagationMode)
        writer.member("ReadOnly", isReadOnly)
        writer.member("Volume", volume)
        writer.endObject()
    }
}

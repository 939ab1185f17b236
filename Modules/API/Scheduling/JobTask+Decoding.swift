// SPDX-License-Identifier: Apache-2.0
import MartletJSON

extension JobTask {
    /// - Parameter restart: the group's policy.
    init(_ fields: BodyFields, restart: RestartPolicy) throws(APIError) {
        self.init(
            name: try fields.string("Name", default: ""),
            driver: try fields.string("Driver", default: ""))
        user = try fields.string("User", default: "")
        config = fields.text("Config")
        environment = try fields.stringMap("Env")
        constraints = try fields.constraints()
        affinities = try fields.affinities()
        if let asked = try fields.optionalObject("Resources") {
            resources = try TaskResources(asked)
        }
        if let given = try fields.optionalObject("Lifecycle") {
            lifecycle = TaskLifecycle(
                hook: try given.requiredChoice("Hook"),
                isSidecar: try given.bool("Sidecar", default: false))
        }
        restartPolicy = try restart.overlaid(with: try fields.optionalObject("RestartPolicy"))
        meta = try fields.stringMap("Meta")
        killTimeout = try fields.span("KillTimeout", default: Self.killTimeoutDefault)
        killSignal = try fields.string("KillSignal", default: "")
        shutdownDelay = try fields.span("ShutdownDelay", default: .zero)
        isLeader = try fields.bool("Leader", default: false)
        kind = try fields.string("Kind", default: "")
        if let given = try fields.optionalObject("LogConfig") {
            logs.maxFiles = try given.int("MaxFiles", default: logs.maxFiles)
            logs.maxFileSizeMB = try given.int("MaxFileSizeMB", default: logs.maxFileSizeMB)
        }
        artifacts = fields.text("Artifacts")
        for mount in try fields.objects("VolumeMounts", max: SchedulingBounds.volumesMax) {
            volumeMounts.append(try VolumeMount(mount))
        }
    }
}

extension VolumeMount {
    init(_ fields: BodyFields) throws(APIError) {
        self.init(
            volume: try fields.string("Volume", default: ""),
            destination: try fields.string("Destination", default: ""),
            isReadOnly: try fields.bool("ReadOnly", default: false))
        let mode = try fields.string("PropagationMode", default: "")
        if !mode.isEmpty { propagationMode = mode }
    }
}

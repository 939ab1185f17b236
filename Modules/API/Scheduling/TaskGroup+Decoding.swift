// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What groups take over from their job where they say nothing.
struct GroupDefaults {
    let type: JobType
    /// nil where the job has none.
    let update: UpdateStrategy?
    let reschedule: ReschedulePolicy
    /// nil outside of services, and where the job has none.
    let migrate: MigrateStrategy?
}

extension TaskGroup {
    init(_ fields: BodyFields, _ defaults: GroupDefaults) throws(APIError) {
        self.init(
            name: try fields.string("Name", default: ""), count: try fields.int("Count", default: 1)
        )
        constraints = try fields.constraints()
        affinities = try fields.affinities()
        spreads = try fields.spreads()
        networks = try fields.networks()
        if let disk = try fields.optionalObject("EphemeralDisk") {
            ephemeralDisk.sizeMB = try disk.int("SizeMB", default: EphemeralDisk.sizeDefaultMB)
            ephemeralDisk.isSticky = try disk.bool("Sticky", default: false)
            ephemeralDisk.migrates = try disk.bool("Migrate", default: false)
        }
        try readPolicies(fields, defaults)
        for volume in try fields.objectMap("Volumes", max: SchedulingBounds.volumesMax) {
            volumes[volume.key] = try VolumeRequest(volume.fields, name: volume.key)
        }
        meta = try fields.stringMap("Meta")
        shutdownDelay = try fields.optionalSpan("ShutdownDelay")
        stopAfterClientDisconnect = try fields.optionalSpan("StopAfterClientDisconnect")
        let restart = restartPolicy ?? RestartPolicy(for: defaults.type)
        for task in try fields.objects("Tasks", max: SchedulingBounds.tasksMax) {
            tasks.append(try JobTask(task, restart: restart))
        }
    }

    private mutating func readPolicies(
        _ fields: BodyFields, _ defaults: GroupDefaults
    ) throws(APIError) {
        restartPolicy = try RestartPolicy(for: defaults.type).overlaid(
            with: try fields.optionalObject("RestartPolicy"))
        reschedulePolicy = try defaults.reschedule.overlaid(
            with: try fields.optionalObject("ReschedulePolicy"))
        if fields.has("Migrate") || defaults.migrate != nil {
            migrate = try (defaults.migrate ?? MigrateStrategy()).overlaid(
                with: try fields.optionalObject("Migrate"))
        }
        if fields.has("Update") || defaults.update != nil {
            update = try (defaults.update ?? UpdateStrategy()).overlaid(
                with: try fields.optionalObject("Update"))
        }
    }
}

extension VolumeRequest {
    init(_ fields: BodyFields, name: String) throws(APIError) {
        self.init(
            name: name, type: try fields.string("Type", default: ""),
            source: try fields.string("Source", default: ""),
            isReadOnly: try fields.bool("ReadOnly", default: false))
    }
}

// SPDX-License-Identifier: Apache-2.0

extension TaskGroup {
    private static let diskMinMB = 10

    func faults(in job: Job) -> [String] {
        var faults = FaultList.name("Task group name", name)
        if name.isEmpty { faults.append("Missing task group name") }
        if count < 0 { faults.append("Task group count can't be negative") }
        if tasks.isEmpty { faults.append("Missing tasks for task group") }
        faults += FaultList.constraints(constraints)
        faults += job.rankingFaults(affinities, spreads)
        faults += FaultList.amount("DiskMB", ephemeralDisk.sizeMB, min: Self.diskMinMB)
        faults += policyFaults(in: job) + networkFaults + volumeFaults
        faults += FaultList.map("Meta", meta)
        if let shutdownDelay { faults += FaultList.span("ShutdownDelay", shutdownDelay) }
        if let stopAfterClientDisconnect {
            faults += FaultList.span("StopAfterClientDisconnect", stopAfterClientDisconnect)
            if job.type != .service, job.type != .batch {
                faults.append(
                    "stop_after_client_disconnect can only be set in batch and service jobs")
            }
        }
        return faults + taskFaults
    }

    private func policyFaults(in job: Job) -> [String] {
        var faults: [String] = []
        if let restartPolicy {
            faults += FaultList.nested("Restart policy", restartPolicy.faults)
        }
        if let reschedulePolicy {
            if job.type.isSystem, reschedulePolicy.isEnabled {
                faults.append("System jobs should not have a reschedule policy")
            }
            faults += FaultList.nested("Reschedule policy", reschedulePolicy.faults)
        }
        if let update {
            if job.type != .service, job.type != .system {
                faults.append("Job type \"\(job.type.rawValue)\" does not allow update block")
            }
            faults += FaultList.nested("Update strategy", update.faults)
        }
        if let migrate {
            if job.type != .service {
                faults.append("Job type \"\(job.type.rawValue)\" does not allow migrate block")
            }
            faults += FaultList.nested("Migrate strategy", migrate.faults)
        }
        return faults
    }

    private var networkFaults: [String] {
        var faults: [String] = []
        if networks.count > 1 {
            faults.append("Only one network of a task group is allowed; got \(networks.count)")
        }
        var labels: Set<String> = []
        var numbers = SortedMap<String>()
        for network in networks { faults += network.faults(&labels, &numbers) }
        for task in tasks {
            var own: Set<String> = []
            for network in task.resources.networks {
                faults += network.faults(&own, &numbers).map { "Task \(task.name): \($0)" }
            }
        }
        return faults
    }

    private var volumeFaults: [String] {
        var faults: [String] = []
        for (name, volume) in volumes.map({ ($0.key, $0.value) }) {
            faults += FaultList.name("Volume name", name)
            faults += FaultList.name("Volume source", volume.source)
            if volume.type != "host" {
                faults.append(
                    "Volume \(name) has unrecognized type \(FaultList.shown(volume.type))")
            }
            if volume.source.isEmpty { faults.append("Volume \(name) has an empty source") }
        }
        for task in tasks {
            for mount in task.volumeMounts
            where !mount.volume.isEmpty && volumes[mount.volume] == nil {
                faults.append(
                    "Task \(task.name) has a volume mount referencing undefined volume "
                        + FaultList.shown(mount.volume))
            }
        }
        return faults
    }

    private var taskFaults: [String] {
        var faults: [String] = []
        var places = SortedMap<Int>()
        for (place, task) in tasks.enumerated() {
            if task.name.isEmpty { faults.append("Task \(place + 1) missing name") }
            if let other = places[task.name], !task.name.isEmpty {
                faults.append("Task \(place + 1) redefines '\(task.name)' from task \(other + 1)")
            }
            places[task.name] = place
        }
        if tasks.count(where: \.isLeader) > 1 {
            faults.append("Only one task may be marked as leader")
        }
        if !tasks.isEmpty, tasks.allSatisfy({ $0.lifecycle != nil }) {
            faults.append("Task group needs a task without a lifecycle hook")
        }
        for task in tasks {
            faults += FaultList.nested("Task \(task.name)", task.faults(disk: ephemeralDisk))
        }
        return faults
    }

    var warnings: [String] {
        guard let update, count > 0, update.maxParallel > count else { return [] }
        return [
            "Group \"\(name)\" has warnings: Update max parallel count is greater than task group "
                + "count (\(update.maxParallel) > \(count)). A destructive change would result in "
                + "the simultaneous replacement of all allocations."
        ]
    }
}

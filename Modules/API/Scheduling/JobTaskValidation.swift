// SPDX-License-Identifier: Apache-2.0

extension JobTask {
    /// - Parameter disk: of the group.
    func faults(disk: EphemeralDisk) -> [String] {
        var faults = nameFaults + FaultList.nested("Task resources", resources.faults)
        faults += FaultList.span("KillTimeout", killTimeout)
        faults += FaultList.span("ShutdownDelay", shutdownDelay)
        faults += FaultList.nested("log config", logs.faults)
        let (logUsage, isTooLarge) = logs.maxFiles.multipliedReportingOverflow(
            by: logs.maxFileSizeMB)
        if logs.faults.isEmpty, isTooLarge || logUsage >= disk.sizeMB {
            faults.append(
                "log storage (\(logUsage) MB) must be less than requested disk capacity "
                    + "(\(disk.sizeMB) MB)")
        }
        for (number, constraint) in constraints.enumerated() where constraint.isDistinct {
            faults.append(
                "Constraint \(number + 1) has disallowed Operand at task level: "
                    + constraint.operand)
        }
        faults += FaultList.constraints(constraints) + FaultList.affinities(affinities)
        if let restartPolicy {
            faults += FaultList.nested("Restart policy", restartPolicy.faults)
        }
        if isLeader, lifecycle != nil {
            faults.append("A task with a lifecycle hook cannot be the leader")
        }
        faults += FaultList.json("Config", config) + FaultList.json("Artifacts", artifacts)
        faults += FaultList.map("Env", environment) + FaultList.map("Meta", meta)
        for mount in volumeMounts {
            if mount.volume.isEmpty { faults.append("Volume Mount references an empty volume") }
            faults += FaultList.name("VolumeMount.Volume", mount.volume)
            faults += FaultList.text("VolumeMount.Destination", mount.destination)
            faults += FaultList.name("VolumeMount.PropagationMode", mount.propagationMode)
        }
        return faults
    }

    private var nameFaults: [String] {
        var faults = FaultList.name("Task name", name) + FaultList.name("Task driver", driver)
        if name.isEmpty { faults.append("Missing task name") }
        if name.contains(where: { $0 == "/" || $0 == "\\" }) {
            faults.append("Task name cannot include slashes")
        }
        if driver.isEmpty { faults.append("Missing task driver") }
        return faults + FaultList.name("User", user) + FaultList.name("KillSignal", killSignal)
            + FaultList.name("Kind", kind)
    }
}

extension LogSettings {
    fileprivate var faults: [String] {
        var faults: [String] = []
        if maxFiles < 1 { faults.append("minimum number of files is 1; got \(maxFiles)") }
        if maxFileSizeMB < 1 {
            faults.append("minimum file size is 1MB; got \(maxFileSizeMB)")
        }
        return faults + FaultList.amount("MaxFiles", max(0, maxFiles))
            + FaultList.amount("MaxFileSizeMB", max(0, maxFileSizeMB))
    }
}

extension TaskResources {
    fileprivate var faults: [String] {
        var faults: [String] = []
        if cores > 0 {
            if cpu > 0 {
                faults.append("Task can only ask for 'cpu' or 'cores' resource, not both.")
            }
            if cores > SchedulingBounds.coresMax {
                faults.append("maximum Cores value is \(SchedulingBounds.coresMax); got \(cores)")
            }
        } else {
            faults += FaultList.amount("Cores", cores)
            faults += FaultList.amount("CPU", cpu, min: 1)
        }
        faults += FaultList.amount("MemoryMB", memoryMB, min: 10)
        faults += FaultList.amount("MemoryMaxMB", memoryMaxMB)
        if memoryMaxMB > 0, memoryMaxMB < memoryMB {
            faults.append(
                "MemoryMaxMB value (\(memoryMaxMB)) should be larger than MemoryMB value "
                    + "(\(memoryMB))")
        }
        if networks.count > 1 { faults.append("only one network of a task is allowed") }
        for (number, device) in devices.enumerated() {
            faults += FaultList.nested("Device \(number + 1)", device.faults)
        }
        return faults
    }
}

extension DeviceRequest {
    fileprivate var faults: [String] {
        var faults = FaultList.name("Device name", name)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count > 3 || parts.contains(where: \.isEmpty) {
            faults.append(
                "device name must be given as one of the following: type, vendor/type, or "
                    + "vendor/type/name")
        }
        faults += FaultList.amount("Count", count, min: 1)
        for (number, constraint) in constraints.enumerated() where constraint.isDistinct {
            faults.append("Constraint \(number + 1) has disallowed Operand: \(constraint.operand)")
        }
        return faults + FaultList.constraints(constraints) + FaultList.affinities(affinities)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletJSON

// What of a job is compared, under the names that `job plan` shows. Status, version and indexes are the
// state's and no part of it.

extension Job {
    var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("AllAtOnce", isAllAtOnce)
        tree.set("Name", name)
        tree.set("Namespace", namespace)
        tree.set("NodePool", nodePool)
        tree.set("ParentID", parentID)
        tree.set("Priority", priority)
        tree.set("Region", region)
        tree.set("Stop", isStopped)
        tree.set("Type", type.rawValue)
        tree.set("Meta", meta)
        tree.set(
            "Datacenters",
            each: datacenters.map { datacenter in
                var tree = DiffTree()
                tree.set("Datacenters", datacenter)
                return tree
            })
        tree.setRules(constraints, affinities, spreads)
        tree.set("Periodic", periodic.map { DiffTree(json: $0) })
        tree.set("ParameterizedJob", parameterized.map { DiffTree(json: $0) })
        return tree
    }
}

extension TaskGroup {
    var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("Count", count)
        tree.set("Name", name)
        tree.set("Meta", meta)
        if let shutdownDelay { tree.set("ShutdownDelay", shutdownDelay) }
        if let delay = stopAfterClientDisconnect { tree.set("StopAfterClientDisconnect", delay) }
        tree.setRules(constraints, affinities, spreads)
        tree.set("RestartPolicy", restartPolicy?.diffTree)
        tree.set("ReschedulePolicy", reschedulePolicy?.diffTree)
        tree.set("MigrateStrategy", migrate?.diffTree)
        tree.set("Update", update?.diffTree)
        var disk = DiffTree()
        disk.set("Migrate", ephemeralDisk.migrates)
        disk.set("SizeMB", ephemeralDisk.sizeMB)
        disk.set("Sticky", ephemeralDisk.isSticky)
        tree.set("EphemeralDisk", disk)
        tree.set("Network", each: networks.map(\.diffTree))
        tree.set(
            "Volume",
            each: volumes.values.map { volume in
                var tree = DiffTree()
                tree.set("Name", volume.name)
                tree.set("ReadOnly", volume.isReadOnly)
                tree.set("Source", volume.source)
                tree.set("Type", volume.type)
                return tree
            })
        return tree
    }
}

extension JobTask {
    var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("Driver", driver)
        tree.set("KillSignal", killSignal)
        tree.set("KillTimeout", killTimeout)
        tree.set("Kind", kind)
        tree.set("Leader", isLeader)
        tree.set("Name", name)
        tree.set("ShutdownDelay", shutdownDelay)
        tree.set("User", user)
        tree.set("Env", environment)
        tree.set("Meta", meta)
        tree.setRules(constraints, affinities, [])
        tree.set("Config", config.map { DiffTree(json: $0) })
        tree.set("Resources", resources.diffTree)
        tree.set("RestartPolicy", restartPolicy?.diffTree)
        if let lifecycle {
            var inner = DiffTree()
            inner.set("Hook", lifecycle.hook.rawValue)
            inner.set("Sidecar", lifecycle.isSidecar)
            tree.set("Lifecycle", inner)
        }
        var log = DiffTree()
        log.set("MaxFileSizeMB", logs.maxFileSizeMB)
        log.set("MaxFiles", logs.maxFiles)
        tree.set("LogConfig", log)
        if case .array(let elements)? = artifacts?.node.value {
            tree.set(
                "Artifact",
                each: elements.map { element in
                    var inner = DiffTree()
                    inner.flatten(element)
                    return inner
                })
        }
        tree.set(
            "VolumeMount",
            each: volumeMounts.map { mount in
                var inner = DiffTree()
                inner.set("Destination", mount.destination)
                inner.set("PropagationMode", mount.propagationMode)
                inner.set("ReadOnly", mount.isReadOnly)
                inner.set("Volume", mount.volume)
                return inner
            })
        return tree
    }
}

extension DiffTree {
    fileprivate init(json: JSONText) { flatten(json.node) }

    fileprivate mutating func setRules(
        _ constraints: [Constraint], _ affinities: [Affinity], _ spreads: [Spread]
    ) {
        set("Constraint", each: constraints.map(\.diffTree))
        set(
            "Affinity",
            each: affinities.map { affinity in
                var tree =
                    Constraint(affinity.leftTarget, affinity.operand, affinity.rightTarget).diffTree
                tree.set("Weight", affinity.weight)
                return tree
            })
        set(
            "Spread",
            each: spreads.map { spread in
                var tree = DiffTree()
                tree.set("Attribute", spread.attribute)
                tree.set("Weight", spread.weight)
                tree.set(
                    "SpreadTarget",
                    each: spread.targets.map { target in
                        var tree = DiffTree()
                        tree.set("Percent", target.percent)
                        tree.set("Value", target.value)
                        return tree
                    })
                return tree
            })
    }
}

extension Constraint {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("LTarget", leftTarget)
        tree.set("Operand", operand)
        tree.set("RTarget", rightTarget)
        return tree
    }
}

extension TaskResources {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("CPU", cpu)
        tree.set("Cores", cores)
        tree.set("MemoryMB", memoryMB)
        tree.set("MemoryMaxMB", memoryMaxMB)
        tree.set("Network", each: networks.map(\.diffTree))
        tree.set(
            "Device",
            each: devices.map { device in
                var tree = DiffTree()
                tree.set("Count", device.count)
                tree.set("Name", device.name)
                tree.setRules(device.constraints, device.affinities, [])
                return tree
            })
        return tree
    }
}

extension NetworkRequest {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("MBits", megabits)
        tree.set("Mode", mode)
        if let dns {
            var inner = DiffTree()
            inner.set("Options", dns.options.joined(separator: ","))
            inner.set("Searches", dns.searches.joined(separator: ","))
            inner.set("Servers", dns.servers.joined(separator: ","))
            tree.set("DNS", inner)
        }
        tree.set("Static Port", each: reservedPorts.map { $0.diffTree(isStatic: true) })
        tree.set("Dynamic Port", each: dynamicPorts.map { $0.diffTree(isStatic: false) })
        return tree
    }
}

extension PortRequest {
    fileprivate func diffTree(isStatic: Bool) -> DiffTree {
        var tree = DiffTree()
        tree.set("HostNetwork", hostNetwork)
        tree.set("Label", label)
        tree.set("To", to)
        if isStatic { tree.set("Value", value) }
        return tree
    }
}

extension RestartPolicy {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("Attempts", attempts)
        tree.set("Delay", delay)
        tree.set("Interval", interval)
        tree.set("Mode", mode)
        return tree
    }
}

extension ReschedulePolicy {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("Attempts", attempts)
        tree.set("Delay", delay)
        tree.set("DelayFunction", delayFunction?.rawValue ?? "")
        tree.set("Interval", interval)
        tree.set("MaxDelay", maxDelay)
        tree.set("Unlimited", unlimited)
        return tree
    }
}

extension MigrateStrategy {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("HealthCheck", healthCheck)
        tree.set("HealthyDeadline", healthyDeadline)
        tree.set("MaxParallel", maxParallel)
        tree.set("MinHealthyTime", minHealthyTime)
        return tree
    }
}

extension UpdateStrategy {
    fileprivate var diffTree: DiffTree {
        var tree = DiffTree()
        tree.set("AutoPromote", autoPromote)
        tree.set("AutoRevert", autoRevert)
        tree.set("Canary", canary)
        tree.set("HealthCheck", healthCheck)
        tree.set("HealthyDeadline", healthyDeadline)
        tree.set("MaxParallel", maxParallel)
        tree.set("MinHealthyTime", minHealthyTime)
        tree.set("ProgressDeadline", progressDeadline)
        return tree
    }
}

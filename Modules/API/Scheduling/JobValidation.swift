// SPDX-License-Identifier: Apache-2.0

extension Job {
    /// Whether it makes sense, whatever the cluster is like; in Nomad's words where it has them. Bounds
    /// see to it that no sum of what a valid job asks overflows.
    package func validate() -> JobVerdict {
        var verdict = JobVerdict()
        verdict.errors = nameFaults + placeFaults
        verdict.errors += FaultList.constraints(constraints)
        verdict.errors += rankingFaults(affinities, spreads)
        verdict.errors += FaultList.map("Meta", meta)
        if let update, type == .service || type == .system {
            verdict.errors += FaultList.nested("Update strategy", update.faults)
        }
        verdict.errors += groupFaults
        verdict.warnings = groups.flatMap(\.warnings)
        if isPeriodic {
            verdict.warnings.append("Periodic jobs are kept, but not launched")
        }
        if isParameterized {
            verdict.warnings.append("Parameterized jobs are kept, but cannot be dispatched")
        }
        return verdict
    }

    private var nameFaults: [String] {
        var faults = FaultList.name("Job ID", id) + FaultList.name("Job Name", name)
        if region.isEmpty { faults.append("Missing job region") }
        if id.isEmpty { faults.append("Missing job ID") }
        if id.utf8.contains(UInt8(ascii: " ")) { faults.append("Job ID contains a space") }
        if name.isEmpty { faults.append("Missing job name") }
        if namespace.isEmpty { faults.append("Job must be in a namespace") }
        faults += FaultList.name("Job Namespace", namespace)
        faults += FaultList.name("Job Region", region)
        faults += FaultList.json("Periodic", periodic)
        faults += FaultList.json("ParameterizedJob", parameterized)
        return faults + FaultList.name("Job ParentID", parentID)
    }

    private var placeFaults: [String] {
        var faults: [String] = []
        if !Self.priorities.contains(priority) {
            faults.append("Job priority must be between [1, 100]")
        }
        if datacenters.isEmpty { faults.append("Missing job datacenters") }
        for datacenter in datacenters {
            faults += FaultList.name("Job datacenter", datacenter)
            if datacenter.isEmpty {
                faults.append("Job datacenter must be non-empty string")
            }
        }
        if nodePool.isEmpty { faults.append("Job node pool must be non-empty string") }
        return faults + FaultList.name("Job NodePool", nodePool)
    }

    /// Of the job and of its groups: what chooses between nodes has no meaning on all of them.
    func rankingFaults(_ affinities: [Affinity], _ spreads: [Spread]) -> [String] {
        var faults: [String] = []
        if type.isSystem {
            if !affinities.isEmpty {
                faults.append("System jobs may not have an affinity stanza")
            }
            if !spreads.isEmpty { faults.append("System jobs may not have a spread stanza") }
            return faults
        }
        return FaultList.affinities(affinities) + FaultList.spreads(spreads)
    }

    private var groupFaults: [String] {
        var faults: [String] = []
        if groups.isEmpty { faults.append("Missing job task groups") }
        var places = SortedMap<Int>()
        var instances = 0
        var canaries = 0
        for (place, group) in groups.enumerated() {
            if group.name.isEmpty {
                faults.append("Job task group \(place + 1) missing name")
            } else if let other = places[group.name] {
                faults.append(
                    "Job task group \(place + 1) redefines '\(group.name)' from group \(other + 1)")
            }
            places[group.name] = place
            if type == .system, group.count > 1 {
                faults.append(
                    "Job task group \(group.name) has count \(group.count). Count cannot exceed 1 "
                        + "with system scheduler")
            }
            instances = Self.sum(instances, group.count)
            canaries = Self.sum(canaries, group.update?.canary ?? 0)
        }
        faults += boundFaults(instances: instances, canaries: canaries)
        for group in groups {
            faults += FaultList.nested("Task group \(group.name)", group.faults(in: self))
        }
        return faults
    }

    /// What the scheduler makes a list of must have an end. A sysbatch job has all of its instances on each
    /// node.
    private func boundFaults(instances: Int, canaries: Int) -> [String] {
        let most =
            type == .sysbatch
            ? SchedulingBounds.instancesOfNodeMax : SchedulingBounds.instancesMax
        var faults: [String] = []
        if instances > most {
            faults.append(
                "TaskGroups.Count: \(instances) instances in all groups, at most \(most) are "
                    + "allowed")
        }
        if canaries > SchedulingBounds.canariesMax {
            faults.append(
                "TaskGroups.Update.Canary: \(canaries) canaries in all groups, at most "
                    + "\(SchedulingBounds.canariesMax) are allowed")
        }
        return faults
    }

    /// Of what is not negative; what does not fit stays at its end.
    private static func sum(_ sum: Int, _ more: Int) -> Int {
        let (sum, isTooLarge) = sum.addingReportingOverflow(max(0, more))
        return isTooLarge ? .max : sum
    }
}

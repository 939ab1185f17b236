// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A group as placement sees it: numbers instead of texts.
final class CompiledGroup {
    let name: String
    let number: Int32
    let group: TaskGroup
    /// What an instance takes, but for the processor of whole cores, which depends on the node.
    let size: Capacity
    /// Whole cores for tasks alone, by task; empty if none are asked.
    let cores: [Int]
    let coreSum: Int
    let ports: PortAsk
    let devices: DeviceAsk
    let distinct: DistinctRules
    let spreads: [Spread]
    let spreadWeights: Int
    let set: FeasibleSet
    let maxParallel: Int32
    /// What every instance gets that has no ports, devices or cores.
    let plainResources: Shared<AllocatedResources>

    init(_ index: Int, of job: Job, jobNumber: Int32, view: ClusterView, oversubscribes: Bool) {
        group = job.groups[index]
        name = group.name
        number = view.jobs.group(group.name, of: jobNumber)
        size = Capacity(group.combinedResources)
        let cores = group.tasks.map { Amount.clamped($0.resources.cores) }
        coreSum = Amount.clamped(cores.reduce(0, +))
        self.cores = coreSum > 0 ? cores : []
        ports = PortAsk(group)
        devices = DeviceAsk(group)
        distinct = DistinctRules(job: job, group: group)
        spreads = job.spreads + group.spreads
        spreadWeights = spreads.reduce(0) { $0 + Amount.weight($1.weight) }
        maxParallel = Int32(clamping: group.migrate?.maxParallel ?? 0)
        let signature = GroupSignature(job: job, group: group)
        if let known = view.feasibleSets.set(for: signature) {
            set = known
        } else {
            set = FeasibleSet(signature, view: view)
            view.feasibleSets.insert(set, for: signature)
        }
        plainResources = Shared(Self.resources(group, oversubscribes: oversubscribes))
    }

    /// Whether an instance needs more of a node than processor, memory and disk.
    var hasExtras: Bool { coreSum > 0 || !ports.isEmpty || !devices.isEmpty }

    private static func resources(_ group: TaskGroup, oversubscribes: Bool) -> AllocatedResources {
        var tasks: [AllocatedTask] = []
        for task in group.tasks {
            var given = AllocatedTask(
                name: task.name, cpu: task.resources.cpu, memoryMB: task.resources.memoryMB)
            given.memoryMaxMB = oversubscribes ? task.resources.memoryMaxMB : 0
            given.lifecycle = task.lifecycle
            tasks.append(given)
        }
        return AllocatedResources(tasks: tasks, diskMB: group.ephemeralDisk.sizeMB)
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What a new version of a job means for a running instance of the older one (H2).
package enum UpdateCheck: Equatable, Sendable {
    /// It is the same version.
    case none
    /// It goes on under the new version, if its node still fits.
    case inPlace
    /// It has to be replaced: something that it is made of has changed.
    case destructive

    package static func compare(
        _ allocation: Allocation, with job: Job, group: TaskGroup
    ) -> UpdateCheck {
        let running = allocation.job.value
        if isSameVersion(running, job) { return .none }
        guard let old = running.lookup(group: group.name) else { return .destructive }
        let isSame =
            sameTasks(old, group) && sameNetworks(old.networks, group.networks)
            && old.ephemeralDisk == group.ephemeralDisk && old.volumes == group.volumes
            && combinedMeta(running, old, task: nil) == combinedMeta(job, group, task: nil)
            && zip(old.tasks, group.tasks).allSatisfy { task, other in
                combinedMeta(running, old, task: task) == combinedMeta(job, group, task: other)
            }
        return isSame ? .inPlace : .destructive
    }

    static func isSameVersion(_ left: Job, _ right: Job) -> Bool {
        left.createIndex == right.createIndex && left.version == right.version
            && left.jobModifyIndex == right.jobModifyIndex
    }

    private static func sameTasks(_ old: TaskGroup, _ new: TaskGroup) -> Bool {
        old.tasks.count == new.tasks.count
            && zip(old.tasks, new.tasks).allSatisfy { sameTask($0, $1) }
    }

    /// Constraints, affinities and spreads are no part of it: they are looked at in place.
    private static func sameTask(_ old: JobTask, _ new: JobTask) -> Bool {
        old.name == new.name && old.driver == new.driver && old.user == new.user
            && old.config == new.config && old.environment == new.environment
            && old.artifacts == new.artifacts && old.lifecycle == new.lifecycle
            && old.volumeMounts == new.volumeMounts
            && sameResources(old.resources, new.resources)
    }

    private static func sameResources(_ old: TaskResources, _ new: TaskResources) -> Bool {
        old.cpu == new.cpu && old.cores == new.cores && old.memoryMB == new.memoryMB
            && old.memoryMaxMB == new.memoryMaxMB && old.devices == new.devices
            && sameNetworks(old.networks, new.networks)
    }

    private static func sameNetworks(_ old: [NetworkRequest], _ new: [NetworkRequest]) -> Bool {
        old.count == new.count
            && zip(old, new).allSatisfy { old, new in
                old.mode == new.mode && old.megabits == new.megabits && old.dns == new.dns
                    && old.reservedPorts == new.reservedPorts
                    && withoutValues(old.dynamicPorts) == withoutValues(new.dynamicPorts)
            }
    }

    /// The scheduler chose the numbers.
    private static func withoutValues(_ ports: [PortRequest]) -> [PortRequest] {
        ports.map { port in
            var port = port
            port.value = 0
            return port
        }
    }

    /// What a task sees: its own before its group's before its job's.
    private static func combinedMeta(_ job: Job, _ group: TaskGroup, task: JobTask?) -> StringMap {
        var meta = job.meta
        for element in group.meta { meta[element.key] = element.value }
        for element in task?.meta ?? [:] { meta[element.key] = element.value }
        return meta
    }
}

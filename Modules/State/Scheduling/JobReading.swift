// SPDX-License-Identifier: Apache-2.0
import MartletAPI

// Reads what `JobCodec.swift` writes, within the bounds of ``SchedulingBounds``.

extension StateReader {
    mutating func job() throws(StateError) -> Job {
        let key = try jobKey()
        var job = Job(id: key.id)
        job.namespace = key.namespace
        job.name = try string()
        job.region = try string()
        job.type = try choice()
        job.priority = try number(max: Job.priorities.upperBound)
        guard Job.priorities.contains(job.priority) else {
            throw .malformed("priority \(job.priority)")
        }
        job.datacenters = try texts(max: SchedulingBounds.datacentersMax)
        job.nodePool = try string()
        job.isAllAtOnce = try bool()
        job.constraints = try constraints()
        job.affinities = try affinities()
        job.spreads = try spreads()
        job.groups = try elements(max: SchedulingBounds.groupsMax) {
            (reader) throws(StateError) in try reader.group()
        }
        guard job.groups.reduce(0, { $0 + $1.count }) <= SchedulingBounds.instancesMax else {
            throw .malformed("more than \(SchedulingBounds.instancesMax) instances")
        }
        guard job.groups.reduce(0, { $0 + $1.tasks.count }) <= SchedulingBounds.tasksMax else {
            throw .malformed("more than \(SchedulingBounds.tasksMax) tasks")
        }
        job.update = try optional { (reader) throws(StateError) in try reader.update() }
        job.meta = try stringMap()
        job.parentID = try string()
        job.periodic = try optional { (reader) throws(StateError) in try reader.json() }
        job.parameterized = try optional { (reader) throws(StateError) in try reader.json() }
        job.isStopped = try bool()
        job.submitUnixNanoseconds = try int64()
        return job
    }

    private mutating func group() throws(StateError) -> TaskGroup {
        let name = try text(max: SchedulingBounds.nameBytesMax)
        var group = TaskGroup(
            name: name, count: try number(max: SchedulingBounds.instancesMax),
            tasks: try elements(max: SchedulingBounds.tasksMax) {
                (reader) throws(StateError) in try reader.task()
            })
        group.constraints = try constraints()
        group.affinities = try affinities()
        group.spreads = try spreads()
        group.networks = try networks()
        group.ephemeralDisk.sizeMB = try number()
        group.ephemeralDisk.isSticky = try bool()
        group.ephemeralDisk.migrates = try bool()
        group.restartPolicy = try optional { (reader) throws(StateError) in try reader.restart() }
        group.reschedulePolicy = try optional { (reader) throws(StateError) in
            try reader.reschedule()
        }
        group.migrate = try optional { (reader) throws(StateError) in try reader.migrate() }
        group.update = try optional { (reader) throws(StateError) in try reader.update() }
        group.volumes = try map { (reader) throws(StateError) in
            VolumeRequest(
                name: try reader.string(), type: try reader.string(), source: try reader.string(),
                isReadOnly: try reader.bool())
        }
        group.meta = try stringMap()
        group.shutdownDelay = try optional { (reader) throws(StateError) in try reader.span() }
        group.stopAfterClientDisconnect = try optional { (reader) throws(StateError) in
            try reader.span()
        }
        return group
    }

    private mutating func task() throws(StateError) -> JobTask {
        var task = JobTask(name: try string(), driver: try string())
        task.user = try string()
        task.config = try optional { (reader) throws(StateError) in try reader.json() }
        task.environment = try stringMap()
        task.constraints = try constraints()
        task.affinities = try affinities()
        task.resources = TaskResources(
            cpu: try number(), memoryMB: 0, cores: try number())
        task.resources.memoryMB = try number()
        task.resources.memoryMaxMB = try number()
        task.resources.networks = try networks()
        task.resources.devices = try elements(max: SchedulingBounds.devicesMax) {
            (reader) throws(StateError) in
            DeviceRequest(
                name: try reader.string(), count: try reader.number(),
                constraints: try reader.constraints(), affinities: try reader.affinities())
        }
        task.lifecycle = try optional { (reader) throws(StateError) in try reader.lifecycle() }
        task.restartPolicy = try optional { (reader) throws(StateError) in try reader.restart() }
        task.meta = try stringMap()
        task.killTimeout = try span()
        task.killSignal = try string()
        task.shutdownDelay = try span()
        task.isLeader = try bool()
        task.kind = try string()
        task.logs.maxFiles = try number()
        task.logs.maxFileSizeMB = try number()
        task.artifacts = try optional { (reader) throws(StateError) in try reader.json() }
        task.volumeMounts = try elements(max: SchedulingBounds.volumesMax) {
            (reader) throws(StateError) in
            VolumeMount(
                volume: try reader.string(), destination: try reader.string(),
                isReadOnly: try reader.bool(), propagationMode: try reader.string())
        }
        return task
    }

    mutating func texts(max: Int) throws(StateError) -> [String] {
        try elements(max: max) { (reader) throws(StateError) in try reader.string() }
    }

    mutating func lifecycle() throws(StateError) -> TaskLifecycle {
        TaskLifecycle(hook: try choice(), isSidecar: try bool())
    }

    mutating func ports() throws(StateError) -> [PortRequest] {
        try elements(max: SchedulingBounds.portsMax) { (reader) throws(StateError) in
            PortRequest(
                label: try reader.string(), value: try reader.number(max: 65_535),
                to: try reader.signed(), hostNetwork: try reader.string())
        }
    }

    mutating func dns() throws(StateError) -> NetworkRequest.DNSConfiguration {
        let max = SchedulingBounds.addressesMax
        return NetworkRequest.DNSConfiguration(
            servers: try texts(max: max), searches: try texts(max: max),
            options: try texts(max: max))
    }

    private mutating func networks() throws(StateError) -> [NetworkRequest] {
        try elements(max: SchedulingBounds.networksMax) { (reader) throws(StateError) in
            var network = NetworkRequest()
            network.mode = try reader.string()
            network.megabits = try reader.number()
            network.dns = try reader.optional { (reader) throws(StateError) in try reader.dns() }
            network.reservedPorts = try reader.ports()
            network.dynamicPorts = try reader.ports()
            return network
        }
    }

    /// A text that is the one form of its value.
    private mutating func json() throws(StateError) -> JSONText {
        guard let text = JSONText(verifying: try string()) else {
            throw .malformed("a text that is not JSON in its one form")
        }
        return text
    }

    private mutating func constraints() throws(StateError) -> [Constraint] {
        try elements(max: SchedulingBounds.rulesMax) { (reader) throws(StateError) in
            Constraint(try reader.string(), try reader.string(), try reader.string())
        }
    }

    private mutating func affinities() throws(StateError) -> [Affinity] {
        try elements(max: SchedulingBounds.rulesMax) { (reader) throws(StateError) in
            let affinity = Affinity(
                try reader.string(), try reader.string(), try reader.string(),
                weight: try reader.signed())
            guard -100...100 ~= affinity.weight else {
                throw .malformed("a weight of \(affinity.weight)")
            }
            return affinity
        }
    }

    private mutating func spreads() throws(StateError) -> [Spread] {
        try elements(max: SchedulingBounds.spreadsMax) { (reader) throws(StateError) in
            Spread(
                attribute: try reader.string(), weight: try reader.number(max: 100),
                targets: try reader.elements(max: SchedulingBounds.spreadTargetsMax) {
                    (reader) throws(StateError) in
                    SpreadTarget(
                        value: try reader.string(), percent: try reader.number(max: 100))
                })
        }
    }

    private mutating func update() throws(StateError) -> UpdateStrategy {
        var update = UpdateStrategy()
        update.stagger = try span()
        update.maxParallel = try number()
        update.healthCheck = try string()
        update.minHealthyTime = try span()
        update.healthyDeadline = try span()
        update.progressDeadline = try span()
        update.autoRevert = try bool()
        update.autoPromote = try bool()
        update.canary = try number()
        return update
    }

    private mutating func restart() throws(StateError) -> RestartPolicy {
        RestartPolicy(
            attempts: try number(), interval: try span(), delay: try span(), mode: try string())
    }

    private mutating func reschedule() throws(StateError) -> ReschedulePolicy {
        var policy = ReschedulePolicy()
        policy.attempts = try number()
        policy.interval = try span()
        policy.delay = try span()
        policy.delayFunction = try optional { (reader) throws(StateError) in try reader.choice() }
        policy.maxDelay = try span()
        policy.unlimited = try bool()
        return policy
    }

    private mutating func migrate() throws(StateError) -> MigrateStrategy {
        var migrate = MigrateStrategy()
        migrate.maxParallel = try number()
        migrate.healthCheck = try string()
        migrate.minHealthyTime = try span()
        migrate.healthyDeadline = try span()
        return migrate
    }
}

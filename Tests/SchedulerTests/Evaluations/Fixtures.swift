// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

let second: Int64 = 1_000_000_000

extension UniqueID {
    /// `id(7)`: an id for tests.
    static func id(_ number: Int, kind: UInt64 = 0) -> UniqueID {
        UniqueID(high: kind, low: UInt64(number))
    }

    static func node(_ number: Int) -> UniqueID { id(number, kind: 1) }
}

extension Job {
    /// One group `g` of one task.
    static func fixture(
        _ id: String = "web", _ type: JobType = .service, count: Int = 1, priority: Int = 50,
        cpu: Int = 100, memoryMB: Int = 100, ports: [Int] = [], update: UpdateStrategy? = nil
    ) -> Job {
        var task = JobTask(name: "t", driver: "mock")
        task.resources = TaskResources(cpu: cpu, memoryMB: memoryMB)
        var group = TaskGroup(name: "g", count: count, tasks: [task])
        group.ephemeralDisk.sizeMB = 0
        group.reschedulePolicy = ReschedulePolicy(for: type)
        group.migrate = type == .service ? MigrateStrategy() : nil
        group.update = update
        if !ports.isEmpty {
            var network = NetworkRequest()
            network.reservedPorts = ports.map { PortRequest(label: "p\($0)", value: $0) }
            group.networks = [network]
        }
        var job = Job(id: id, type: type, groups: [group])
        job.priority = priority
        job.datacenters = ["dc1"]
        job.update = update
        return job
    }

    func with(_ change: (inout Job) -> Void) -> Job {
        var job = self
        change(&job)
        return job
    }
}

extension UpdateStrategy {
    static func parallel(_ count: Int, canary: Int = 0) -> UpdateStrategy {
        var update = UpdateStrategy()
        update.maxParallel = count
        update.canary = canary
        return update
    }
}

extension Node {
    static func fixture(_ number: Int, cpu: Int = 4000, memoryMB: Int = 8192) -> Node {
        var node = Node(
            id: .node(number), name: "n\(number)",
            resources: NodeResources(cpu: cpu, memoryMB: memoryMB, diskMB: 102_400))
        node.drivers["mock"] = DriverState()
        node.status = .ready
        return node
    }
}

extension Evaluation {
    static func fixture(
        _ number: Int, job: String = "web", priority: Int = 50, type: JobType = .service,
        trigger: EvaluationTrigger = .jobRegister, createIndex: UInt64 = 0
    ) -> Evaluation {
        var evaluation = Evaluation(
            id: .id(number, kind: 2), job: JobKey(id: job), priority: priority, type: type,
            trigger: trigger)
        evaluation.createIndex = createIndex == 0 ? UInt64(number) : createIndex
        evaluation.modifyIndex = evaluation.createIndex
        return evaluation
    }
}

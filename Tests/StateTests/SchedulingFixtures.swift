// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

func uid(_ number: Int) -> UniqueID { UniqueID(high: 7, low: UInt64(number)) }

func node(_ number: Int, secret: Int = 1000, status: NodeStatus = .ready) -> Node {
    var node = Node(
        id: uid(number), secretID: uid(secret + number), name: "node-\(number)",
        datacenter: "dc1", resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 100_000))
    node.attributes = ["kernel.name": "linux", "unique.hostname": "node-\(number)"]
    node.drivers = ["mock": DriverState()]
    node.status = status
    node.statusUpdatedUnixSeconds = 1_700_000_000
    return node
}

func job(
    _ id: String, type: JobType = .service, count: Int = 2, cpu: Int = 100, groups: [String] = ["g"]
) -> Job {
    Job(
        id: id, type: type,
        groups: groups.map { name in
            var task = JobTask(name: "t", driver: "mock")
            task.resources.cpu = cpu
            var group = TaskGroup(name: name, count: count, tasks: [task])
            group.update = UpdateStrategy()
            group.restartPolicy = RestartPolicy(for: type)
            group.reschedulePolicy = ReschedulePolicy(for: type)
            return group
        })
}

func evaluation(
    _ number: Int, of job: String = "j", status: Evaluation.Status = .pending,
    trigger: EvaluationTrigger = .jobRegister
) -> Evaluation {
    var evaluation = Evaluation(
        id: uid(number), job: JobKey(id: job), priority: 50, type: .service, trigger: trigger)
    evaluation.status = status
    evaluation.createUnixNanoseconds = 5
    evaluation.modifyUnixNanoseconds = 6
    return evaluation
}

/// A metric of which no field is at its default.
var unusualMetric: PlacementMetric {
    var metric = PlacementMetric()
    metric.nodesEvaluated = 9
    metric.nodesFiltered = 2
    metric.nodesAvailable = ["dc1": 3, "dc2": 0]
    metric.classFiltered = ["c": 1]
    metric.constraintFiltered = ["${attr.x} = y": 1]
    metric.nodesExhausted = 4
    metric.classExhausted = ["c": 4]
    metric.dimensionExhausted = ["cpu": 4]
    metric.resourcesExhausted = ["t": CombinedResources(cpu: 5, memoryMB: 6, diskMB: 7)]
    metric.scores = [
        PlacementMetric.NodeScore(
            nodeID: uid(1), scores: ["binpack": 0.25, "job-anti-affinity": -0.5], normalized: -0.125
        )
    ]
    metric.allocationTime = GoDuration(nanoseconds: 77)
    metric.coalescedFailures = 3
    return metric
}

/// A state, and the next index of its log.
struct Scheduled {
    var state = State()
    var log: [(index: UInt64, bytes: [UInt8])] = []

    @discardableResult
    mutating func apply(_ command: SchedulerCommand) -> CommandResult {
        let index = state.lastAppliedIndex + 1
        let bytes = Command.scheduling(command).encoded()
        log.append((index, bytes))
        return state.apply(bytes, at: index)
    }

    var tables: SchedulerTables { state.scheduling }
    var index: UInt64 { state.lastAppliedIndex }

    func job(_ id: String = "j") -> Job? { tables.job(JobKey(id: id))?.value }

    func allocation(_ number: Int) -> Allocation? { tables.allocation(uid(number))?.value }

    /// Registers the job and places instances of it with these numbers, on node 1.
    @discardableResult
    mutating func place(
        _ numbers: [Int], of id: String = "j", node: Int = 1, evaluation: Int = 500,
        _ change: (inout Allocation) -> Void = { _ in }
    ) -> CommandResult {
        guard let job = tables.job(JobKey(id: id)) else { return .refused("no job \(id)") }
        var part = PlacementPlan.NodePart(nodeID: uid(node))
        let resources = Shared(
            AllocatedResources(
                tasks: [AllocatedTask(name: "t", cpu: 100, memoryMB: 300)], diskMB: 300))
        for (place, number) in numbers.enumerated() {
            var allocation = Allocation(
                id: uid(number), evaluationID: uid(evaluation), nodeID: uid(node), job: job,
                group: job.value.groups[0].name, index: place, resources: resources)
            allocation.nodeName = "node-\(node)"
            change(&allocation)
            part.placements.append(allocation)
        }
        var result = PlanResult()
        result.nodes = [part]
        return apply(
            .applyPlan(
                PlanEntry(
                    result, evaluationID: uid(evaluation), evaluations: [],
                    unixNanoseconds: 1_700_000_000_000_000_000)))
    }

    @discardableResult
    mutating func report(
        _ number: Int, _ status: Allocation.ClientStatus, healthy: Bool? = nil
    ) -> CommandResult {
        apply(
            .updateAllocations(
                [
                    AllocationUpdate(
                        id: uid(number), clientStatus: status, isHealthy: healthy,
                        healthUnixNanoseconds: 1_700_000_100_000_000_000)
                ], unixNanoseconds: 9, evaluations: []))
    }
}

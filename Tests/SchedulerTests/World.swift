// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

/// A small cluster for tests, with the defaults of the scenario catalogue: nodes of 4000 MHz, 8192 MB
/// and 102400 MB disk in `dc1`, ready and with a healthy driver.
final class World {
    let view = ClusterView()
    private(set) var nodes: [Node] = []
    private(set) var allocations: [UniqueID: Allocation] = [:]
    var configuration = SchedulerConfiguration()
    var options = PlacementOptions()
    private var lastID: UInt64 = 0

    func newID() -> UniqueID {
        lastID += 1
        return UniqueID(high: 7, low: lastID)
    }

    @discardableResult
    func node(
        _ cpu: Int = 4000, _ memory: Int = 8192, disk: Int = 102_400,
        _ change: (inout Node) -> Void = { _ in }
    ) -> Node {
        var node = Node(
            id: newID(), name: "n\(nodes.count)",
            resources: NodeResources(cpu: cpu, memoryMB: memory, diskMB: disk))
        node.drivers["mock"] = DriverState()
        node.status = .ready
        change(&node)
        node.computedClass = node.classDigest
        nodes.append(node)
        view.apply(node)
        return node
    }

    func update(_ node: Node) {
        nodes[nodes.firstIndex { $0.id == node.id } ?? 0] = node
        view.apply(node)
    }

    /// A job with one group `g` of one task.
    static func job(
        _ id: String = "job", priority: Int = 50, count: Int = 1, cpu: Int = 100, memory: Int = 100,
        disk: Int = 0, type: JobType = .service, _ change: (inout Job) -> Void = { _ in }
    ) -> Job {
        var task = JobTask(name: "t", driver: "mock")
        task.resources = TaskResources(cpu: cpu, memoryMB: memory)
        var group = TaskGroup(name: "g", count: count, tasks: [task])
        group.ephemeralDisk.sizeMB = disk
        if type == .service { group.migrate = MigrateStrategy() }
        var job = Job(id: id, type: type, groups: [group])
        job.priority = priority
        change(&job)
        return job
    }

    /// An allocation that runs already.
    @discardableResult
    func run(
        _ job: Job, on node: Node, group: Int = 0, index: Int = 0,
        _ change: (inout Allocation) -> Void = { _ in }
    ) -> Allocation {
        let source = job.groups[group]
        var tasks: [AllocatedTask] = []
        for task in source.tasks {
            var given = AllocatedTask(
                name: task.name, cpu: task.resources.cpu, memoryMB: task.resources.memoryMB)
            given.lifecycle = task.lifecycle
            tasks.append(given)
        }
        var allocation = Allocation(
            id: newID(), evaluationID: newID(), nodeID: node.id, job: Shared(job),
            group: source.name, index: index,
            resources: Shared(
                AllocatedResources(tasks: tasks, diskMB: source.ephemeralDisk.sizeMB)))
        allocation.clientStatus = .running
        change(&allocation)
        allocations[allocation.id] = allocation
        view.apply(allocation)
        return allocation
    }

    func placer(_ job: Job, seed: UInt64 = 1) -> Placer {
        Placer(view: view, job: job, configuration: configuration, seed: seed, options: options)
    }

    static func requests(_ job: Job) -> [PlacementRequest] {
        job.groups.indices.flatMap { group in
            (0..<job.groups[group].count).map { PlacementRequest(group: group, index: $0) }
        }
    }

    /// All instances of a job, tried; nothing stays in the view.
    func plan(_ job: Job, seed: UInt64 = 1) -> [PlacementOutcome] {
        let placer = placer(job, seed: seed)
        defer { placer.undo() }
        return placer.place(Self.requests(job))
    }

    /// All instances of a job, committed.
    @discardableResult
    func place(_ job: Job, seed: UInt64 = 1) -> [PlacementOutcome] {
        let outcomes = plan(job, seed: seed)
        commit(outcomes, of: job)
        return outcomes
    }

    func commit(_ outcomes: [PlacementOutcome], of job: Job) {
        let shared = Shared(job)
        for outcome in outcomes {
            guard let placement = outcome.placement else { continue }
            for victim in placement.victims {
                allocations[victim.value.id] = nil
                view.remove(allocation: victim.value.id)
            }
            let allocation = Allocation(
                id: newID(), evaluationID: newID(), nodeID: placement.nodeID, job: shared,
                group: job.groups[placement.request.group].name, index: placement.request.index,
                resources: placement.resources)
            allocations[allocation.id] = allocation
            view.apply(allocation)
        }
    }

    func forget(_ id: UniqueID) { allocations[id] = nil }

    func name(_ id: UniqueID) -> String { nodes.first { $0.id == id }?.name ?? "?" }
}

extension PlacementOutcome {
    var placement: Placement? { if case .placed(let placement) = self { placement } else { nil } }

    var failure: PlacementMetric? {
        if case .failed(let metric) = self { metric.value } else { nil }
    }

    var filtering: PlacementMetric? {
        if case .filtered(let metric) = self { metric.value } else { nil }
    }
}

extension [PlacementOutcome] {
    var placed: [Placement] { compactMap(\.placement) }
    var failures: [PlacementMetric] { compactMap(\.failure) }
}

extension Placement {
    var score: PlacementMetric.NodeScore? { metric.value.scores.first }

    func score(_ name: String) -> Double? { score?.scores[name] }

    var victimNames: [String] { victims.map { "\($0.value.jobID)" }.sorted() }
}

extension Double {
    /// To three decimals, as scenarios give scores.
    var thousandths: Int { Int((self * 1000).rounded()) }
}

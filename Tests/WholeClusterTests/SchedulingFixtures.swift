// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState

func nodeID(_ number: Int) -> UniqueID { UniqueID(high: 1, low: UInt64(number)) }

func evaluationID(_ number: Int) -> UniqueID { UniqueID(high: 2, low: UInt64(number)) }

/// A ready node with room for eight instances of ``serviceJob(_:count:priority:cpu:)``.
func readyNode(_ number: Int, cpu: Int = 4000) -> Node {
    var node = Node(
        id: nodeID(number), secretID: UniqueID(high: 3, low: UInt64(number)),
        name: "node-\(number)",
        resources: NodeResources(cpu: cpu, memoryMB: 8192, diskMB: 100_000))
    node.attributes = ["kernel.name": "linux"]
    node.drivers = ["mock": DriverState()]
    node.status = .ready
    return node
}

func serviceJob(
    _ id: String, type: JobType = .service, count: Int, priority: Int = 50, cpu: Int = 500
) -> Job {
    var task = JobTask(name: "t", driver: "mock")
    task.resources.cpu = cpu
    task.resources.memoryMB = 128
    var group = TaskGroup(name: "g", count: count, tasks: [task])
    group.restartPolicy = RestartPolicy(for: type)
    group.reschedulePolicy = ReschedulePolicy(for: type)
    var job = Job(id: id, type: type, groups: [group])
    job.priority = priority
    return job
}

func evaluation(_ number: Int, of job: Job, _ trigger: EvaluationTrigger = .jobRegister)
    -> Evaluation
{
    Evaluation(
        id: evaluationID(number), job: job.key, priority: job.priority, type: job.type,
        trigger: trigger)
}

extension SchedulerTables {
    func live(_ job: String) -> [Allocation] {
        allocations(ofJob: JobKey(id: job)).map(\.value).filter { !$0.isTerminal }
    }

    /// Nothing is on its way: no evaluation is pending.
    var isSettled: Bool { !evaluations.contains { $0.value.status == .pending } }

    /// What must hold whatever happens: each number of a job runs once, no node is over its capacity, and
    /// the tables agree with themselves.
    func fault(jobs: [Job]) -> String? {
        if let broken = brokenInvariant() { return broken }
        for job in jobs {
            let numbers = live(job.id).map(\.index).sorted()
            guard numbers == Array(0..<job.groups[0].count) else {
                return "job \(job.id) runs \(numbers)"
            }
        }
        for node in nodes.map(\.value) {
            let used = allocations(ofNode: node.id).map(\.value).filter { !$0.isTerminal }
                .reduce(0) { $0 + $1.resources.value.combined.cpu }
            guard used <= node.usable.cpu else { return "node \(node.name) runs \(used) MHz" }
        }
        return nil
    }
}

extension SimulatedCluster {
    /// Three servers with a leader, and these nodes.
    static func scheduling(
        seed: UInt64, nodes: Int, workers: Int = 1,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) -> SimulatedCluster? {
        let cluster = SimulatedCluster(seed: seed, count: 3) { options in
            options.scheduling.workers = workers
            configure(&options)
        }
        cluster.startAll()
        guard cluster.settle() != nil else { return nil }
        if nodes == 0 { return cluster }
        let all = (0..<nodes).map { readyNode($0 + 1) }
        guard case .applied? = cluster.scheduleSurely(.registerNodes(all, evaluations: [])) else {
            return nil
        }
        return cluster
    }

    @discardableResult
    func register(_ job: Job, _ number: Int) -> CommandResult? {
        scheduleSurely(
            .registerJob(job, expected: nil, evaluations: [evaluation(number, of: job)]))
    }
}

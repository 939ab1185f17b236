// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

/// Places a workload job by job, as if each were registered and evaluated alone.
struct WorkloadRun {
    private let workload: Workload
    private let view = ClusterView()
    private var checker: Checker
    private var live: [UniqueID: Shared<Allocation>] = [:]
    private var byJob: [String: [UniqueID]] = [:]
    private var evicted: [Shared<Allocation>] = []
    /// Evaluations whose changes the own account does not have yet, in their order.
    private var unsettled: [(placed: [Shared<Allocation>], victims: [Shared<Allocation>])] = []
    private var nextID: UInt64 = 1
    private var seed: UInt64 = 1
    private var report: RunReport
    private let isDigested: Bool

    init(_ workload: Workload, isDigested: Bool = false) {
        self.workload = workload
        self.isDigested = isDigested
        checker = Checker(workload.nodes)
        report = RunReport(name: workload.name, nodes: workload.nodes.count)
        for node in workload.nodes { view.apply(node) }
        view.prepare(for: workload.configuration)
    }

    mutating func measure() -> RunReport {
        for phase in workload.phases {
            for entry in phase.jobs { run(entry, isMeasured: phase.isMeasured) }
        }
        settle()
        report.residentMB = Files.residentMB()
        report.live = live.count
        report.nodesUsed = checker.nodesUsed
        report.devicesUsed = checker.devicesUsed
        report.devicesTotal = checker.devicesTotal
        report.faults = checker.faults
        return report
    }

    private mutating func run(_ entry: Workload.Entry, isMeasured: Bool) {
        for job in entry.stops { stop(job) }
        let requests = requests(for: entry.job.value)
        seed += 1
        let start = Files.cpuSeconds()
        let placer = Placer(
            view: view, job: entry.job.value, configuration: workload.configuration, seed: seed)
        let outcomes = placer.place(requests)
        let (placed, victims) = allocations(outcomes, entry.job)
        placer.undo()
        for victim in victims { view.remove(allocation: victim.value.id) }
        for allocation in placed { view.apply(allocation) }
        // What the changes cost the index belongs to the evaluation that made them.
        view.prepare(for: workload.configuration)
        let end = Files.cpuSeconds()
        if isDigested { for outcome in outcomes { digest(outcome) } }
        unsettled.append((placed, victims))
        guard isMeasured else { return }
        report.evaluations += 1
        report.asked += requests.count
        report.placed += placed.count
        report.victims += victims.count
        report.victimPriorities += victims.reduce(0) { $0 + $1.value.priority }
        report.cpuSeconds += end - start
    }

    /// Takes an outcome into the digest.
    private mutating func digest(_ outcome: PlacementOutcome) {
        let text: String
        switch outcome {
        case .placed(let placement):
            text =
                "\(placement.nodeID) \(placement.nodeName) \(placement.resources.value) "
                + "\(placement.victims.map(\.value.id)) \(placement.metric.value)"
        case .failed(let metric): text = "failed \(metric.value)"
        case .filtered(let metric): text = "filtered \(metric.value)"
        }
        report.digest = Mix.text(text, into: report.digest)
    }

    private func requests(for job: Job) -> [PlacementRequest] {
        var requests: [PlacementRequest] = []
        for (index, group) in job.groups.enumerated() {
            if job.type.isSystem {
                for node in workload.nodes {
                    var request = PlacementRequest(group: index, index: 0)
                    request.requiredNode = node.id
                    requests.append(request)
                }
            } else {
                for instance in 0..<group.count {
                    requests.append(PlacementRequest(group: index, index: instance))
                }
            }
        }
        return requests
    }

    private mutating func allocations(
        _ outcomes: [PlacementOutcome], _ job: Shared<Job>
    ) -> (placed: [Shared<Allocation>], victims: [Shared<Allocation>]) {
        var placed: [Shared<Allocation>] = []
        placed.reserveCapacity(outcomes.count)
        var victims: [Shared<Allocation>] = []
        for case .placed(let placement) in outcomes {
            var allocation = Allocation(
                id: UniqueID(high: 0, low: nextID), evaluationID: UniqueID(high: 1, low: seed),
                nodeID: placement.nodeID, job: job,
                group: job.value.groups[placement.request.group].name,
                index: placement.request.index, resources: placement.resources)
            nextID += 1
            allocation.nodeName = placement.nodeName
            allocation.metrics = placement.metric
            if !placement.victims.isEmpty {
                allocation.preemptedAllocations = placement.victims.map(\.value.id)
                victims += placement.victims
            }
            placed.append(Shared(allocation))
        }
        return (placed, victims)
    }

    /// Keeps the own account, with a check after each evaluation. Not at once: what it touches would be in the
    /// caches instead of what the next evaluation needs.
    private mutating func settle() {
        for (placed, victims) in unsettled { commit(placed, victims) }
        unsettled = []
    }

    private mutating func commit(_ placed: [Shared<Allocation>], _ victims: [Shared<Allocation>]) {
        for victim in victims {
            checker.remove(victim.value)
            live[victim.value.id] = nil
        }
        evicted += victims
        for allocation in placed {
            checker.add(allocation.value)
            live[allocation.value.id] = allocation
            byJob[allocation.value.jobID, default: []].append(allocation.value.id)
        }
        checker.verify()
    }

    private mutating func stop(_ job: String) {
        settle()
        for id in byJob.removeValue(forKey: job) ?? [] {
            guard let allocation = live.removeValue(forKey: id) else { continue }
            view.remove(allocation: id)
            checker.remove(allocation.value)
        }
    }

    /// As CSV: one line for each allocation, evicted ones included.
    func dump() -> String {
        var text = "job,node,desired,client,priority,cpu,mem,devices\n"
        func add(_ allocation: Allocation, _ desired: String) {
            let amounts = allocation.resources.value.combined
            let devices = allocation.resources.value.tasks.flatMap(\.devices)
            let count = devices.reduce(0) { $0 + $1.deviceIDs.count }
            text +=
                "\(allocation.jobID),\(allocation.nodeID),\(desired),pending,"
                + "\(allocation.priority),\(amounts.cpu),\(amounts.memoryMB),\(count):\n"
        }
        for id in live.keys.sorted() {
            if let allocation = live[id] { add(allocation.value, "run") }
        }
        for allocation in evicted { add(allocation.value, "evict") }
        return text
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
@testable import MartletScheduler

/// Tries every node in the order of ids, and takes the first that fits: slow, and plainly right.
///
/// It knows processor, memory, disk and static ports, constraints of the form `${meta.x} = y`, and
/// evicts the least important of other jobs one after the other where that is allowed.
final class NaivePlacer: Placing {
    private let job: Job
    private let nodes: [Node]
    private let evicts: Bool
    private let picture: Picture

    /// What several placers of one evaluation share.
    final class Picture {
        var live: [UniqueID: Shared<Allocation>] = [:]
        var stopped: [UniqueID: Shared<Allocation>] = [:]
        var placedCount = 0

        init(_ allocations: some Sequence<Shared<Allocation>>) {
            for allocation in allocations where !allocation.value.isTerminal {
                live[allocation.value.id] = allocation
            }
        }
    }

    init(_ job: Job, nodes: [Node], evicts: Bool, picture: Picture) {
        self.job = job
        self.nodes = nodes.sorted { $0.id < $1.id }
        self.evicts = evicts
        self.picture = picture
    }

    func stop(_ allocation: UniqueID) -> Bool {
        guard let held = picture.live.removeValue(forKey: allocation) else { return false }
        picture.stopped[allocation] = held
        return true
    }

    func restore(_ allocation: UniqueID) -> Bool {
        guard let held = picture.stopped.removeValue(forKey: allocation) else { return false }
        picture.live[allocation] = held
        return true
    }

    func place(_ requests: [PlacementRequest]) -> [PlacementOutcome] { requests.map(place) }

    private func place(_ request: PlacementRequest) -> PlacementOutcome {
        var metric = PlacementMetric()
        let group = job.groups[request.group]
        let candidates = nodes.filter {
            request.requiredNode == nil || $0.id == request.requiredNode
        }
        let preferred = candidates.filter { $0.id == request.preferredNode }
        let penalized = candidates.filter { request.penalizedNodes.contains($0.id) }
        let others = candidates.filter {
            $0.id != request.preferredNode && !request.penalizedNodes.contains($0.id)
        }
        for withEviction in evicts ? [false, true] : [false] {
            for node in preferred + others + penalized where node.isReady {
                guard isFeasible(node, group) else {
                    metric.nodesFiltered += 1
                    continue
                }
                metric.nodesEvaluated += 1
                if let victims = victims(on: node, for: group, evicting: withEviction) {
                    return .placed(take(request, node, group, victims, metric))
                }
                metric.nodesExhausted += 1
                metric.dimensionExhausted["cpu", default: 0] += 1
            }
        }
        if request.requiredNode != nil, metric.nodesEvaluated == 0 {
            return .filtered(Shared(metric))
        }
        return .failed(Shared(metric))
    }

    private func isFeasible(_ node: Node, _ group: TaskGroup) -> Bool {
        (job.constraints + group.constraints).allSatisfy { constraint in
            let key = constraint.leftTarget.dropFirst("${meta.".count).dropLast()
            return node.meta[String(key)] == constraint.rightTarget
        }
    }

    private func take(
        _ request: PlacementRequest, _ node: Node, _ group: TaskGroup,
        _ victims: [Shared<Allocation>], _ metric: PlacementMetric
    ) -> Placement {
        for victim in victims { picture.live[victim.value.id] = nil }
        let resources = Shared(Self.resources(group))
        picture.placedCount += 1
        let stand = Allocation(
            id: UniqueID(high: .max, low: UInt64(picture.placedCount)), evaluationID: .id(0),
            nodeID: node.id, job: Shared(job), group: group.name, index: request.index,
            resources: resources)
        picture.live[stand.id] = Shared(stand)
        return Placement(
            request: request, nodeID: node.id, nodeName: node.name, resources: resources,
            victims: victims, metric: Shared(metric))
    }

    static func resources(_ group: TaskGroup) -> AllocatedResources {
        var resources = AllocatedResources(diskMB: group.ephemeralDisk.sizeMB)
        resources.tasks = group.tasks.map {
            AllocatedTask(name: $0.name, cpu: $0.resources.cpu, memoryMB: $0.resources.memoryMB)
        }
        resources.ports = (group.networks.first?.reservedPorts ?? []).map {
            AllocatedPort(label: $0.label, value: $0.value, to: 0, hostIP: "10.0.0.1")
        }
        return resources
    }

    private func victims(
        on node: Node, for group: TaskGroup, evicting: Bool
    ) -> [Shared<Allocation>]? {
        let here = picture.live.values.filter { $0.value.nodeID == node.id }
        if fits(group, on: node, with: here) { return [] }
        guard evicting else { return nil }
        let weak = here.filter {
            $0.value.jobKey != job.key && $0.value.priority <= job.priority - 10
        }.sorted { ($0.value.priority, $0.value.id) < ($1.value.priority, $1.value.id) }
        var chosen: [Shared<Allocation>] = []
        for victim in weak {
            chosen.append(victim)
            let ids = Set(chosen.map(\.value.id))
            if fits(group, on: node, with: here.filter { !ids.contains($0.value.id) }) {
                return chosen
            }
        }
        return nil
    }

    private func fits(
        _ group: TaskGroup, on node: Node, with others: [Shared<Allocation>]
    ) -> Bool {
        let ask = Self.resources(group)
        let sum = others.reduce(ask.combined) { $0 + $1.value.resources.value.combined }
        let usable = node.usable
        let ports = others.flatMap { $0.value.resources.value.ports.map(\.value) }
        return sum.cpu <= usable.cpu && sum.memoryMB <= usable.memoryMB
            && sum.diskMB <= usable.diskMB
            && !ask.ports.contains { ports.contains($0.value) }
    }

    func resourcesInPlace(
        of allocation: Allocation, group: Int
    ) -> Shared<AllocatedResources>? {
        guard let node = nodes.first(where: { $0.id == allocation.nodeID }),
            isFeasible(node, job.groups[group])
        else { return nil }
        let others = picture.live.values.filter {
            $0.value.nodeID == node.id && $0.value.id != allocation.id
        }
        return fits(job.groups[group], on: node, with: Array(others))
            ? allocation.resources : nil
    }

    func eligibility(of group: Int) -> ClassEligibility {
        var eligibility = ClassEligibility()
        for node in nodes {
            eligibility.classes[node.meta["rack"] ?? ""] = isFeasible(node, job.groups[group])
        }
        return eligibility
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

/// The scores of the specification, by a look at every node: slow, and sharing nothing with the placer
/// but the powers of ten.
struct NaiveSearch {
    private let world: World
    private let job: Job
    private let group: TaskGroup
    private var used: [UniqueID: CombinedResources] = [:]
    /// Nodes of the job's instances.
    private var own: [UniqueID] = []
    private enum Amount { case cpu, memory }
    /// As it was before the job came.
    private var scarce: Amount?

    init(_ world: World, _ job: Job) {
        self.world = world
        self.job = job
        group = job.groups[0]
        for allocation in world.allocations.values {
            add(allocation.resources.value.combined, on: allocation.nodeID)
            if allocation.jobID == job.id { own.append(allocation.nodeID) }
        }
        let all = world.nodes.map(\.usable).reduce(CombinedResources(), +)
        let sum = used.values.reduce(CombinedResources(), +)
        let (cpu, memory) = (sum.cpu * all.memoryMB, sum.memoryMB * all.cpu)
        scarce = cpu == memory ? nil : cpu > memory ? .cpu : .memory
    }

    private mutating func add(_ amount: CombinedResources, on node: UniqueID) {
        used[node] = (used[node] ?? CombinedResources()) + amount
    }

    mutating func add(_ placed: Placement) {
        add(placed.resources.value.combined, on: placed.nodeID)
        own.append(placed.nodeID)
    }

    /// nil if no node is possible.
    func best() -> Double? {
        world.nodes.compactMap(score).max()
    }

    private func score(_ node: Node) -> Double? {
        guard node.isReady, isAllowed(node) else { return nil }
        let after = (used[node.id] ?? CombinedResources()) + group.combinedResources
        let usable = node.usable
        guard after.cpu <= usable.cpu, after.memoryMB <= usable.memoryMB,
            after.diskMB <= usable.diskMB
        else { return nil }
        let sum =
            Exponentials.pow10(1 - Double(after.cpu) / Double(usable.cpu))
            + Exponentials.pow10(1 - Double(after.memoryMB) / Double(usable.memoryMB))
        let raw = world.configuration.schedulerAlgorithm == .binpack ? 20 - sum : sum - 2
        var terms = [max(0, min(18, raw)) / 18]
        let stranded = stranded(after, usable)
        if stranded > 0 { terms = [(terms[0] - stranded) / 2] }
        let collisions = own.count { $0 == node.id }
        if collisions > 0 { terms.append(-Double(collisions + 1) / Double(group.count)) }
        if let affinity = job.affinities.first {
            let matches = node.attributes["zone"] == affinity.rightTarget
            terms.append(matches ? (affinity.weight > 0 ? 1 : -1) : 0)
        }
        if !job.spreads.isEmpty, evenSpread(node) != 0 { terms.append(evenSpread(node)) }
        return terms.reduce(0, +) / Double(terms.count)
    }

    /// The part of what the cluster is shorter of that would be free without the other beside it.
    private func stranded(_ after: CombinedResources, _ usable: CombinedResources) -> Double {
        guard let scarce, world.configuration.schedulerAlgorithm == .binpack else { return 0 }
        let cpu = 1 - Double(after.cpu) / Double(usable.cpu)
        let memory = 1 - Double(after.memoryMB) / Double(usable.memoryMB)
        let (free, other) = scarce == .cpu ? (cpu, memory) : (memory, cpu)
        return free > 1e-12 && free > other ? (free - other) / free : 0
    }

    private func isAllowed(_ node: Node) -> Bool {
        for constraint in job.constraints {
            switch constraint.operand {
            case Constraint.distinctHosts: if own.contains(node.id) { return false }
            case Constraint.distinctProperty:
                if count(rack: rack(node.id)) >= 2 { return false }
            default: if node.attributes["zone"] == "z2" { return false }
            }
        }
        return true
    }

    private func rack(_ node: UniqueID) -> String {
        world.nodes.first { $0.id == node }?.meta["rack"] ?? ""
    }

    private func count(rack name: String) -> Int { own.count { rack($0) == name } }

    private func evenSpread(_ node: Node) -> Double {
        var counts: [String: Int] = [:]
        for instance in own { counts[rack(instance), default: 0] += 1 }
        guard let low = counts.values.min(), let high = counts.values.max() else { return 0 }
        let current = counts[rack(node.id)] ?? 0
        if current != low { return Double(low - current) / Double(low) }
        return low == high ? -1 : Double(high - low) / Double(low)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// What is in use on one node, kept up to date allocation by allocation.
struct NodeLedger: Sendable {
    /// What one allocation holds.
    struct Share: Sendable {
        let resources: Shared<AllocatedResources>
        let total: CombinedResources
        let claims: [Claim]

        init(_ resources: Shared<AllocatedResources>) {
            self.resources = resources
            total = resources.value.combined.bounded
            claims = Claim.all(of: resources.value)
        }
    }

    /// What the node itself is; nil while only its allocations are known.
    private struct Facts: Sendable {
        let isReady: Bool
        let usable: CombinedResources
        let cores: Set<UInt16>
        let devices: Set<Claim>
    }

    private var facts: Facts?
    /// Log index of the last change of the node or of an allocation on it.
    private(set) var index: UInt64 = 0
    private var used = CombinedResources()
    private var shares: [UniqueID: Share] = [:]
    /// How many hold each; more than one only if the state is wrong already.
    private var claims: [Claim: Int] = [:]

    var isEmpty: Bool { facts == nil && shares.isEmpty }
    var isKnown: Bool { facts != nil }
    var isReady: Bool { facts?.isReady ?? false }

    func holds(_ allocation: UniqueID) -> Bool { shares[allocation] != nil }

    // MARK: Changes

    mutating func set(_ node: Node) {
        let kept = Set(node.reserved.reservedCores)
        facts = Facts(
            isReady: node.isReady, usable: node.usable.bounded,
            cores: Set(node.resources.reservableCores).subtracting(kept),
            devices: Set(
                node.resources.devices.flatMap { group in
                    group.instances.filter(\.isHealthy).map {
                        Claim.device(group: group.fullName, id: $0.id)
                    }
                }))
        index = max(index, node.modifyIndex)
    }

    mutating func removeNode(at index: UInt64) {
        facts = nil
        self.index = max(self.index, index)
    }

    mutating func put(_ allocation: Allocation) {
        index = max(index, allocation.modifyIndex)
        if let known = shares[allocation.id], known.resources === allocation.resources { return }
        remove(allocation.id)
        let share = Share(allocation.resources)
        shares[allocation.id] = share
        used = used + share.total
        for claim in share.claims { claims[claim, default: 0] += 1 }
    }

    mutating func remove(_ allocation: UniqueID, at index: UInt64 = 0) {
        self.index = max(self.index, index)
        guard let share = shares.removeValue(forKey: allocation) else { return }
        used = used - share.total
        for claim in share.claims {
            claims[claim] = claims[claim].flatMap { $0 > 1 ? $0 - 1 : nil }
        }
    }

    // MARK: The check

    /// Why something does not fit; nil if all of it does.
    ///
    /// What is there already never is a reason: a node whose capacity shrank keeps what it has, and
    /// takes what does not ask for more of what it lacks.
    ///
    /// - Parameters:
    ///   - leaving: who gives up its room, each once. Others than those here are ignored.
    ///   - coming: who takes some. One that is here is replaced.
    func shortage(leaving: Set<UniqueID>, coming: [Allocation]) -> String? {
        guard let facts else { return "node does not exist" }
        var after = used
        var freed: [Claim: Int] = [:]
        for id in leaving.union(coming.map(\.id)) {
            guard let share = shares[id] else { continue }
            after = after - share.total
            for claim in share.claims { freed[claim, default: 0] += 1 }
        }
        var taken: [Claim: Int] = [:]
        for allocation in coming {
            // One whose resources are as they were brings its share along.
            let known = shares[allocation.id].flatMap {
                $0.resources === allocation.resources ? $0 : nil
            }
            let share = known ?? Share(allocation.resources)
            after = after + share.total
            for claim in share.claims {
                taken[claim, default: 0] += 1
                if isTaken(claim, facts, freed: freed, taken: taken) { return claim.dimension }
            }
        }
        return Self.overflow(before: used, after: after, usable: facts.usable)
    }

    private func isTaken(
        _ claim: Claim, _ facts: Facts, freed: [Claim: Int], taken: [Claim: Int]
    ) -> Bool {
        let before = claims[claim] ?? 0
        let after = before - (freed[claim] ?? 0) + (taken[claim] ?? 0)
        if after <= before, before > 0 { return false }
        switch claim {
        case .port: return after > 1
        case .core(let number): return after > 1 || !facts.cores.contains(number)
        case .device: return after > 1 || !facts.devices.contains(claim)
        }
    }

    /// In the order in which dimensions are reported.
    private static func overflow(
        before: CombinedResources, after: CombinedResources, usable: CombinedResources
    ) -> String? {
        if after.cpu > usable.cpu, after.cpu > before.cpu { return "cpu" }
        if after.memoryMB > usable.memoryMB, after.memoryMB > before.memoryMB { return "memory" }
        if after.diskMB > usable.diskMB, after.diskMB > before.diskMB { return "disk" }
        return nil
    }
}

extension CombinedResources {
    /// As placement sees the amounts (``Capacity``). With bounds no sum over a node comes to the end of
    /// an `Int`, so that taking away leaves exactly what was there before.
    fileprivate var bounded: CombinedResources {
        let size = Capacity(self)
        return CombinedResources(cpu: size.cpu, memoryMB: size.memory, diskMB: size.disk)
    }

    /// Of bounded amounts.
    static func - (left: Self, right: Self) -> Self {
        CombinedResources(
            cpu: left.cpu - right.cpu, memoryMB: left.memoryMB - right.memoryMB,
            diskMB: left.diskMB - right.diskMB)
    }
}

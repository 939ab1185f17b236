// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension GroupReconciler {
    /// While canaries try the new version they are beyond the count.
    var counted: [Shared<Allocation>] {
        guard isCanarying else { return pools.staying }
        let ids = Set(canaries.map(\.value.id))
        return pools.staying.filter { !ids.contains($0.value.id) }
    }

    /// What has ended counts for nothing where another instance runs under its number.
    mutating func ignoreShadowed() {
        let live = Set(counted.filter { !$0.value.isTerminal }.map(\.value.index))
        let isShadowed = { (allocation: Shared<Allocation>) in
            allocation.value.isTerminal && live.contains(allocation.value.index)
        }
        let count = pools.staying.count
        pools.staying.removeAll(where: isShadowed)
        pools.later.removeAll { isShadowed($0.allocation) }
        ignoreEnded(count - pools.staying.count)
    }

    /// Of those who share a number all but one go; then the surplus: who migrates anyway, then the
    /// highest numbers.
    mutating func stopSurplus() {
        let counted = counted
        // Batch instances that have ended well cannot be taken back.
        let removable = counted.filter { !$0.value.isTerminal || $0.value.clientStatus == .failed }
        var leaving = Set(duplicates(among: removable).map(\.value.id))
        var surplus =
            counted.count + pools.migrating.count + pools.rescheduling.count
            + pools.awaited.count - leaving.count - count
        let order =
            pools.migrating.reversed()
            + highestFirst(removable + pools.rescheduling + pools.awaited)
        for allocation in order where surplus > 0 {
            if leaving.insert(allocation.value.id).inserted { surplus -= 1 }
        }
        remove(leaving)
    }

    /// All but the best of each number: one that stays is better than one that is replaced anyway, a
    /// promoted canary better than what it stands for, the present version better than another one,
    /// the newer better than the older.
    func duplicates(among staying: [Shared<Allocation>]) -> [Shared<Allocation>] {
        let promoted = Set(state.isPromoted ? canaries.map(\.value.id) : [])
        let stays = Set(staying.map(\.value.id))
        func rank(_ held: Shared<Allocation>) -> (Int, Int, UInt64, UniqueID) {
            let allocation = held.value
            let isCurrent = UpdateCheck.isSameVersion(allocation.job.value, job.value)
            let standing = promoted.contains(allocation.id) ? 2 : 0
            return (
                standing + (stays.contains(allocation.id) ? 1 : 0), isCurrent ? 1 : 0,
                allocation.createIndex, allocation.id
            )
        }
        let instances = staying + pools.migrating + pools.rescheduling
        var best: [Int: Shared<Allocation>] = [:]
        for held in instances {
            if let other = best[held.value.index], rank(other) >= rank(held) { continue }
            best[held.value.index] = held
        }
        return instances.filter { best[$0.value.index]?.value.id != $0.value.id }
    }

    func highestFirst(_ allocations: [Shared<Allocation>]) -> [Shared<Allocation>] {
        allocations.sorted { ($1.value.index, $1.value.id) < ($0.value.index, $0.value.id) }
    }

    /// Who is awaited is stopped already: it is only not replaced.
    mutating func remove(_ leaving: Set<UniqueID>) {
        let isLeaving = { (allocation: Shared<Allocation>) in leaving.contains(allocation.value.id)
        }
        for allocation in pools.staying + pools.migrating + pools.rescheduling
        where isLeaving(allocation) {
            stop(allocation, StopReason.notNeeded)
            desired.stop += 1
        }
        pools.staying.removeAll(where: isLeaving)
        pools.later.removeAll { isLeaving($0.allocation) }
        pools.migrating.removeAll(where: isLeaving)
        pools.rescheduling.removeAll(where: isLeaving)
        pools.awaited.removeAll(where: isLeaving)
        canaries.removeAll(where: isLeaving)
    }

    mutating func takeNumbers() {
        numbers = InstanceNumbers(count: count)
        for pool in [pools.staying, pools.migrating, pools.rescheduling, pools.awaited] {
            for allocation in pool { numbers.take(allocation.value.index) }
        }
    }
}

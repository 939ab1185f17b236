// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// A live allocation, or one that a placer has staged, in the view.
///
/// Records are linked by number through their node and through their job: adding and removing takes
/// no search and no memory. -1 ends a list.
struct AllocationRecord {
    static let none: Int32 = -1

    /// nil for one that is staged.
    var allocation: Shared<Allocation>?
    var id: UniqueID
    var resources: Shared<AllocatedResources>
    var size: Capacity
    /// Slot of its node; -1 while the view does not know the node.
    var node: Int32
    /// Number of its job, and of its group in the job.
    var job: Int32
    var group: Int32
    var priority: Int32
    /// How many of its group may move at a time; 0 for no limit.
    var maxParallel: Int32
    /// Whether it holds ports, devices or cores.
    var hasExtras: Bool
    var isLinked = false
    var nextOnNode = none
    var previousOnNode = none
    var nextOfJob = none
    var previousOfJob = none

    /// What it takes of its node.
    struct Share {
        let size: Capacity
        let profile: UInt64
        let node: Int32
        let hasExtras: Bool
    }

    var neighboursOnNode: (previous: Int32, next: Int32) { (previousOnNode, nextOnNode) }

    /// What decides on an eviction.
    struct Victim {
        let id: UniqueID
        let priority: Int32
        let size: Capacity
        let group: Placer.GroupNumber
        let maxParallel: Int32
    }

    /// As a victim for a job; nil for one that it may not evict. A copy of the record would take hold of
    /// the allocation and its resources, which are in no cache.
    func victim(upTo highest: Int32, of evictingJob: Int32) -> Victim? {
        guard priority <= highest, job != evictingJob, allocation != nil else { return nil }
        return Victim(
            id: id, priority: priority, size: size, group: groupNumber, maxParallel: maxParallel)
    }

    var groupNumber: Placer.GroupNumber { Placer.GroupNumber(job: job, group: group) }

    var share: Share { Share(size: size, profile: profile, node: node, hasExtras: hasExtras) }

    /// Equal for allocations that preemption cannot tell apart.
    private var profile: UInt64 {
        var digest = Mix.combine(UInt64(bitPattern: Int64(priority)), UInt64(size.cpu))
        digest = Mix.combine(digest, UInt64(size.memory))
        digest = Mix.combine(digest, UInt64(size.disk))
        digest = Mix.combine(
            digest, UInt64(UInt32(bitPattern: job)) << 32 | UInt64(UInt32(bitPattern: group)))
        return hasExtras ? Mix.combine(digest, id.low) : digest
    }

    static func hasExtras(_ resources: AllocatedResources) -> Bool {
        if !resources.ports.isEmpty || !resources.networks.isEmpty { return true }
        return resources.tasks.contains {
            !$0.devices.isEmpty || !$0.networks.isEmpty || !$0.reservedCores.isEmpty
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What every placement reads and changes of a node, side by side: where thousands of nodes are in no
/// cache, a node costs one wait for memory, and not one for each property.
struct NodeRow {
    var id: UniqueID
    var name = ""
    /// What is there for jobs.
    var capacity = Capacity()
    var used = Capacity()
    /// Digest of the allocations, whatever their order.
    var profile: UInt64 = 0
    /// Number of its ``NodeKind``; -1 for a free slot.
    var kind: Int32 = -1
    /// First of its allocations.
    var firstRecord = AllocationRecord.none
    /// Live instances of the group that is placed; 0 outside of a sweep.
    var collisions: Int32 = 0
    /// Newest stamp of a tracked node; 0 outside of a sweep.
    var stamp: UInt32 = 0
    var isReady = false
    /// Whether it has devices, and reservable cores: lists of those without are not read.
    var hasDevices = false
    var hasCores = false
    /// Left out of searches while a sweep keeps its own account of the node.
    var isMasked = false
    /// The indexes that have it on their lists of what has changed.
    var marks: IndexMarks = []

    init(id: UniqueID) { self.id = id }

    var amounts: (capacity: Capacity, used: Capacity) { (capacity, used) }
    var free: Capacity { capacity - used }

    /// An allocation is there, the first of the node from now on.
    ///
    /// - Returns: the one that was the first.
    mutating func add(_ record: Int32, _ share: AllocationRecord.Share) -> Int32 {
        used += share.size
        profile &+= share.profile
        defer { firstRecord = record }
        return firstRecord
    }

    /// An allocation is gone; `next` comes after it.
    mutating func remove(_ record: Int32, _ share: AllocationRecord.Share, next: Int32) {
        used -= share.size
        profile &-= share.profile
        if firstRecord == record { firstRecord = next }
    }
}

/// Indexes over the nodes of a view.
struct IndexMarks: OptionSet {
    let rawValue: UInt8

    static let binpack = IndexMarks(rawValue: 1)
    static let spread = IndexMarks(rawValue: 2)
    static let profiles = IndexMarks(rawValue: 4)
}

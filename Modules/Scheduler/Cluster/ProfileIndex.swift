// SPDX-License-Identifier: Apache-2.0

/// Ready nodes by what is on them, so that who looks for victims need not ask each node, nor each cell.
struct ProfileIndex {
    /// Nodes of one capacity with the same allocations.
    struct Group {
        fileprivate let key: Key
        /// Of the allocations the least important one's.
        let lowestPriority: Int32
        fileprivate(set) var positions = SortedPositions()

        /// As ``NodeRow/profile``; never 0, which is a node without allocations.
        var profile: UInt64 { key.profile }
        var capacity: Capacity { key.capacity }
    }

    fileprivate struct Key: Hashable {
        let profile: UInt64
        let capacity: Capacity
    }

    /// By number; in no order. Those that are empty wait for their next use.
    private(set) var groups: [Group] = []
    private var numbers: [Key: Int32] = [:]
    private var unused: [Int32] = []
    private let cells: [NodeLayout.Cell]
    private let cellAt: [Int32]
    /// By position; -1 for a node that is in none.
    private var groupOf: [Int32]
    private var stale: [Int32]

    /// All nodes are yet to be looked at.
    init(_ layout: NodeLayout) {
        cells = layout.cells
        cellAt = layout.cellAt
        groupOf = Array(repeating: -1, count: cellAt.count)
        stale = cellAt.indices.map { Int32($0) }
    }

    /// The node at `position` has changed, the first time since it was brought up to date.
    mutating func mark(_ position: Int32) { stale.append(position) }

    /// Brings all marked nodes up to date.
    ///
    /// - Parameters:
    ///   - profile: 0 for a node that has no victims.
    ///   - lowestPriority: asked of a node whose profile is new.
    mutating func refresh(
        profile: (Int32) -> UInt64, lowestPriority: (Int32) -> Int32
    ) {
        for position in stale {
            let (old, new) = (groupOf[Int(position)], profile(position))
            if (old < 0 ? 0 : groups[Int(old)].profile) == new { continue }
            if old >= 0 { remove(position, from: old) }
            groupOf[Int(position)] = -1
            guard new != 0 else { continue }
            let key = Key(
                profile: new, capacity: cells[Int(cellAt[Int(position)])].capacity)
            let number = numbers[key] ?? addGroup(key, lowestPriority(position))
            groups[Int(number)].positions.insert(position)
            groupOf[Int(position)] = number
        }
        stale.removeAll(keepingCapacity: true)
    }

    private mutating func remove(_ position: Int32, from group: Int32) {
        groups[Int(group)].positions.remove(position)
        guard groups[Int(group)].positions.count == 0 else { return }
        numbers[groups[Int(group)].key] = nil
        unused.append(group)
    }

    private mutating func addGroup(_ key: Key, _ lowestPriority: Int32) -> Int32 {
        let group = Group(key: key, lowestPriority: lowestPriority)
        let number = unused.popLast() ?? Int32(groups.count)
        if Int(number) == groups.count {
            groups.append(group)
        } else {
            groups[Int(number)] = group
        }
        numbers[key] = number
        return number
    }
}

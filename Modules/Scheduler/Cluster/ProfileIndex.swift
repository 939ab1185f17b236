// SPDX-License-Identifier: Apache-2.0

/// Ready nodes by what is on them, so that who looks for victims need not ask each node.
struct ProfileIndex {
    /// The nodes of a cell with the same allocations.
    struct Share {
        /// As ``NodeRow/profile``; never 0, which is a node without allocations.
        let profile: UInt64
        /// Ascending.
        fileprivate(set) var positions: [Int32]
    }

    /// By cell.
    private(set) var shares: [[Share]]
    private let cellAt: [Int32]
    /// By position, as it is in `shares`; 0 for a node that is in none.
    private var profiles: [UInt64]
    private var stale: [Int32]

    /// All nodes are yet to be looked at.
    init(_ layout: NodeLayout) {
        cellAt = layout.cellAt
        shares = Array(repeating: [], count: layout.cells.count)
        profiles = Array(repeating: 0, count: cellAt.count)
        stale = cellAt.indices.map { Int32($0) }
    }

    /// The node at `position` has changed, the first time since it was brought up to date.
    mutating func mark(_ position: Int32) { stale.append(position) }

    /// Brings all marked nodes up to date.
    ///
    /// - Parameter profile: 0 for a node that has no victims.
    mutating func refresh(_ profile: (Int32) -> UInt64) {
        for position in stale {
            let (old, new) = (profiles[Int(position)], profile(position))
            guard old != new else { continue }
            profiles[Int(position)] = new
            let cell = Int(cellAt[Int(position)])
            if old != 0 { Self.remove(position, old, from: &shares[cell]) }
            if new != 0 { Self.insert(position, new, into: &shares[cell]) }
        }
        stale.removeAll(keepingCapacity: true)
    }

    private static func remove(_ position: Int32, _ profile: UInt64, from cell: inout [Share]) {
        guard let share = cell.firstIndex(where: { $0.profile == profile }) else {
            preconditionFailure("a node has left its share: \(position)")
        }
        cell[share].positions.remove(at: cell[share].place(of: position))
        if cell[share].positions.isEmpty { cell.remove(at: share) }
    }

    private static func insert(_ position: Int32, _ profile: UInt64, into cell: inout [Share]) {
        if let share = cell.firstIndex(where: { $0.profile == profile }) {
            cell[share].positions.insert(position, at: cell[share].place(of: position))
        } else {
            cell.append(Share(profile: profile, positions: [position]))
        }
    }
}

extension ProfileIndex.Share {
    /// Where a position is, or would be.
    fileprivate func place(of position: Int32) -> Int {
        var low = 0
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

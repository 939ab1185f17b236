// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// How many rows there are of the kinds that people ask for at first sight. It follows from the rows, and
/// is kept with each of them that is written: nobody counts them for an answer.
package struct SchedulerCounts: Equatable, Sendable {
    private var nodesByStatus = [Int](repeating: 0, count: NodeStatus.allCases.count)
    /// Nodes of whose secret only the digest is kept.
    package private(set) var sealed = 0
    /// What all nodes take, with their events: see ``Node/bytes``.
    package private(set) var nodeBytes = 0
    /// Instances whose node says that they run.
    package private(set) var running = 0
    /// Evaluations that wait for room.
    package private(set) var blocked = 0

    package func nodes(_ status: NodeStatus) -> Int { nodesByStatus[Self.place(of: status)] }

    private static func place(of status: NodeStatus) -> Int {
        NodeStatus.allCases.firstIndex(of: status) ?? 0
    }

    /// A row took the place of another; nil for none.
    mutating func count(node new: Node?, insteadOf old: Node?) {
        if let old { nodesByStatus[Self.place(of: old.status)] -= 1 }
        if let new { nodesByStatus[Self.place(of: new.status)] += 1 }
        sealed += (new?.secretDigest == nil ? 0 : 1) - (old?.secretDigest == nil ? 0 : 1)
        nodeBytes += Self.bytes(of: new) - Self.bytes(of: old)
    }

    private static func bytes(of node: Node?) -> Int {
        node.map { $0.bytes + $0.eventBytes } ?? 0
    }

    /// An allocation went from one state to another; nil stands for there being none.
    mutating func count(from old: Allocation.ClientStatus?, to new: Allocation.ClientStatus?) {
        running += (new == .running ? 1 : 0) - (old == .running ? 1 : 0)
    }

    mutating func count(evaluation new: Evaluation?, insteadOf old: Evaluation?) {
        blocked += (new?.status == .blocked ? 1 : 0) - (old?.status == .blocked ? 1 : 0)
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What is in use on every node: the leader's, against which plans are checked.
///
/// Fed with the changes of the state in their order, each once or more often: the same allocation
/// again changes nothing. A plan that was accepted is applied before it is committed, so that the
/// next one can be checked meanwhile; if it is not committed, a ledger is made of the state anew.
package struct ClusterLedger: Sendable {
    private var nodes: [UniqueID: NodeLedger] = [:]
    /// Where allocations are that take room.
    private var places: [UniqueID: UniqueID] = [:]

    /// The newest log index that it was told of.
    package private(set) var index: UInt64 = 0

    package init() {}

    package var allocationCount: Int { places.count }

    /// Whether it runs, or shall run: its room is in use.
    package func isLive(_ allocation: UniqueID) -> Bool { places[allocation] != nil }

    func ledger(of node: UniqueID) -> NodeLedger? { nodes[node] }

    // MARK: Changes of the state

    package mutating func apply(_ node: Node) {
        index = max(index, node.modifyIndex)
        nodes[node.id, default: NodeLedger()].set(node)
    }

    package mutating func remove(node: UniqueID, at index: UInt64) {
        self.index = max(self.index, index)
        nodes[node]?.removeNode(at: index)
        if nodes[node]?.isEmpty == true { nodes[node] = nil }
    }

    /// A terminal one gives up its room.
    package mutating func apply(_ allocation: Allocation) {
        index = max(index, allocation.modifyIndex)
        if allocation.isTerminal {
            remove(allocation: allocation.id, at: allocation.modifyIndex)
            return
        }
        if let place = places[allocation.id], place != allocation.nodeID {
            remove(allocation: allocation.id, at: allocation.modifyIndex)
        }
        places[allocation.id] = allocation.nodeID
        nodes[allocation.nodeID, default: NodeLedger()].put(allocation)
    }

    package mutating func remove(allocation: UniqueID, at index: UInt64) {
        self.index = max(self.index, index)
        guard let node = places.removeValue(forKey: allocation) else { return }
        nodes[node]?.remove(allocation, at: index)
        if nodes[node]?.isEmpty == true { nodes[node] = nil }
    }

    // MARK: Plans ahead of the state

    /// What was accepted, before it is committed.
    package mutating func apply(_ result: PlanResult) {
        for part in result.nodes {
            for stop in part.stops { remove(allocation: stop.allocation.value.id, at: 0) }
            for eviction in part.evictions {
                remove(allocation: eviction.allocation.value.id, at: 0)
            }
            for allocation in part.placements { apply(allocation) }
        }
    }
}

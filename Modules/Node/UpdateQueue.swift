// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Allocations of which there is something to tell, in the order of their changes, each once.
struct UpdateQueue: Sendable {
    private var order: [UniqueID] = []
    private var members: Set<UniqueID> = []

    var isEmpty: Bool { order.isEmpty }

    func contains(_ id: UniqueID) -> Bool { members.contains(id) }

    mutating func add(_ id: UniqueID) {
        if members.insert(id).inserted { order.append(id) }
    }

    /// At most so many, which are taken out.
    mutating func take(max count: Int) -> [UniqueID] {
        let taken = Array(order.prefix(count))
        order.removeFirst(taken.count)
        for id in taken { members.remove(id) }
        return taken
    }
}

extension AllocationUpdate {
    /// How it ended, in few bytes. What became of its tasks servers leave as they know it.
    var withoutStates: AllocationUpdate {
        var brief = self
        brief.taskStates = nil
        return brief
    }
}

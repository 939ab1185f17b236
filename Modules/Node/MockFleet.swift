// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// All that runs on the nodes of one process, and what is to be told of it. Pure: time comes in, and
/// what has to be asked and told comes out.
package struct MockFleet: Fleet, Sendable {
    private var instances: [UniqueID: MockInstance] = [:]
    /// Of each allocation the newest index that was taken in.
    private var known: [UniqueID: UInt64] = [:]
    private var due = DueHeap()
    private var changed = UpdateQueue()

    package init() {}

    package var count: Int { instances.count }

    /// Of what it has, ascending.
    package var ids: [UniqueID] { instances.keys.sorted() }

    package var nextEventAt: Duration? { due.first }

    package var updateCount: Int { changed.count }

    package mutating func listed(
        _ indexes: NodeAllocationIndexes, isComplete: Bool, at instant: NodeInstant
    ) -> [UniqueID] {
        if isComplete {
            let listed = Set(indexes.indexes.map(\.id))
            known = known.filter { listed.contains($0.key) }
            instances = instances.filter { listed.contains($0.key) }
            changed.forget(allBut: listed)
        }
        return indexes.indexes.filter { $0.index > known[$0.id] ?? 0 }.map(\.id)
    }

    package mutating func assign(_ assignments: [Assignment], at instant: NodeInstant) {
        for assignment in assignments {
            let id = assignment.id
            known[id] = max(known[id] ?? 0, assignment.allocModifyIndex)
            if assignment.isWanted,
                changed.beginsAnew(
                    id, by: assignment.allocModifyIndex,
                    hasEnded: instances[id]?.hasEnded ?? true)
            {
                instances[id] = nil
            }
            if var instance = instances[id] {
                if !assignment.isToRun {
                    if !instance.hasEnded { changed.noteStop(of: id) }
                    instance.stop(at: instant)
                } else if !instance.follow(assignment, at: instant) {
                    // What servers have of it may be older than what they were told.
                    changed.add(id)
                    continue
                }
                keep(instance)
            } else if assignment.hasEnded {
                continue
            } else if changed.isOver(id) {
                changed.add(id)
            } else {
                var instance = MockInstance(assignment, at: instant)
                // What was stopped before it began is told to have ended.
                if !assignment.isToRun {
                    changed.noteStop(of: id)
                    instance.stop(at: instant)
                }
                keep(instance)
            }
        }
        advance(to: instant)
    }

    package mutating func advance(to instant: NodeInstant) {
        while let id = due.take(until: instant.now) {
            guard var instance = instances[id] else { continue }
            let hasNews = instance.advance(to: instant)
            if hasNews { changed.add(id) }
            instances[id] = instance
            if let next = instance.nextEventAt { due.add(id, at: max(next, instant.now + .tick)) }
        }
    }

    package mutating func takeUpdates(max count: Int) -> [AllocationUpdate] {
        changed.take(max: count) { instances[$0]?.update }
    }

    /// What has ended is kept no longer than it has to be told.
    package mutating func told(_ updates: [AllocationUpdate], at index: UInt64) {
        let over = changed.told(updates, at: index) { instances[$0]?.hasEnded == true }
        for id in over { instances[id] = nil }
    }

    package mutating func putBack(_ updates: [AllocationUpdate]) {
        changed.putBack(updates)
    }

    private mutating func keep(_ instance: MockInstance) {
        instances[instance.id] = instance
        changed.add(instance.id)
        if let next = instance.nextEventAt { due.add(instance.id, at: next) }
    }
}

extension Duration {
    /// What ends at once and begins at once again does so no faster.
    fileprivate static var tick: Duration { .milliseconds(1) }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Allocations of which there is something to tell, in the order of their changes, each once.
///
/// Several requests may be on their way at once, and arrive in any order: what changes while it is
/// being told waits for the answer, so that no older word of an allocation overtakes a newer one.
///
///     ──add──▶ waiting ──take──▶ on its way ──settle──▶ gone
///                 ▲                  └── has changed meanwhile ──┐
///                 └──────────────────────────────────────────────┘
struct UpdateQueue: Sendable {
    private var order: [UniqueID] = []
    private var waiting: Set<UniqueID> = []
    /// Of each that is on its way, whether it has changed since it was taken.
    private var onTheirWay: [UniqueID: Bool] = [:]

    /// How those ended that are kept no longer: servers of which the state was restored have forgotten it.
    private var ended: [UniqueID: AllocationUpdate] = [:]

    /// Those that ended because the servers said so, and had not by themselves: by the index at which they were told of
    /// the end, 0 before that.
    private var stopped: [UniqueID: UInt64] = [:]

    /// How many can be taken.
    var count: Int { order.count }

    /// Whether something has happened to it that nobody was told of, and that is not on its way.
    func contains(_ id: UniqueID) -> Bool { waiting.contains(id) || onTheirWay[id] == true }

    mutating func add(_ id: UniqueID) {
        guard onTheirWay[id] == nil else { return onTheirWay[id] = true }
        if waiting.insert(id).inserted { order.append(id) }
    }

    /// What there is to tell of at most so many, which are on their way from here on; those of which
    /// there is nothing any more are left out.
    mutating func take(
        max count: Int, _ update: (UniqueID) -> AllocationUpdate?
    ) -> [AllocationUpdate] {
        let ids = order.prefix(count)
        order.removeFirst(ids.count)
        var taken: [AllocationUpdate] = []
        for id in ids {
            waiting.remove(id)
            guard let update = update(id) ?? ended[id] else { continue }
            onTheirWay[id] = false
            taken.append(update)
        }
        return taken
    }

    /// They have arrived, or never will.
    ///
    /// - Parameters:
    ///   - index: by which the servers know of them; 0 if they never will.
    ///   - hasEnded: whether an allocation is kept, and nothing more will happen to it.
    /// - Returns: those that need not be kept any longer; how they ended is known here from now on.
    mutating func told(
        _ updates: [AllocationUpdate], at index: UInt64, hasEnded: (UniqueID) -> Bool
    ) -> [UniqueID] {
        settle(updates)
        let over = updates.filter { hasEnded($0.id) && !contains($0.id) }
        for update in over {
            ended[update.id] = update.withoutStates
            if let before = stopped[update.id] { stopped[update.id] = max(before, index) }
        }
        return over.map(\.id)
    }

    /// Nobody heard them: they are told again.
    mutating func putBack(_ updates: [AllocationUpdate]) {
        settle(updates)
        for update in updates { add(update.id) }
    }

    /// Whether it has ended, was told so and is kept no longer.
    func isOver(_ id: UniqueID) -> Bool { ended[id] != nil }

    /// The servers have no record of others any more.
    mutating func forget(allBut known: Set<UniqueID>) {
        ended = ended.filter { known.contains($0.key) }
        stopped = stopped.filter { known.contains($0.key) }
    }

    /// It ends because the servers say so to this process.
    mutating func noteStop(of id: UniqueID) { stopped[id] = 0 }

    /// Whether what is wanted begins anew, of which nothing is known here then: servers of which the state was
    /// restored want again what they had stopped since. What had ended by itself is only told once more. So is one
    /// whose end is on its way, or was told behind the restore: servers take it as its end, and what ran on then
    /// nobody would know of.
    ///
    /// - Parameters:
    ///   - index: of the wish, which a restore has raised to its own.
    ///   - hasEnded: whether nothing of it runs.
    mutating func beginsAnew(_ id: UniqueID, by index: UInt64, hasEnded: Bool) -> Bool {
        guard hasEnded, onTheirWay[id] == nil, let toldAt = stopped[id], index > toldAt else {
            return false
        }
        stopped[id] = nil
        ended[id] = nil
        return true
    }

    /// They are on their way no longer.
    mutating func settle(_ updates: [AllocationUpdate]) {
        for update in updates where onTheirWay.removeValue(forKey: update.id) == true {
            add(update.id)
        }
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

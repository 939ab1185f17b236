// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Whom to evict on one node for one instance.
///
/// The set is minimal: without any one of its members the instance would not fit, over processor,
/// memory, disk, ports, devices and cores together. Of the minimal sets it is the best by
/// ``EvictionKey``, among all subsets if the node has at most ``exactMax`` candidates. With more, a set
/// is grown from the least important up and then thinned out.
struct VictimSearch {
    /// 2^12 subsets at most, a few microseconds.
    static let exactMax = 12
    /// A victim's priority is this much below.
    static let priorityDelta: Int32 = 10

    struct Found {
        /// Least important first.
        let records: [Int32]
        var key: EvictionKey
    }

    private struct Candidate {
        let record: Int32
        let priority: Int32
        let size: Capacity
        let id: UniqueID
        /// Whether its group has as many on the move as it allows.
        let isOverLimit: Bool
        let penalty: Double
    }

    private let compiled: CompiledGroup
    private let placer: Placer
    private let view: ClusterView
    private let seed: UInt64

    init(_ compiled: CompiledGroup, _ placer: Placer, seed: UInt64) {
        self.compiled = compiled
        self.placer = placer
        view = placer.view
        self.seed = seed
    }

    /// nil if evicting all that may be evicted makes no room, or none is needed.
    func find(on slot: Int32) -> Found? {
        guard let trial = NodeTrial(slot, for: compiled, view: view) else { return nil }
        let all = candidates(on: slot)
        guard !all.isEmpty, let candidates = lowestLevel(all, trial) else { return nil }
        let chosen =
            candidates.count <= Self.exactMax
            ? exact(candidates, trial) : greedy(candidates, trial)
        guard let chosen, !chosen.isEmpty else { return nil }
        return Found(records: chosen.map(\.record), key: key(chosen, trial))
    }

    /// Of victims of the job.
    static func highestPriority(of placer: Placer) -> Int32 {
        Amount.priority(placer.job.priority) - priorityDelta
    }

    /// Live ones of other jobs that are unimportant enough, least important first.
    private func candidates(on slot: Int32) -> [Candidate] {
        let highest = Self.highestPriority(of: placer)
        var result: [Candidate] = []
        view.forEachRecord(on: slot) { number in
            guard
                let record = view.records[Int(number)].victim(
                    upTo: highest, of: placer.jobNumber)
            else { return }
            // Who may move without limit is never looked for.
            let moving = record.maxParallel > 0 ? placer.evicted[record.group] ?? 0 : 0
            let penalty = VictimDistance.penalty(moving: moving, limit: Int(record.maxParallel))
            result.append(
                Candidate(
                    record: number, priority: record.priority, size: record.size, id: record.id,
                    isOverLimit: penalty > 0, penalty: penalty))
        }
        return result.sorted {
            $0.priority != $1.priority ? $0.priority < $1.priority : $0.id < $1.id
        }
    }

    /// The candidates up to the lowest priority that suffices: whoever is above it is left alone.
    private func lowestLevel(_ all: [Candidate], _ start: NodeTrial) -> [Candidate]? {
        var trial = start
        for (index, candidate) in all.enumerated() {
            trial.remove(candidate.record, in: view)
            let isLast = index + 1 == all.count || all[index + 1].priority != candidate.priority
            if isLast, trial.fits(compiled, seed: seed) { return Array(all[...index]) }
        }
        return nil
    }

    private func fits(_ chosen: [Candidate], _ start: NodeTrial) -> Bool {
        var trial = start
        for candidate in chosen { trial.remove(candidate.record, in: view) }
        return trial.fits(compiled, seed: seed)
    }

    // MARK: Few candidates

    /// All subsets, the small ones first: the first size that suffices has the best set, since of sets
    /// of one level the smaller is the better.
    private func exact(_ candidates: [Candidate], _ trial: NodeTrial) -> [Candidate]? {
        let ask = trial.ask(compiled)
        let needed = ask - trial.free
        for size in 1...candidates.count {
            var best: (mask: Int, key: EvictionKey)?
            var mask = (1 << size) - 1
            while mask < 1 << candidates.count {
                if let key = key(ofSubset: mask, candidates, needed: needed, ask: ask),
                    best.map({ key < $0.key }) ?? true,
                    !compiled.hasExtras || fits(members(mask, candidates), trial)
                {
                    best = (mask, key)
                }
                mask = Self.nextSubset(after: mask)
            }
            if let best { return members(best.mask, candidates) }
        }
        return nil
    }

    /// The next number with as many bits (Gosper's rule).
    private static func nextSubset(after mask: Int) -> Int {
        let lowest = mask & -mask
        let ripple = mask + lowest
        return ripple | (((mask ^ ripple) >> 2) / lowest)
    }

    private func members(_ mask: Int, _ candidates: [Candidate]) -> [Candidate] {
        candidates.indices.filter { mask >> $0 & 1 == 1 }.map { candidates[$0] }
    }

    /// What a subset costs; nil if it does not free enough.
    private func key(
        ofSubset mask: Int, _ candidates: [Candidate], needed: Capacity, ask: Capacity
    ) -> EvictionKey? {
        var freed = Capacity()
        var key = EvictionKey()
        var rest = mask
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest - 1
            freed += candidates[index].size
            key.highestPriority = max(key.highestPriority, candidates[index].priority)
            key.count += 1
            key.prioritySum += candidates[index].priority
            if candidates[index].isOverLimit { key.overLimit += 1 }
        }
        guard freed.covers(needed) else { return nil }
        key.surplus = Self.surplus(freed - needed, ask)
        return key
    }

    private static func surplus(_ left: Capacity, _ ask: Capacity) -> Double {
        func share(_ left: Int, _ ask: Int) -> Double { ask > 0 ? Double(left) / Double(ask) : 0 }
        return share(left.cpu, ask.cpu) + share(left.memory, ask.memory)
            + share(left.disk, ask.disk)
    }

    // MARK: Many candidates

    /// Of a level the nearest are taken one by one; of more than this, a share of them at a time, so that a
    /// node with a hundred thousand small ones takes no longer than the logarithm of their number for each.
    private static let sharesOfLevel = 64

    /// Takes, priority by priority, whoever is nearest to what is still missing; then leaves out whom
    /// it can do without, the most important first.
    private func greedy(_ candidates: [Candidate], _ start: NodeTrial) -> [Candidate]? {
        var trial = start
        var chosen: [Candidate] = []
        var rest = candidates[...]
        while let level = rest.first?.priority {
            let end = rest.firstIndex { $0.priority != level } ?? rest.endIndex
            var group = Array(rest[..<end])
            rest = rest[end...]
            let share = max(1, group.count / Self.sharesOfLevel)
            while !group.isEmpty {
                if trial.fits(compiled, seed: seed) { return thinned(chosen, start) }
                for next in takeNearest(share, to: trial.ask(compiled) - trial.free, of: &group) {
                    chosen.append(next)
                    trial.remove(next.record, in: view)
                }
            }
        }
        return trial.fits(compiled, seed: seed) ? thinned(chosen, start) : nil
    }

    /// Takes so many out of the group, the nearest first.
    private func takeNearest(
        _ count: Int, to missing: Capacity, of group: inout [Candidate]
    ) -> [Candidate] {
        let costs = group.map { cost($0, missing) }
        guard count > 1 else {
            let nearest = costs.indices.min { costs[$0] < costs[$1] } ?? 0
            return [group.remove(at: nearest)]
        }
        let order = costs.indices.sorted { (costs[$0], $0) < (costs[$1], $1) }
        let nearest = order.prefix(count)
        let taken = nearest.map { group[$0] }
        group = order.dropFirst(count).sorted().map { group[$0] }
        return taken
    }

    private func cost(_ candidate: Candidate, _ missing: Capacity) -> Double {
        VictimDistance.distance(
            ask: (max(0, missing.cpu), max(0, missing.memory), max(0, missing.disk)),
            freed: (candidate.size.cpu, candidate.size.memory, candidate.size.disk))
            + candidate.penalty
    }

    /// Who holds nothing but amounts is needed for those alone: that is a subtraction. For the others all is
    /// tried.
    private func thinned(_ chosen: [Candidate], _ start: NodeTrial) -> [Candidate] {
        let sorted = chosen.sorted {
            $0.priority != $1.priority ? $0.priority < $1.priority : $0.id < $1.id
        }
        var isKept = Array(repeating: true, count: sorted.count)
        var spare = start.free - start.ask(compiled)
        for candidate in sorted { spare += candidate.size }
        for index in sorted.indices.reversed() {
            let left = spare - sorted[index].size
            guard left.covers(Capacity()) else { continue }
            isKept[index] = false
            if compiled.hasExtras, view.records[Int(sorted[index].record)].hasExtras {
                let without = sorted.indices.filter { isKept[$0] }.map { sorted[$0] }
                guard fits(without, start) else {
                    isKept[index] = true
                    continue
                }
            }
            spare = left
        }
        return sorted.indices.filter { isKept[$0] }.map { sorted[$0] }
    }

    private func key(_ chosen: [Candidate], _ trial: NodeTrial) -> EvictionKey {
        var key = EvictionKey()
        var after = trial
        for candidate in chosen {
            key.highestPriority = max(key.highestPriority, candidate.priority)
            key.count += 1
            key.prioritySum += candidate.priority
            if candidate.isOverLimit { key.overLimit += 1 }
            after.remove(candidate.record, in: view)
        }
        let ask = trial.ask(compiled)
        key.surplus = Self.surplus(after.free - ask, ask)
        return key
    }
}

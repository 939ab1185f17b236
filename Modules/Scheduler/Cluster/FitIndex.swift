// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Finds the node with the best fit without looking at all of them.
///
/// A tree over the positions of ``NodeLayout``, eight children to a parent. A parent knows the most
/// that any node below has free in each dimension, and bounds of the two powers that the score is made
/// of. A search leaves out subtrees where nothing fits or nothing is better than what it has.
///
/// The fit of a node for an ask is `±(10^freeCPU + 10^freeMemory)` with the ask included, free being a
/// share of the capacity. As 10^(a−b) = 10^a · 10^(−b), a node's two powers are computed when its use
/// changes, and an ask's once for each capacity.
struct FitIndex {
    /// A node, or a bound of all nodes below a parent.
    struct Bound: Equatable {
        var cpu = Int32.min
        var memory = Int32.min
        var disk = Int32.min
        /// The capacity whose factor makes the bound: the smallest for bin-packing, else the largest.
        var capacityCPU: Int32 = 0
        var capacityMemory: Int32 = 0
        /// At least the free share of memory minus that of the processor, and the other way round.
        var memoryLead = -Float.infinity
        var cpuLead = -Float.infinity
        /// ±10^freeCPU and ±10^freeMemory: negative for bin-packing, so that the larger is better.
        var powerCPU = -Double.infinity
        var powerMemory = -Double.infinity
    }

    private static let fanoutShift = 3
    private static let fanout = 1 << fanoutShift

    let algorithm: SchedulerAlgorithm
    private var bounds: [Bound]
    /// Where each level begins in `bounds`; level 0 are the nodes, the last is the root.
    private let levels: [Int]
    private let counts: [Int]
    /// Parents that are not up to date, while a refresh lasts.
    private var isStale: [Bool]
    /// Positions of nodes that have changed.
    private var stale: [Int32] = []
    /// Positions of nodes that searches do not see, but whose parents still count them.
    private var leftOut: [Int32] = []
    /// What a node must have free to count for its parents. Nodes that are full have the best powers of
    /// all: they would lead every search astray.
    private var floor: Int32 = 1

    init(algorithm: SchedulerAlgorithm, count: Int) {
        self.algorithm = algorithm
        var starts: [Int] = []
        var counts: [Int] = []
        var size = max(1, count)
        var total = 0
        while true {
            // Whole blocks, so that a parent always has eight children.
            let padded =
                size == 1 && !starts.isEmpty ? 1 : (size + Self.fanout - 1) & ~(Self.fanout - 1)
            starts.append(total)
            counts.append(padded)
            total += padded
            if padded == 1 { break }
            size = padded >> Self.fanoutShift
        }
        levels = starts
        self.counts = counts
        bounds = Array(repeating: Bound(), count: total)
        isStale = Array(repeating: false, count: total)
    }

    /// The node at `position` has changed, the first time since it was brought up to date.
    mutating func mark(_ position: Int32) { stale.append(position) }

    var staleCount: Int { stale.count }

    /// Hides a node, which must be marked, from searches at once. Its parents promise too much until the next
    /// refresh: searches look below them in vain, and find what they would find otherwise.
    mutating func leaveOut(_ position: Int32) {
        bounds[Int(position)] = Bound()
        leftOut.append(position)
    }

    var leftOutCount: Int { leftOut.count }

    /// No node fits better.
    func highestFit(_ ask: inout ScaledAsk) -> Double {
        let root = bounds[bounds.count - 1]
        guard root.cpu >= ask.cpu, root.memory >= ask.memory, root.disk >= ask.disk else {
            return -.infinity
        }
        return ask.highestFit(below: root, plain: ask.plainFit(of: root))
    }

    /// Brings all marked nodes up to date; `bound` is called once for each. A parent is merged anew once,
    /// and only if one of its children has changed.
    mutating func refresh(_ bound: (Int32) -> Bound) {
        // Nodes at first, then level by level the parents of what has changed.
        var parents: [Int32] = []
        for position in stale {
            let fresh = bound(position)
            guard fresh != bounds[Int(position)] else { continue }
            bounds[Int(position)] = fresh
            mark(parent: position >> Self.fanoutShift, level: 1, &parents)
        }
        stale.removeAll(keepingCapacity: true)
        for position in leftOut {
            mark(parent: position >> Self.fanoutShift, level: 1, &parents)
        }
        leftOut.removeAll(keepingCapacity: true)
        var level = 1
        while !parents.isEmpty {
            var next: [Int32] = []
            for index in parents {
                isStale[levels[level] + Int(index)] = false
                guard update(Int(index), level: level), level + 1 < levels.count else { continue }
                mark(parent: index >> Self.fanoutShift, level: level + 1, &next)
            }
            parents = next
            level += 1
        }
    }

    private mutating func mark(parent index: Int32, level: Int, _ parents: inout [Int32]) {
        guard !isStale[levels[level] + Int(index)] else { return }
        isStale[levels[level] + Int(index)] = true
        parents.append(index)
    }

    /// Fills the tree in one pass; `bound` is called once for each position.
    mutating func fill(count: Int, _ bound: (Int32) -> Bound) {
        for position in 0..<count { bounds[position] = bound(Int32(position)) }
        mergeAll()
        stale.removeAll(keepingCapacity: true)
        leftOut.removeAll(keepingCapacity: true)
    }

    /// Lets searches for an ask find all nodes that have room.
    mutating func admit(_ ask: ScaledAsk) {
        guard ask.cpu < floor || ask.memory < floor else { return }
        floor = 0
        mergeAll()
    }

    private mutating func mergeAll() {
        for level in 1..<levels.count {
            for index in 0..<counts[level] where index << Self.fanoutShift < counts[level - 1] {
                update(index, level: level)
            }
        }
    }

    /// Merges a parent's children; false if it is as it was.
    @discardableResult
    private mutating func update(_ index: Int, level: Int) -> Bool {
        let first = levels[level - 1] + index << Self.fanoutShift
        var merged = Bound()
        for child in first..<first + Self.fanout {
            let other = bounds[child]
            guard other.cpu >= floor, other.memory >= floor else { continue }
            guard merged.cpu != .min else {
                merged = other
                continue
            }
            merged.cpu = max(merged.cpu, other.cpu)
            merged.memory = max(merged.memory, other.memory)
            merged.disk = max(merged.disk, other.disk)
            merged.memoryLead = max(merged.memoryLead, other.memoryLead)
            merged.cpuLead = max(merged.cpuLead, other.cpuLead)
            merged.powerCPU = max(merged.powerCPU, other.powerCPU)
            merged.powerMemory = max(merged.powerMemory, other.powerMemory)
            if algorithm == .binpack {
                merged.capacityCPU = min(merged.capacityCPU, other.capacityCPU)
                merged.capacityMemory = min(merged.capacityMemory, other.capacityMemory)
            } else {
                merged.capacityCPU = max(merged.capacityCPU, other.capacityCPU)
                merged.capacityMemory = max(merged.capacityMemory, other.capacityMemory)
            }
        }
        guard bounds[levels[level] + index] != merged else { return false }
        bounds[levels[level] + index] = merged
        return true
    }
}

extension FitIndex {
    /// A node that a search has found.
    struct Best {
        /// Larger is better; see ``FitIndex``.
        let fit: Double
        let position: Int32
    }

    /// The best nodes of a search so far, the best first: a few, all in one descent.
    struct BestFew {
        private let limit: Int
        /// No node is better. A search that has found enough that are as good is over.
        private let bound: Double
        private(set) var all: [Best] = []

        init(limit: Int, bound: Double = .infinity) {
            self.limit = limit
            self.bound = bound
            all.reserveCapacity(limit)
        }

        /// Whether there may be more.
        var isFull: Bool { all.count == limit }

        var threshold: Double {
            guard isFull else { return -.infinity }
            let last = all[limit - 1].fit
            return last < bound ? last : .infinity
        }

        mutating func found(_ fit: Double, at position: Int32) {
            if isFull { all.removeLast() }
            // Of equal ones the first that was found stays first.
            var place = all.count
            while place > 0, all[place - 1].fit < fit { place -= 1 }
            all.insert(Best(fit: fit, position: position), at: place)
        }

        mutating func remove(at place: Int) { all.remove(at: place) }
    }

    /// The nodes of the ranges that fit `ask` and are better than what was found before. Of equal ones
    /// the first wins: by range, and within one by `position ^ tie`.
    func search(
        _ ranges: [Range<Int32>], _ ask: inout ScaledAsk, tie: UInt32, _ best: inout BestFew
    ) {
        for range in ranges where !range.isEmpty && best.threshold < .infinity {
            let low = Int(range.lowerBound)
            let high = Int(range.upperBound)
            // The lowest parent that has the whole range below it.
            var level = 1
            while low >> (Self.fanoutShift * level) != (high - 1) >> (Self.fanoutShift * level) {
                level += 1
            }
            descend(
                level, low >> (Self.fanoutShift * level), low, high, &ask, Int(tie), &best)
        }
    }

    private func descend(
        _ level: Int, _ index: Int, _ low: Int, _ high: Int, _ ask: inout ScaledAsk, _ tie: Int,
        _ best: inout BestFew
    ) {
        guard level > 0 else { return }
        let below = level - 1
        let span = Self.fanoutShift * below
        let first = index << Self.fanoutShift
        let turn = (tie >> span) & (Self.fanout - 1)
        for step in 0..<Self.fanout {
            let child = first + (step ^ turn)
            let start = child << span
            guard start < high, start + (1 << span) > low else { continue }
            let bound = bounds[levels[below] + child]
            guard bound.cpu >= ask.cpu, bound.memory >= ask.memory, bound.disk >= ask.disk else {
                continue
            }
            let bestPossible = ask.plainFit(of: bound)
            guard bestPossible > best.threshold else { continue }
            if below == 0 {
                let fit = ask.fit(of: bound, plain: bestPossible)
                if fit > best.threshold { best.found(fit, at: Int32(child)) }
            } else if ask.highestFit(below: bound, plain: bestPossible) > best.threshold {
                descend(below, child, low, high, &ask, tie, &best)
            }
        }
    }
}

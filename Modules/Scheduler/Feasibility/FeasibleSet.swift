// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Where groups of one signature may run, over one layout: computed once for each kind of node and
/// shared by all evaluations until nodes come, go or change.
final class FeasibleSet {
    /// Nodes that the group cannot tell apart but by how full they are: same affinity, same values of
    /// the counted properties.
    struct Lane {
        /// Σ of the matching weights; 0 without affinities.
        let affinityWeight: Int
        /// By counted property: number of the value, -1 for none.
        let values: [Int32]
        /// Positions, ascending and disjoint: of nodes without devices, and of those with.
        var ranges: [Range<Int32>] = []
        var deviceRanges: [Range<Int32>] = []

        /// Whether all positions are of one range.
        func holds(_ positions: ClosedRange<Int32>) -> Bool {
            Self.holds(positions, ranges) || Self.holds(positions, deviceRanges)
        }

        private static func holds(
            _ positions: ClosedRange<Int32>, _ ranges: [Range<Int32>]
        ) -> Bool {
            var low = 0
            var high = ranges.count
            while low < high {
                let middle = (low + high) / 2
                if ranges[middle].upperBound <= positions.lowerBound {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            return low < ranges.count && ranges[low].lowerBound <= positions.lowerBound
                && positions.upperBound < ranges[low].upperBound
        }
    }

    static let infeasible: Int32 = -1
    static let outOfScope: Int32 = -2

    let layoutVersion: UInt64
    let lanes: [Lane]
    /// Σ|weights| of the affinities; 0 without any.
    let affinityWeights: Int
    let properties: [CountedProperty]
    /// Whether a constraint asks for what is unique to a node.
    let isEscaped: Bool
    /// Whether the lists below go by position; else by cell.
    let isPerNode: Bool
    /// Lane, ``infeasible`` or ``outOfScope``.
    private let laneOf: [Int32]
    /// Why not.
    private let verdicts: FeasibilityVerdicts
    /// Those that the job names as they are: one without a ready node is said to have none.
    private let namedDatacenters: [String]
    private var metric: (readiness: UInt64, value: PlacementMetric)?

    init(_ signature: GroupSignature, view: ClusterView) {
        var builder = FeasibleSetBuilder(signature, view: view)
        builder.build()
        layoutVersion = view.layout.version
        lanes = builder.lanes
        affinityWeights = builder.affinityWeights
        properties = builder.properties
        isEscaped = builder.isEscaped
        isPerNode = builder.isPerNode
        laneOf = builder.laneOf
        verdicts = builder.verdicts
        namedDatacenters = signature.datacenters.filter { !$0.utf8.contains(0x2A) }
    }

    var entryCount: Int { laneOf.count }

    func lane(at position: Int32, _ layout: NodeLayout) -> Int32 {
        laneOf[isPerNode ? Int(position) : Int(layout.cellAt[Int(position)])]
    }

    func objection(at position: Int32, _ layout: NodeLayout) -> String? {
        verdicts.reason(isPerNode ? Int(position) : Int(layout.cellAt[Int(position)]))
    }

    /// What every placement's metric begins with: ready nodes in scope, and who was filtered why.
    func baseMetric(_ view: ClusterView) -> PlacementMetric {
        if let metric, metric.readiness == view.readinessVersion { return metric.value }
        let value = countedMetric(view)
        metric = (view.readinessVersion, value)
        return value
    }

    private func countedMetric(_ view: ClusterView) -> PlacementMetric {
        var counts = ScopeCounts(names: view.names.count, reasons: verdicts.reasons.count)
        let (layout, ready, numbers) = (view.layout, view.readyCounts(), verdicts.numbers)
        for (index, cell) in layout.cells.enumerated() {
            if isPerNode {
                for position in cell.low..<cell.high
                where view.rows[Int(layout.slots[Int(position)])].isReady {
                    counts.add(1, of: cell, verdict: numbers[Int(position)])
                }
            } else {
                counts.add(Int(ready[index]), of: cell, verdict: numbers[index])
            }
        }
        var result = counts.metric(view.names, verdicts.reasons)
        for name in namedDatacenters where result.nodesAvailable[name] == nil {
            result.nodesAvailable[name] = 0
        }
        return result
    }

    /// By class, for a blocked evaluation; classes out of scope are not named.
    func eligibility(_ view: ClusterView) -> ClassEligibility {
        var result = ClassEligibility()
        result.isEscaped = isEscaped
        for cell in view.layout.cells {
            for position in cell.low..<cell.high {
                let lane = lane(at: position, view.layout)
                guard lane != Self.outOfScope else { continue }
                let text = view.kinds[Int(cell.kind)].classText
                result.classes[text] = (result.classes[text] ?? false) || lane >= 0
                if !isPerNode { break }
            }
        }
        return result
    }
}

/// Sums that become a metric: by number while they grow, by name when they are done.
private struct ScopeCounts {
    var evaluated = 0
    var filtered = 0
    /// By number of the name.
    var available: [Int]
    var classes: [Int]
    /// By number of the reason.
    var reasons: [Int]

    init(names: Int, reasons: Int) {
        available = Array(repeating: 0, count: names)
        classes = available
        self.reasons = Array(repeating: 0, count: reasons)
    }

    mutating func add(_ nodes: Int, of cell: NodeLayout.Cell, verdict: Int32) {
        guard nodes > 0, verdict != FeasibilityVerdicts.outOfScope else { return }
        evaluated += nodes
        available[Int(cell.datacenter)] += nodes
        guard verdict >= 0 else { return }
        filtered += nodes
        reasons[Int(verdict)] += nodes
        classes[Int(cell.nodeClass)] += nodes
    }

    func metric(_ names: [String], _ reasons: [String]) -> PlacementMetric {
        var result = PlacementMetric()
        result.nodesEvaluated = evaluated
        result.nodesFiltered = filtered
        result.nodesAvailable = SortedMap(counts: available, names: names)
        guard filtered > 0 else { return result }
        var classes = classes
        if let unnamed = names.firstIndex(of: "") { classes[unnamed] = 0 }
        result.classFiltered = SortedMap(counts: classes, names: names)
        result.constraintFiltered = SortedMap(counts: self.reasons, names: reasons)
        return result
    }
}

/// A property whose values are counted: of a spread, or of `distinct_property`.
struct CountedProperty {
    let target: TargetName
    /// By kind, or by position if the property is unique to a node.
    private let column: KindColumn

    fileprivate init(_ attribute: String, _ view: ClusterView) {
        let target = TargetName(attribute)
        self.target = target
        guard target.isUnique else {
            column = view.column(target)
            return
        }
        var column = KindColumn()
        for slot in view.layout.slots {
            column.append(view.nodes[Int(slot)].flatMap { target.value(of: $0) })
        }
        self.column = column
    }

    var isUnique: Bool { target.isUnique }

    /// By number: those that nodes have, or had.
    var values: [String] { column.values }

    func number(of value: String) -> Int32? { column.number(of: value) }

    /// -1 for a node without the property.
    func number(kind: Int32, position: Int32) -> Int32 {
        column.numberOf[Int(isUnique ? position : kind)]
    }

    /// The value of the node in a slot.
    func number(slot: Int32, _ view: ClusterView) -> Int32 {
        guard view.nodes[Int(slot)] != nil else { return -1 }
        return number(
            kind: view.rows[Int(slot)].kind, position: view.layout.positions[Int(slot)])
    }
}

/// Asks each cell once, or each node if it must, and sorts the feasible ones into lanes.
private struct FeasibleSetBuilder {
    private let candidates: NodeCandidates
    private var affinities: [(condition: RememberingCondition, weight: Int)]
    let affinityWeights: Int
    let isEscaped: Bool
    private(set) var lanes: [FeasibleSet.Lane] = []
    let properties: [CountedProperty]
    private(set) var laneOf: [Int32]
    let verdicts: FeasibilityVerdicts

    init(_ signature: GroupSignature, view: ClusterView) {
        var feasibility = NodeFeasibility(signature, view)
        affinities = signature.affinities.map {
            (RememberingCondition(Condition($0), view), Amount.weight($0.weight))
        }
        affinityWeights = affinities.reduce(0) { $0 + abs($1.weight) }
        properties = signature.properties.map { CountedProperty($0, view) }
        isEscaped = feasibility.isEscaped
        candidates = NodeCandidates(
            view,
            isSingle: isEscaped || affinities.contains { $0.condition.condition.isUnique }
                || properties.contains { $0.isUnique })
        verdicts = feasibility.verdicts(on: candidates)
        laneOf = verdicts.numbers.map {
            switch $0 {
            case FeasibilityVerdicts.feasible: 0
            case FeasibilityVerdicts.outOfScope: FeasibleSet.outOfScope
            default: FeasibleSet.infeasible
            }
        }
    }

    var isPerNode: Bool { candidates.isSingle }

    /// Lanes are told apart part by part, each behind all parts before it, which have a number.
    mutating func build() {
        let weights = affinities.isEmpty ? [] : weights()
        var laneCount = laneOf.contains(0) ? 1 : 0
        if !weights.isEmpty { laneCount = tellApart(by: weights, of: laneCount) }
        for property in properties {
            laneCount = tellApart(by: laneOf.indices.map { value(property, $0) }, of: laneCount)
        }
        lanes.reserveCapacity(laneCount)
        let runs = runs()
        var counts = [Int](repeating: 0, count: laneCount)
        for run in runs { counts[run.lane] += 1 }
        for run in runs { append(run, weights, rangesInAll: counts[run.lane]) }
    }

    /// Neighbours of one lane, which are one range.
    private typealias Run = (lane: Int, entries: Range<Int>, hasDevices: Bool)

    private func runs() -> [Run] {
        var runs: [Run] = []
        runs.reserveCapacity(laneOf.count)
        var first = 0
        while first < laneOf.count {
            let (lane, hasDevices) = (laneOf[first], candidates.hasDevices(first))
            var next = first + 1
            while next < laneOf.count, laneOf[next] == lane,
                candidates.hasDevices(next) == hasDevices
            {
                next += 1
            }
            if lane >= 0 { runs.append((Int(lane), first..<next, hasDevices)) }
            first = next
        }
        return runs
    }

    private mutating func append(_ run: Run, _ weights: [Int32], rangesInAll: Int) {
        let first = run.entries.lowerBound
        // Numbers follow each other.
        if run.lane == lanes.count {
            var lane = FeasibleSet.Lane(
                affinityWeight: weights.isEmpty ? 0 : Int(weights[first]),
                values: properties.map { value($0, first) })
            lane.ranges.reserveCapacity(rangesInAll)
            lanes.append(lane)
        }
        let low = candidates.positions(first).lowerBound
        let range = low..<candidates.positions(run.entries.upperBound - 1).upperBound
        if run.hasDevices {
            lanes[run.lane].deviceRanges.append(range)
        } else {
            lanes[run.lane].ranges.append(range)
        }
    }

    private func value(_ property: CountedProperty, _ entry: Int) -> Int32 {
        property.number(
            kind: candidates.kinds[entry], position: candidates.positions(entry).lowerBound)
    }

    /// By entry; 0 for one that is not feasible. No job has so many affinities that one overflows.
    private mutating func weights() -> [Int32] {
        var weights = [Int32](repeating: 0, count: laneOf.count)
        let laneOf = laneOf
        for index in affinities.indices {
            let weight = Int32(affinities[index].weight)
            affinities[index].condition.forEach(
                of: candidates, holding: true, where: { laneOf[$0] >= 0 },
                { weights[$0] &+= weight })
        }
        return weights
    }

    /// Feasible entries keep equal numbers only if they have equal parts too.
    ///
    /// - Returns: how many numbers there are, where there were `count`.
    private mutating func tellApart(by parts: [Int32], of count: Int) -> Int {
        var numbers = PairNumbers(parts, firsts: count)
        for entry in laneOf.indices where laneOf[entry] >= 0 {
            laneOf[entry] = numbers.number(laneOf[entry], parts[entry])
        }
        return Int(numbers.count)
    }
}

/// Sets of the signatures seen lately, for one layout.
struct FeasibleSetCache {
    /// Numbers in all sets together: 16 MB.
    private static let maxEntries = 4 << 20
    private static let maxSets = 2048
    private var sets: [GroupSignature: FeasibleSet] = [:]
    private var entries = 0

    mutating func removeAll() {
        sets.removeAll()
        entries = 0
    }

    func set(for signature: GroupSignature) -> FeasibleSet? { sets[signature] }

    /// A full cache starts anew: which sets are kept changes no plan.
    mutating func insert(_ set: FeasibleSet, for signature: GroupSignature) {
        entries += set.entryCount
        if entries > Self.maxEntries || sets.count >= Self.maxSets {
            removeAll()
            entries = set.entryCount
        }
        sets[signature] = set
    }
}

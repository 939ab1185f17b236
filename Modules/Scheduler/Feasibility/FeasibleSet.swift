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
    private let isPerNode: Bool
    /// Lane, ``infeasible`` or ``outOfScope``.
    private let laneOf: [Int32]
    /// Why not: index into `reasons`; -1 for a feasible one.
    private let reasonOf: [Int32]
    private let reasons: [String]
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
        reasonOf = builder.reasonOf
        reasons = builder.reasons
        namedDatacenters = signature.datacenters.filter { !$0.utf8.contains(0x2A) }
    }

    var entryCount: Int { laneOf.count }

    func lane(at position: Int32, _ layout: NodeLayout) -> Int32 {
        laneOf[isPerNode ? Int(position) : Int(layout.cellAt[Int(position)])]
    }

    func objection(at position: Int32, _ layout: NodeLayout) -> String? {
        let reason = reasonOf[isPerNode ? Int(position) : Int(layout.cellAt[Int(position)])]
        return reason < 0 ? nil : reasons[Int(reason)]
    }

    /// What every placement's metric begins with: ready nodes in scope, and who was filtered why.
    func baseMetric(_ view: ClusterView) -> PlacementMetric {
        if let metric, metric.readiness == view.readinessVersion { return metric.value }
        let value = countedMetric(view)
        metric = (view.readinessVersion, value)
        return value
    }

    private func countedMetric(_ view: ClusterView) -> PlacementMetric {
        var counts = ScopeCounts(names: view.names.count, reasons: reasons.count)
        let (layout, kinds, ready) = (view.layout, view.kinds, view.readyCounts())
        for (index, cell) in layout.cells.enumerated() {
            let (datacenter, nodeClass) =
                (kinds[Int(cell.kind)].datacenter, kinds[Int(cell.kind)].nodeClass)
            if isPerNode {
                for position in cell.low..<cell.high
                where view.isReady[Int(layout.slots[Int(position)])] {
                    count(1, entry: Int(position), datacenter, nodeClass, &counts)
                }
            } else {
                count(Int(ready[index]), entry: index, datacenter, nodeClass, &counts)
            }
        }
        var result = counts.metric(view.names, reasons)
        for name in namedDatacenters where result.nodesAvailable[name] == nil {
            result.nodesAvailable[name] = 0
        }
        return result
    }

    private func count(
        _ nodes: Int, entry: Int, _ datacenter: Int32, _ nodeClass: Int32,
        _ counts: inout ScopeCounts
    ) {
        guard nodes > 0, laneOf[entry] != Self.outOfScope else { return }
        counts.evaluated += nodes
        counts.available[Int(datacenter)] += nodes
        guard reasonOf[entry] >= 0 else { return }
        counts.filtered += nodes
        counts.reasons[Int(reasonOf[entry])] += nodes
        counts.classes[Int(nodeClass)] += nodes
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

    func metric(_ names: [String], _ reasons: [String]) -> PlacementMetric {
        var result = PlacementMetric()
        result.nodesEvaluated = evaluated
        result.nodesFiltered = filtered
        for (number, count) in available.enumerated() where count > 0 {
            result.nodesAvailable[names[number]] = count
        }
        for (number, count) in classes.enumerated() where count > 0 && !names[number].isEmpty {
            result.classFiltered[names[number]] = count
        }
        for (number, count) in self.reasons.enumerated() where count > 0 {
            result.constraintFiltered[reasons[number]] = count
        }
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
            kind: view.kindOf[Int(slot)], position: view.layout.positions[Int(slot)])
    }
}

/// Asks each kind of node once, or each node if it must, and sorts the feasible ones into lanes.
private struct FeasibleSetBuilder {
    /// A part of what tells lanes apart, behind all parts before it, which have a number.
    private struct LanePart: Hashable {
        let before: Int32
        let part: Int32
    }

    private let view: ClusterView
    private var feasibility: NodeFeasibility
    private var affinities: [(condition: RememberingCondition, weight: Int)]
    let affinityWeights: Int
    let isEscaped: Bool
    let isPerNode: Bool
    var lanes: [FeasibleSet.Lane] = []
    var properties: [CountedProperty]
    var laneOf: [Int32] = []
    var reasonOf: [Int32] = []
    var reasons: [String] = []
    private var weightNumbers: [Int: Int32] = [:]
    /// By counted property.
    private var partNumbers: [[LanePart: Int32]]
    private var lastWeight: (weight: Int, number: Int32) = (0, -1)
    private var reasonNumbers: [String: Int32] = [:]

    init(_ signature: GroupSignature, view: ClusterView) {
        self.view = view
        feasibility = NodeFeasibility(signature, view)
        affinities = signature.affinities.map {
            (RememberingCondition(Condition($0), view), Amount.weight($0.weight))
        }
        affinityWeights = affinities.reduce(0) { $0 + abs($1.weight) }
        properties = signature.properties.map { CountedProperty($0, view) }
        partNumbers = Array(repeating: [:], count: signature.properties.count)
        isEscaped = feasibility.isEscaped
        isPerNode =
            isEscaped || affinities.contains { $0.condition.condition.isUnique }
            || properties.contains { $0.isUnique }
    }

    mutating func build() {
        let count = isPerNode ? view.layout.slots.count : view.layout.cells.count
        laneOf.reserveCapacity(count)
        reasonOf.reserveCapacity(count)
        for cell in view.layout.cells {
            if isPerNode {
                for position in cell.low..<cell.high {
                    add(cell.kind, positions: position..<position + 1)
                }
            } else {
                add(cell.kind, positions: cell.low..<cell.high)
            }
        }
    }

    private mutating func add(_ kind: Int32, positions: Range<Int32>) {
        let candidate = NodeCandidate(
            view: view, kind: kind, position: positions.lowerBound, isSingle: isPerNode)
        guard feasibility.isInScope(candidate) else {
            laneOf.append(FeasibleSet.outOfScope)
            reasonOf.append(-1)
            return
        }
        if let objection = feasibility.objection(to: candidate) {
            laneOf.append(FeasibleSet.infeasible)
            reasonOf.append(number(ofReason: objection))
            return
        }
        let lane = lane(of: candidate)
        laneOf.append(lane)
        reasonOf.append(-1)
        if !view.kinds[Int(kind)].hasDevices {
            Self.append(positions, to: &lanes[Int(lane)].ranges)
        } else {
            Self.append(positions, to: &lanes[Int(lane)].deviceRanges)
        }
    }

    private static func append(_ range: Range<Int32>, to ranges: inout [Range<Int32>]) {
        if let last = ranges.last, last.upperBound == range.lowerBound {
            ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
        } else {
            ranges.append(range)
        }
    }

    private mutating func number(ofReason reason: String) -> Int32 {
        if let known = reasonNumbers[reason] { return known }
        reasonNumbers[reason] = Int32(reasons.count)
        reasons.append(reason)
        return Int32(reasons.count - 1)
    }

    private mutating func lane(of candidate: NodeCandidate) -> Int32 {
        var weight = 0
        for index in affinities.indices
        where affinities[index].condition.holds(for: candidate) {
            weight += affinities[index].weight
        }
        var number = affinities.isEmpty ? 0 : number(ofWeight: weight)
        for index in properties.indices {
            let value = properties[index].number(
                kind: candidate.kind, position: candidate.position)
            number = Self.number(
                of: LanePart(before: number, part: value), in: &partNumbers[index])
        }
        // Numbers follow each other, so those of the last part are those of the lanes.
        guard Int(number) == lanes.count else { return number }
        let values = properties.map {
            $0.number(kind: candidate.kind, position: candidate.position)
        }
        lanes.append(FeasibleSet.Lane(affinityWeight: weight, values: values))
        return number
    }

    private mutating func number(ofWeight weight: Int) -> Int32 {
        if lastWeight.number >= 0, lastWeight.weight == weight { return lastWeight.number }
        let number = weightNumbers[weight] ?? Int32(weightNumbers.count)
        weightNumbers[weight] = number
        lastWeight = (weight, number)
        return number
    }

    private static func number(
        of part: LanePart, in numbers: inout [LanePart: Int32]
    ) -> Int32 {
        if let known = numbers[part] { return known }
        let number = Int32(numbers.count)
        numbers[part] = number
        return number
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

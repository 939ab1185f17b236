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
        var counts = ScopeCounts()
        let ready = view.readyCounts()
        for (index, cell) in view.layout.cells.enumerated() {
            let kind = cell.kind
            if isPerNode {
                for position in cell.low..<cell.high
                where view.isReady[Int(view.layout.slots[Int(position)])] {
                    count(1, of: kind, at: position, view, &counts)
                }
            } else {
                count(Int(ready[index]), of: kind, at: cell.low, view, &counts)
            }
        }
        var result = counts.metric(view.names)
        for name in namedDatacenters where result.nodesAvailable[name] == nil {
            result.nodesAvailable[name] = 0
        }
        return result
    }

    private func count(
        _ nodes: Int, of kind: Int32, at position: Int32, _ view: ClusterView,
        _ counts: inout ScopeCounts
    ) {
        guard nodes > 0, lane(at: position, view.layout) != Self.outOfScope else { return }
        counts.evaluated += nodes
        ScopeCounts.add(nodes, at: view.kinds[Int(kind)].datacenter, to: &counts.available)
        guard let reason = objection(at: position, view.layout) else { return }
        counts.filtered += nodes
        counts.reasons[reason, default: 0] += nodes
        ScopeCounts.add(nodes, at: view.kinds[Int(kind)].nodeClass, to: &counts.classes)
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
    var available: [Int] = []
    var classes: [Int] = []
    var reasons: [String: Int] = [:]

    static func add(_ nodes: Int, at number: Int32, to list: inout [Int]) {
        while list.count <= Int(number) { list.append(0) }
        list[Int(number)] += nodes
    }

    func metric(_ names: [String]) -> PlacementMetric {
        var result = PlacementMetric()
        result.nodesEvaluated = evaluated
        result.nodesFiltered = filtered
        for (number, count) in available.enumerated() where count > 0 {
            result.nodesAvailable[names[number]] = count
        }
        for (number, count) in classes.enumerated() where count > 0 && !names[number].isEmpty {
            result.classFiltered[names[number]] = count
        }
        result.constraintFiltered = SortedMap(
            reasons.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        return result
    }
}

/// A property whose values are counted: of a spread, or of `distinct_property`.
struct CountedProperty {
    /// By number.
    private(set) var values: [String] = []
    private var numbers: [String: Int32] = [:]
    /// By kind, or by position if the property is unique to a node; -1 for none.
    private(set) var numberOf: [Int32] = []
    let target: TargetName

    init(_ attribute: String) {
        target = TargetName(attribute)
    }

    var isUnique: Bool { target.isUnique }

    fileprivate mutating func number(_ nodes: [Shared<Node>?]) {
        numberOf.removeAll()
        numberOf.reserveCapacity(nodes.count)
        for node in nodes { numberOf.append(node.map { number(of: $0) } ?? -1) }
    }

    private mutating func number(of node: Shared<Node>) -> Int32 {
        guard let value = target.value(of: node) else { return -1 }
        if let known = numbers[value] { return known }
        numbers[value] = Int32(values.count)
        values.append(value)
        return Int32(values.count - 1)
    }

    func number(of value: String) -> Int32? { numbers[value] }

    /// The value of the node in a slot.
    func number(slot: Int32, _ view: ClusterView) -> Int32 {
        guard view.nodes[Int(slot)] != nil else { return -1 }
        return isUnique
            ? numberOf[Int(view.layout.positions[Int(slot)])]
            : numberOf[Int(view.kindOf[Int(slot)])]
    }
}

/// Asks each kind of node once, or each node if it must, and sorts the feasible ones into lanes.
private struct FeasibleSetBuilder {
    private struct LaneKey: Hashable {
        let affinityWeight: Int
        let values: [Int32]
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
    private var laneNumbers: [LaneKey: Int32] = [:]
    private var reasonNumbers: [String: Int32] = [:]

    init(_ signature: GroupSignature, view: ClusterView) {
        self.view = view
        feasibility = NodeFeasibility(signature)
        affinities = signature.affinities.map {
            (RememberingCondition(Condition($0)), Amount.weight($0.weight))
        }
        affinityWeights = affinities.reduce(0) { $0 + abs($1.weight) }
        properties = signature.properties.map(CountedProperty.init)
        isEscaped = feasibility.isEscaped
        isPerNode =
            isEscaped || affinities.contains { $0.condition.condition.isUnique }
            || properties.contains(where: \.isUnique)
    }

    mutating func build() {
        numberProperties()
        for cell in view.layout.cells {
            if isPerNode {
                for position in cell.low..<cell.high {
                    guard let node = view.nodes[Int(view.layout.slots[Int(position)])] else {
                        preconditionFailure("a position without a node: \(position)")
                    }
                    add(node, kind: cell.kind, positions: position..<position + 1)
                }
            } else {
                add(
                    view.kinds[Int(cell.kind)].representative, kind: cell.kind,
                    positions: cell.low..<cell.high)
            }
        }
    }

    private mutating func numberProperties() {
        for index in properties.indices {
            if properties[index].isUnique {
                properties[index].number(view.layout.slots.map { view.nodes[Int($0)] })
            } else {
                properties[index].number(
                    view.kinds.map { $0.count > 0 ? $0.representative : nil })
            }
        }
    }

    private mutating func add(
        _ node: Shared<Node>, kind: Int32, positions: Range<Int32>
    ) {
        guard feasibility.isInScope(node) else {
            laneOf.append(FeasibleSet.outOfScope)
            reasonOf.append(-1)
            return
        }
        if let objection = feasibility.objection(to: node) {
            laneOf.append(FeasibleSet.infeasible)
            reasonOf.append(number(ofReason: objection))
            return
        }
        let lane = lane(of: node, kind: kind, position: positions.lowerBound)
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

    private mutating func lane(of node: Shared<Node>, kind: Int32, position: Int32) -> Int32 {
        var weight = 0
        for index in affinities.indices where affinities[index].condition.holds(for: node) {
            weight += affinities[index].weight
        }
        let values = properties.map {
            $0.numberOf[$0.isUnique ? Int(position) : Int(kind)]
        }
        let key = LaneKey(affinityWeight: weight, values: values)
        if let known = laneNumbers[key] { return known }
        laneNumbers[key] = Int32(lanes.count)
        lanes.append(FeasibleSet.Lane(affinityWeight: weight, values: values))
        return Int32(lanes.count - 1)
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

// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Counts the instances of a group by the values of one property, and scores the values.
struct SpreadCount {
    /// Index into the set's properties.
    let property: Int
    private let weight: Double
    private let weightSum: Double
    private let isEven: Bool
    /// By value: how many are wanted there; negative for no target.
    private var desired: [Double]
    private var counts: [Int]
    private var isInUse: [Bool]
    private var low = 0
    private var high = 0

    init(
        _ spread: Spread, property: Int, weightSum: Int, groupCount: Int, values: CountedProperty
    ) {
        self.property = property
        weight = Double(spread.weight)
        self.weightSum = Double(max(1, weightSum))
        isEven = spread.targets.isEmpty
        counts = Array(repeating: 0, count: values.values.count)
        isInUse = Array(repeating: false, count: values.values.count)
        desired = Self.desired(spread, groupCount: groupCount, values: values)
    }

    /// Percentages of the group's count; what they leave to 100 belongs to the values without.
    private static func desired(
        _ spread: Spread, groupCount: Int, values: CountedProperty
    ) -> [Double] {
        let total = Double(groupCount)
        var sum = 0.0
        var rest = -1.0
        var named: [Int32: Double] = [:]
        for target in spread.targets {
            let count = Double(target.percent) / 100 * total
            sum += count
            if target.value == "*" {
                rest = count
            } else if let number = values.number(of: target.value) {
                named[number] = count
            }
        }
        if rest < 0, sum > 0, sum < total { rest = total - sum }
        return values.values.indices.map { named[Int32($0)] ?? rest }
    }

    mutating func add(_ value: Int32, _ change: Int) {
        guard value >= 0 else { return }
        counts[Int(value)] += change
        if change > 0 { isInUse[Int(value)] = true }
    }

    /// To be called after counts have changed, before scores are asked.
    mutating func settle() {
        guard isEven else { return }
        low = Int.max
        high = 0
        for index in counts.indices where isInUse[index] {
            low = min(low, counts[index])
            high = max(high, counts[index])
        }
    }

    /// What one more instance at this value adds; -1 for a node without the property.
    func score(_ value: Int32) -> Double {
        guard value >= 0 else { return -1 }
        let count = counts[Int(value)]
        if isEven { return Self.even(count, low: low, high: high) }
        let wanted = desired[Int(value)]
        guard wanted > 0 else { return -1 }
        return (wanted - Double(count + 1)) / wanted * (weight / weightSum)
    }

    /// The rule without targets; `low` and `high` are over the values in use, `Int.max` and 0 for none.
    static func even(_ count: Int, low: Int, high: Int) -> Double {
        if low == .max { return 0 }
        if count != low {
            return low == 0 ? -1 : Double(low - count) / Double(low)
        }
        if low == high { return -1 }
        return low == 0 ? 1 : Double(high - low) / Double(low)
    }
}

/// Counts for `distinct_property`.
struct DistinctCount {
    let property: Int
    let limit: Int
    let isOfJob: Bool
    private var counts: [Int]

    init(_ rule: DistinctRules.Property, property: Int, values: CountedProperty) {
        self.property = property
        limit = rule.limit
        isOfJob = rule.isOfJob
        counts = Array(repeating: 0, count: values.values.count)
    }

    mutating func add(_ value: Int32, _ change: Int) {
        guard value >= 0 else { return }
        counts[Int(value)] += change
    }

    /// Whether one more may be there; a node without the property never may.
    func admits(_ value: Int32) -> Bool {
        value >= 0 && counts[Int(value)] < limit
    }
}

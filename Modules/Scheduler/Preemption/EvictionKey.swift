// SPDX-License-Identifier: Apache-2.0

/// What an eviction costs: less is better, part by part.
struct EvictionKey: Equatable {
    var highestPriority: Int32 = 0
    var count: Int32 = 0
    var prioritySum: Int32 = 0
    /// Victims whose group has as many on the move as it allows.
    var overLimit: Int32 = 0
    /// What is freed beyond the ask, as shares of the ask.
    var surplus = 0.0
    /// Of the node after the eviction; larger is better.
    var score = 0.0

    init() {}

    /// Less than that of any eviction whose victims have at least this priority.
    init(least priority: Int32) {
        highestPriority = priority
        count = 1
        prioritySum = priority
        surplus = -.infinity
        score = .infinity
    }

    static func < (left: Self, right: Self) -> Bool {
        if left.highestPriority != right.highestPriority {
            return left.highestPriority < right.highestPriority
        }
        if left.count != right.count { return left.count < right.count }
        if left.prioritySum != right.prioritySum { return left.prioritySum < right.prioritySum }
        if left.overLimit != right.overLimit { return left.overLimit < right.overLimit }
        if left.surplus != right.surplus { return left.surplus < right.surplus }
        return left.score > right.score
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// How long a node may be silent (I5).
package struct HeartbeatRule: Equatable, Sendable {
    /// No node is asked more often than this.
    package var shortest = Duration.seconds(10)
    /// All nodes together are asked to send so many a second.
    package var perSecondMax = 50
    /// A heartbeat may be late by so much.
    package var grace = Duration.seconds(10)
    /// What a new leader grants everybody: nodes must first find it.
    package var afterFailover = Duration.seconds(300)

    package init() {}

    /// What a node is told: from `base` to twice that, where base is `shortest`, or more when many
    /// nodes share the rate. So nodes that start together do not stay together.
    ///
    /// - Parameter random: any 64 random bits.
    package func timeToLive(nodes: Int, random: UInt64) -> Duration {
        let shared = Duration.nanoseconds(
            Int64(clamping: nodes) * (1_000_000_000 / Int64(Swift.max(1, perSecondMax))))
        let base = Swift.max(shortest, shared)
        let nanoseconds = UInt64(base.wholeNanoseconds)
        return base + .nanoseconds(Int64(random.multipliedFullWidth(by: nanoseconds).high))
    }
}

/// The leader's watch over nodes: who has been silent for too long.
///
/// Holds a deadline per node and nothing else; a missed one is forgotten when it is handed out, and
/// comes back with the node's next heartbeat.
package struct Heartbeats: Sendable {
    package let rule: HeartbeatRule
    private var deadlines = LiveHeap<DueOrder, UniqueID>()

    package init(rule: HeartbeatRule = HeartbeatRule()) { self.rule = rule }

    package var count: Int { deadlines.count }

    /// Whether it has a deadline: it was heard, and has not missed it since.
    package func isTracked(_ node: UniqueID) -> Bool { deadlines.contains(node) }

    /// A leader begins: every node that is not down gets the long wait.
    package mutating func begin(nodes: [UniqueID], at now: Duration) {
        deadlines = LiveHeap()
        for node in nodes where !deadlines.contains(node) {
            deadlines.insert(node, key: DueOrder(due: now + rule.afterFailover, id: node))
        }
    }

    /// A node was heard.
    ///
    /// - Returns: the time to live that it is told; its deadline is later by the grace.
    package mutating func heard(_ node: UniqueID, random: UInt64, at now: Duration) -> Duration {
        deadlines.remove(node)
        let timeToLive = rule.timeToLive(nodes: deadlines.count + 1, random: random)
        deadlines.insert(node, key: DueOrder(due: now + timeToLive + rule.grace, id: node))
        return timeToLive
    }

    /// The node is down, or gone.
    package mutating func forget(_ node: UniqueID) { deadlines.remove(node) }

    package var nextEventAt: Duration? { deadlines.first?.key.due }

    /// The nodes that have missed theirs, the earliest first: each becomes down, and the jobs with
    /// allocations on it are evaluated.
    package mutating func advance(to now: Duration) -> [UniqueID] {
        var missed: [UniqueID] = []
        while let first = deadlines.first, first.key.due <= now {
            deadlines.remove(first.element)
            missed.append(first.element)
        }
        return missed
    }
}

extension Duration {
    /// What does not fit (292 years) becomes the nearest that does.
    var wholeNanoseconds: Int64 { GoDuration(self).nanoseconds }
}

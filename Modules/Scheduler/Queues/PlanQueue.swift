// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Plans on their way to the applier: the higher priority first, then the earlier.
///
/// Lives on the leader only. What waits here is in nobody's state: when the leader stops leading,
/// its workers are answered by ``drain()`` and their evaluations come again.
package struct PlanQueue: Sendable {
    /// A plan of a worker that waits for the answer.
    package struct Entry: Equatable, Sendable {
        package let plan: PlacementPlan
        /// Names the submission to the shell; counts from 1.
        package let ticket: UInt64
    }

    package enum Refusal: Error, Equatable, Sendable {
        /// So many wait already. The worker tries again; it keeps its evaluation.
        case full
        case disabled
    }

    private struct Order: Comparable, Sendable {
        let priority: Int
        let ticket: UInt64

        static func < (left: Self, right: Self) -> Bool {
            (-left.priority, left.ticket) < (-right.priority, right.ticket)
        }
    }

    /// A worker has one plan here at a time, so this is about workers, not about evaluations.
    package let plansMax: Int
    package private(set) var isEnabled = false
    private var lastTicket: UInt64 = 0
    private var plans: [UInt64: PlacementPlan] = [:]
    private var order = LiveHeap<Order, UInt64>()

    package init(plansMax: Int = 1_024) { self.plansMax = plansMax }

    package var count: Int { plans.count }

    package mutating func setEnabled(_ isEnabled: Bool) { self.isEnabled = isEnabled }

    package mutating func enqueue(_ plan: PlacementPlan) throws(Refusal) -> UInt64 {
        guard isEnabled else { throw .disabled }
        guard plans.count < plansMax else { throw .full }
        lastTicket += 1
        plans[lastTicket] = plan
        order.insert(lastTicket, key: Order(priority: plan.priority, ticket: lastTicket))
        return lastTicket
    }

    package mutating func dequeue() -> Entry? {
        guard let ticket = order.popFirst(), let plan = plans.removeValue(forKey: ticket) else {
            return nil
        }
        return Entry(plan: plan, ticket: ticket)
    }

    /// Everything that waits, in its order; the queue is empty and off.
    package mutating func drain() -> [Entry] {
        isEnabled = false
        var entries: [Entry] = []
        while let entry = dequeue() { entries.append(entry) }
        return entries
    }
}

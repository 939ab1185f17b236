// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

// What plans that are on their way do to instances that are there. The ledger counts it as done; what the
// state tells of such an instance meanwhile is older, and would put back into the ledger what was given away,
// for a second plan to give it away again.

extension Dispatcher {
    /// A plan was accepted: the ledger counts on it.
    func goAhead(with result: PlanResult) {
        ledger.apply(result)
        for id in result.changed { ahead[id, default: 0] += 1 }
    }

    /// It is in the state, or lost.
    func caughtUp(with result: PlanResult) {
        for id in result.changed {
            guard let count = ahead[id] else { continue }
            ahead[id] = count > 1 ? count - 1 : nil
        }
    }

    /// The state tells of an instance.
    func takeIntoLedger(_ allocation: Allocation) {
        if allocation.isTerminal || ahead[allocation.id] == nil { ledger.apply(allocation) }
    }
}

extension PlanResult {
    /// Instances that were there before: those that stop, are evicted, or change where they are.
    fileprivate var changed: [UniqueID] {
        var changed: [UniqueID] = []
        for part in nodes {
            changed += part.stops.lazy.map(\.allocation.value.id)
            changed += part.evictions.lazy.map(\.allocation.value.id)
            for placement in part.placements where placement.createIndex != 0 {
                changed.append(placement.id)
            }
        }
        return changed
    }
}

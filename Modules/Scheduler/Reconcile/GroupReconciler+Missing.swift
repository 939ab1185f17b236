// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension GroupReconciler {
    /// An instance that is missing, and why.
    struct Missing {
        var place: Reconciliation.Place
        /// Set for one that failed: it stops when its replacement is asked for.
        var failed: Shared<Allocation>?
        /// It was there and its place was taken from it, so that it comes back whatever becomes of
        /// the deployment.
        var isRestored = false
    }

    /// First who failed, then who was lost or evicted, up to the count, then new numbers.
    mutating func missing() -> [Missing] {
        var missing: [Missing] = []
        for allocation in pools.rescheduling {
            var place = replacement(of: allocation, number: allocation.value.index)
            place.request.isRescheduling = true
            place.request.isCanary = allocation.value.isCanary && isCanarying
            place.request.penalizedNodes = Self.nodesOfFailures(allocation.value)
            missing.append(Missing(place: place, failed: allocation))
        }
        var held =
            counted.count + pools.migrating.count + pools.rescheduling.count + pools.awaited.count
        for allocation in pools.lost + pools.unreplaced where held < count {
            held += 1
            let own = allocation.value.index
            let number = numbers.isFree(own) ? own : numbers.takeFree(1)[0]
            numbers.take(number)
            missing.append(
                Missing(place: replacement(of: allocation, number: number), isRestored: true))
        }
        for number in numbers.takeFree(count - held) {
            let request = PlacementRequest(group: groupIndex, index: number)
            missing.append(Missing(place: Reconciliation.Place(request)))
        }
        return missing
    }

    func replacement(
        of allocation: Shared<Allocation>, number: Int
    ) -> Reconciliation.Place {
        var request = PlacementRequest(group: groupIndex, index: number)
        request.previous = allocation
        request.preferredNode = stickyNode(of: allocation)
        return Reconciliation.Place(request, olderJob: olderJob(of: allocation.value))
    }

    /// While canaries try the new version, what replaces the others runs theirs.
    func olderJob(of allocation: Allocation) -> Shared<Job>? {
        guard isCanarying, !allocation.isCanary,
            !UpdateCheck.isSameVersion(allocation.job.value, job.value),
            allocation.ownGroup != nil
        else { return nil }
        return allocation.job
    }

    func stickyNode(of allocation: Shared<Allocation>) -> UniqueID? {
        guard group.ephemeralDisk.isSticky, input.taints[allocation.value.nodeID] == nil else {
            return nil
        }
        return allocation.value.nodeID
    }

    private static func nodesOfFailures(_ allocation: Allocation) -> [UniqueID] {
        Array(Set([allocation.nodeID] + allocation.reschedules.map(\.previousNode))).sorted()
    }

    /// A deployment that stands still places only what was there before, and of that nothing that
    /// failed under it (H11).
    ///
    /// - Returns: how many are placed.
    mutating func place(_ missing: [Missing]) -> Int {
        var placed = 0
        for one in missing {
            let isAllowed: Bool
            if mayProceed || one.isRestored {
                isAllowed = true
            } else if let failed = one.failed?.value {
                isAllowed =
                    !(deployment.isFailed && failed.deploymentID == deployment.current?.id)
            } else {
                isAllowed = false
            }
            guard isAllowed else { continue }
            placed += 1
            result.places.append(one.place)
            desired.place += 1
            if let failed = one.failed {
                stop(failed, StopReason.rescheduled)
                desired.stop += 1
            }
        }
        return placed
    }

    mutating func migrate() {
        for allocation in pools.migrating {
            stop(allocation, StopReason.migrating)
            var place = replacement(of: allocation, number: allocation.value.index)
            place.request.isCanary = allocation.value.isCanary && isCanarying
            result.places.append(place)
            desired.migrate += 1
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension GroupReconciler {
    mutating func update() {
        for allocation in pools.staying {
            let check = UpdateCheck.compare(allocation.value, with: job.value, group: group)
            switch check {
            case .none: desired.ignore += 1
            case .destructive: destructive.append(allocation)
            case .inPlace: updateInPlace(allocation)
            }
        }
    }

    mutating func updateInPlace(_ allocation: Shared<Allocation>) {
        // What has ended needs nothing of its node.
        if allocation.value.isTerminal {
            desired.ignore += 1
            return
        }
        guard let resources = resourcesInPlace(allocation, groupIndex) else {
            destructive.append(allocation)
            return
        }
        var updated = allocation.value
        updated.job = job
        updated.evaluationID = input.evaluation.id
        if updated.resources != resources { updated.resources = resources }
        result.changed.append(updated)
        desired.inPlaceUpdate += 1
        inPlaceCount += 1
    }

    /// - Returns: whether canaries have to run, and some are missing.
    mutating func placeCanaries() -> Bool {
        // A list of them is made.
        let wanted = min(strategy?.canary ?? 0, SchedulingBounds.canariesMax)
        guard !destructive.isEmpty || isCanarying, !state.isPromoted, canaries.count < wanted
        else { return false }
        state.desiredCanaries = wanted
        guard !deployment.isPaused, !deployment.isFailed else { return true }
        for number in canaryNumbers(wanted - canaries.count) {
            var request = PlacementRequest(group: groupIndex, index: number)
            request.isCanary = true
            result.places.append(Reconciliation.Place(request))
            desired.canary += 1
        }
        return true
    }

    /// A canary has the number of an instance that it will replace, if there are enough.
    mutating func canaryNumbers(_ wanted: Int) -> [Int] {
        let held = Set(canaries.map(\.value.index))
        let replaced = destructive.map(\.value.index).filter { !held.contains($0) && $0 < count }
        let chosen = Array(Set(replaced)).sorted().prefix(wanted)
        return chosen + numbers.takeFree(wanted - chosen.count)
    }

    /// How many instances may be replaced or newly placed by this evaluation (H3).
    func limit() -> Int {
        guard let strategy, !destructive.isEmpty || !pools.migrating.isEmpty else { return count }
        guard mayProceed else { return 0 }
        var limit = strategy.maxParallel
        guard let current = deployment.current else { return limit }
        for allocation in pools.staying where allocation.value.deploymentID == current.id {
            if allocation.value.isUnhealthy { return 0 }
            if !allocation.value.isHealthy { limit -= 1 }
        }
        return max(0, limit)
    }

    mutating func replace(atMost limit: Int) {
        let replaced = destructive.prefix(limit)
        for allocation in replaced {
            var request = PlacementRequest(group: groupIndex, index: allocation.value.index)
            request.previous = allocation
            request.isDestructive = true
            request.preferredNode = stickyNode(of: allocation)
            result.destructive.append(
                Reconciliation.Replacement(
                    stop: PlacementPlan.Stop(allocation, description: StopReason.updating),
                    request: request))
        }
        desired.destructiveUpdate += replaced.count
        desired.ignore += destructive.count - replaced.count
    }
}

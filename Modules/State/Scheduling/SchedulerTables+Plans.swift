// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// Carries out all of it, or refuses all of it. What the log has overtaken is passed over: stops and
    /// evictions of what is gone or has ended, and instances of jobs that were forgotten, with whom
    /// they would have evicted.
    mutating func apply(_ entry: PlanEntry, at index: UInt64) throws(SchedulerRefusal) {
        // Most are new, and there is room: then none has to be looked up.
        if allocationTable.count + entry.placements.count > Self.allocationsMax {
            let new = entry.placements.count { allocationTable[$0.id] == nil }
            guard allocationTable.count + new <= Self.allocationsMax else {
                throw .full("allocations", max: Self.allocationsMax)
            }
        }
        try checkRoom(evaluations: entry.evaluations)
        if let deployment = entry.deployment { try checkRoom(for: deployment) }

        if let deployment = entry.deployment { upsert(deployment, at: index) }
        for update in entry.deploymentUpdates { takeOver(update, at: index) }
        for stop in entry.stops { apply(stop, of: entry, at: index) }
        let (placed, missing) = parted(entry.placements)
        for eviction in entry.evictions where !missing.contains(eviction.by) {
            apply(eviction, of: entry, at: index)
        }
        for placement in placed { apply(placement, of: entry, at: index) }
        for evaluation in entry.evaluations
        where evaluation.trigger != .preemption || jobTable[evaluation.job] != nil {
            upsert(evaluation, at: index)
        }
    }

    /// Those whose job is there, and the ids of those whose job is forgotten. Neighbours are of one version
    /// mostly: it is looked up once.
    private func parted(
        _ placements: [PlanEntry.Placement]
    ) -> (placed: [PlanEntry.Placement], missing: Set<UniqueID>) {
        var missing: Set<UniqueID> = []
        var last: (version: JobVersionKey, isKnown: Bool)?
        let placed = placements.filter { placement in
            if last?.version != placement.job {
                last = (placement.job, specTable[placement.job] != nil)
            }
            if last?.isKnown == true { return true }
            missing.insert(placement.id)
            return false
        }
        return (placed, missing)
    }

    private mutating func apply(_ stop: PlanEntry.Stop, of entry: PlanEntry, at index: UInt64) {
        guard let old = allocationTable[stop.id] else { return }
        var new = old.value
        // Who was evicted is not said to have been stopped.
        if new.desiredStatus != .evict {
            new.desiredStatus = .stop
            new.desiredDescription = stop.description
        }
        if let status = stop.clientStatus, !new.isClientTerminal { new.clientStatus = status }
        new.followUpEvaluationID = stop.followUpEvaluationID ?? new.followUpEvaluationID
        new.allocModifyIndex = index
        new.modifyUnixNanoseconds = entry.unixNanoseconds
        store(new, replacing: old, at: index)
    }

    private mutating func apply(
        _ eviction: PlanEntry.Eviction, of entry: PlanEntry, at index: UInt64
    ) {
        guard let old = allocationTable[eviction.id], !old.value.isTerminal else { return }
        var new = old.value
        new.desiredStatus = .evict
        new.desiredDescription = "Preempted by alloc ID \(eviction.by)"
        new.preemptedBy = eviction.by
        new.allocModifyIndex = index
        new.modifyUnixNanoseconds = entry.unixNanoseconds
        store(new, replacing: old, at: index)
    }

    private mutating func apply(
        _ placement: PlanEntry.Placement, of entry: PlanEntry, at index: UInt64
    ) {
        guard let job = specTable[placement.job]?.job else { return }
        let old = allocationTable[placement.id]
        // An id belongs to one instance of one job on one node for good.
        if let old, old.value.jobKey != job.value.key || old.value.nodeID != placement.nodeID {
            return
        }
        var new =
            old?.value
            ?? Allocation(
                id: placement.id, evaluationID: entry.evaluationID, nodeID: placement.nodeID,
                job: job, group: placement.group, index: placement.index,
                resources: placement.resources)
        if old == nil {
            new.createIndex = index
            new.createUnixNanoseconds = entry.unixNanoseconds
            new.previousAllocation = placement.previousAllocation
            new.reschedules = placement.reschedules
            new.preemptedAllocations = placement.preempted
        }
        new.evaluationID = entry.evaluationID
        new.nodeName = placement.nodeName
        new.job = job
        new.group = placement.group
        new.index = placement.index
        new.resources = placement.resources
        new.metrics = placement.metrics
        new.desiredDescription = placement.description
        new.deploymentID = placement.deploymentID
        // A plan is older than what was told of an instance's health since.
        if old == nil || old?.value.deploymentID != placement.deploymentID {
            new.deploymentStatus = placement.deploymentStatus
        }
        new.followUpEvaluationID = placement.followUpEvaluationID
        new.allocModifyIndex = index
        new.modifyUnixNanoseconds = entry.unixNanoseconds
        store(new, replacing: old, at: index)
        if old == nil, let previous = placement.previousAllocation {
            link(previous, to: placement.id, at: index)
        }
    }

    private mutating func link(_ previous: UniqueID, to next: UniqueID, at index: UInt64) {
        guard let old = allocationTable[previous], old.value.nextAllocation != next else { return }
        var new = old.value
        new.nextAllocation = next
        store(new, replacing: old, at: index)
    }
}

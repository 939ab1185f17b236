// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// Takes over what nodes tell; what is unknown, or has ended already, is passed over.
    mutating func update(
        _ updates: [AllocationUpdate], unixNanoseconds: Int64, at index: UInt64
    ) {
        for update in updates {
            guard let old = allocationTable[update.id],
                var new = old.value.taking(update, at: index)
            else { continue }
            new.modifyUnixNanoseconds = unixNanoseconds
            store(new, replacing: old, at: index)
        }
    }

    /// All or, if one is unknown, none.
    mutating func setTransitions(
        _ changes: [TransitionChange], at index: UInt64
    ) throws(SchedulerRefusal) {
        for change in changes where allocationTable[change.allocation] == nil {
            throw .unknownAllocation(change.allocation)
        }
        for change in changes {
            guard let old = allocationTable[change.allocation] else { continue }
            let (transition, before) = (change.transition, old.value.transition)
            var new = old.value
            new.transition.migrate = transition.migrate ?? before.migrate
            new.transition.reschedule = transition.reschedule ?? before.reschedule
            new.transition.forceReschedule = transition.forceReschedule ?? before.forceReschedule
            store(new, replacing: old, at: index)
        }
    }

    /// The one place where an allocation is written: what follows from it is kept in step.
    mutating func store(
        _ given: consuming Allocation, replacing old: Shared<Allocation>?, at index: UInt64
    ) {
        given.modifyIndex = index
        let new = Shared(given)
        let id = new.value.id
        let version = JobVersionKey(of: new.value.job.value)
        if let old {
            if old.value.job !== new.value.job {
                let oldVersion = JobVersionKey(of: old.value.job.value)
                if oldVersion != version {
                    retain(version)
                    release(oldVersion)
                }
            }
            if old.value.evaluationID != new.value.evaluationID {
                Self.remove(id, at: old.value.evaluationID, in: &allocationsOfEvaluation)
                Self.insert(id, at: new.value.evaluationID, in: &allocationsOfEvaluation)
            }
        } else {
            retain(version)
            Self.insert(id, at: new.value.nodeID, in: &allocationsOfNode)
            Self.insert(id, at: version.job, in: &allocationsOfJob)
            Self.insert(id, at: new.value.evaluationID, in: &allocationsOfEvaluation)
        }
        allocationTable.insert(new, at: id)
        counts.count(from: old?.value.clientStatus, to: new.value.clientStatus)
        allocationIndex = index
        feed.note(.allocation(id), at: index)
        updateRow(version.job, at: index) { row in
            row.hadWork = true
            row.liveAllocations +=
                (new.value.isTerminal ? 0 : 1) - (old.map { $0.value.isTerminal ? 0 : 1 } ?? 0)
            row.count(
                new.value.group, from: old?.value.clientStatus, to: new.value.clientStatus,
                at: index)
        }
        countDeployment(of: new, replacing: old, at: index)
    }

    /// Of those that are terminal.
    mutating func delete(allocations ids: [UniqueID], at index: UInt64) {
        for id in ids {
            guard let allocation = allocationTable[id]?.value, allocation.isTerminal else {
                continue
            }
            allocationTable.remove(id)
            counts.count(from: allocation.clientStatus, to: nil)
            Self.remove(id, at: allocation.nodeID, in: &allocationsOfNode)
            Self.remove(id, at: allocation.jobKey, in: &allocationsOfJob)
            Self.remove(id, at: allocation.evaluationID, in: &allocationsOfEvaluation)
            release(JobVersionKey(of: allocation.job.value))
            allocationIndex = index
            feed.note(.allocation(id), at: index)
        }
    }
}

extension Allocation {
    /// - Returns: nil if the update changes nothing. What has ended stays as it was: so does what a node repeats.
    fileprivate func taking(_ update: AllocationUpdate, at index: UInt64) -> Allocation? {
        guard !isClientTerminal else { return nil }
        let states = update.taskStates.flatMap { $0 == taskStates ? nil : $0 }
        let isHealthy = update.isHealthy.flatMap {
            deploymentID == nil || deploymentStatus?.isHealthy == $0 ? nil : $0
        }
        guard
            states != nil || isHealthy != nil || clientStatus != update.clientStatus
                || clientDescription != update.clientDescription
        else { return nil }
        var new = self
        new.clientStatus = update.clientStatus
        new.clientDescription = update.clientDescription
        if let states { new.taskStates = states }
        if let isHealthy {
            new.deploymentStatus = AllocationHealth(
                isHealthy: isHealthy, isCanary: isCanary,
                unixNanoseconds: update.healthUnixNanoseconds, modifyIndex: index)
        }
        return new
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// Takes over what nodes tell; what is unknown, or has ended already, is passed over.
    mutating func update(
        _ updates: [AllocationUpdate], unixNanoseconds: Int64, at index: UInt64
    ) {
        for update in updates {
            guard let old = allocationTable[update.id]?.value else { continue }
            var new = old
            new.take(update, at: index)
            guard new != old else { continue }
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
            guard let old = allocationTable[change.allocation]?.value else { continue }
            let transition = change.transition
            var new = old
            new.transition.migrate = transition.migrate ?? old.transition.migrate
            new.transition.reschedule = transition.reschedule ?? old.transition.reschedule
            new.transition.forceReschedule =
                transition.forceReschedule ?? old.transition.forceReschedule
            store(new, replacing: old, at: index)
        }
    }

    /// The one place where an allocation is written: what follows from it is kept in step.
    mutating func store(_ given: Allocation, replacing old: Allocation?, at index: UInt64) {
        var new = given
        new.modifyIndex = index
        let version = JobVersionKey(of: new.job.value)
        if let old {
            let oldVersion = JobVersionKey(of: old.job.value)
            if oldVersion != version {
                retain(version)
                release(oldVersion)
            }
            if old.evaluationID != new.evaluationID {
                Self.remove(old.id, at: old.evaluationID, in: &allocationsOfEvaluation)
                Self.insert(new.id, at: new.evaluationID, in: &allocationsOfEvaluation)
            }
        } else {
            retain(version)
            Self.insert(new.id, at: new.nodeID, in: &allocationsOfNode)
            Self.insert(new.id, at: new.jobKey, in: &allocationsOfJob)
            Self.insert(new.id, at: new.evaluationID, in: &allocationsOfEvaluation)
        }
        allocationTable.insert(Shared(new), at: new.id)
        counts.count(allocation: new, insteadOf: old)
        allocationIndex = index
        feed.note(.allocation(new.id), at: index)
        updateRow(new.jobKey, at: index) { row in
            row.hadWork = true
            row.liveAllocations +=
                (new.isTerminal ? 0 : 1) - (old.map { $0.isTerminal ? 0 : 1 } ?? 0)
            row.count(new.group, from: old?.clientStatus, to: new.clientStatus, at: index)
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
            counts.count(allocation: nil, insteadOf: allocation)
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
    /// What has ended stays as it was: a node that repeats itself changes nothing.
    fileprivate mutating func take(_ update: AllocationUpdate, at index: UInt64) {
        guard !isClientTerminal else { return }
        clientStatus = update.clientStatus
        clientDescription = update.clientDescription
        if let states = update.taskStates, states != taskStates { taskStates = states }
        guard let isHealthy = update.isHealthy, deploymentID != nil,
            deploymentStatus?.isHealthy != isHealthy
        else { return }
        deploymentStatus = AllocationHealth(
            isHealthy: isHealthy, isCanary: isCanary,
            unixNanoseconds: update.healthUnixNanoseconds, modifyIndex: index)
    }
}

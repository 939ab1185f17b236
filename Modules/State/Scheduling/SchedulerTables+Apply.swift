// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    mutating func apply(_ command: SchedulerCommand, at index: UInt64) -> CommandResult {
        do throws(SchedulerRefusal) {
            lastNotedJob = nil
            if try !carryOutChecked(command, at: index) {
                // What is changed before a refusal is thrown away.
                var next = self
                try next.carryOut(command, at: index)
                self = next
            }
            return lastIndex == index ? .applied(modifyIndex: index) : .unchanged
        } catch {
            return .schedulerRefused(error)
        }
    }

    /// The commands of which there are many, or that change much: they are refused before anything has
    /// changed, or never, and so need no copy.
    ///
    /// - Returns: whether it is one of them.
    private mutating func carryOutChecked(
        _ command: SchedulerCommand, at index: UInt64
    ) throws(SchedulerRefusal) -> Bool {
        switch command {
        case .applyPlan(let entry): try apply(entry, at: index)
        case .upsertEvaluations(let evaluations): try add(evaluations, at: index)
        case .updateAllocations(let updates, let time, let evaluations):
            try checkRoom(evaluations: evaluations)
            update(updates, unixNanoseconds: time, at: index)
            try add(evaluations, at: index)
        case .collect(let garbage): collect(garbage, at: index)
        case .collectNodes(let nodes): collect(nodes, at: index)
        default: return false
        }
        return true
    }

    private mutating func carryOut(
        _ command: SchedulerCommand, at index: UInt64
    ) throws(SchedulerRefusal) {
        switch command {
        case .registerJob(let job, let expected, let evaluations):
            try register(job, expected: expected, at: index)
            try add(evaluations, of: job.key, at: index)
        case .deregisterJob(let key, let purges, let time, let evaluations):
            try deregister(key, purges: purges, submitUnixNanoseconds: time, at: index)
            try add(evaluations, of: key, at: index)
        case .revertJob(let key, let version, let prior, let evaluations):
            try revert(key, to: version, enforcing: prior, at: index)
            try add(evaluations, of: key, at: index)
        case .setJobStability(let key, let version, let isStable):
            try setStability(key, version: version, isStable: isStable, at: index)
        case .registerNodes(let nodes, let evaluations, let makesPools):
            if makesPools { try makePools(of: nodes, at: index) }
            try register(nodes, at: index)
            try add(evaluations, at: index)
        case .setNodeStatus(let changes, let evaluations):
            try setStatus(changes, at: index)
            try add(evaluations, at: index)
        case .setNodeEligibility(let id, let eligibility, let event, let evaluations):
            try setEligibility(id, eligibility, event: event, at: index)
            try add(evaluations, at: index)
        case .setNodeDrain(let changes, let evaluations):
            try setDrain(changes, at: index)
            try add(evaluations, at: index)
        case .addNodeEvents(let id, let events): try add(events, to: id, at: index)
        case .deregisterNodes(let ids, let evaluations):
            try deregister(nodes: ids, at: index)
            try add(evaluations, at: index)
        default: try carryOutLater(command, at: index)
        }
    }

    private mutating func carryOutLater(
        _ command: SchedulerCommand, at index: UInt64
    ) throws(SchedulerRefusal) {
        switch command {
        case .setTransitions(let changes, let evaluations):
            try setTransitions(changes, at: index)
            try add(evaluations, at: index)
        case .setDeploymentStatus(let update, let version, let evaluations):
            try setStatus(update, revertingTo: version, at: index)
            try add(evaluations, at: index)
        case .promoteDeployment(let id, let groups, let evaluations):
            try promote(id, groups: groups, at: index)
            try add(evaluations, at: index)
        case .setDeploymentHealth(let change, let evaluations):
            try setHealth(change, at: index)
            if let update = change.update {
                try setStatus(update, revertingTo: change.revertingTo, at: index)
            }
            try add(evaluations, at: index)
        case .upsertPools(let pools): try upsert(pools, at: index)
        case .deletePools(let names): try deletePools(names, at: index)
        case .sealNodes(let nodes): seal(nodes)
        default: preconditionFailure("carried out before: kind \(command.kind)")
        }
    }

    private mutating func add(
        _ evaluations: [Evaluation], at index: UInt64
    ) throws(SchedulerRefusal) {
        try checkRoom(evaluations: evaluations)
        for evaluation in evaluations { upsert(evaluation, at: index) }
    }

    /// Those of the job are told which version they are about.
    private mutating func add(
        _ evaluations: [Evaluation], of key: JobKey, at index: UInt64
    ) throws(SchedulerRefusal) {
        let current = jobTable[key]?.job.value.jobModifyIndex ?? index
        try add(
            evaluations.map { evaluation in
                guard evaluation.job == key else { return evaluation }
                var told = evaluation
                told.jobModifyIndex = current
                return told
            }, at: index)
    }

    private mutating func collect(_ garbage: Garbage, at index: UInt64) {
        delete(evaluations: garbage.evaluations, at: index)
        delete(allocations: garbage.allocations, at: index)
        delete(deployments: garbage.deployments, at: index)
        for job in garbage.jobs {
            guard let row = jobTable[job.key], row.job.value.modifyIndex == job.modifyIndex,
                row.job.value.status == .dead, row.liveAllocations == 0, row.liveEvaluations == 0
            else { continue }
            purge(row, at: index)
        }
    }
}

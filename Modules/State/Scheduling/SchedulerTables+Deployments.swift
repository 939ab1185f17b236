// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    func checkRoom(for deployment: Deployment) throws(SchedulerRefusal) {
        guard
            deploymentTable[deployment.id] != nil
                || deploymentTable.count < Self.deploymentsMax
        else { throw .full("deployments", max: Self.deploymentsMax) }
    }

    /// Makes it or, of one that goes on, takes over what is wanted of its groups; what is counted stays.
    mutating func upsert(_ given: Deployment, at index: UInt64) {
        guard var known = deploymentTable[given.id]?.value else {
            var new = given
            new.createIndex = index
            store(new, at: index)
            Self.insert(new.id, at: new.job, in: &deploymentsOfJob)
            return
        }
        guard known.isActive else { return }
        known.status = given.status
        known.statusDescription = given.statusDescription
        for group in given.groups {
            guard known.groups[group.key] != nil || known.groups.count < SchedulingBounds.mapMax
            else { continue }
            var state = known.groups[group.key] ?? group.value
            state.desiredTotal = group.value.desiredTotal
            state.desiredCanaries = group.value.desiredCanaries
            known.groups[group.key] = state
        }
        store(known, at: index)
    }

    private mutating func store(_ deployment: Deployment, at index: UInt64) {
        var stored = deployment
        stored.modifyIndex = index
        deploymentTable.insert(Shared(stored), at: deployment.id)
        deploymentIndex = index
        feed.note(.deployment(deployment.id), at: index)
    }

    /// As ``setStatus(_:revertingTo:at:)``, where a plan carries it: what is unknown or has ended is
    /// passed over.
    mutating func takeOver(_ update: DeploymentStatusUpdate, at index: UInt64) {
        guard var deployment = deploymentTable[update.id]?.value, deployment.isActive else {
            return
        }
        deployment.status = update.status
        deployment.statusDescription = update.description
        store(deployment, at: index)
        if update.status == .successful { noteSuccess(of: deployment, at: index) }
    }

    /// - Parameter version: of the job, to go back to.
    mutating func setStatus(
        _ update: DeploymentStatusUpdate, revertingTo version: UInt64?, at index: UInt64
    ) throws(SchedulerRefusal) {
        let deployment = try active(update.id)
        if let version {
            guard self.version(version, of: deployment.job) != nil else {
                throw .unknownVersion(deployment.job, version)
            }
            try revert(deployment.job, to: version, at: index)
        }
        takeOver(update, at: index)
    }

    /// The version is good to go back to.
    private mutating func noteSuccess(of deployment: Deployment, at index: UInt64) {
        do throws(SchedulerRefusal) {
            try setStability(
                deployment.job, version: deployment.jobVersion, isStable: true, at: index)
        } catch {
            // The job or its version is forgotten: there is nothing to mark.
        }
    }

    /// The canaries of the groups become ordinary instances; nil stands for all groups.
    mutating func promote(
        _ id: UniqueID, groups: [String]?, at index: UInt64
    ) throws(SchedulerRefusal) {
        var deployment = try active(id)
        for name in groups ?? [] where deployment.groups[name] == nil {
            throw .notPromotable(id, "deployment has no group \"\(name)\"")
        }
        let chosen = deployment.groups.filter { group in
            group.value.desiredCanaries > 0 && !group.value.isPromoted
                && (groups?.contains(group.key) ?? true)
        }
        guard !chosen.isEmpty else { throw .notPromotable(id, "no canaries to promote") }
        var canaries: [Shared<Allocation>] = []
        for (name, state) in chosen.map({ ($0.key, $0.value) }) {
            let healthy = state.placedCanaries.compactMap { allocationTable[$0] }.filter {
                $0.value.isHealthy && !$0.value.isTerminal
            }
            guard healthy.count >= state.desiredCanaries else {
                throw .notPromotable(
                    id,
                    "Task group \"\(name)\" has \(healthy.count)/\(state.desiredCanaries) healthy "
                        + "allocations")
            }
            canaries += healthy
        }
        for group in chosen { deployment.groups[group.key]?.isPromoted = true }
        deployment.statusDescription = Deployment.runningDescription
        store(deployment, at: index)
        for old in canaries {
            var new = old.value
            new.deploymentStatus?.isCanary = false
            new.deploymentStatus?.modifyIndex = index
            new.allocModifyIndex = index
            store(new, replacing: old, at: index)
        }
    }

    /// Says of allocations of the deployment whether they are healthy.
    mutating func setHealth(
        _ change: DeploymentHealthChange, at index: UInt64
    ) throws(SchedulerRefusal) {
        let id = change.deployment
        _ = try active(id)
        for allocation in change.healthy + change.unhealthy
        where allocationTable[allocation]?.value.deploymentID != id {
            throw .unknownAllocation(allocation)
        }
        for (ids, isHealthy) in [(change.healthy, true), (change.unhealthy, false)] {
            for old in ids.compactMap({ allocationTable[$0] }) {
                var new = old.value
                new.deploymentStatus = AllocationHealth(
                    isHealthy: isHealthy, isCanary: new.isCanary,
                    unixNanoseconds: change.unixNanoseconds, modifyIndex: index)
                new.modifyUnixNanoseconds = change.unixNanoseconds
                store(new, replacing: old, at: index)
            }
        }
    }

    /// Of those that have ended.
    mutating func delete(deployments ids: [UniqueID], at index: UInt64) {
        for id in ids {
            guard let deployment = deploymentTable[id]?.value, !deployment.isActive else {
                continue
            }
            deploymentTable.remove(id)
            Self.remove(id, at: deployment.job, in: &deploymentsOfJob)
            deploymentIndex = index
            feed.note(.deployment(id), at: index)
        }
    }

    private func active(_ id: UniqueID) throws(SchedulerRefusal) -> Deployment {
        guard let deployment = deploymentTable[id]?.value else { throw .unknownDeployment(id) }
        guard deployment.isActive else { throw .deploymentEnded(id, deployment.status) }
        return deployment
    }

    // MARK: Counting

    /// Keeps the numbers of the allocation's deployment in step with it, and its deadline: that begins
    /// with the first instance, and is put off by each that becomes healthy.
    mutating func countDeployment(
        of row: Shared<Allocation>, replacing old: Shared<Allocation>?, at index: UInt64
    ) {
        guard let id = row.value.deploymentID else { return }
        let isPlaced = old?.value.deploymentID != id
        let before = isPlaced ? nil : old?.value.deploymentStatus?.isHealthy
        let after = row.value.deploymentStatus?.isHealthy
        // Of most changes a deployment counts nothing.
        guard isPlaced || before != after || row.value.isCanary,
            var deployment = deploymentTable[id]?.value,
            var state = deployment.groups[row.value.group]
        else { return }
        let isNewCanary =
            row.value.isCanary && !state.placedCanaries.contains(row.value.id)
            && state.placedCanaries.count < SchedulingBounds.instancesMax
        guard isPlaced || before != after || isNewCanary else { return }
        if isPlaced { state.placedAllocations += 1 }
        if isNewCanary { state.placedCanaries.append(row.value.id) }
        // An instance may have been judged before the deployment was there.
        state.healthyAllocations = max(
            0, state.healthyAllocations + (after == true ? 1 : 0) - (before == true ? 1 : 0))
        state.unhealthyAllocations = max(
            0, state.unhealthyAllocations + (after == false ? 1 : 0) - (before == false ? 1 : 0))
        if state.progressDeadline > .zero {
            if isPlaced, state.requireProgressByUnixNanoseconds == 0 {
                state.requireProgress(after: row.value.modifyUnixNanoseconds)
            } else if after == true, before != true {
                state.requireProgress(after: row.value.deploymentStatus?.unixNanoseconds ?? 0)
            }
        }
        deployment.groups[row.value.group] = state
        store(deployment, at: index)
    }
}

extension DeploymentGroupState {
    fileprivate mutating func requireProgress(after unixNanoseconds: Int64) {
        let (deadline, isTooLate) = unixNanoseconds.addingReportingOverflow(
            progressDeadline.nanoseconds)
        requireProgressByUnixNanoseconds = max(
            requireProgressByUnixNanoseconds, isTooLate ? .max : deadline)
    }
}

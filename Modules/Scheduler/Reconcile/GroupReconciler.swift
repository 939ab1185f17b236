// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Decides about one group of a service or batch job.
///
/// Instances are sorted into pools, what is too much is stopped, what is of an older version is
/// updated or replaced as fast as the update strategy allows, and what is missing is placed.
///
/// - Invariant: instances that stay or migrate and places that are asked for or withheld come to the
///   group's count, unless instances that have ended are more.
struct GroupReconciler {
    let input: ReconcileInput
    let job: Shared<Job>
    let group: TaskGroup
    let groupIndex: Int
    /// What an instance would be given on its node under the new version; nil: it does not fit.
    let resourcesInPlace: (Shared<Allocation>, Int) -> Shared<AllocatedResources>?

    var deployment: DeploymentContext
    var followUps: FollowUps
    var ids: IDSource
    var result = Reconciliation()

    var pools = InstancePools()
    /// Of the deployment that goes on, and not promoted so far.
    var canaries: [Shared<Allocation>] = []
    var destructive: [Shared<Allocation>] = []
    var inPlaceCount = 0
    var numbers = InstanceNumbers(count: 0)
    var state = DeploymentGroupState()
    var hasState = false
    var desired = DesiredUpdates()
    private(set) var isComplete = false

    init(
        _ input: ReconcileInput, job: Shared<Job>, groupIndex: Int,
        deployment: DeploymentContext, followUps: FollowUps, ids: IDSource,
        resourcesInPlace: @escaping (Shared<Allocation>, Int) -> Shared<AllocatedResources>?
    ) {
        self.input = input
        self.job = job
        self.groupIndex = groupIndex
        group = job.value.groups[groupIndex]
        self.deployment = deployment
        self.followUps = followUps
        self.ids = ids
        self.resourcesInPlace = resourcesInPlace
    }

    var count: Int { max(0, group.count) }

    /// nil where nothing is deployed step by step.
    var strategy: UpdateStrategy? {
        guard let update = group.update, update.maxParallel > 0 else { return nil }
        return update
    }

    var isCanarying: Bool { state.desiredCanaries > 0 && !state.isPromoted }
    var mayProceed: Bool { !deployment.isPaused && !deployment.isFailed && !isCanarying }

    // MARK: The steps

    /// - Parameter allocations: the group's, ordered by number, then by age.
    mutating func reconcile(_ allocations: [Shared<Allocation>]) {
        readState()
        let sorter = InstanceSorter(input: input, job: job.value, deployment: deployment)
        pools = sorter.sort(allocations)
        ignoreEnded(pools.ignoredCount)
        sortOutCanaries()
        stopLost()
        ignoreShadowed()
        stopSurplus()
        noteLaterRetries()
        takeNumbers()
        update()
        let needsCanaries = placeCanaries()
        let limit = limit()
        let missing = missing()
        let placedCount = place(missing)
        replace(atMost: mayProceed ? max(0, limit - placedCount) : 0)
        migrate()
        finishState(missing: missing.count, needsCanaries: needsCanaries)
    }

    private mutating func readState() {
        if let known = deployment.current?.groups[group.name] {
            state = known
            hasState = true
        } else if let strategy {
            state.autoRevert = strategy.autoRevert
            state.autoPromote = strategy.autoPromote
            state.progressDeadline = strategy.progressDeadline
        }
    }

    mutating func stop(
        _ allocation: Shared<Allocation>, _ reason: String,
        clientStatus: Allocation.ClientStatus? = nil, followUp: UniqueID? = nil
    ) {
        result.stops.append(
            PlacementPlan.Stop(
                allocation, description: reason, clientStatus: clientStatus,
                followUpEvaluationID: followUp))
    }

    /// Of what has ended a person wants to know only where it is work that is done.
    mutating func ignoreEnded(_ count: Int) {
        if job.value.type == .batch { desired.ignore += count }
    }

    /// Canaries of another deployment stop. Those of this one are set apart; where one has lost its
    /// node or leaves it, another one takes its place.
    private mutating func sortOutCanaries() {
        let isOver = deployment.isObsoleteCanary
        for allocation in pools.staying where isOver(allocation.value) {
            if allocation.value.isTerminal {
                ignoreEnded(1)
                continue
            }
            stop(allocation, StopReason.notNeeded)
            desired.stop += 1
        }
        pools.staying.removeAll { isOver($0.value) }
        pools.later.removeAll { isOver($0.allocation.value) }
        pools.rescheduling.removeAll { isOver($0.value) }

        let ids = Set(state.placedCanaries)
        let isCanary = { (allocation: Shared<Allocation>) in
            ids.contains(allocation.value.id) || isOver(allocation.value)
        }
        guard !state.isPromoted else {
            canaries = pools.staying.filter(isCanary)
            return
        }
        for allocation in pools.migrating where isCanary(allocation) {
            stop(allocation, StopReason.migrating)
            desired.stop += 1
        }
        for allocation in pools.lost where isCanary(allocation) {
            stop(allocation, StopReason.lost, clientStatus: .lost)
            desired.stop += 1
        }
        pools.migrating.removeAll(where: isCanary)
        pools.lost.removeAll(where: isCanary)
        pools.unreplaced.removeAll(where: isCanary)
        canaries = pools.staying.filter(isCanary)
    }

    private mutating func stopLost() {
        for allocation in pools.lost {
            stop(allocation, StopReason.lost, clientStatus: .lost)
            desired.stop += 1
        }
        let awaited = pools.newlyAwaited
        guard !awaited.isEmpty else { return }
        let evaluations = followUps.add(
            awaited.map(\.until), reason: "created for lost allocations that are waited for",
            ids: &ids)
        for (lost, evaluation) in zip(awaited, evaluations) {
            stop(lost.allocation, StopReason.lost, clientStatus: .lost, followUp: evaluation)
            desired.stop += 1
        }
        pools.awaited += awaited.map(\.allocation)
    }

    private mutating func noteLaterRetries() {
        let evaluations = followUps.add(
            pools.later.map(\.at), reason: "created for delayed rescheduling", ids: &ids)
        for (retry, evaluation) in zip(pools.later, evaluations) {
            var allocation = retry.allocation.value
            allocation.followUpEvaluationID = evaluation
            result.changed.append(allocation)
        }
    }
}

// MARK: The deployment

extension GroupReconciler {
    private mutating func finishState(missing: Int, needsCanaries: Bool) {
        let changesSpec = !destructive.isEmpty || inPlaceCount > 0
        if !hasState { state.desiredTotal = destructive.count + inPlaceCount + missing }
        let begins =
            !hasState && strategy != nil && state.desiredTotal > 0
            && (!pools.hasCurrentVersion || changesSpec) && !deployment.isFailed
        if begins || (hasState && deployment.current?.isActive == true) {
            deployment.set(state, group: group.name, of: job.value, ids: &ids)
        }
        let isIdle =
            destructive.isEmpty && inPlaceCount == 0 && missing == 0 && !needsCanaries
            && pools.migrating.isEmpty && pools.rescheduling.isEmpty && pools.later.isEmpty
        isComplete = isIdle && isHealthyEnough
    }

    private var isHealthyEnough: Bool {
        guard let state = deployment.current?.groups[group.name] else { return true }
        if isCanarying { return false }
        return state.healthyAllocations >= max(state.desiredTotal, state.desiredCanaries)
    }
}

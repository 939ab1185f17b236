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

    private var pools = InstancePools()
    /// Of the deployment that goes on, and not promoted so far.
    private var canaries: [Shared<Allocation>] = []
    private var destructive: [Shared<Allocation>] = []
    private var inPlaceCount = 0
    private var numbers = InstanceNumbers(count: 0)
    private var state = DeploymentGroupState()
    private var hasState = false
    private(set) var desired = DesiredUpdates()
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

    private var count: Int { max(0, group.count) }

    /// nil where nothing is deployed step by step.
    private var strategy: UpdateStrategy? {
        guard let update = group.update, update.maxParallel > 0 else { return nil }
        return update
    }

    private var isCanarying: Bool { state.desiredCanaries > 0 && !state.isPromoted }
    private var mayProceed: Bool { !deployment.isPaused && !deployment.isFailed && !isCanarying }

    // MARK: The steps

    /// - Parameter allocations: the group's, ordered by number, then by age.
    mutating func reconcile(_ allocations: [Shared<Allocation>]) {
        readState()
        let sorter = InstanceSorter(input: input, job: job.value, deployment: deployment)
        pools = sorter.sort(allocations)
        desired.ignore += pools.ignoredCount
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

    private mutating func stop(
        _ allocation: Shared<Allocation>, _ reason: String,
        clientStatus: Allocation.ClientStatus? = nil, followUp: UniqueID? = nil
    ) {
        result.stops.append(
            Plan.Stop(
                allocation, description: reason, clientStatus: clientStatus,
                followUpEvaluationID: followUp))
    }

    /// Canaries of another deployment stop. Those of this one are set apart; where one has lost its
    /// node or leaves it, another one takes its place.
    private mutating func sortOutCanaries() {
        let isOver = deployment.isObsoleteCanary
        for allocation in pools.staying where isOver(allocation.value) {
            if allocation.value.isTerminal {
                desired.ignore += 1
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

// MARK: Too many

extension GroupReconciler {
    /// While canaries try the new version they are beyond the count.
    private var counted: [Shared<Allocation>] {
        guard isCanarying else { return pools.staying }
        let ids = Set(canaries.map(\.value.id))
        return pools.staying.filter { !ids.contains($0.value.id) }
    }

    /// What has ended counts for nothing where another instance runs under its number.
    private mutating func ignoreShadowed() {
        let live = Set(counted.filter { !$0.value.isTerminal }.map(\.value.index))
        let isShadowed = { (allocation: Shared<Allocation>) in
            allocation.value.isTerminal && live.contains(allocation.value.index)
        }
        let count = pools.staying.count
        pools.staying.removeAll(where: isShadowed)
        pools.later.removeAll { isShadowed($0.allocation) }
        desired.ignore += count - pools.staying.count
    }

    /// Of those who share a number all but one go; then the surplus: who migrates anyway, then the
    /// highest numbers.
    private mutating func stopSurplus() {
        let counted = counted
        // Batch instances that have ended well cannot be taken back.
        let removable = counted.filter { !$0.value.isTerminal || $0.value.clientStatus == .failed }
        var leaving = Set(duplicates(among: removable).map(\.value.id))
        var surplus =
            counted.count + pools.migrating.count + pools.rescheduling.count
            + pools.awaited.count - leaving.count - count
        let order =
            pools.migrating.reversed()
            + highestFirst(removable + pools.rescheduling + pools.awaited)
        for allocation in order where surplus > 0 {
            if leaving.insert(allocation.value.id).inserted { surplus -= 1 }
        }
        remove(leaving)
    }

    /// All but the best of each number: one that stays is better than one that is replaced anyway, a
    /// promoted canary better than what it stands for, the present version better than another one,
    /// the newer better than the older.
    private func duplicates(among staying: [Shared<Allocation>]) -> [Shared<Allocation>] {
        let promoted = Set(state.isPromoted ? canaries.map(\.value.id) : [])
        let stays = Set(staying.map(\.value.id))
        func rank(_ held: Shared<Allocation>) -> (Int, Int, UInt64, UniqueID) {
            let allocation = held.value
            let isCurrent = UpdateCheck.isSameVersion(allocation.job.value, job.value)
            let standing = promoted.contains(allocation.id) ? 2 : 0
            return (
                standing + (stays.contains(allocation.id) ? 1 : 0), isCurrent ? 1 : 0,
                allocation.createIndex, allocation.id
            )
        }
        let instances = staying + pools.migrating + pools.rescheduling
        var best: [Int: Shared<Allocation>] = [:]
        for held in instances {
            if let other = best[held.value.index], rank(other) >= rank(held) { continue }
            best[held.value.index] = held
        }
        return instances.filter { best[$0.value.index]?.value.id != $0.value.id }
    }

    private func highestFirst(_ allocations: [Shared<Allocation>]) -> [Shared<Allocation>] {
        allocations.sorted { ($1.value.index, $1.value.id) < ($0.value.index, $0.value.id) }
    }

    /// Who is awaited is stopped already: it is only not replaced.
    private mutating func remove(_ leaving: Set<UniqueID>) {
        let isLeaving = { (allocation: Shared<Allocation>) in leaving.contains(allocation.value.id)
        }
        for allocation in pools.staying + pools.migrating + pools.rescheduling
        where isLeaving(allocation) {
            stop(allocation, StopReason.notNeeded)
            desired.stop += 1
        }
        pools.staying.removeAll(where: isLeaving)
        pools.later.removeAll { isLeaving($0.allocation) }
        pools.migrating.removeAll(where: isLeaving)
        pools.rescheduling.removeAll(where: isLeaving)
        pools.awaited.removeAll(where: isLeaving)
        canaries.removeAll(where: isLeaving)
    }

    private mutating func takeNumbers() {
        numbers = InstanceNumbers(count: count)
        for pool in [pools.staying, pools.migrating, pools.rescheduling, pools.awaited] {
            for allocation in pool { numbers.take(allocation.value.index) }
        }
    }
}

// MARK: Of an older version

extension GroupReconciler {
    private mutating func update() {
        for allocation in pools.staying {
            let check = UpdateCheck.compare(allocation.value, with: job.value, group: group)
            switch check {
            case .none: desired.ignore += 1
            case .destructive: destructive.append(allocation)
            case .inPlace: updateInPlace(allocation)
            }
        }
    }

    private mutating func updateInPlace(_ allocation: Shared<Allocation>) {
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
    private mutating func placeCanaries() -> Bool {
        guard let strategy, !destructive.isEmpty || isCanarying, !state.isPromoted,
            canaries.count < strategy.canary
        else { return false }
        state.desiredCanaries = strategy.canary
        guard !deployment.isPaused, !deployment.isFailed else { return true }
        for number in canaryNumbers(strategy.canary - canaries.count) {
            var request = PlacementRequest(group: groupIndex, index: number)
            request.isCanary = true
            result.places.append(Reconciliation.Place(request))
            desired.canary += 1
        }
        return true
    }

    /// A canary has the number of an instance that it will replace, if there are enough.
    private mutating func canaryNumbers(_ wanted: Int) -> [Int] {
        let held = Set(canaries.map(\.value.index))
        let replaced = destructive.map(\.value.index).filter { !held.contains($0) && $0 < count }
        let chosen = Array(Set(replaced)).sorted().prefix(wanted)
        return chosen + numbers.takeFree(wanted - chosen.count)
    }

    /// How many instances may be replaced or newly placed by this evaluation (H3).
    private func limit() -> Int {
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

    private mutating func replace(atMost limit: Int) {
        let replaced = destructive.prefix(limit)
        for allocation in replaced {
            var request = PlacementRequest(group: groupIndex, index: allocation.value.index)
            request.previous = allocation
            request.isDestructive = true
            request.preferredNode = stickyNode(of: allocation)
            result.destructive.append(
                Reconciliation.Replacement(
                    stop: Plan.Stop(allocation, description: StopReason.updating),
                    request: request))
        }
        desired.destructiveUpdate += replaced.count
        desired.ignore += destructive.count - replaced.count
    }
}

// MARK: Too few

extension GroupReconciler {
    /// An instance that is missing, and why.
    private struct Missing {
        var place: Reconciliation.Place
        /// Set for one that failed: it stops when its replacement is asked for.
        var failed: Shared<Allocation>?
        /// It was there and its place was taken from it, so that it comes back whatever becomes of
        /// the deployment.
        var isRestored = false
    }

    /// First who failed, then who was lost or evicted, up to the count, then new numbers.
    private mutating func missing() -> [Missing] {
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

    private func replacement(
        of allocation: Shared<Allocation>, number: Int
    ) -> Reconciliation.Place {
        var request = PlacementRequest(group: groupIndex, index: number)
        request.previous = allocation
        request.preferredNode = stickyNode(of: allocation)
        return Reconciliation.Place(request, olderJob: olderJob(of: allocation.value))
    }

    /// While canaries try the new version, what replaces the others runs theirs.
    private func olderJob(of allocation: Allocation) -> Shared<Job>? {
        guard isCanarying, !allocation.isCanary,
            !UpdateCheck.isSameVersion(allocation.job.value, job.value),
            allocation.ownGroup != nil
        else { return nil }
        return allocation.job
    }

    private func stickyNode(of allocation: Shared<Allocation>) -> UniqueID? {
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
    private mutating func place(_ missing: [Missing]) -> Int {
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

    private mutating func migrate() {
        for allocation in pools.migrating {
            stop(allocation, StopReason.migrating)
            var place = replacement(of: allocation, number: allocation.value.index)
            place.request.isCanary = allocation.value.isCanary && isCanarying
            result.places.append(place)
            desired.migrate += 1
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

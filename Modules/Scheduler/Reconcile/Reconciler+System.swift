// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension Reconciler {
    /// For system and sysbatch jobs: every instance of every group on every ready node.
    ///
    /// A sysbatch instance of the present version that has ended well is not run again. What runs
    /// on a node that takes no new work stays there.
    package static func reconcileSystem(
        _ input: ReconcileInput,
        resourcesInPlace: (Shared<Allocation>, Int) -> Shared<AllocatedResources>?
    ) -> Reconciliation {
        var result = Reconciliation()
        var byGroup = Dictionary(grouping: input.allocations) { $0.value.group }
        if let job = input.job, !input.isStopped {
            var limit = updateLimit(of: job.value)
            var seats = SchedulingBounds.seatsMax
            for groupIndex in job.value.groups.indices {
                let name = job.value.groups[groupIndex].name
                withoutActuallyEscaping(resourcesInPlace) { resourcesInPlace in
                    var group = SystemGroupReconciler(
                        input: input, job: job, groupIndex: groupIndex,
                        resourcesInPlace: resourcesInPlace, limit: limit, seats: seats)
                    swap(&group.result, &result)
                    group.reconcile(byGroup.removeValue(forKey: name) ?? [])
                    swap(&group.result, &result)
                    (limit, seats) = (group.limit, group.seats)
                    result.desired[name] = group.desired
                }
            }
        }
        stopGroups(byGroup, input, into: &result)
        loseStopped(input, into: &result)
        return result
    }

    /// Instances that may be replaced at a time (I3); all of them without a stagger.
    private static func updateLimit(of job: Job) -> Int {
        guard let update = job.update, update.maxParallel > 0, update.stagger > .zero else {
            return .max
        }
        return update.maxParallel
    }
}

/// Decides about one group of a system job.
struct SystemGroupReconciler {
    let input: ReconcileInput
    let job: Shared<Job>
    let groupIndex: Int
    let resourcesInPlace: (Shared<Allocation>, Int) -> Shared<AllocatedResources>?

    /// Instances that may still be replaced.
    private(set) var limit: Int
    /// Seats that may still be filled: there is a request for each. What is beyond waits for another
    /// evaluation of the job.
    private(set) var seats: Int
    private(set) var desired = DesiredUpdates()
    var result = Reconciliation()

    /// Where an instance belongs.
    private struct Seat: Hashable {
        let nodeID: UniqueID
        let index: Int
    }

    /// Seats that nobody needs to fill.
    private var filled: Set<Seat> = []
    /// Of the others, whose last holder left unreplaced: the newest.
    private var former: [Seat: Shared<Allocation>] = [:]

    init(
        input: ReconcileInput, job: Shared<Job>, groupIndex: Int,
        resourcesInPlace: @escaping (Shared<Allocation>, Int) -> Shared<AllocatedResources>?,
        limit: Int, seats: Int
    ) {
        self.input = input
        self.job = job
        self.groupIndex = groupIndex
        self.resourcesInPlace = resourcesInPlace
        self.limit = limit
        self.seats = seats
    }

    private var group: TaskGroup { job.value.groups[groupIndex] }

    mutating func reconcile(_ allocations: [Shared<Allocation>]) {
        let ready = Set(input.readyNodes)
        // The newest first: of two in one seat it stays.
        for allocation in newestFirst(allocations) { decide(allocation, ready: ready) }
        for nodeID in input.readyNodes {
            guard seats > 0 else { break }
            for index in 0..<max(0, group.count) { fill(Seat(nodeID: nodeID, index: index)) }
        }
    }

    private func newestFirst(_ allocations: [Shared<Allocation>]) -> [Shared<Allocation>] {
        allocations.sorted {
            ($1.value.createIndex, $1.value.id) < ($0.value.createIndex, $0.value.id)
        }
    }

    private mutating func decide(_ held: Shared<Allocation>, ready: Set<UniqueID>) {
        let allocation = held.value
        let seat = Seat(nodeID: allocation.nodeID, index: allocation.index)
        if allocation.isTerminal {
            decideOnEnded(held, seat: seat)
        } else if input.taints[allocation.nodeID] == .lost {
            stop(held, StopReason.lost, clientStatus: .lost)
        } else if allocation.transition.shouldMigrate {
            result.stops.append(PlacementPlan.Stop(held, description: StopReason.migrating))
            desired.migrate += 1
            if former[seat] == nil { former[seat] = held }
        } else if allocation.index >= group.count || input.foreignNodes.contains(seat.nodeID)
            || filled.contains(seat)
        {
            stop(held, StopReason.notNeeded)
        } else {
            filled.insert(seat)
            update(held, isReady: ready.contains(seat.nodeID))
        }
    }

    private mutating func decideOnEnded(_ held: Shared<Allocation>, seat: Seat) {
        let allocation = held.value
        let isDone =
            job.value.type == .sysbatch && allocation.desiredStatus == .run
            && allocation.ranSuccessfully
            && !allocation.transition.shouldMigrate
            && UpdateCheck.isSameVersion(allocation.job.value, job.value)
        if isDone {
            desired.ignore += 1
            filled.insert(seat)
        } else if allocation.nextAllocation == nil, former[seat] == nil {
            former[seat] = held
        }
    }

    private mutating func stop(
        _ allocation: Shared<Allocation>, _ reason: String,
        clientStatus: Allocation.ClientStatus? = nil
    ) {
        result.stops.append(
            PlacementPlan.Stop(allocation, description: reason, clientStatus: clientStatus))
        desired.stop += 1
    }

    /// - Parameter isReady: whether its node takes new work; else it stays as it is.
    private mutating func update(_ held: Shared<Allocation>, isReady: Bool) {
        let check = UpdateCheck.compare(held.value, with: job.value, group: group)
        guard isReady, check != .none else {
            desired.ignore += 1
            return
        }
        if check == .inPlace, let resources = resourcesInPlace(held, groupIndex) {
            var updated = held.value
            updated.job = job
            updated.evaluationID = input.evaluation.id
            if updated.resources != resources { updated.resources = resources }
            result.changed.append(updated)
            desired.inPlaceUpdate += 1
        } else if limit > 0 {
            limit -= 1
            replace(held)
        } else {
            result.isLimited = true
            desired.ignore += 1
        }
    }

    private mutating func replace(_ held: Shared<Allocation>) {
        var request = request(for: Seat(nodeID: held.value.nodeID, index: held.value.index))
        request.previous = held
        request.isDestructive = true
        let stop = PlacementPlan.Stop(held, description: StopReason.updating)
        result.destructive.append(Reconciliation.Replacement(stop: stop, request: request))
        desired.destructiveUpdate += 1
    }

    private mutating func fill(_ seat: Seat) {
        guard !filled.contains(seat), seats > 0 else { return }
        seats -= 1
        var request = request(for: seat)
        request.previous = former[seat]
        result.places.append(Reconciliation.Place(request))
        desired.place += 1
    }

    private func request(for seat: Seat) -> PlacementRequest {
        var request = PlacementRequest(group: groupIndex, index: seat.index)
        request.requiredNode = seat.nodeID
        return request
    }
}

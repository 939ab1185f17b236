// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// The steps of ``Scheduling/evaluate(_:placer:)``.
struct SchedulingAttempt<Placer: Placing> {
    private let input: Scheduling.Input
    private let makePlacer: (Shared<Job>, UInt64) -> Placer
    private var ids: IDSource
    private let seed: UInt64
    private var placer: Placer?
    private var proposal: Scheduling.Proposal
    private var failed: SortedMap<PlacementMetric> = [:]
    private var failedGroups: Set<Int> = []
    private var exhausted: Set<UniqueID> = []

    init(
        _ input: Scheduling.Input, makePlacer: @escaping (Shared<Job>, UInt64) -> Placer
    ) {
        self.input = input
        self.makePlacer = makePlacer
        let evaluation = input.reconcile.evaluation
        ids = IDSource(
            evaluationID: evaluation.id, snapshotIndex: input.snapshotIndex,
            attempt: input.attempt)
        seed = ids.seed
        let plan = PlacementPlan(
            evaluationID: evaluation.id, token: input.token, priority: evaluation.priority,
            job: input.reconcile.job, snapshotIndex: input.snapshotIndex)
        proposal = Scheduling.Proposal(plan: plan, ids: ids)
    }

    private var job: Shared<Job>? { input.reconcile.job }
    private var evaluation: Evaluation { input.reconcile.evaluation }

    mutating func run() -> Scheduling.Proposal {
        if !input.reconcile.isStopped { placer = job.map { makePlacer($0, seed) } }
        let reconciliation = reconcile()
        var builder = stage(reconciliation, placing: true)
        if job?.value.isAllAtOnce == true, !failed.isEmpty {
            // All or nothing: what was found is given up.
            proposal.desired = [:]
            builder = stage(reconciliation, placing: false)
        }
        finish(reconciliation, builder)
        return proposal
    }

    private mutating func reconcile() -> Reconciliation {
        let placer = placer
        let resourcesInPlace = { (allocation: Shared<Allocation>, group: Int) in
            placer?.resourcesInPlace(of: allocation.value, group: group)
        }
        // What the job is now counts, not what it was when somebody asked.
        if (job?.value.type ?? evaluation.type).isSystem {
            return Reconciler.reconcileSystem(
                input.reconcile, resourcesInPlace: resourcesInPlace)
        }
        return Reconciler.reconcile(
            input.reconcile, ids: &ids, resourcesInPlace: resourcesInPlace)
    }

    /// Stops first, since they make room; then what is replaced on condition; then the rest.
    private mutating func stage(_ reconciliation: Reconciliation, placing: Bool) -> PlanBuilder {
        var builder = PlanBuilder(
            evaluation: evaluation, reconciliation: reconciliation,
            existing: input.reconcile.deployment,
            unixNanoseconds: input.reconcile.unixNanoseconds, ids: ids)
        for stop in reconciliation.stops {
            builder.stop(stop)
            if placing { placer?.stop(stop.allocation.value.id) }
        }
        for allocation in reconciliation.changed {
            builder.change(allocation, updatesJob: allocation.evaluationID == evaluation.id)
        }
        guard let job, let placer, placing else { return builder }
        for replacement in reconciliation.destructive {
            replace(replacement, with: placer, job: job, into: &builder)
        }
        place(reconciliation.places, with: placer, job: job, into: &builder)
        return builder
    }

    // MARK: Placing

    /// One by one: the room of an instance whose replacement finds no node must not be given to
    /// another one.
    private mutating func replace(
        _ replacement: Reconciliation.Replacement, with placer: Placer, job: Shared<Job>,
        into builder: inout PlanBuilder
    ) {
        let request = replacement.request
        want(request, of: job)
        // The group has failed: the others of it would too. A system job's nodes are each their own.
        if request.requiredNode == nil, failedGroups.contains(request.group) {
            coalesce(request, of: job)
            return
        }
        let id = replacement.stop.allocation.value.id
        placer.stop(id)
        guard let outcome = placer.place([request]).first else { return }
        switch outcome {
        case .placed: builder.stop(replacement.stop)
        case .failed: placer.restore(id)
        // The node is not for this job any more.
        case .filtered: builder.stop(replacement.stop)
        }
        take(outcome, of: request, job: job, isOlderJob: false, into: &builder)
    }

    private mutating func place(
        _ places: [Reconciliation.Place], with placer: Placer, job: Shared<Job>,
        into builder: inout PlanBuilder
    ) {
        let present = places.filter { $0.olderJob == nil }.map(\.request)
        for request in present { want(request, of: job) }
        let outcomes = present.isEmpty ? [] : placer.place(present)
        for (request, outcome) in zip(present, outcomes) {
            take(outcome, of: request, job: job, isOlderJob: false, into: &builder)
        }
        for place in places {
            guard let older = place.olderJob else { continue }
            placeOlder(place.request, older, newer: job, into: &builder)
        }
    }

    /// An instance that goes on under the version that it had.
    private mutating func placeOlder(
        _ request: PlacementRequest, _ older: Shared<Job>, newer: Shared<Job>,
        into builder: inout PlanBuilder
    ) {
        want(request, of: newer)
        let name = newer.value.groups[request.group].name
        guard let group = older.value.index(ofGroup: name) else { return }
        var moved = request
        moved.group = group
        guard let outcome = makePlacer(older, seed).place([moved]).first else { return }
        if case .placed = outcome {
            take(outcome, of: moved, job: older, isOlderJob: true, into: &builder)
        } else {
            take(outcome, of: request, job: newer, isOlderJob: true, into: &builder)
        }
    }

    private mutating func take(
        _ outcome: PlacementOutcome, of request: PlacementRequest, job: Shared<Job>,
        isOlderJob: Bool, into builder: inout PlanBuilder
    ) {
        let name = job.value.groups[request.group].name
        switch outcome {
        case .placed(let placement):
            builder.place(placement, job: job, isOlderJob: isOlderJob)
            proposal.desired[name, default: DesiredUpdates()].preemptions +=
                placement.victims.count
        case .filtered:
            // Not a failure, and nothing that waits (I2).
            proposal.wanted[name, default: 0] -= 1
        case .failed(let metric):
            fail(request, metric.value, of: job)
        }
    }

    private mutating func want(_ request: PlacementRequest, of job: Shared<Job>) {
        proposal.wanted[job.value.groups[request.group].name, default: 0] += 1
    }

    // MARK: Failures

    /// The first failure of a group says why; the others are counted.
    private mutating func fail(
        _ request: PlacementRequest, _ metric: PlacementMetric, of job: Shared<Job>
    ) {
        let name = job.value.groups[request.group].name
        if let node = request.requiredNode { exhausted.insert(node) }
        if failed[name] != nil {
            coalesce(request, of: job)
            return
        }
        var first = metric
        first.coalescedFailures = 0
        first.addExhausted(job.value.groups[request.group])
        failed[name] = first
        failedGroups.insert(request.group)
    }

    private mutating func coalesce(_ request: PlacementRequest, of job: Shared<Job>) {
        let group = job.value.groups[request.group]
        failed[group.name]?.coalescedFailures += 1
        failed[group.name]?.addExhausted(group)
    }

    // MARK: The end

    private mutating func finish(_ reconciliation: Reconciliation, _ builder: PlanBuilder) {
        for element in reconciliation.desired {
            var desired = element.value
            desired.preemptions += proposal.desired[element.key]?.preemptions ?? 0
            proposal.desired[element.key] = desired
        }
        proposal.plan = builder.build(
            token: input.token, job: job, snapshotIndex: input.snapshotIndex,
            updates: reconciliation.deploymentUpdates)
        proposal.ids = builder.ids
        proposal.followUps = reconciliation.followUps
        proposal.failedGroups = failed
        proposal.exhaustedNodes = exhausted.sorted()
        proposal.isLimited = reconciliation.isLimited
        proposal.deploymentID = reconciliation.deploymentID
        proposal.eligibility = mergedEligibility()
        if evaluation.annotatesPlan {
            var annotations = PlanAnnotations()
            annotations.desiredUpdates = proposal.desired
            annotations.preempted = builder.preempted
            proposal.plan.annotations = annotations
        }
    }

    /// A class will do if it does for one of the groups that wait.
    private func mergedEligibility() -> ClassEligibility {
        var merged = ClassEligibility()
        for group in failedGroups.sorted() {
            guard let eligibility = placer?.eligibility(of: group) else { continue }
            merged.isEscaped = merged.isEscaped || eligibility.isEscaped
            for element in eligibility.classes {
                merged.classes[element.key] = element.value || merged.classes[element.key] ?? false
            }
        }
        return merged
    }
}

extension PlacementMetric {
    /// Adds what one more instance without a place asked of the amounts that were exhausted, by task.
    fileprivate mutating func addExhausted(_ group: TaskGroup) {
        let lacksCPU = dimensionExhausted["cpu"] != nil
        let lacksMemory = dimensionExhausted["memory"] != nil
        guard lacksCPU || lacksMemory else { return }
        for task in group.tasks {
            let asked = CombinedResources(
                cpu: lacksCPU ? task.resources.cpu : 0,
                memoryMB: lacksMemory ? task.resources.memoryMB : 0)
            resourcesExhausted[task.name] =
                (resourcesExhausted[task.name] ?? CombinedResources()) + asked
        }
    }
}

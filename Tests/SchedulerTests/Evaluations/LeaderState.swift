// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler

/// A cluster's state in a few dictionaries, and what its leader would do to it: the tables of the
/// real one are State's.
struct LeaderState {
    var index: UInt64 = 10
    var now: Int64 = 1_000_000 * second
    var nodes: [UniqueID: Node] = [:]
    var jobs: [JobKey: Shared<Job>] = [:]
    var allocations: [UniqueID: Shared<Allocation>] = [:]
    var deployments: [UniqueID: Deployment] = [:]
    var evaluations: [UniqueID: Evaluation] = [:]
    var preemption = PreemptionConfig()
    var ledger = ClusterLedger()
    /// Every plan that was submitted.
    var plans: [PlacementPlan] = []
    /// Nodes whose part of a plan was refused.
    var rejections = 0
    /// Who finds nodes: the index over the cluster, or the one that tries them all.
    private let view: ClusterView?
    private var evaluationCount = 0

    init(nodes: Int = 0, isIndexed: Bool = false) {
        view = isIndexed ? ClusterView() : nil
        for number in 0..<nodes { add(.fixture(number + 1)) }
    }

    // MARK: Nodes and jobs

    mutating func add(_ node: Node) {
        index += 1
        var node = node
        node.modifyIndex = index
        nodes[node.id] = node
        ledger.apply(node)
        view?.apply(node)
    }

    mutating func change(node number: Int, _ change: (inout Node) -> Void) {
        guard var node = nodes[.node(number)] else { return }
        change(&node)
        add(node)
    }

    /// Registers a job, or a new version of it.
    mutating func register(_ job: Job) -> Evaluation {
        index += 1
        var job = job
        let known = jobs[job.key]?.value
        job.version = known.map { $0.version + 1 } ?? 0
        job.createIndex = known?.createIndex ?? index
        job.jobModifyIndex = index
        job.modifyIndex = index
        jobs[job.key] = Shared(job)
        return evaluation(of: job.key, job.isStopped ? .jobDeregister : .jobRegister)
    }

    mutating func evaluation(
        of key: JobKey = JobKey(id: "web"), _ trigger: EvaluationTrigger
    ) -> Evaluation {
        evaluationCount += 1
        index += 1
        let job = jobs[key]?.value
        var evaluation = Evaluation(
            id: .id(evaluationCount, kind: 7), job: key, priority: job?.priority ?? 50,
            type: job?.type ?? .service, trigger: trigger)
        evaluation.createIndex = index
        evaluation.modifyIndex = index
        evaluations[evaluation.id] = evaluation
        return evaluation
    }

    // MARK: Looking

    func live(_ job: String = "web") -> [Allocation] {
        all(job).filter { !$0.isTerminal }
    }

    func all(_ job: String = "web") -> [Allocation] {
        allocations.values.map(\.value).filter { $0.jobID == job }
            .sorted { ($0.index, $0.createIndex, $0.id) < ($1.index, $1.createIndex, $1.id) }
    }

    func deployment(_ job: String = "web") -> Deployment? {
        deployments.values.filter { $0.jobID == job }.max { $0.createIndex < $1.createIndex }
    }

    func pending(_ trigger: EvaluationTrigger? = nil) -> [Evaluation] {
        evaluations.values.filter {
            $0.status == .pending && (trigger == nil || $0.trigger == trigger)
        }.sorted { ($0.createIndex, $0.id) < ($1.createIndex, $1.id) }
    }

    func blocked() -> [Evaluation] {
        evaluations.values.filter { $0.status == .blocked }.sorted { $0.id < $1.id }
    }

    func input(_ evaluation: Evaluation) -> ReconcileInput {
        let job = jobs[evaluation.job]
        let own = allocations.values.filter { $0.value.jobKey == evaluation.job }
        var input = ReconcileInput(
            evaluation: evaluation, job: job, allocations: own,
            deployment: deployment(evaluation.jobID), unixNanoseconds: now)
        for allocation in own {
            guard let node = nodes[allocation.value.nodeID], !node.status.isDown else {
                input.taints[allocation.value.nodeID] = .lost
                continue
            }
            if node.drain != nil { input.taints[node.id] = .draining }
            if job?.value.datacenters.contains(node.datacenter) == false {
                input.foreignNodes.insert(node.id)
            }
        }
        input.readyNodes = nodes.values.filter {
            $0.isReady && job?.value.datacenters.contains($0.datacenter) ?? false
        }.map(\.id).sorted()
        return input
    }

    // MARK: Evaluating

    func propose(_ evaluation: Evaluation, attempt: Int = 1) -> Scheduling.Proposal {
        let input = Scheduling.Input(
            input(evaluation), token: .id(1), snapshotIndex: index, attempt: attempt)
        guard let view else { return proposeNaively(input) }
        var configuration = SchedulerConfiguration()
        configuration.preemptionConfig = preemption
        var placers: [Placer] = []
        defer { for placer in placers.reversed() { placer.undo() } }
        return Scheduling.evaluate(input) { job, seed in
            let placer = Placer(
                view: view, job: job.value, configuration: configuration, seed: seed)
            placers.append(placer)
            return placer
        }
    }

    private func proposeNaively(_ input: Scheduling.Input) -> Scheduling.Proposal {
        let picture = NaivePlacer.Picture(allocations.values)
        let evicts =
            switch input.reconcile.evaluation.type {
            case .service: preemption.serviceSchedulerEnabled
            case .batch: preemption.batchSchedulerEnabled
            case .system: preemption.systemSchedulerEnabled
            case .sysbatch: preemption.sysBatchSchedulerEnabled
            }
        return Scheduling.evaluate(input) { job, _ in
            NaivePlacer(
                job.value, nodes: Array(nodes.values), evicts: evicts, picture: picture)
        }
    }

    /// The whole life of a delivery.
    @discardableResult
    mutating func run(_ evaluation: Evaluation) -> EvaluationRun.Outcome {
        var run = EvaluationRun(evaluation)
        let job = jobs[evaluation.job]?.value
        while true {
            let proposal = propose(evaluation, attempt: run.attempt)
            var step = run.proposed(proposal, job: job, unixNanoseconds: now)
            if case .submit(let plan, let followUps) = step {
                let result = submit(plan, followUps: followUps)
                step = run.planned(result, job: job, unixNanoseconds: now)
            }
            guard case .finish(let outcome) = step else { continue }
            write([outcome.evaluation] + outcome.created)
            return outcome
        }
    }

    mutating func write(_ written: [Evaluation]) {
        index += 1
        for var evaluation in written {
            evaluation.modifyIndex = index
            if evaluation.createIndex == 0 { evaluation.createIndex = index }
            evaluations[evaluation.id] = evaluation
        }
    }

    /// The applier: checks, and commits what is left.
    @discardableResult
    mutating func submit(_ plan: PlacementPlan, followUps: [Evaluation] = []) -> PlanResult {
        plans.append(plan)
        let known = allocations
        var result = PlanCheck.check(plan, against: ledger) { known[$0] != nil }.result
        rejections += result.rejectedNodes.count
        index += 1
        if result.refreshIndex > 0 { result.refreshIndex = max(result.refreshIndex, index) }
        result.index = index
        commit(result)
        write(
            followUps
                + result.evaluationsForVictims(
                    of: plan.evaluationID, snapshotIndex: plan.snapshotIndex, unixNanoseconds: now
                ) { jobs[$0]?.value })
        return result
    }

    private mutating func commit(_ result: PlanResult) {
        if let deployment = result.deployment { merge(deployment) }
        for part in result.nodes {
            for stop in part.stops { end(stop) }
            for eviction in part.evictions {
                update(eviction.allocation.value.id) {
                    $0.desiredStatus = .evict
                    $0.preemptedBy = eviction.by
                }
            }
            for allocation in part.placements { put(allocation) }
        }
        for update in result.deploymentUpdates {
            deployments[update.id]?.status = update.status
            deployments[update.id]?.statusDescription = update.description
        }
    }

    private mutating func merge(_ deployment: Deployment) {
        guard var known = deployments[deployment.id] else {
            var deployment = deployment
            deployment.createIndex = index
            deployments[deployment.id] = deployment
            return
        }
        for element in deployment.groups {
            guard var state = known.groups[element.key] else {
                known.groups[element.key] = element.value
                continue
            }
            state.desiredTotal = element.value.desiredTotal
            state.desiredCanaries = element.value.desiredCanaries
            state.placedCanaries = element.value.placedCanaries
            known.groups[element.key] = state
        }
        deployments[deployment.id] = known
    }

    private mutating func end(_ stop: PlacementPlan.Stop) {
        update(stop.allocation.value.id) {
            if $0.desiredStatus == .run { $0.desiredStatus = .stop }
            $0.desiredDescription = stop.description
            if let status = stop.clientStatus { $0.clientStatus = status }
            if let followUp = stop.followUpEvaluationID { $0.followUpEvaluationID = followUp }
        }
    }

    private mutating func put(_ allocation: Allocation) {
        var allocation = allocation
        allocation.modifyIndex = index
        if allocation.createIndex == 0 {
            allocation.createIndex = index
            if let previous = allocation.previousAllocation {
                update(previous) { $0.nextAllocation = allocation.id }
            }
        }
        set(allocation)
    }

    // MARK: What nodes tell

    mutating func update(_ id: UniqueID, _ change: (inout Allocation) -> Void) {
        guard var allocation = allocations[id]?.value else { return }
        change(&allocation)
        allocation.modifyIndex = index
        allocation.modifyUnixNanoseconds = now
        set(allocation)
    }

    private mutating func set(_ allocation: Allocation) {
        let held = Shared(allocation)
        allocations[allocation.id] = held
        ledger.apply(allocation)
        view?.apply(held)
    }

    mutating func tell(_ id: UniqueID, _ status: Allocation.ClientStatus) {
        index += 1
        update(id) { $0.clientStatus = status }
    }

    /// Everything that is pending runs.
    mutating func start(_ job: String = "web") {
        for allocation in live(job) where allocation.clientStatus == .pending {
            tell(allocation.id, .running)
        }
    }

    mutating func tellHealth(_ id: UniqueID, isHealthy: Bool) {
        index += 1
        update(id) {
            var health = $0.deploymentStatus ?? AllocationHealth()
            health.isHealthy = isHealthy
            $0.deploymentStatus = health
        }
        guard let allocation = allocations[id]?.value, let deployment = allocation.deploymentID,
            var state = deployments[deployment]?.groups[allocation.group]
        else { return }
        if isHealthy { state.healthyAllocations += 1 } else { state.unhealthyAllocations += 1 }
        deployments[deployment]?.groups[allocation.group] = state
    }

    /// All of the job's that nobody spoke of are healthy.
    mutating func makeHealthy(_ job: String = "web") {
        start(job)
        for allocation in live(job) where !allocation.isHealthy {
            tellHealth(allocation.id, isHealthy: true)
        }
    }
}

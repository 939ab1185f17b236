// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState

// From what a look finds to what is said of it, and back. Whoever reads it trusts nothing: what it takes is
// what its own tables have, or a new instance of a version of the job that they have.

extension LookReport {
    init(_ proposal: Scheduling.Proposal) {
        let plan = proposal.plan
        var result = PlanResult()
        result.nodes = plan.nodes
        result.deployment = plan.deployment
        result.deploymentUpdates = plan.deploymentUpdates
        self.init(
            plan: PlanEntry(
                result, evaluationID: plan.evaluationID, evaluations: proposal.followUps,
                unixNanoseconds: 0),
            snapshotIndex: plan.snapshotIndex)
        updated = plan.nodes.flatMap(\.placements).filter { $0.createIndex != 0 }.map(\.id)
        failedGroups = proposal.failedGroups
        wanted = proposal.wanted
        classEligibility = proposal.eligibility.classes
        hasEscapedClass = proposal.eligibility.isEscaped
        exhaustedNodes = proposal.exhaustedNodes
        isLimited = proposal.isLimited
        deploymentID = proposal.deploymentID
    }
}

/// Makes a proposal of a report, by the tables of who reads it.
struct LookReading {
    enum Failure: Error, Equatable {
        /// The job's version is gone meanwhile.
        case overtaken
        /// No look finds such a thing.
        case absurd(String)
    }

    let evaluation: Evaluation
    let token: UniqueID
    let attempt: Int
    let tables: SchedulerTables
    private var parts: [UniqueID: PlacementPlan.NodePart] = [:]

    init(
        of evaluation: Evaluation, token: UniqueID, attempt: Int, over tables: SchedulerTables
    ) {
        self.evaluation = evaluation
        self.token = token
        self.attempt = attempt
        self.tables = tables
    }

    mutating func proposal(of report: LookReport) throws(Failure) -> Scheduling.Proposal {
        try check(report)
        var plan = PlacementPlan(
            evaluationID: evaluation.id, token: token, priority: evaluation.priority,
            job: tables.job(evaluation.job), snapshotIndex: report.snapshotIndex)
        for stop in report.plan.stops { try take(stop) }
        for eviction in report.plan.evictions { take(eviction) }
        let updated = Set(report.updated)
        var jobs: [JobVersionKey: Shared<Job>] = [:]
        for placement in report.plan.placements {
            if jobs[placement.job] == nil { jobs[placement.job] = try version(placement.job) }
            guard let job = jobs[placement.job] else { throw .overtaken }
            try take(placement, of: job, isNew: !updated.contains(placement.id))
        }
        plan.nodes = parts.values.sorted { $0.nodeID < $1.nodeID }
        plan.deployment = report.plan.deployment
        plan.deploymentUpdates = report.plan.deploymentUpdates

        var proposal = Scheduling.Proposal(madeElsewhere: plan, attempt: attempt)
        proposal.followUps = report.plan.evaluations
        proposal.failedGroups = report.failedGroups
        proposal.wanted = report.wanted
        proposal.eligibility.classes = report.classEligibility
        proposal.eligibility.isEscaped = report.hasEscapedClass
        proposal.exhaustedNodes = report.exhaustedNodes
        proposal.isLimited = report.isLimited
        proposal.deploymentID = report.deploymentID
        return proposal
    }

    private func check(_ report: LookReport) throws(Failure) {
        let plan = report.plan
        let key = evaluation.job
        guard plan.evaluationID == evaluation.id else {
            throw .absurd("a report of another evaluation")
        }
        guard plan.deployment.map({ $0.job == key }) ?? true,
            plan.evaluations.allSatisfy({ $0.job == key && !$0.status.isTerminal })
        else { throw .absurd("a report that speaks of another job") }
        let ids = plan.placements.map(\.id) + plan.evaluations.map(\.id)
        guard Set(ids).count == ids.count, !ids.contains(evaluation.id) else {
            throw .absurd("a report with an id twice")
        }
        guard plan.evaluations.allSatisfy({ tables.evaluation($0.id) == nil }) else {
            // A delivery that was thought to be lost has written them.
            throw .overtaken
        }
    }

    private func version(_ key: JobVersionKey) throws(Failure) -> Shared<Job> {
        guard key.job == evaluation.job else { throw .absurd("an instance of another job") }
        guard let job = tables.version(key) else { throw .overtaken }
        return job
    }

    private mutating func edit(
        _ node: UniqueID, _ change: (inout PlacementPlan.NodePart) -> Void
    ) {
        change(&parts[node, default: PlacementPlan.NodePart(nodeID: node)])
    }

    /// What is gone needs no stop.
    private mutating func take(_ stop: PlanEntry.Stop) throws(Failure) {
        guard let row = tables.allocation(stop.id) else { return }
        guard row.value.jobKey == evaluation.job else { throw .absurd("a stop of another job") }
        edit(row.value.nodeID) {
            $0.stops.append(
                PlacementPlan.Stop(
                    row, description: stop.description, clientStatus: stop.clientStatus,
                    followUpEvaluationID: stop.followUpEvaluationID))
        }
    }

    private mutating func take(_ eviction: PlanEntry.Eviction) {
        guard let row = tables.allocation(eviction.id) else { return }
        edit(row.value.nodeID) { $0.evictions.append(.init(row, by: eviction.by)) }
    }

    private mutating func take(
        _ placement: PlanEntry.Placement, of job: Shared<Job>, isNew: Bool
    ) throws(Failure) {
        guard job.value.groups.contains(where: { $0.name == placement.group }) else {
            throw .absurd("an instance of no group")
        }
        guard !isNew else {
            guard placement.index < SchedulingBounds.instancesMax else {
                throw .absurd("instance number \(placement.index)")
            }
            var allocation = Allocation(
                id: placement.id, evaluationID: evaluation.id, nodeID: placement.nodeID, job: job,
                group: placement.group, index: placement.index, resources: placement.resources)
            allocation.previousAllocation = placement.previousAllocation
            allocation.reschedules = placement.reschedules
            allocation.preemptedAllocations = placement.preempted
            placement.change(&allocation)
            return edit(placement.nodeID) { $0.placements.append(allocation) }
        }
        guard var allocation = tables.allocation(placement.id)?.value else { return }
        guard allocation.jobKey == evaluation.job, allocation.nodeID == placement.nodeID else {
            throw .absurd("an update of an instance that is another's")
        }
        allocation.job = job
        allocation.group = placement.group
        allocation.index = placement.index
        allocation.resources = placement.resources
        placement.change(&allocation)
        edit(placement.nodeID) { $0.placements.append(allocation) }
    }
}

extension PlanEntry.Placement {
    /// What new ones and those that are changed have alike.
    fileprivate func change(_ allocation: inout Allocation) {
        allocation.nodeName = nodeName
        allocation.metrics = metrics
        allocation.desiredDescription = description
        allocation.deploymentID = deploymentID
        allocation.deploymentStatus = deploymentStatus
        allocation.followUpEvaluationID = followUpEvaluationID
    }
}

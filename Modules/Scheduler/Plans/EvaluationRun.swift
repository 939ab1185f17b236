// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What a worker does with one delivery: look, propose, look again if something came between, and
/// say how it ended.
///
///                proposed: nothing to do
///     looking ──────────────────────────────▶ finished
///       ▲  │ proposed: a plan                    ▲
///       │  ▼                                     │
///     submitted ── planned: all done ────────────┤
///       │                                        │
///       └─ planned: in part, or not ── too often ┘ (failed)
///
/// An attempt in which part of a plan was done starts the count anew: what is left is less.
package struct EvaluationRun: Sendable {
    /// What the worker does next.
    package enum Step: Sendable {
        /// Submit the plan; `followUps` are written with it.
        case submit(PlacementPlan, followUps: [Evaluation])
        /// Look again at a state of at least this index.
        case retry(snapshotIndex: UInt64)
        /// Write these, then acknowledge the delivery.
        case finish(Outcome)
    }

    /// How an evaluation ended.
    package struct Outcome: Equatable, Sendable {
        /// Complete, failed, or blocked again under its own id (G11).
        package var evaluation: Evaluation
        /// Blocked ones for what found no place, and the next step of a rolling update.
        package var created: [Evaluation] = []
    }

    package static func attemptsMax(for type: JobType) -> Int { type == .batch ? 2 : 5 }

    package let evaluation: Evaluation
    /// Of the look that is to be taken: from 1, and never the same twice.
    package private(set) var attempt = 1
    private var failures = 0
    private var proposal: Scheduling.Proposal?

    package init(_ evaluation: Evaluation) { self.evaluation = evaluation }

    /// - Parameters:
    ///   - stagger: of the job's update, for a rolling update of a system job.
    ///   - blockedNodes: nodes for which a blocked evaluation of the job waits already.
    package mutating func proposed(
        _ proposal: Scheduling.Proposal, job: Job?, blockedNodes: Set<UniqueID> = [],
        unixNanoseconds: Int64
    ) -> Step {
        self.proposal = proposal
        let context = Context(
            job: job, blockedNodes: blockedNodes, unixNanoseconds: unixNanoseconds)
        if proposal.plan.isEmpty || evaluation.annotatesPlan {
            return .finish(outcome(of: proposal, placed: [:], context))
        }
        return .submit(proposal.plan, followUps: proposal.followUps)
    }

    /// - Precondition: a plan was submitted.
    package mutating func planned(
        _ result: PlanResult, job: Job?, blockedNodes: Set<UniqueID> = [], unixNanoseconds: Int64
    ) -> Step {
        guard let proposal else { preconditionFailure("a result without a plan: \(evaluation.id)") }
        let context = Context(
            job: job, blockedNodes: blockedNodes, unixNanoseconds: unixNanoseconds)
        if result.refreshIndex == 0 {
            return .finish(outcome(of: proposal, placed: result.placedCounts, context))
        }
        failures = result.madeProgress ? 0 : failures + 1
        attempt += 1
        guard failures < Self.attemptsMax(for: evaluation.type) else {
            return .finish(exhausted(proposal, context))
        }
        return .retry(snapshotIndex: result.refreshIndex)
    }

    /// The log has no entry of this size, for what must be in one: nothing is done, and trying again would
    /// not help.
    ///
    /// - Precondition: a plan was submitted.
    package mutating func tooLarge(unixNanoseconds: Int64) -> Step {
        guard let proposal else { preconditionFailure("no plan is too large: \(evaluation.id)") }
        let context = Context(job: nil, blockedNodes: [], unixNanoseconds: unixNanoseconds)
        var outcome = Outcome(evaluation: updated(proposal, placed: [:], context))
        outcome.evaluation.status = .failed
        outcome.evaluation.statusDescription =
            proposal.plan.isAllAtOnce
            ? "plan is larger than one entry of the log, and that of an AllAtOnce job is not divided"
            : "plan for a single node is larger than one entry of the log"
        return .finish(outcome)
    }

    // MARK: Ends

    private struct Context {
        let job: Job?
        let blockedNodes: Set<UniqueID>
        let unixNanoseconds: Int64
    }

    private func outcome(
        of proposal: Scheduling.Proposal, placed: [String: Int], _ context: Context
    ) -> Outcome {
        var ids = proposal.ids
        var outcome = Outcome(evaluation: updated(proposal, placed: placed, context))
        outcome.evaluation.status = .complete
        outcome.evaluation.statusDescription = ""
        if !proposal.exhaustedNodes.isEmpty {
            blockNodes(proposal, into: &outcome, ids: &ids, context)
        } else if !proposal.failedGroups.isEmpty {
            block(proposal, into: &outcome, ids: &ids, context)
        }
        if proposal.isLimited, let update = context.job?.update {
            let next = rolling(ids.next(), stagger: update.stagger, context)
            outcome.evaluation.nextEvaluation = next.id
            outcome.created.append(next)
        }
        return outcome
    }

    private func updated(
        _ proposal: Scheduling.Proposal, placed: [String: Int], _ context: Context
    ) -> Evaluation {
        var updated = evaluation
        updated.failedGroups = proposal.failedGroups
        updated.queuedAllocations = [:]
        for element in proposal.wanted {
            updated.queuedAllocations[element.key] = max(
                0, element.value - (placed[element.key] ?? 0))
        }
        updated.deploymentID = proposal.deploymentID ?? evaluation.deploymentID
        updated.snapshotIndex = proposal.plan.snapshotIndex
        updated.modifyUnixNanoseconds = context.unixNanoseconds
        return updated
    }

    private func block(
        _ proposal: Scheduling.Proposal, into outcome: inout Outcome, ids: inout IDSource,
        _ context: Context
    ) {
        if evaluation.status == .blocked {
            reblock(&outcome.evaluation, proposal)
            return
        }
        let blocked = blocked(
            ids.next(), proposal, trigger: .queuedAllocs,
            description: "created to place remaining allocations", context)
        outcome.evaluation.blockedEvaluation = blocked.id
        outcome.created.append(blocked)
    }

    private func reblock(_ evaluation: inout Evaluation, _ proposal: Scheduling.Proposal) {
        evaluation.status = .blocked
        evaluation.statusDescription = self.evaluation.statusDescription
        evaluation.classEligibility = proposal.eligibility.classes
        evaluation.hasEscapedClass = proposal.eligibility.isEscaped
    }

    /// One for each node without room, woken by that node alone (I2): what classes can do is none of
    /// its business, and written once for each node it would be the square of their number.
    private func blockNodes(
        _ proposal: Scheduling.Proposal, into outcome: inout Outcome, ids: inout IDSource,
        _ context: Context
    ) {
        for nodeID in proposal.exhaustedNodes {
            if evaluation.status == .blocked, evaluation.nodeID == nodeID {
                reblock(&outcome.evaluation, proposal)
                outcome.evaluation.classEligibility = [:]
                continue
            }
            if context.blockedNodes.contains(nodeID) { continue }
            var blocked = blocked(
                ids.next(), proposal, trigger: .queuedAllocs,
                description: "created to place remaining allocations", context)
            blocked.nodeID = nodeID
            blocked.classEligibility = [:]
            outcome.evaluation.blockedEvaluation = blocked.id
            outcome.created.append(blocked)
        }
    }

    private func blocked(
        _ id: UniqueID, _ proposal: Scheduling.Proposal, trigger: EvaluationTrigger,
        description: String, _ context: Context
    ) -> Evaluation {
        var blocked = evaluation.successor(id, trigger: trigger)
        blocked.status = .blocked
        blocked.statusDescription = description
        blocked.classEligibility = proposal.eligibility.classes
        blocked.hasEscapedClass = proposal.eligibility.isEscaped
        blocked.snapshotIndex = proposal.plan.snapshotIndex
        blocked.createUnixNanoseconds = context.unixNanoseconds
        blocked.modifyUnixNanoseconds = context.unixNanoseconds
        return blocked
    }

    private func rolling(_ id: UniqueID, stagger: GoDuration, _ context: Context) -> Evaluation {
        var next = evaluation.successor(id, trigger: .rollingUpdate)
        next.waitUntilUnixNanoseconds = context.unixNanoseconds.saturatingAdd(stagger.nanoseconds)
        next.createUnixNanoseconds = context.unixNanoseconds
        next.modifyUnixNanoseconds = context.unixNanoseconds
        return next
    }

    /// Others were always faster. It is tried again later, by a blocked evaluation that the broker
    /// is given every minute.
    private func exhausted(_ proposal: Scheduling.Proposal, _ context: Context) -> Outcome {
        var ids = proposal.ids
        var outcome = Outcome(evaluation: updated(proposal, placed: [:], context))
        outcome.evaluation.status = .failed
        outcome.evaluation.statusDescription =
            "maximum attempts reached (\(Self.attemptsMax(for: evaluation.type)))"
        let blocked = blocked(
            ids.next(), proposal, trigger: .maxPlanAttempts,
            description: "created due to placement conflicts", context)
        outcome.evaluation.blockedEvaluation = blocked.id
        outcome.created.append(blocked)
        return outcome
    }
}

extension PlanResult {
    /// New instances by group. What was changed in place has been in the state before.
    var placedCounts: [String: Int] {
        var counts: [String: Int] = [:]
        for part in nodes {
            for allocation in part.placements
            where allocation.createIndex == 0 || allocation.createIndex == index {
                counts[allocation.group, default: 0] += 1
            }
        }
        return counts
    }

    /// Something of the plan was done.
    var madeProgress: Bool {
        !nodes.allSatisfy(\.isEmpty) || deployment != nil || !deploymentUpdates.isEmpty
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft
import MartletScheduler
import MartletState
import MartletTransport

/// What registrations would do: looks of the scheduler at jobs that are registered nowhere.
///
/// They have a lane and a view of the cluster of their own, so that no evaluation waits for a question;
/// questions wait for each other. The view takes some hundred bytes for each allocation of the cluster,
/// and is given back when nobody has asked for a while. Confined to the loop.
///
/// ```
///   enter ──▶ waiting ──its turn──▶ begun ──leave──▶ (the next one's turn)
/// ```
final class DryRuns {
    private struct Turn {
        let until: Duration
        let begin: (_ isInTime: Bool) -> Void
    }

    /// As many may wait; who asks beyond is told to try later.
    static let waitingMax = 64
    /// Who has waited for so long is told to try later too: its client will not wait much longer.
    static let patience: Duration = .seconds(20)
    /// How long the view is kept after the last question.
    private static let keptFor: Duration = .seconds(60)

    private let loop: any Loop
    private lazy var lane = loop.makeLane(named: "dry-runs")
    private var scheduler: SchedulerLane?
    private var timer: (any LoopTimer)?
    private var waiting: [Turn] = []
    private var isBusy = false

    init(loop: any Loop) { self.loop = loop }

    /// Calls `begin` once, when it is the asker's turn, in this call or later; who has begun must
    /// ``leave()``. False, and nothing is called, if too many wait.
    func enter(_ begin: @escaping (_ isInTime: Bool) -> Void) -> Bool {
        guard waiting.count < Self.waitingMax else { return false }
        timer?.disarm()
        waiting.append(Turn(until: loop.now + Self.patience, begin: begin))
        goOn()
        return true
    }

    func leave() {
        isBusy = false
        goOn()
        if !isBusy, scheduler != nil { releaseLater() }
    }

    private func goOn() {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        let turn = waiting.removeFirst()
        turn.begin(loop.now < turn.until)
    }

    /// `answered` is called once, later, with the body of the answer.
    func ask(
        _ question: DryRun, isPretty: Bool,
        answered: @escaping (Result<[UInt8], SchedulerRefusal>) -> Void
    ) {
        let scheduler = scheduler ?? SchedulerLane()
        self.scheduler = scheduler
        lane.submit({ question.answer(by: scheduler, isPretty: isPretty) }, then: answered)
    }

    private func releaseLater() {
        let timer = timer ?? loop.makeTimer { [weak self] in self?.scheduler = nil }
        self.timer = timer
        timer.arm(at: loop.now + Self.keptFor)
    }
}

/// One question, and all that its answer follows from.
struct DryRun: Sendable {
    let job: Job
    let wantsDiff: Bool
    let warnings: String
    let evaluationID: UniqueID
    let moment: SchedulerLane.Moment

    /// The scheduler's own way, over tables in which the job is registered; on a lane.
    func answer(
        by scheduler: SchedulerLane, isPretty: Bool
    ) -> Result<[UInt8], SchedulerRefusal> {
        do throws(SchedulerRefusal) {
            let present = moment.tables.job(job.key)?.value
            var answer = JobPlanAnswer(
                index: moment.snapshotIndex, jobModifyIndex: present?.jobModifyIndex ?? 0,
                warnings: warnings)
            // Others are kept as they are, and never launched.
            if job.isLaunched { try look(scheduler, into: &answer) }
            if wantsDiff {
                answer.diff = JobDiff.between(
                    present, job, updates: answer.annotations.desiredUpdates)
            }
            return .success(JSONWriter.encode(answer, pretty: isPretty))
        } catch {
            return .failure(error)
        }
    }

    private func look(
        _ scheduler: SchedulerLane, into answer: inout JobPlanAnswer
    ) throws(SchedulerRefusal) {
        let registered = try moment.tables.registering(job, at: moment.snapshotIndex + 1)
        var after = moment
        after.tables = registered
        var evaluation = Evaluation(
            id: evaluationID, job: job.key, priority: job.priority, type: job.type,
            trigger: .jobRegister)
        evaluation.annotatesPlan = true
        evaluation.jobModifyIndex = registered.job(job.key)?.value.jobModifyIndex ?? 0
        evaluation.createUnixNanoseconds = moment.unixNanoseconds
        evaluation.modifyUnixNanoseconds = moment.unixNanoseconds
        let proposal = scheduler.evaluate(
            SchedulerLane.Work(
                evaluation: evaluation, token: evaluationID, attempt: 1, moment: after))
        answer.annotations = proposal.plan.annotations ?? PlanAnnotations()
        answer.failedGroups = proposal.failedGroups
        var run = EvaluationRun(evaluation)
        let step = run.proposed(
            proposal, job: registered.job(job.key)?.value,
            blockedNodes: registered.blockedNodes(of: job.key),
            unixNanoseconds: moment.unixNanoseconds)
        guard case .finish(let outcome) = step else {
            preconditionFailure("a dry run that would be written: \(step)")
        }
        answer.created = proposal.followUps + outcome.created
    }
}

extension Server {
    /// By the state that this leader has now, and what is on its way into it.
    func planJob(
        _ request: JobPlanRequest, _ verdict: JobVerdict, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        let hasEntered = dryRuns.enter { [weak self] isInTime in
            guard let self else { return done(.notLeader) }
            let leave = { (outcome: LeadOutcome) in
                self.dryRuns.leave()
                done(outcome)
            }
            guard isInTime else { return leave(.answered(self.tooManyDryRuns())) }
            self.readAndAsk(request, verdict, call, leave)
        }
        if !hasEntered { done(.answered(tooManyDryRuns())) }
    }

    private func tooManyDryRuns() -> APIResponse {
        counters.dryRunsRefused += 1
        var refusal = APIResponse.text(
            503, "Too many plans are asked for at once: try again in a second")
        refusal.retryAfter = 1
        return refusal
    }

    private func readAndAsk(
        _ request: JobPlanRequest, _ verdict: JobVerdict, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        replica.read { [weak self] outcome in
            guard let self, case .ready(_, let validUntil) = outcome else {
                return done(.notLeader)
            }
            let question = self.dryRun(request, verdict)
            // The process may have been paused between the lease and the reading.
            if let validUntil, self.loop.now >= validUntil {
                return self.readAndAsk(request, verdict, call, done)
            }
            switch question {
            case .success(let question): self.ask(question, call, done)
            case .failure(let error): done(.answered(.text(error.status, error.message)))
            }
        }
    }

    private func dryRun(
        _ request: JobPlanRequest, _ verdict: JobVerdict
    ) -> Result<DryRun, APIError> {
        Result { () throws(APIError) in
            var job = request.job
            job.submitUnixNanoseconds = loop.wallClockNanoseconds
            return DryRun(
                job: job, wantsDiff: request.wantsDiff, warnings: verdict.warningText,
                evaluationID: try freshUniqueID(), moment: dispatcher.moment)
        }
    }

    private func ask(
        _ question: DryRun, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) {
        counters.dryRuns += 1
        dryRuns.ask(question, isPretty: call.isPretty) { result in
            switch result {
            case .success(let body):
                var response = APIResponse.json(body)
                response.writeIndex = question.moment.snapshotIndex
                done(.answered(response))
            case .failure(let refusal):
                done(.answered(.text(refusal.status, refusal.description)))
            }
        }
    }
}

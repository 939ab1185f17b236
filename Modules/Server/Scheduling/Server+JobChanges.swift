// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletState
import MartletTransport

// What is changed of jobs, on the leader. Ids and times are made here and go into the command; the
// evaluation that follows from a change goes with it, in one entry of the log.

extension Server {
    func changeJobs(
        _ call: Call, _ endpoint: JobEndpoint, _ done: @escaping (LeadOutcome) -> Void
    ) {
        if let answer = answerLocally(call, endpoint) { return done(.answered(answer)) }
        if let refusal = schedulingRefusal() { return done(.answered(refusal)) }
        do throws(APIError) {
            try change(call, endpoint, done)
        } catch {
            done(.answered(.text(error.status, error.message)))
        }
    }

    /// What who changes nodes or jobs is told while a server does not understand such changes.
    func schedulingRefusal() -> APIResponse? {
        refusal(untilAllApply: Command.schedulingVersion, without: "a scheduler")
    }

    private func change(
        _ call: Call, _ endpoint: JobEndpoint, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        guard case .jobs(let wish) = call.wish else {
            preconditionFailure("\(endpoint) was not validated")
        }
        switch wish {
        case .register(let request, let verdict): try register(request, verdict, call, done)
        case .plan(let request, let verdict):
            try checkPool(of: request.submitted.job)
            planJob(request, verdict, call, done)
        case .deregister(let purges): try deregister(purges: purges, call, done)
        case .evaluate(let request): try evaluate(request, call, done)
        case .revert(let request): try revert(request, call, done)
        case .stability(let request):
            let key = call.jobKey
            propose(
                .setJobStability(key, version: request.version, isStable: request.isStable), call,
                done
            ) { server, index in
                .job(modifyIndex: server.jobModifyIndex(key) ?? index, warnings: nil)
            }
        case .scale(let request): try scale(request, call, done)
        case .deleteEvaluations(let request): try deleteEvaluations(request, call, done)
        case .pause, .promote, .health: try changeDeployment(wish, call, done)
        case .answer where endpoint == .failDeployment: try failDeployment(call, done)
        case .answer where endpoint == .stopAllocation: try stopAllocation(call, done)
        case .answer where endpoint == .collectGarbage: collectGarbage(call, done)
        // Summaries are counted with each change: there is nothing to put right.
        case .answer, .list, .validate, .search: done(.answered(.empty))
        }
    }

    // MARK: Registering

    private func register(
        _ request: JobRegisterRequest, _ verdict: JobVerdict, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        try checkRegistration(call)
        try checkPool(of: request.job)
        var job = request.job
        job.submitUnixNanoseconds = loop.wallClockNanoseconds
        var expected = request.enforcesIndex ? request.jobModifyIndex : nil
        if request.preservesCounts, let present = replica.state.scheduling.job(job.key)?.value {
            for place in job.groups.indices {
                guard let group = present.lookup(group: job.groups[place].name) else { continue }
                job.groups[place].count = group.count
            }
            if let refusal = job.validate().refusal { throw refusal }
            // The counts are those of this version.
            expected = expected ?? present.jobModifyIndex
        }
        try propose(job, expected, .jobRegister, request.evaluationPriority, verdict, call, done)
    }

    private func propose(
        _ job: Job, _ expected: UInt64?, _ trigger: EvaluationTrigger, _ priority: Int?,
        _ verdict: JobVerdict, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        var evaluation = job.isLaunched ? try makeEvaluation(job.key, job, trigger) : nil
        if let priority { evaluation?.priority = priority }
        let key = job.key
        propose(
            .registerJob(
                job, expected: expected, evaluations: evaluation.map { [$0] } ?? []), call, done,
            evaluation: evaluation?.id
        ) { server, index in
            .job(
                modifyIndex: server.jobModifyIndex(key) ?? index,
                warnings: verdict.warningText)
        }
    }

    /// While registrations are rejected, management may still register.
    private func checkRegistration(_ call: Call) throws(APIError) {
        guard replica.state.scheduler?.rejectJobRegistration == true else { return }
        if options.acl.isEnabled, case .allowed(let access?, _) = judge(call),
            access.token?.kind == .management
        {
            return
        }
        throw APIError(
            status: 403,
            message:
                "job registration and scaling are rejected: RejectJobRegistration is set in the "
                + "scheduler configuration")
    }

    private func deregister(
        purges: Bool, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let key = call.jobKey
        let job = try knownJob(key)
        // What has become periodic may have instances of its earlier versions.
        let isRunning = replica.state.scheduling.allocations(ofJob: key).contains {
            !$0.value.isTerminal
        }
        let evaluation =
            job.isLaunched || isRunning ? try makeEvaluation(key, job, .jobDeregister) : nil
        propose(
            .deregisterJob(
                key, purges: purges, submitUnixNanoseconds: loop.wallClockNanoseconds,
                evaluations: evaluation.map { [$0] } ?? []), call, done, evaluation: evaluation?.id
        ) { server, index in
            .job(modifyIndex: server.jobModifyIndex(key) ?? index, warnings: nil)
        }
    }

    private func revert(
        _ request: JobRevertRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let key = call.jobKey
        let job = try knownJob(key)
        try checkRegistration(call)
        guard job.version != request.version else {
            throw APIError(status: 400, message: "can't revert to current version")
        }
        if let prior = request.enforcedPriorVersion, prior != job.version {
            throw APIError(.versionChanged(enforced: prior, current: job.version))
        }
        guard var earlier = replica.state.scheduling.version(request.version, of: key) else {
            throw APIError(.unknownVersion(key, request.version))
        }
        try checkPool(of: earlier)
        earlier.submitUnixNanoseconds = loop.wallClockNanoseconds
        // As one that is submitted now, in the place of the version that was looked at and of no other.
        try propose(earlier, job.jobModifyIndex, .jobRegister, nil, JobVerdict(), call, done)
    }

    // MARK: Evaluating and scaling

    private func evaluate(
        _ request: JobEvaluateRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let key = call.jobKey
        let job = try knownJob(key)
        for (isSo, what) in [(job.isPeriodic, "periodic"), (job.isParameterized, "parameterized")]
        where isSo {
            throw APIError(status: 400, message: "can't evaluate \(what) job")
        }
        let evaluation = try makeEvaluation(key, job, .jobRegister)
        let changes = request.forcesReschedule ? failedOnes(of: key) : []
        let command: SchedulerCommand =
            changes.isEmpty
            ? .upsertEvaluations([evaluation])
            : .setTransitions(changes, evaluations: [evaluation])
        propose(command, call, done, evaluation: evaluation.id) { server, index in
            .job(modifyIndex: server.jobModifyIndex(key) ?? index, warnings: nil)
        }
    }

    /// Instances that failed and were not placed again, to be placed at once.
    private func failedOnes(of key: JobKey) -> [TransitionChange] {
        var changes: [TransitionChange] = []
        for allocation in replica.state.scheduling.allocations(ofJob: key).lazy.map(\.value)
        where changes.count < SchedulerCommand.batchMax {
            guard allocation.clientStatus == .failed, allocation.desiredStatus == .run,
                allocation.nextAllocation == nil
            else { continue }
            changes.append(
                TransitionChange(
                    allocation: allocation.id,
                    transition: DesiredTransition(forceReschedule: true)))
        }
        return changes
    }

    private func scale(
        _ request: JobScaleRequest, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        try checkRegistration(call)
        var job = try knownJob(call.jobKey)
        guard !job.type.isSystem else {
            throw APIError(
                status: 400, message: "cannot scale jobs of type \(job.type.rawValue)")
        }
        guard let place = job.index(ofGroup: request.group) else {
            throw APIError(
                status: 400,
                message: "task group \"\(String(request.group.unicodeScalars.prefix(64)))\" "
                    + "specified for scaling does not exist in job")
        }
        // Who gives no count only says something, and nothing changes.
        guard let count = request.count else {
            let answer = ChangeAnswer(
                kind: .job(modifyIndex: job.jobModifyIndex, warnings: nil),
                index: job.jobModifyIndex)
            return done(.answered(encode(answer, call)))
        }
        let deployment = replica.state.scheduling.latestDeployment(ofJob: job.key)?.value
        guard deployment?.isActive != true else {
            throw APIError(
                status: 400, message: "job scaling blocked due to active deployment")
        }
        let expected = job.jobModifyIndex
        job.groups[place].count = count
        job.submitUnixNanoseconds = loop.wallClockNanoseconds
        let verdict = job.validate()
        if let refusal = verdict.refusal { throw refusal }
        try propose(job, expected, .jobScaling, nil, JobVerdict(), call, done)
    }

    private func stopAllocation(
        _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        guard let id = call.objectID,
            let allocation = replica.state.scheduling.allocation(id)?.value,
            allocation.namespace == call.namespace
        else { throw APIError(status: 404, message: "alloc not found") }
        let evaluation = try makeEvaluation(
            allocation.jobKey, allocation.job.value, .allocStop)
        propose(
            .setTransitions(
                [TransitionChange(allocation: id, transition: DesiredTransition(migrate: true))],
                evaluations: [evaluation]), call, done, evaluation: evaluation.id
        ) { _, _ in .allocation }
    }

    // MARK: Parts

    func knownJob(_ key: JobKey) throws(APIError) -> Job {
        guard let job = replica.state.scheduling.job(key)?.value else {
            throw APIError(status: 404, message: "job not found")
        }
        return job
    }

    /// A new one about the job, which looks at it as it is when its command is applied.
    func makeEvaluation(
        _ key: JobKey, _ job: Job, _ trigger: EvaluationTrigger
    ) throws(APIError) -> Evaluation {
        var evaluation = Evaluation(
            id: try freshUniqueID(), job: key, priority: job.priority, type: job.type,
            trigger: trigger)
        evaluation.jobModifyIndex = job.jobModifyIndex
        evaluation.createUnixNanoseconds = loop.wallClockNanoseconds
        evaluation.modifyUnixNanoseconds = evaluation.createUnixNanoseconds
        return evaluation
    }

    /// Of the system's generator.
    func freshUniqueID() throws(APIError) -> UniqueID {
        guard let id = UniqueID(try freshID()) else {
            preconditionFailure("an id that is no UUID")
        }
        return id
    }

    private func jobModifyIndex(_ key: JobKey) -> UInt64? {
        replica.state.scheduling.job(key)?.value.jobModifyIndex
    }

    /// Puts the command into the log; `answer` says of what kind the answer is, by the state once it is
    /// applied.
    func propose(
        _ command: SchedulerCommand, _ call: Call, _ done: @escaping (LeadOutcome) -> Void,
        evaluation: UniqueID? = nil,
        answer: @escaping (Server, UInt64) -> ChangeAnswer.Kind
    ) {
        propose(.scheduling(command), for: call, done) { server, result, index in
            if let refusal = result.schedulingAnswer { return refusal }
            var response = server.encode(
                ChangeAnswer(kind: answer(server, index), evaluation: evaluation, index: index),
                call)
            response.writeIndex = index
            return response
        }
    }
}

extension CommandResult {
    /// What a client is told whose change of nodes or jobs was refused; nil for one that was done.
    var schedulingAnswer: APIResponse? {
        switch self {
        case .applied, .unchanged: nil
        case .refused(let reason): .text(500, "the command was not understood: \(reason)")
        case .casFailed, .aclRefused: .text(500, "the command was not one of the scheduler")
        case .schedulerRefused(let refusal): .text(refusal.status, refusal.description)
        }
    }
}

extension APIError {
    fileprivate init(_ refusal: SchedulerRefusal) {
        self.init(status: refusal.status, message: refusal.description)
    }
}

extension SchedulerRefusal {
    var status: Int {
        switch self {
        case .unknownJob, .unknownVersion, .unknownNode, .unknownAllocation, .unknownDeployment,
            .unknownPool:
            404
        case .jobChanged, .versionChanged: 409
        case .wrongSecret: 403
        case .nodeDrains, .deploymentEnded, .notPromotable, .builtInPool, .poolInUse: 400
        case .full: 503
        }
    }
}

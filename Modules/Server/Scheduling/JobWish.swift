// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletScheduler

/// What a call about jobs wants, read once.
indirect enum JobWish {
    case answer
    /// A list, or a page of it.
    case list(ListPage)
    /// What is wrong with the job, and what is only strange, goes with it.
    case register(JobRegisterRequest, JobVerdict)
    case validate(JobVerdict)
    case plan(JobPlanRequest, JobVerdict)
    case deregister(purges: Bool)
    case evaluate(JobEvaluateRequest)
    case revert(JobRevertRequest)
    case stability(JobStabilityRequest)
    case scale(JobScaleRequest)
    case pause(DeploymentPauseRequest)
    case promote(DeploymentPromoteRequest)
    case health(DeploymentHealthRequest)
    case search(SearchRequest)
    case deleteEvaluations(EvaluationDeleteRequest)
}

extension Server {
    /// Reads the arguments of a call about jobs.
    func jobWish(_ call: Call, _ endpoint: JobEndpoint) throws(APIError) -> Call.Wish {
        _ = try call.checkedNamespace()
        for name in ["all", "diffs", "resources"] { _ = try call.flag(name) }
        return .jobs(try wish(call, endpoint, call.request.body))
    }

    private func wish(
        _ call: Call, _ endpoint: JobEndpoint, _ body: [UInt8]
    ) throws(APIError) -> JobWish {
        /// The job or the deployment that the path names.
        var named: String { call.parameters[0] }
        switch endpoint {
        case .registerJob, .updateJob: return try registration(call, endpoint, body)
        case .planJob:
            let request = try JobPlanRequest.parse(body: body)
            return .plan(request, try verdict(on: request.submitted, call, names: call.jobKey.id))
        case .validateJob:
            return .validate(try JobValidateRequest.parse(body: body).submitted.judge())
        case .deregisterJob: return .deregister(purges: try call.flag("purge"))
        case .evaluateJob: return .evaluate(try JobEvaluateRequest.parse(body: body, of: named))
        case .revertJob: return .revert(try JobRevertRequest.parse(body: body, of: named))
        case .setJobStability:
            return .stability(try JobStabilityRequest.parse(body: body, of: named))
        case .scaleJob: return .scale(try JobScaleRequest.parse(body: body, of: named))
        case .pauseDeployment:
            return .pause(try DeploymentPauseRequest.parse(body: body, of: named))
        case .promoteDeployment:
            return .promote(try DeploymentPromoteRequest.parse(body: body, of: named))
        case .setDeploymentHealth:
            return .health(try DeploymentHealthRequest.parse(body: body, of: named))
        case .jobs: return .list(try ListPage(call, of: .jobs))
        case .evaluations, .jobEvaluations: return .list(try ListPage(call, of: .evaluations))
        case .allocations, .jobAllocations, .evaluationAllocations, .deploymentAllocations:
            return .list(try ListPage(call, of: .allocations))
        case .deployments, .jobDeployments: return .list(try ListPage(call, of: .deployments))
        case .evaluationCount:
            try ListPage.refuseFilter(call.query)
            return .answer
        case .deleteEvaluations:
            return .deleteEvaluations(try EvaluationDeleteRequest.parse(body: body))
        case .search: return .search(try SearchRequest.parse(body: body))
        default: return .answer
        }
    }

    private func registration(
        _ call: Call, _ endpoint: JobEndpoint, _ body: [UInt8]
    ) throws(APIError) -> JobWish {
        let request = try JobRegisterRequest.parse(body: body)
        let id = endpoint == .updateJob ? call.parameters[0] : nil
        return .register(request, try verdict(on: request.submitted, call, names: id))
    }

    /// On a job that is valid, of the namespace and the id that the call is about.
    ///
    /// - Parameter id: the one that the path names, if it does.
    private func verdict(
        on submitted: ReadJob, _ call: Call, names id: String?
    ) throws(APIError) -> JobVerdict {
        let job = submitted.job
        guard job.namespace == call.namespace else {
            throw APIError(
                status: 400,
                message: "Job namespace \(shown(job.namespace)) is not that of the request: "
                    + shown(call.namespace))
        }
        guard job.namespace == Job.namespaceDefault else {
            throw APIError(
                status: 400, message: "nonexistent namespace \(shown(job.namespace))")
        }
        guard id == nil || job.id == id else {
            throw APIError(status: 400, message: "Job ID does not match name")
        }
        guard job.region == options.region || job.region.isEmpty || job.region == "global" else {
            throw APIError(status: 400, message: "No path to region \(shown(job.region))")
        }
        let verdict = submitted.judge()
        if let refusal = verdict.refusal { throw refusal }
        return verdict
    }

    private func shown(_ text: String) -> String {
        "\"\(String(text.unicodeScalars.prefix(64)))\""
    }
}

extension ReadJob {
    /// What is wrong with it, here: also what no path could name, and what no node could match.
    fileprivate func judge() -> JobVerdict {
        var verdict = validate()
        if let ending = JobEndpoint.endings.first(where: { job.id.hasSuffix($0) }) {
            verdict.errors.append("Job ID ends with \"\(ending)\", as a path of the API does")
        }
        verdict.errors += job.unreadableExpressions
        return verdict
    }
}

extension Call {
    /// Which namespace it is about. `*` stands for all in a read: there is no other than the default.
    var namespace: String {
        let text = query.first("namespace") ?? ""
        return text.isEmpty || text == "*" && isRead ? Job.namespaceDefault : text
    }

    /// - Throws: 400 for a write that names a namespace which is not there.
    func checkedNamespace() throws(APIError) -> String {
        let namespace = namespace
        guard isRead || namespace == Job.namespaceDefault else {
            throw APIError(
                status: 400,
                message:
                    "nonexistent namespace \"\(String(namespace.unicodeScalars.prefix(64)))\"")
        }
        return namespace
    }

    /// The job that its path names.
    var jobKey: JobKey { JobKey(namespace: namespace, id: parameters[0]) }

    /// The evaluation, allocation or deployment that its path names; nil for what cannot be an id.
    var objectID: UniqueID? { parameters.last.flatMap { UniqueID($0) } }
}

// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletState

// What is told about jobs, evaluations, allocations and deployments: out of the replicated state, on any
// server. An object of another namespace than the call's is not there.

extension Call {
    /// As ``Call/watchedIndex(in:)``.
    func jobIndex(of endpoint: JobEndpoint, in tables: SchedulerTables) -> UInt64 {
        switch endpoint {
        case .job, .jobVersions, .jobScale:
            tables.job(jobKey)?.value.modifyIndex ?? tables.jobIndex
        case .jobSummary: tables.summary(of: jobKey)?.modifyIndex ?? tables.jobIndex
        case .evaluation:
            objectID.flatMap { tables.evaluation($0)?.value.modifyIndex }
                ?? tables.evaluationIndex
        case .allocation:
            objectID.flatMap { tables.allocation($0)?.value.modifyIndex }
                ?? tables.allocationIndex
        case .deployment:
            objectID.flatMap { tables.deployment($0)?.value.modifyIndex }
                ?? tables.deploymentIndex
        default:
            switch endpoint.watchedTable {
            case .jobs: tables.jobIndex
            case .evaluations: tables.evaluationIndex
            case .allocations: tables.allocationIndex
            case .deployments: tables.deploymentIndex
            default: tables.lastIndex
            }
        }
    }
}

extension Server {
    /// nil for what needs a leader.
    func answerLocally(_ call: Call, _ endpoint: JobEndpoint) -> APIResponse? {
        switch endpoint {
        case .parseJob:
            return .text(
                501,
                "job files are not parsed by servers: the command line does, and sends JSON")
        case .dispatchJob:
            return .text(501, "parameterized jobs are kept, and not dispatched")
        case .forcePeriodicJob:
            return .text(501, "periodic jobs are kept, and not launched")
        case .validateJob:
            guard case .jobs(.validate(let verdict)) = call.wish else {
                preconditionFailure("\(endpoint) was not validated")
            }
            return encode(JobValidateAnswer(verdict: verdict), call)
        case .namespaces:
            let isSeen =
                mayDo(.namespace(Job.namespaceDefault, .listJobs), call)
                || mayDo(.namespace(Job.namespaceDefault, .readJob), call)
            return encode(
                JSONList(isSeen ? [DefaultNamespace()] : []), call, freshness: freshness(index: 1))
        default:
            guard call.isStale, endpoint.isAnsweredFromState else { return nil }
            return jobAnswer(call, endpoint, isLeader: false)
        }
    }

    /// Whether the caller may do this besides what it is let in for.
    func mayDo(_ operation: Operation, _ call: Call) -> Bool {
        guard options.acl.isEnabled else { return true }
        guard case .allowed(let access?, _) = judge(call) else { return false }
        return access.rules.decide(operation).isAllowed
    }

    /// By the state as it is now.
    func jobAnswer(_ call: Call, _ endpoint: JobEndpoint, isLeader: Bool) -> APIResponse {
        let answer = JobReading(
            server: self, call: call, tables: replica.state.scheduling,
            freshness: freshness(
                index: max(1, call.jobIndex(of: endpoint, in: replica.state.scheduling)),
                isLeader: isLeader))
        return answer.answer(endpoint)
    }

    /// A page of the jobs whose ids begin as is asked, or all of them in pieces.
    func jobs(
        _ page: ListPage, _ call: Call, _ fresh: APIResponse.Freshness,
        where isMeant: @escaping (Job) -> Bool
    ) -> APIResponse {
        let tables = replica.state.scheduling
        let jobs = tables.jobs(
            namespace: call.namespace, idPrefix: call.query.first("prefix") ?? "",
            from: page.isReversed ? "" : page.token
        ).lazy.filter { isMeant($0.value) }
        return encode(
            page.ordered(jobs, token: \.value.id), page, call, fresh, token: \.value.id,
            subject: \.value
        ) { JobStub($0, summary: tables.summary(of: $0.value.key)) }
    }
}

/// One read of the scheduler's tables.
private struct JobReading {
    let server: Server
    let call: Call
    let tables: SchedulerTables
    let freshness: APIResponse.Freshness

    func answer(_ endpoint: JobEndpoint) -> APIResponse {
        switch endpoint {
        case .jobs: return server.jobs(page, call, freshness) { _ in true }
        case .job: return told(tables.job(call.jobKey)?.value, or: "job not found")
        case .jobSummary: return told(tables.summary(of: call.jobKey), or: "job not found")
        case .jobVersions: return versions()
        case .jobScale: return scale()
        case .jobAllocations: return list(allocationsOfJob())
        case .jobEvaluations:
            return paged(
                page.ordered(
                    tables.eachEvaluation(ofJob: call.jobKey), token: \.value.id.description),
                token: \.value.id.description, subject: \.value, showing: \.value)
        case .jobDeployments:
            return paged(
                page.ordered(deploymentsOfJob(), token: \.id.description),
                token: \.id.description, subject: { $0 }, showing: { $0 })
        case .jobDeployment:
            return told(
                NullableJSON(
                    value: deploymentsOfJob().max {
                        ($0.createIndex, $0.id) < ($1.createIndex, $1.id)
                    }))
        case .evaluations: return evaluations()
        case .evaluationCount:
            let isHere = call.namespace == Job.namespaceDefault
            return told(
                EvaluationCountAnswer(
                    count: isHere ? tables.evaluationCount : 0, freshness: freshness))
        case .evaluation:
            return told(
                call.objectID.flatMap { tables.evaluation($0)?.value }.filtered(isSeen),
                or: "eval not found")
        case .evaluationAllocations:
            guard let id = call.objectID else { return list([]) }
            return list(tables.eachAllocation(ofEvaluation: id))
        case .allocations: return allocations()
        case .allocation:
            return told(
                call.objectID.flatMap { tables.allocation($0)?.value }.filtered {
                    $0.namespace == call.namespace
                }, or: "alloc not found")
        case .deployments: return deployments()
        case .deployment:
            return told(
                call.objectID.flatMap { tables.deployment($0)?.value }.filtered(isSeen),
                or: "deployment not found")
        case .deploymentAllocations:
            return allocationsOfDeployment()
        case .search: return server.searchAnswer(call, in: tables, freshness)
        default: preconditionFailure("\(endpoint) is not answered from the state")
        }
    }

    // MARK: Forms

    private func told(_ value: some JSONWritable) -> APIResponse {
        server.encode(value, call, freshness: freshness)
    }

    private func told(_ value: (some JSONWritable)?, or missing: String) -> APIResponse {
        if let value { return told(value) }
        var response = APIResponse.text(404, missing)
        response.freshness = freshness
        return response
    }

    private func told(_ rows: ListRows) -> APIResponse {
        server.encode(rows, call, freshness: freshness)
    }

    /// Of a job, an evaluation or a deployment, in the order of their ids.
    private func list(_ allocations: some Sequence<Shared<Allocation>>) -> APIResponse {
        paged(page.ordered(allocations, token: \.value.id.description))
    }

    private func paged(_ allocations: some Sequence<Shared<Allocation>>) -> APIResponse {
        let showsResources = call.isOn("resources")
        return paged(
            allocations, token: \.value.id.description,
            subject: { AllocationStub($0, showsResources: showsResources) }, showing: stub)
    }

    /// What a list tells of it; nil for one of another namespace.
    private var stub: (Shared<Allocation>) -> AllocationStub? {
        let showsResources = call.isOn("resources")
        let namespace = call.namespace
        return { allocation in
            guard allocation.value.namespace == namespace else { return nil }
            return AllocationStub(allocation, showsResources: showsResources)
        }
    }

    /// The whole list, or the page of it that is asked for.
    private func paged<Row, Subject: JSONWritable, Shown: JSONWritable>(
        _ rows: some Sequence<Row>, token: (Row) -> String,
        subject: @escaping (Row) -> Subject, showing shown: @escaping (Row) -> Shown?
    ) -> APIResponse {
        server.encode(
            rows, page, call, freshness, token: token, subject: subject, showing: shown)
    }

    private func isSeen(_ evaluation: Evaluation) -> Bool { evaluation.namespace == call.namespace }

    private func isSeen(_ deployment: Deployment) -> Bool { deployment.namespace == call.namespace }

    // MARK: Lists

    private var prefix: String { call.query.first("prefix") ?? "" }

    private func evaluations() -> APIResponse {
        guard let ids else { return told(.none) }
        guard let job = page.job else {
            return evaluations(tables.evaluations(in: ids, descending: page.isReversed))
        }
        let key = JobKey(namespace: call.namespace, id: job)
        return evaluations(
            page.ordered(
                tables.eachEvaluation(ofJob: key).lazy.filter { ids.contains($0.value.id) },
                token: \.value.id.description))
    }

    private func evaluations(_ rows: some Sequence<Shared<Evaluation>>) -> APIResponse {
        let (namespace, status) = (call.namespace, page.status)
        return server.encode(
            rows, page, call, freshness, token: \.value.id.description,
            where: { status == nil || $0.value.status == status }, subject: \.value
        ) { $0.value.namespace == namespace ? $0.value : nil }
    }

    private func allocations() -> APIResponse {
        guard let ids else { return told(.none) }
        return paged(tables.allocations(in: ids, descending: page.isReversed))
    }

    private func deployments() -> APIResponse {
        guard let ids else { return told(.none) }
        let namespace = call.namespace
        return paged(
            tables.deployments(in: ids, descending: page.isReversed),
            token: \.value.id.description, subject: \.value
        ) { $0.value.namespace == namespace ? $0.value : nil }
    }

    private var page: ListPage {
        guard case .jobs(.list(let page)) = call.wish else {
            preconditionFailure("a list that was not validated")
        }
        return page
    }

    /// Those that are asked for, from where the page begins; nil for none.
    private var ids: ClosedRange<UniqueID>? {
        SchedulerTables.ids(beginning: prefix).flatMap { page.rest(of: $0) }
    }

    // MARK: Of a job

    /// Those of earlier jobs with this id are shown with `?all` only.
    private var showsAll: Bool { call.isOn("all") }

    private func allocationsOfJob() -> some Sequence<Shared<Allocation>> {
        let newest = showsAll ? nil : tables.job(call.jobKey)?.value.createIndex
        return tables.eachAllocation(ofJob: call.jobKey).lazy.filter {
            newest == nil || $0.value.job.value.createIndex == newest
        }
    }

    private func allocationsOfDeployment() -> APIResponse {
        guard let id = call.objectID, let job = tables.deployment(id)?.value.job else {
            return told(.none)
        }
        return list(
            tables.eachAllocation(ofJob: job).lazy.filter { $0.value.deploymentID == id })
    }

    private func deploymentsOfJob() -> [Deployment] {
        let all = tables.deployments(ofJob: call.jobKey).map(\.value)
        guard !showsAll, let job = tables.job(call.jobKey)?.value else { return all }
        return all.filter { $0.jobCreateIndex == job.createIndex }
    }

    private func versions() -> APIResponse {
        let versions = tables.versions(of: call.jobKey)
        let showsDiffs = call.isOn("diffs")
        return told(
            versions.isEmpty
                ? nil
                : JobVersionsAnswer(
                    versions: versions,
                    diffs: showsDiffs
                        ? zip(versions.dropFirst(), versions).map { JobDiff.between($0, $1) } : [],
                    freshness: freshness), or: "job versions not found")
    }

    private func scale() -> APIResponse {
        told(
            tables.job(call.jobKey).map {
                JobScaleAnswer(
                    job: $0.value, allocations: tables.eachAllocation(ofJob: call.jobKey))
            }, or: "job not found")
    }
}

extension Optional {
    fileprivate func filtered(_ isIncluded: (Wrapped) -> Bool) -> Wrapped? {
        guard let value = self, isIncluded(value) else { return nil }
        return value
    }
}

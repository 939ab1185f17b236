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
            guard call.isStale, endpoint.isRead else { return nil }
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
}

/// One read of the scheduler's tables.
private struct JobReading {
    let server: Server
    let call: Call
    let tables: SchedulerTables
    let freshness: APIResponse.Freshness

    func answer(_ endpoint: JobEndpoint) -> APIResponse {
        switch endpoint {
        case .jobs: return jobs()
        case .job: return told(tables.job(call.jobKey)?.value, or: "job not found")
        case .jobSummary: return told(tables.summary(of: call.jobKey), or: "job not found")
        case .jobVersions: return versions()
        case .jobScale: return scale()
        case .jobAllocations: return list(allocationsOfJob())
        case .jobEvaluations:
            return told(JSONList(tables.evaluations(ofJob: call.jobKey).map(\.value)))
        case .jobDeployments: return told(JSONList(deploymentsOfJob()))
        case .jobDeployment:
            return told(
                NullableJSON(
                    value: deploymentsOfJob().max {
                        ($0.createIndex, $0.id) < ($1.createIndex, $1.id)
                    }))
        case .evaluations: return told(JSONList(evaluations().filter(isSeen)))
        case .evaluation:
            return told(
                call.objectID.flatMap { tables.evaluation($0)?.value }.filtered(isSeen),
                or: "eval not found")
        case .evaluationAllocations:
            return list(call.objectID.map { tables.allocations(ofEvaluation: $0) } ?? [])
        case .allocations: return list(allocations())
        case .allocation:
            return told(
                call.objectID.flatMap { tables.allocation($0)?.value }.filtered {
                    $0.namespace == call.namespace
                }, or: "alloc not found")
        case .deployments: return told(JSONList(deployments().filter(isSeen)))
        case .deployment:
            return told(
                call.objectID.flatMap { tables.deployment($0)?.value }.filtered(isSeen),
                or: "deployment not found")
        case .deploymentAllocations:
            return list(call.objectID.map { tables.allocations(ofDeployment: $0) } ?? [])
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

    private func list(_ allocations: [Shared<Allocation>]) -> APIResponse {
        let showsResources = isOn("resources")
        return told(
            JSONList(
                allocations.filter { $0.value.namespace == call.namespace }
                    .map { AllocationStub($0, showsResources: showsResources) }))
    }

    private func isSeen(_ evaluation: Evaluation) -> Bool { evaluation.namespace == call.namespace }

    private func isSeen(_ deployment: Deployment) -> Bool { deployment.namespace == call.namespace }

    // MARK: Lists

    private var prefix: String { call.query.first("prefix") ?? "" }

    private func jobs() -> APIResponse {
        told(
            JSONList(
                tables.jobs(namespace: call.namespace, idPrefix: prefix).map {
                    JobStub($0, summary: tables.summary(of: $0.value.key))
                }))
    }

    private func evaluations() -> [Evaluation] {
        prefix.isEmpty
            ? tables.evaluations.map(\.value)
            : tables.evaluations(idPrefix: prefix).map(\.value)
    }

    private func allocations() -> [Shared<Allocation>] {
        prefix.isEmpty ? Array(tables.allocations) : tables.allocations(idPrefix: prefix)
    }

    private func deployments() -> [Deployment] {
        prefix.isEmpty
            ? tables.deployments.map(\.value)
            : tables.deployments(idPrefix: prefix).map(\.value)
    }

    // MARK: Of a job

    /// Those of earlier jobs with this id are shown with `?all` only.
    private var showsAll: Bool { isOn("all") }

    /// A parameter that was looked at when the call came (``Call/flag(_:)``).
    private func isOn(_ name: String) -> Bool {
        ["", "1", "t", "true"].contains(call.query.first(name)?.lowercased())
    }

    private func allocationsOfJob() -> [Shared<Allocation>] {
        let all = tables.allocations(ofJob: call.jobKey)
        guard !showsAll, let job = tables.job(call.jobKey)?.value else { return all }
        return all.filter { $0.value.job.value.createIndex == job.createIndex }
    }

    private func deploymentsOfJob() -> [Deployment] {
        let all = tables.deployments(ofJob: call.jobKey).map(\.value)
        guard !showsAll, let job = tables.job(call.jobKey)?.value else { return all }
        return all.filter { $0.jobCreateIndex == job.createIndex }
    }

    private func versions() -> APIResponse {
        let versions = tables.versions(of: call.jobKey)
        let showsDiffs = isOn("diffs")
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
                    job: $0.value, allocations: tables.allocations(ofJob: call.jobKey))
            }, or: "job not found")
    }
}

extension Optional {
    fileprivate func filtered(_ isIncluded: (Wrapped) -> Bool) -> Wrapped? {
        guard let value = self, isIncluded(value) else { return nil }
        return value
    }
}

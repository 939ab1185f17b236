// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletHTTP
import MartletState

/// What can be asked about jobs and what comes of them.
enum JobEndpoint: Sendable, Equatable, CaseIterable {
    case jobs
    case registerJob
    case parseJob
    case validateJob
    case job
    case updateJob
    case deregisterJob
    case planJob
    case jobAllocations
    case jobEvaluations
    case jobDeployments
    case jobDeployment
    case jobSummary
    case jobVersions
    case evaluateJob
    case dispatchJob
    case forcePeriodicJob
    case revertJob
    case setJobStability
    case jobScale
    case scaleJob
    case evaluations
    case evaluationCount
    case deleteEvaluations
    case evaluation
    case evaluationAllocations
    case allocations
    case allocation
    case stopAllocation
    case deployments
    case deployment
    case deploymentAllocations
    case failDeployment
    case pauseDeployment
    case promoteDeployment
    case setDeploymentHealth
    case search
    case collectGarbage
    case reconcileSummaries
    case namespaces

    /// An id of a job may hold slashes: what follows it is looked for at the end of the path.
    static let table: [(path: String, methods: [RequestHead.Method: JobEndpoint])] = [
        ("/jobs", [.get: .jobs, .put: .registerJob, .post: .registerJob]),
        ("/jobs/parse", [.put: .parseJob, .post: .parseJob]),
        ("/validate/job", [.put: .validateJob, .post: .validateJob]),
        (
            "/job/:id",
            [.get: .job, .put: .updateJob, .post: .updateJob, .delete: .deregisterJob]
        ),
        ("/job/:id/plan", [.put: .planJob, .post: .planJob]),
        ("/job/:id/allocations", [.get: .jobAllocations]),
        ("/job/:id/evaluations", [.get: .jobEvaluations]),
        ("/job/:id/deployments", [.get: .jobDeployments]),
        ("/job/:id/deployment", [.get: .jobDeployment]),
        ("/job/:id/summary", [.get: .jobSummary]),
        ("/job/:id/versions", [.get: .jobVersions]),
        ("/job/:id/evaluate", [.put: .evaluateJob, .post: .evaluateJob]),
        ("/job/:id/dispatch", [.put: .dispatchJob, .post: .dispatchJob]),
        ("/job/:id/periodic/force", [.put: .forcePeriodicJob, .post: .forcePeriodicJob]),
        ("/job/:id/revert", [.put: .revertJob, .post: .revertJob]),
        ("/job/:id/stable", [.put: .setJobStability, .post: .setJobStability]),
        ("/job/:id/scale", [.get: .jobScale, .put: .scaleJob, .post: .scaleJob]),
        ("/evaluations", [.get: .evaluations, .delete: .deleteEvaluations]),
        ("/evaluations/count", [.get: .evaluationCount]),
        ("/evaluation/:id", [.get: .evaluation]),
        ("/evaluation/:id/allocations", [.get: .evaluationAllocations]),
        ("/allocations", [.get: .allocations]),
        ("/allocation/:id", [.get: .allocation]),
        ("/allocation/:id/stop", [.put: .stopAllocation, .post: .stopAllocation]),
        ("/deployments", [.get: .deployments]),
        ("/deployment/:id", [.get: .deployment]),
        ("/deployment/allocations/:id", [.get: .deploymentAllocations]),
        ("/deployment/fail/:id", [.put: .failDeployment, .post: .failDeployment]),
        ("/deployment/pause/:id", [.put: .pauseDeployment, .post: .pauseDeployment]),
        ("/deployment/promote/:id", [.put: .promoteDeployment, .post: .promoteDeployment]),
        (
            "/deployment/allocation-health/:id",
            [.put: .setDeploymentHealth, .post: .setDeploymentHealth]
        ),
        ("/search", [.put: .search, .post: .search]),
        ("/system/gc", [.put: .collectGarbage, .post: .collectGarbage]),
        (
            "/system/reconcile/summaries",
            [.put: .reconcileSummaries, .post: .reconcileSummaries]
        ),
        ("/namespaces", [.get: .namespaces]),
    ]

    /// What stands behind a job's id in these paths: with its slash.
    static let endings: [String] = table.compactMap { row in
        row.path.hasPrefix("/job/:id/") ? String(row.path.dropFirst("/job/:id".count)) : nil
    }

    /// Repeating it changes nothing.
    var isRead: Bool {
        switch self {
        case .registerJob, .updateJob, .deregisterJob, .evaluateJob, .revertJob,
            .setJobStability, .scaleJob, .stopAllocation, .failDeployment, .pauseDeployment,
            .promoteDeployment, .setDeploymentHealth, .deleteEvaluations, .collectGarbage,
            .reconcileSummaries:
            false
        case .jobs, .parseJob, .validateJob, .planJob, .dispatchJob, .forcePeriodicJob, .job,
            .jobAllocations, .jobEvaluations, .jobDeployments, .jobDeployment, .jobSummary,
            .jobVersions, .jobScale, .evaluations, .evaluationCount, .evaluation,
            .evaluationAllocations, .allocations, .allocation,
            .deployments, .deployment, .deploymentAllocations, .search, .namespaces:
            true
        }
    }

    /// Answered from the request alone.
    var isAnsweredByItself: Bool {
        switch self {
        case .parseJob, .validateJob, .dispatchJob, .forcePeriodicJob, .namespaces: true
        default: false
        }
    }

    /// Answered from the replicated state, on any server.
    var isAnsweredFromState: Bool { isRead && !isAnsweredByItself && self != .planJob }

    /// Within the namespace that the call names.
    var requirement: Requirement {
        switch self {
        case .jobs: .namespace(.listJobs)
        case .parseJob: .namespace(.parseJob)
        case .dispatchJob, .forcePeriodicJob: .namespace(.dispatchJob)
        case .registerJob, .updateJob, .deregisterJob, .planJob, .revertJob, .setJobStability,
            .failDeployment, .pauseDeployment, .promoteDeployment, .setDeploymentHealth:
            .namespace(.submitJob)
        case .validateJob, .job, .jobAllocations, .jobEvaluations, .jobDeployments,
            .jobDeployment, .jobSummary, .jobVersions, .evaluateJob, .evaluations,
            .evaluationCount, .evaluation, .evaluationAllocations, .allocations, .allocation,
            .deployments, .deployment,
            .deploymentAllocations:
            .namespace(.readJob)
        case .jobScale: .namespace(.readJobScaling)
        case .scaleJob: .namespace(.scaleJob)
        case .stopAllocation: .namespace(.allocLifecycle)
        case .search, .namespaces: .filtered
        case .deleteEvaluations, .collectGarbage, .reconcileSummaries: .operation(.aclManage)
        }
    }

    /// The table whose changes a blocking query waits for; nil for an endpoint that answers at once.
    var watchedTable: State.Table? {
        switch self {
        case .jobs, .job, .jobSummary, .jobVersions, .jobScale: .jobs
        case .jobEvaluations, .evaluations, .evaluationCount, .evaluation: .evaluations
        case .jobAllocations, .evaluationAllocations, .allocations, .allocation,
            .deploymentAllocations:
            .allocations
        case .jobDeployments, .jobDeployment, .deployments, .deployment: .deployments
        case .registerJob, .parseJob, .validateJob, .updateJob, .deregisterJob, .planJob,
            .evaluateJob, .dispatchJob, .forcePeriodicJob, .revertJob, .setJobStability, .scaleJob,
            .stopAllocation, .failDeployment, .pauseDeployment, .promoteDeployment,
            .setDeploymentHealth,
            .deleteEvaluations, .search, .collectGarbage, .reconcileSummaries, .namespaces:
            nil
        }
    }
}

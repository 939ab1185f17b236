// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletState
import MartletTransport

// What operators change of deployments, on the leader.

extension Server {
    func changeDeployment(
        _ wish: JobWish, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let deployment = try activeDeployment(call)
        switch wish {
        case .pause(let request): try pause(deployment, request, call, done)
        case .promote(let request):
            let evaluation = try makeEvaluation(of: deployment)
            propose(
                .promoteDeployment(
                    deployment.id, groups: request.groups, evaluations: [evaluation]), call, done,
                evaluation: evaluation.id
            ) { _, index in .deployment(modifyIndex: index, revertedTo: nil) }
        case .health(let request): try setHealth(deployment, request, call, done)
        default: preconditionFailure("no change of a deployment")
        }
    }

    func failDeployment(
        _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let deployment = try activeDeployment(call)
        let version = revertTarget(of: deployment)
        let evaluation = try makeEvaluation(of: deployment)
        propose(
            .setDeploymentStatus(
                DeploymentStatusUpdate(
                    id: deployment.id, status: .failed,
                    description: "Deployment marked as failed" + Self.rollback(to: version)),
                revertingTo: version, evaluations: [evaluation]), call, done,
            evaluation: evaluation.id
        ) { _, index in .deployment(modifyIndex: index, revertedTo: version) }
    }

    /// A paused deployment places nothing: there is nothing to evaluate until it goes on.
    private func pause(
        _ deployment: Deployment, _ request: DeploymentPauseRequest, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let evaluation = request.pauses ? nil : try makeEvaluation(of: deployment)
        propose(
            .setDeploymentStatus(
                DeploymentStatusUpdate(
                    id: deployment.id, status: request.pauses ? .paused : .running,
                    description: request.pauses
                        ? "Deployment is paused" : Deployment.runningDescription),
                revertingTo: nil, evaluations: evaluation.map { [$0] } ?? []), call, done,
            evaluation: evaluation?.id
        ) { _, index in .deployment(modifyIndex: index, revertedTo: nil) }
    }

    /// One that is not healthy fails the deployment.
    private func setHealth(
        _ deployment: Deployment, _ request: DeploymentHealthRequest, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let fails = !request.unhealthy.isEmpty
        let version = fails ? revertTarget(of: deployment) : nil
        let evaluation = try makeEvaluation(of: deployment)
        let update = DeploymentStatusUpdate(
            id: deployment.id, status: .failed,
            description: "Failed due to unhealthy allocations" + Self.rollback(to: version))
        propose(
            .setDeploymentHealth(
                DeploymentHealthChange(
                    deployment: deployment.id, healthy: request.healthy,
                    unhealthy: request.unhealthy, unixNanoseconds: loop.wallClockNanoseconds,
                    update: fails ? update : nil, revertingTo: version),
                evaluations: [evaluation]), call, done, evaluation: evaluation.id
        ) { _, index in .deployment(modifyIndex: index, revertedTo: version) }
    }

    // MARK: Parts

    /// That it still goes on is checked again where the change is applied.
    private func activeDeployment(_ call: Call) throws(APIError) -> Deployment {
        guard let id = call.objectID,
            let deployment = replica.state.scheduling.deployment(id)?.value,
            deployment.namespace == call.namespace
        else { throw APIError(status: 404, message: "deployment not found") }
        guard deployment.isActive else {
            throw APIError(status: 400, message: "can't change a deployment that has ended")
        }
        return deployment
    }

    /// The newest stable version before that of the deployment; nil where its groups do not ask to be
    /// reverted, or there is none to go back to.
    private func revertTarget(of deployment: Deployment) -> UInt64? {
        guard deployment.groups.contains(where: { $0.value.autoRevert }) else { return nil }
        return replica.state.scheduling.versions(of: deployment.job).first {
            $0.isStable && $0.version != deployment.jobVersion
        }?.version
    }

    private static func rollback(to version: UInt64?) -> String {
        version.map { " - rolling back to job version \($0)" } ?? ""
    }

    private func makeEvaluation(of deployment: Deployment) throws(APIError) -> Evaluation {
        let job = replica.state.scheduling.job(deployment.job)?.value
        var evaluation = Evaluation(
            id: try freshUniqueID(), job: deployment.job, priority: deployment.evaluationPriority,
            type: job?.type ?? .service, trigger: .deploymentWatcher)
        evaluation.jobModifyIndex = job?.jobModifyIndex ?? deployment.jobSpecModifyIndex
        evaluation.deploymentID = deployment.id
        evaluation.createUnixNanoseconds = loop.wallClockNanoseconds
        evaluation.modifyUnixNanoseconds = evaluation.createUnixNanoseconds
        return evaluation
    }
}

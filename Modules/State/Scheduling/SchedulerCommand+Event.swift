// SPDX-License-Identifier: Apache-2.0

extension SchedulerCommand {
    /// What those who follow events are told that it did, in Nomad's words.
    package var eventType: String {
        switch self {
        case .registerJob, .revertJob: "JobRegistered"
        case .deregisterJob: "JobDeregistered"
        case .setJobStability: "JobStabilityUpdated"
        case .registerNodes: "NodeRegistration"
        case .setNodeStatus, .addNodeEvents: "NodeEvent"
        case .setNodeEligibility: "NodeEligibility"
        case .setNodeDrain: "NodeDrain"
        case .deregisterNodes: "NodeDeregistration"
        case .upsertEvaluations: "EvaluationUpdated"
        case .applyPlan: "PlanResult"
        case .updateAllocations: "AllocationUpdated"
        case .setTransitions: "AllocationUpdateDesiredStatus"
        case .setDeploymentStatus: "DeploymentStatusUpdate"
        case .promoteDeployment: "DeploymentPromotion"
        case .setDeploymentHealth: "DeploymentAllocHealth"
        case .collect, .collectNodes: "GarbageCollected"
        case .upsertPools: "NodePoolUpserted"
        case .deletePools: "NodePoolDeleted"
        case .sealNodes: "NodeEvent"
        }
    }
}

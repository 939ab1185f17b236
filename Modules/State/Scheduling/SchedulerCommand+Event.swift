// SPDX-License-Identifier: Apache-2.0

extension SchedulerCommand {
    /// What those who follow events are told that a command did, in Nomad's words; nil for a command of
    /// another part of the state. Reads two bytes.
    package static func eventType(of command: [UInt8]) -> String? {
        guard command.count > 1 else { return nil }
        return eventTypes[command[1]]
    }

    private static let eventTypes: [UInt8: String] = [
        23: "JobRegistered", 24: "JobDeregistered", 25: "JobRegistered", 26: "JobStabilityUpdated",
        27: "NodeRegistration", 28: "NodeEvent", 29: "NodeEligibility", 30: "NodeDrain",
        31: "NodeEvent", 32: "NodeDeregistration", 33: "EvaluationUpdated", 34: "PlanResult",
        35: "AllocationUpdated", 36: "AllocationUpdateDesiredStatus",
        37: "DeploymentStatusUpdate", 38: "DeploymentPromotion", 39: "DeploymentAllocHealth",
        40: "GarbageCollected", 41: "GarbageCollected",
    ]
}

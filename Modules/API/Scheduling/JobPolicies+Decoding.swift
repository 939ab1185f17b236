// SPDX-License-Identifier: Apache-2.0
import MartletJSON

// Fields that are absent keep what is there: a group's policy is its own over its job's over the
// default of the job's type.

extension UpdateStrategy {
    func overlaid(with fields: BodyFields?) throws(APIError) -> UpdateStrategy {
        guard let fields else { return self }
        var update = self
        update.stagger = try fields.span("Stagger", default: stagger)
        update.maxParallel = try fields.int("MaxParallel", default: maxParallel)
        update.healthCheck = try fields.string("HealthCheck", default: healthCheck)
        if update.healthCheck.isEmpty { update.healthCheck = healthCheck }
        update.minHealthyTime = try fields.span("MinHealthyTime", default: minHealthyTime)
        update.healthyDeadline = try fields.span("HealthyDeadline", default: healthyDeadline)
        update.progressDeadline = try fields.span("ProgressDeadline", default: progressDeadline)
        update.autoRevert = try fields.bool("AutoRevert", default: autoRevert)
        update.autoPromote = try fields.bool("AutoPromote", default: autoPromote)
        update.canary = try fields.int("Canary", default: canary)
        return update
    }
}

extension RestartPolicy {
    func overlaid(with fields: BodyFields?) throws(APIError) -> RestartPolicy {
        guard let fields else { return self }
        var policy = self
        policy.attempts = try fields.int("Attempts", default: attempts)
        policy.interval = try fields.span("Interval", default: interval)
        policy.delay = try fields.span("Delay", default: delay)
        policy.mode = try fields.string("Mode", default: mode)
        if policy.mode.isEmpty { policy.mode = mode }
        return policy
    }
}

extension ReschedulePolicy {
    func overlaid(with fields: BodyFields?) throws(APIError) -> ReschedulePolicy {
        guard let fields else { return self }
        var policy = self
        policy.attempts = try fields.int("Attempts", default: attempts)
        policy.interval = try fields.span("Interval", default: interval)
        policy.delay = try fields.span("Delay", default: delay)
        policy.maxDelay = try fields.span("MaxDelay", default: maxDelay)
        policy.unlimited = try fields.bool("Unlimited", default: unlimited)
        let function = try fields.string("DelayFunction", default: "")
        if !function.isEmpty {
            policy.delayFunction = try fields.choice("DelayFunction", default: .constant)
        }
        return policy
    }
}

extension MigrateStrategy {
    func overlaid(with fields: BodyFields?) throws(APIError) -> MigrateStrategy {
        guard let fields else { return self }
        var strategy = self
        strategy.maxParallel = try fields.int("MaxParallel", default: maxParallel)
        strategy.healthCheck = try fields.string("HealthCheck", default: healthCheck)
        if strategy.healthCheck.isEmpty { strategy.healthCheck = healthCheck }
        strategy.minHealthyTime = try fields.span("MinHealthyTime", default: minHealthyTime)
        strategy.healthyDeadline = try fields.span("HealthyDeadline", default: healthyDeadline)
        return strategy
    }
}

// SPDX-License-Identifier: Apache-2.0

/// How the instances of a group are replaced when its job changes.
package struct UpdateStrategy: Hashable, Sendable {
    package var stagger = GoDuration.seconds(30)
    /// Instances that are replaced at a time; 0 means that no deployment is made.
    package var maxParallel = 1
    /// `checks`, `task_states` or `manual`.
    package var healthCheck = "checks"
    package var minHealthyTime = GoDuration.seconds(10)
    package var healthyDeadline = GoDuration.seconds(300)
    /// 0 means that the first failure fails the deployment.
    package var progressDeadline = GoDuration.seconds(600)
    package var autoRevert = false
    package var autoPromote = false
    package var canary = 0

    /// Nomad's defaults.
    package init() {}
}

/// How tasks are restarted on their node.
package struct RestartPolicy: Hashable, Sendable {
    package var attempts: Int
    package var interval: GoDuration
    package var delay: GoDuration
    /// `fail` or `delay`.
    package var mode: String

    package init(attempts: Int, interval: GoDuration, delay: GoDuration, mode: String) {
        self.attempts = attempts
        self.interval = interval
        self.delay = delay
        self.mode = mode
    }

    /// Nomad's default for a type of job.
    package init(for type: JobType) {
        switch type {
        case .service, .system:
            self.init(
                attempts: 2, interval: .seconds(1800), delay: .seconds(15), mode: "fail")
        case .batch, .sysbatch:
            self.init(
                attempts: 3, interval: .seconds(86_400), delay: .seconds(15), mode: "fail")
        }
    }
}

/// Whether and when a failed instance is placed again elsewhere.
package struct ReschedulePolicy: Hashable, Sendable {
    package enum DelayFunction: String, Hashable, Sendable, CaseIterable {
        case constant
        case exponential
        case fibonacci
    }

    /// Within `interval`; of no meaning where `unlimited`.
    package var attempts = 0
    package var interval = GoDuration.zero
    package var delay = GoDuration.zero
    /// nil where nothing is rescheduled.
    package var delayFunction: DelayFunction?
    package var maxDelay = GoDuration.zero
    package var unlimited = false

    /// No rescheduling.
    package init() {}

    /// Nomad's default for a type of job.
    package init(for type: JobType) {
        switch type {
        case .service:
            delay = .seconds(30)
            delayFunction = .exponential
            maxDelay = .seconds(3600)
            unlimited = true
        case .batch:
            attempts = 1
            interval = .seconds(86_400)
            delay = .seconds(5)
            delayFunction = .constant
        case .system, .sysbatch: break
        }
    }

    package var isEnabled: Bool { unlimited || attempts > 0 }
}

/// How instances leave a node that is drained.
package struct MigrateStrategy: Hashable, Sendable {
    package var maxParallel = 1
    package var healthCheck = "checks"
    package var minHealthyTime = GoDuration.seconds(10)
    package var healthyDeadline = GoDuration.seconds(300)

    /// Nomad's defaults.
    package init() {}
}

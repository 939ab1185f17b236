// SPDX-License-Identifier: Apache-2.0

// Nomad's rules about policies, in its words.

extension UpdateStrategy {
    var faults: [String] {
        var faults: [String] = []
        if !["checks", "task_states", "manual"].contains(healthCheck) {
            faults.append("Invalid health check given: \(FaultList.shown(healthCheck))")
        }
        if maxParallel < 0 {
            faults.append("MaxParallel can not be less than zero: \(maxParallel) < 0")
        }
        if canary < 0 {
            faults.append("Canary count can not be less than zero: \(canary) < 0")
        }
        if canary == 0, autoPromote {
            faults.append("Auto Promote requires a Canary count greater than zero")
        }
        faults += FaultList.amount("MaxParallel", max(0, maxParallel))
        if canary > SchedulingBounds.canariesMax {
            faults.append(
                "Canary count can not be more than \(SchedulingBounds.canariesMax): \(canary)")
        }
        return faults + spanFaults
    }

    private var spanFaults: [String] {
        var faults: [String] = []
        if minHealthyTime < .zero {
            faults.append("Minimum healthy time may not be less than zero: \(minHealthyTime)")
        }
        if healthyDeadline <= .zero {
            faults.append("Healthy deadline must be greater than zero: \(healthyDeadline)")
        }
        if progressDeadline < .zero {
            faults.append("Progress deadline must be zero or greater: \(progressDeadline)")
        }
        if minHealthyTime >= healthyDeadline {
            faults.append(
                "Minimum healthy time must be less than healthy deadline: \(minHealthyTime) > "
                    + "\(healthyDeadline)")
        }
        if progressDeadline != .zero, healthyDeadline >= progressDeadline {
            faults.append(
                "Healthy deadline must be less than progress deadline: \(healthyDeadline) > "
                    + "\(progressDeadline)")
        }
        if stagger <= .zero { faults.append("Stagger must be greater than zero: \(stagger)") }
        for (field, span) in [
            ("Stagger", stagger), ("MinHealthyTime", minHealthyTime),
            ("HealthyDeadline", healthyDeadline), ("ProgressDeadline", progressDeadline),
        ] where span > SchedulingBounds.durationMax {
            faults += FaultList.span(field, span)
        }
        return faults
    }
}

extension RestartPolicy {
    private static let intervalMin = GoDuration.seconds(5)

    var faults: [String] {
        var faults =
            FaultList.amount("RestartPolicy.Attempts", attempts)
            + FaultList.span("RestartPolicy.Delay", delay)
            + FaultList.span("RestartPolicy.Interval", interval)
        if mode != "fail", mode != "delay" {
            faults.append("Unsupported restart mode: \(FaultList.shown(mode))")
        }
        if attempts == 0, mode != "fail" {
            faults.append("Restart policy \(FaultList.shown(mode)) with 0 attempts is ambiguous")
        }
        if interval < Self.intervalMin {
            faults.append("Interval can not be less than \(Self.intervalMin) (got \(interval))")
        }
        let (time, isTooLong) = Int64(max(0, attempts)).multipliedReportingOverflow(
            by: max(0, delay.nanoseconds))
        if isTooLong || time > interval.nanoseconds {
            faults.append(
                "Nomad can't restart the TaskGroup \(attempts) times in an interval of \(interval) "
                    + "with a delay of \(delay)")
        }
        return faults
    }
}

extension ReschedulePolicy {
    private static let delayMin = GoDuration.seconds(5)
    private static let intervalMin = GoDuration.seconds(15)

    var faults: [String] {
        var faults =
            FaultList.amount("ReschedulePolicy.Attempts", attempts)
            + FaultList.span("ReschedulePolicy.Interval", interval)
            + FaultList.span("ReschedulePolicy.Delay", delay)
            + FaultList.span("ReschedulePolicy.MaxDelay", maxDelay)
        guard isEnabled else { return faults }
        guard let delayFunction else {
            return faults + [
                "Invalid delay function \"\", must be one of "
                    + "[\"constant\" \"exponential\" \"fibonacci\"]"
            ]
        }
        if delay < Self.delayMin {
            faults.append("Delay cannot be less than \(Self.delayMin) (got \(delay))")
        }
        if delayFunction != .constant, maxDelay < delay {
            faults.append("Max Delay cannot be less than Delay \(delay) (got \(maxDelay))")
        }
        if !unlimited, interval < Self.intervalMin {
            faults.append(
                "Interval cannot be less than \(Self.intervalMin) (got \(interval))")
        }
        return faults
    }
}

extension MigrateStrategy {
    var faults: [String] {
        var faults: [String] = []
        if maxParallel < 0 { faults.append("MaxParallel must be >= 0 but found \(maxParallel)") }
        faults += FaultList.amount("Migrate.MaxParallel", max(0, maxParallel))
        if healthCheck != "checks", healthCheck != "task_states" {
            faults.append(
                "HealthCheck must be \"checks\" or \"task_states\" but found: "
                    + FaultList.shown(healthCheck))
        }
        if minHealthyTime < .zero {
            faults.append("MinHealthyTime is \(minHealthyTime) and must be >= 0")
        }
        if healthyDeadline < .zero {
            faults.append("HealthyDeadline is \(healthyDeadline) and must be >= 0")
        }
        if minHealthyTime > healthyDeadline {
            faults.append("MinHealthyTime must be less than HealthyDeadline")
        }
        for (field, span) in [
            ("Migrate.MinHealthyTime", minHealthyTime),
            ("Migrate.HealthyDeadline", healthyDeadline),
        ] where span > SchedulingBounds.durationMax {
            faults += FaultList.span(field, span)
        }
        return faults
    }
}

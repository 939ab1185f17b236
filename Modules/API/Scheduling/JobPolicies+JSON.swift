// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

extension UpdateStrategy: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("AutoPromote", autoPromote)
        writer.member("AutoRevert", autoRevert)
        writer.member("Canary", canary)
        writer.member("HealthCheck", healthCheck)
        writer.member(span: "HealthyDeadline", healthyDeadline)
        writer.member("MaxParallel", maxParallel)
        writer.member(span: "MinHealthyTime", minHealthyTime)
        writer.member(span: "ProgressDeadline", progressDeadline)
        writer.member(span: "Stagger", stagger)
        writer.endObject()
    }

    /// How a job without a strategy is written: all of it zero.
    static let none: UpdateStrategy = {
        var none = UpdateStrategy()
        none.stagger = .zero
        none.maxParallel = 0
        none.healthCheck = ""
        none.minHealthyTime = .zero
        none.healthyDeadline = .zero
        none.progressDeadline = .zero
        return none
    }()
}

extension RestartPolicy: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attempts", attempts)
        writer.member(span: "Delay", delay)
        writer.member(span: "Interval", interval)
        writer.member("Mode", mode)
        writer.endObject()
    }
}

extension ReschedulePolicy: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Attempts", attempts)
        writer.member(span: "Delay", delay)
        writer.member("DelayFunction", delayFunction?.rawValue ?? "")
        writer.member(span: "Interval", interval)
        writer.member(span: "MaxDelay", maxDelay)
        writer.member("Unlimited", unlimited)
        writer.endObject()
    }
}

extension MigrateStrategy: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("HealthCheck", healthCheck)
        writer.member(span: "HealthyDeadline", healthyDeadline)
        writer.member("MaxParallel", maxParallel)
        writer.member(span: "MinHealthyTime", minHealthyTime)
        writer.endObject()
    }
}

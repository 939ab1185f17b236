// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// Where work is placed first.
package enum SchedulerAlgorithm: String, Equatable, Sendable {
    /// On the fullest node that still fits.
    case binpack
    /// On the emptiest.
    case spread
}

/// Which kinds of jobs may evict others.
package struct PreemptionConfig: Equatable, Sendable {
    package var systemSchedulerEnabled = true
    package var sysBatchSchedulerEnabled = false
    package var batchSchedulerEnabled = false
    package var serviceSchedulerEnabled = false

    /// The documented defaults.
    package init() {}
}

/// How work is placed: the object of `/v1/operator/scheduler/configuration`.
package struct SchedulerConfiguration: Equatable, Sendable {
    package var schedulerAlgorithm = SchedulerAlgorithm.binpack
    package var preemptionConfig = PreemptionConfig()
    package var memoryOversubscriptionEnabled = false
    package var rejectJobRegistration = false
    package var pauseEvalBroker = false
    /// Nodes that one placement looks at before it gives up; 0 leaves it to the scheduler.
    package var nodeLimitForFeasibilityChecks: UInt64 = 0
    /// Log index of the write that made it; 0 before it is stored.
    package var createIndex: UInt64 = 0
    /// Log index of the write that last replaced it: what `?cas=` is compared with.
    package var modifyIndex: UInt64 = 0

    /// The documented defaults.
    package init() {}

    /// Reads a request's object. Its indexes are ignored: the log gives them.
    ///
    /// - Throws: 400 naming the field that is of a wrong type or out of range.
    package static func decode(from node: JSONNode) throws(APIError) -> SchedulerConfiguration {
        let fields = try BodyFields(node, of: .scheduler)
        var read = SchedulerConfiguration()
        let preemption = try fields.object("PreemptionConfig")
        read.preemptionConfig.systemSchedulerEnabled = try preemption.bool(
            "SystemSchedulerEnabled", default: true)
        read.preemptionConfig.sysBatchSchedulerEnabled = try preemption.bool(
            "SysBatchSchedulerEnabled", default: false)
        read.preemptionConfig.batchSchedulerEnabled = try preemption.bool(
            "BatchSchedulerEnabled", default: false)
        read.preemptionConfig.serviceSchedulerEnabled = try preemption.bool(
            "ServiceSchedulerEnabled", default: false)
        read.memoryOversubscriptionEnabled = try fields.bool(
            "MemoryOversubscriptionEnabled", default: false)
        read.rejectJobRegistration = try fields.bool("RejectJobRegistration", default: false)
        read.pauseEvalBroker = try fields.bool("PauseEvalBroker", default: false)
        read.nodeLimitForFeasibilityChecks = try fields.uint64(
            "NodeLimitForFeasibilityChecks", default: 0)
        // Clients read it into a signed integer.
        guard read.nodeLimitForFeasibilityChecks <= Int64.max.magnitude else {
            throw fields.refusal("NodeLimitForFeasibilityChecks", "out of range")
        }
        let name = try fields.string("SchedulerAlgorithm", default: "")
        guard let algorithm = name.isEmpty ? .binpack : SchedulerAlgorithm(rawValue: name) else {
            throw APIError(status: 400, message: "invalid scheduler algorithm: \(name)")
        }
        read.schedulerAlgorithm = algorithm
        return read
    }

    /// Reads a request's body; see ``decode(from:)``.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> SchedulerConfiguration {
        try decode(
            from: try ConfigurationKind.scheduler.parse(body: body, limits: limits))
    }
}

extension PreemptionConfig: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("BatchSchedulerEnabled", batchSchedulerEnabled)
        writer.member("ServiceSchedulerEnabled", serviceSchedulerEnabled)
        writer.member("SysBatchSchedulerEnabled", sysBatchSchedulerEnabled)
        writer.member("SystemSchedulerEnabled", systemSchedulerEnabled)
        writer.endObject()
    }
}

extension SchedulerConfiguration: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", createIndex)
        writer.member("MemoryOversubscriptionEnabled", memoryOversubscriptionEnabled)
        writer.member("ModifyIndex", modifyIndex)
        writer.member("NodeLimitForFeasibilityChecks", nodeLimitForFeasibilityChecks)
        writer.member("PauseEvalBroker", pauseEvalBroker)
        writer.member("PreemptionConfig", preemptionConfig)
        writer.member("RejectJobRegistration", rejectJobRegistration)
        writer.member("SchedulerAlgorithm", schedulerAlgorithm.rawValue)
        writer.endObject()
    }
}

/// The answer to a read.
package struct SchedulerConfigurationResponse: Equatable, Sendable, JSONWritable {
    /// The configuration's ModifyIndex.
    package var index: UInt64
    package var knownLeader: Bool
    /// How old the answer may be; zero unless `?stale`. Nanoseconds here, milliseconds in the
    /// header.
    package var lastContact: GoDuration
    package var schedulerConfig: SchedulerConfiguration

    package init(
        index: UInt64, knownLeader: Bool, lastContact: GoDuration,
        schedulerConfig: SchedulerConfiguration
    ) {
        self.index = index
        self.knownLeader = knownLeader
        self.lastContact = lastContact
        self.schedulerConfig = schedulerConfig
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.member("KnownLeader", knownLeader)
        writer.member("LastContact", lastContact.nanoseconds)
        writer.member("SchedulerConfig", schedulerConfig)
        writer.endObject()
    }
}

/// The answer to a write.
package struct SchedulerSetResponse: Equatable, Sendable, JSONWritable {
    /// The new ModifyIndex; for a refused check-and-set, the log index of the refusal.
    package var index: UInt64
    package var updated: Bool

    package init(index: UInt64, updated: Bool) {
        self.index = index
        self.updated = updated
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", index)
        writer.member("Updated", updated)
        writer.endObject()
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A code for programs and a sentence for people, about a server where there is an id.
package struct AutopilotNotice: Equatable, Sendable, JSONWritable {
    package var code: String
    package var id: String?
    package var text: String

    package init(code: String, id: String? = nil, text: String) {
        self.code = code
        self.id = id
        self.text = text
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Code", code)
        if let id { writer.member("ID", id) }
        writer.member("Text", text)
        writer.endObject()
    }
}

/// Why a server is unhealthy.
package struct AutopilotReason: Equatable, Sendable, JSONWritable {
    package var code: String
    /// It passes by itself, and has not lasted too long: no alarm.
    package var isInGrace: Bool
    /// What was measured, and what it may be at most: durations as Go writes them, or numbers.
    package var observed: String
    package var text: String
    package var threshold: String

    package init(
        code: String, isInGrace: Bool, observed: String, text: String, threshold: String
    ) {
        self.code = code
        self.isInGrace = isInGrace
        self.observed = observed
        self.text = text
        self.threshold = threshold
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Code", code)
        writer.member("InGrace", isInGrace)
        writer.member("Observed", observed)
        writer.member("Text", text)
        writer.member("Threshold", threshold)
        writer.endObject()
    }
}

/// One server in the answer of `/v1/operator/autopilot/state`.
package struct AutopilotServer: Equatable, Sendable, JSONWritable {
    package var health: ServerHealth
    package var nodeType: String
    package var isReadReplica: Bool
    package var isSafeToRemove: Bool
    /// Age of LastTerm and LastIndex; nil if there was never a sample.
    package var sampleAge: GoDuration?
    /// nil for a healthy server.
    package var reason: AutopilotReason?
    /// What it is compared with in an upgrade.
    package var upgradeVersion: String
    /// Empty if it names none.
    package var zone: String

    package init(
        health: ServerHealth, nodeType: String, isReadReplica: Bool, isSafeToRemove: Bool,
        sampleAge: GoDuration?, reason: AutopilotReason?, upgradeVersion: String, zone: String
    ) {
        self.health = health
        self.nodeType = nodeType
        self.isReadReplica = isReadReplica
        self.isSafeToRemove = isSafeToRemove
        self.sampleAge = sampleAge
        self.reason = reason
        self.upgradeVersion = upgradeVersion
        self.zone = zone
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Address", health.address)
        writer.member("Healthy", health.isHealthy)
        writer.member("ID", health.id)
        writer.member("LastContact", health.lastContact)
        writer.member("LastIndex", health.lastIndex)
        writer.member("LastTerm", health.lastTerm)
        writer.member("Name", health.name)
        writer.member("NodeType", nodeType)
        writer.member("ReadReplica", isReadReplica)
        writer.member("SafeToRemove", isSafeToRemove)
        if let sampleAge { writer.member("SampleAge", sampleAge) }
        writer.member("SerfStatus", health.serfStatus.rawValue)
        writer.member(
            "StableSince",
            Timestamp.rfc3339(unixNanoseconds: health.stableSinceUnixNanoseconds))
        writer.member(
            "Status", health.isLeader ? "leader" : health.isVoter ? "voter" : "non-voter")
        if let reason { writer.member("UnhealthyReason", reason) }
        writer.member("UpgradeVersion", upgradeVersion)
        writer.member("Version", health.version)
        writer.member("Zone", zone)
        writer.endObject()
    }
}

/// The answer of `/v1/operator/autopilot/state`: what Autopilot sees, wants and waits for.
package struct AutopilotState: Equatable, Sendable, JSONWritable {
    /// Voters at the start of the running upgrade; nil when none runs.
    package var baseline: Int?
    package var configurationIndex: UInt64
    package var failureTolerance: Int
    package var isHealthy: Bool
    /// How old the leader's report is, where another server shows it; nil on the leader.
    package var age: GoDuration?
    package var leader: String?
    /// In words, the first one first.
    package var nextActions: [String]
    package var optimisticFailureTolerance: Int
    /// Removals, demotions and joins that are not done, each with the reason.
    package var refused: [AutopilotNotice]
    /// Ids.
    package var safeToRemove: [String]
    /// In the Raft configuration's order.
    package var servers: [AutopilotServer]
    package var status: String
    package var targetVersion: String?
    /// Ids, as are the wanted voters.
    package var voters: [String]
    package var wantedVoters: [String]
    package var warnings: [AutopilotNotice]

    package init(
        configurationIndex: UInt64, failureTolerance: Int, isHealthy: Bool,
        optimisticFailureTolerance: Int, servers: [AutopilotServer], status: String
    ) {
        self.configurationIndex = configurationIndex
        self.failureTolerance = failureTolerance
        self.isHealthy = isHealthy
        self.optimisticFailureTolerance = optimisticFailureTolerance
        self.servers = servers
        self.status = status
        nextActions = []
        refused = []
        safeToRemove = []
        voters = []
        wantedVoters = []
        warnings = []
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if let age { writer.member("Age", age) }
        if let baseline { writer.member("Baseline", Int64(baseline)) }
        writer.member("ConfigurationIndex", configurationIndex)
        writer.member("FailureTolerance", Int64(failureTolerance))
        writer.member("Healthy", isHealthy)
        if let leader { writer.member("Leader", leader) }
        writer.member("NextActions", nextActions)
        writer.member("OptimisticFailureTolerance", Int64(optimisticFailureTolerance))
        writer.member("Refused", refused)
        writer.member("SafeToRemove", safeToRemove)
        writer.member("Servers", servers)
        writer.member("Status", status)
        if let targetVersion { writer.member("TargetVersion", targetVersion) }
        writer.member("Voters", voters)
        writer.member("WantedVoters", wantedVoters)
        writer.member("Warnings", warnings)
        writer.endObject()
    }
}

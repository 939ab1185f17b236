// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// How the cluster tends its own servers: the object of `/v1/operator/autopilot/configuration`.
package struct AutopilotConfiguration: Equatable, Sendable {
    /// Failed servers are taken out of the Raft configuration.
    package var cleanupDeadServers = true
    /// A server that the leader has not heard for longer is unhealthy. Above zero.
    package var lastContactThreshold = GoDuration.milliseconds(200)
    /// A server whose log is further behind the leader's is unhealthy; in entries.
    package var maxTrailingLogs: UInt64 = 250
    /// Clean-up never leaves fewer voters than this.
    package var minQuorum: UInt64 = 0
    /// A new server must be healthy this long before it becomes a voter. Not negative.
    package var serverStabilizationTime = GoDuration.seconds(10)
    package var enableRedundancyZones = false
    package var disableUpgradeMigration = false
    package var enableCustomUpgrades = false
    /// Log index of the write that made it; 0 before it is stored.
    package var createIndex: UInt64 = 0
    /// Log index of the write that last replaced it: what `?cas=` is compared with.
    package var modifyIndex: UInt64 = 0

    /// The documented defaults.
    package init() {}

    /// Reads a request's object. Its indexes are ignored: the log gives them.
    ///
    /// - Throws: 400 naming the field that is of a wrong type or out of range.
    package static func decode(from node: JSONNode) throws(APIError) -> AutopilotConfiguration {
        let fields = try BodyFields(node, of: .autopilot)
        var read = AutopilotConfiguration()
        read.cleanupDeadServers = try fields.bool(
            "CleanupDeadServers", default: read.cleanupDeadServers)
        read.lastContactThreshold = try fields.duration(
            "LastContactThreshold", default: read.lastContactThreshold)
        read.maxTrailingLogs = try fields.uint64("MaxTrailingLogs", default: read.maxTrailingLogs)
        read.minQuorum = try fields.uint64("MinQuorum", default: read.minQuorum)
        read.serverStabilizationTime = try fields.duration(
            "ServerStabilizationTime", default: read.serverStabilizationTime)
        read.enableRedundancyZones = try fields.bool(
            "EnableRedundancyZones", default: read.enableRedundancyZones)
        read.disableUpgradeMigration = try fields.bool(
            "DisableUpgradeMigration", default: read.disableUpgradeMigration)
        read.enableCustomUpgrades = try fields.bool(
            "EnableCustomUpgrades", default: read.enableCustomUpgrades)
        if let fault = read.validate() { throw fields.refusal(fault.field, fault.why) }
        return read
    }

    /// Reads a request's body; see ``decode(from:)``.
    package static func parse(
        body: [UInt8], limits: JSONLimits = ConfigurationKind.bodyLimits
    ) throws(APIError) -> AutopilotConfiguration {
        try decode(
            from: try ConfigurationKind.autopilot.parse(body: body, limits: limits))
    }

    /// The first field whose value makes no sense; nil if all do.
    package func validate() -> (field: String, why: String)? {
        if lastContactThreshold <= .zero {
            return ("LastContactThreshold", "\(lastContactThreshold) is not greater than 0s")
        }
        if serverStabilizationTime < .zero {
            return ("ServerStabilizationTime", "\(serverStabilizationTime) is less than 0s")
        }
        return nil
    }
}

extension AutopilotConfiguration: JSONWritable {
    /// The two durations come first, as from Nomad (`operator-api.md`, section 1).
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("LastContactThreshold", lastContactThreshold)
        writer.member("ServerStabilizationTime", serverStabilizationTime)
        writer.member("CleanupDeadServers", cleanupDeadServers)
        writer.member("MaxTrailingLogs", maxTrailingLogs)
        writer.member("MinQuorum", minQuorum)
        writer.member("EnableRedundancyZones", enableRedundancyZones)
        writer.member("DisableUpgradeMigration", disableUpgradeMigration)
        writer.member("EnableCustomUpgrades", enableCustomUpgrades)
        writer.member("CreateIndex", createIndex)
        writer.member("ModifyIndex", modifyIndex)
        writer.endObject()
    }
}

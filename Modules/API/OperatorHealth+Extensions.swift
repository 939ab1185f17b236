// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A redundancy zone in the answer of `/v1/operator/autopilot/health`.
package struct ZoneHealth: Equatable, Sendable, JSONWritable {
    package var name: String
    /// Members that may vote that can fail before the zone has none.
    package var failureTolerance: Int
    /// Ids, as are the voters.
    package var servers: [String]
    package var voters: [String]

    package init(name: String, failureTolerance: Int, servers: [String], voters: [String]) {
        self.name = name
        self.failureTolerance = failureTolerance
        self.servers = servers
        self.voters = voters
    }

    /// Without the name, which is its key.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("FailureTolerance", Int64(failureTolerance))
        writer.member("Servers", servers)
        writer.member("Voters", voters)
        writer.endObject()
    }
}

/// Who runs the target version of an upgrade, and who another; ids.
package struct UpgradeServers: Equatable, Sendable {
    package var otherVersionNonVoters: [String] = []
    package var otherVersionReadReplicas: [String] = []
    package var otherVersionVoters: [String] = []
    package var targetVersionNonVoters: [String] = []
    package var targetVersionReadReplicas: [String] = []
    package var targetVersionVoters: [String] = []

    package init() {}
}

/// A change of versions in the answer of `/v1/operator/autopilot/health`.
package struct UpgradeHealth: Equatable, Sendable, JSONWritable {
    package var status: String
    package var targetVersion: String
    package var servers: UpgradeServers
    /// In the order of their names; read replicas belong to none. Empty without zones.
    package var zones: [(name: String, servers: UpgradeServers)]

    package init(
        status: String, targetVersion: String, servers: UpgradeServers,
        zones: [(name: String, servers: UpgradeServers)]
    ) {
        self.status = status
        self.targetVersion = targetVersion
        self.servers = servers
        self.zones = zones
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.status == right.status && left.targetVersion == right.targetVersion
            && left.servers == right.servers
            && left.zones.elementsEqual(right.zones) { $0 == $1 }
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("OtherVersionNonVoters", servers.otherVersionNonVoters)
        writer.member("OtherVersionReadReplicas", servers.otherVersionReadReplicas)
        writer.member("OtherVersionVoters", servers.otherVersionVoters)
        if !zones.isEmpty {
            writer.key("RedundancyZones")
            writer.beginObject()
            for zone in zones { write(zone.servers, named: zone.name, to: &writer) }
            writer.endObject()
        }
        writer.member("Status", status)
        writer.member("TargetVersion", targetVersion)
        writer.member("TargetVersionNonVoters", servers.targetVersionNonVoters)
        writer.member("TargetVersionReadReplicas", servers.targetVersionReadReplicas)
        writer.member("TargetVersionVoters", servers.targetVersionVoters)
        writer.endObject()
    }

    private func write(_ zone: UpgradeServers, named name: String, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        writer.member("OtherVersionNonVoters", zone.otherVersionNonVoters)
        writer.member("OtherVersionVoters", zone.otherVersionVoters)
        writer.member("TargetVersionNonVoters", zone.targetVersionNonVoters)
        writer.member("TargetVersionVoters", zone.targetVersionVoters)
        writer.endObject()
    }
}

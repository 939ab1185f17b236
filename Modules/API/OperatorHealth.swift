// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// What gossip says of a server.
package enum SerfStatus: String, Equatable, Sendable {
    /// Gossip does not know it.
    case none
    case alive
    case leaving
    case left
    case failed
}

/// One server in the answer of `/v1/operator/autopilot/health`.
package struct ServerHealth: Equatable, Sendable, JSONWritable {
    /// Time since the leader last heard it; zero for the leader, never negative.
    package var lastContact: GoDuration
    package var id: String
    /// Name and region, as in `s1.global`.
    package var name: String
    /// Where its RPC listens, as host and port.
    package var address: String
    package var serfStatus: SerfStatus
    package var version: String
    package var isLeader: Bool
    /// Term and index of the last entry of its log.
    package var lastTerm: UInt64
    package var lastIndex: UInt64
    package var isHealthy: Bool
    package var isVoter: Bool
    /// When `isHealthy` last changed: nanoseconds since the start of 1970.
    package var stableSinceUnixNanoseconds: Int64

    package init(
        lastContact: GoDuration, id: String, name: String, address: String,
        serfStatus: SerfStatus, version: String, isLeader: Bool, lastTerm: UInt64,
        lastIndex: UInt64, isHealthy: Bool, isVoter: Bool, stableSinceUnixNanoseconds: Int64
    ) {
        self.lastContact = lastContact
        self.id = id
        self.name = name
        self.address = address
        self.serfStatus = serfStatus
        self.version = version
        self.isLeader = isLeader
        self.lastTerm = lastTerm
        self.lastIndex = lastIndex
        self.isHealthy = isHealthy
        self.isVoter = isVoter
        self.stableSinceUnixNanoseconds = stableSinceUnixNanoseconds
    }

    /// In Nomad's order (`operator-api.md`, section 1).
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("LastContact", lastContact)
        writer.member("ID", id)
        writer.member("Name", name)
        writer.member("Address", address)
        writer.member("SerfStatus", serfStatus.rawValue)
        writer.member("Version", version)
        writer.member("Leader", isLeader)
        writer.member("LastTerm", lastTerm)
        writer.member("LastIndex", lastIndex)
        writer.member("Healthy", isHealthy)
        writer.member("Voter", isVoter)
        writer.member(
            "StableSince", Timestamp.rfc3339(unixNanoseconds: stableSinceUnixNanoseconds))
        writer.endObject()
    }
}

/// The answer of `/v1/operator/autopilot/health`.
package struct OperatorHealth: Equatable, Sendable, JSONWritable {
    /// Healthy voters that may fail before the cluster stands still.
    package var failureTolerance: Int
    /// Every server is.
    package var isHealthy: Bool
    /// The leader's id; left out when nobody leads.
    package var leader: String?
    package var servers: [ServerHealth]
    /// Ids.
    package var voters: [String]

    // The members below are left out where they say nothing, as an older client expects.

    /// With the standbys that take over, if no two servers fail at once; nil where none could.
    package var optimisticFailureTolerance: Int?
    /// Ids.
    package var readReplicas: [String] = []
    /// In the order of their names.
    package var redundancyZones: [ZoneHealth] = []
    /// nil when no versions change.
    package var upgrade: UpgradeHealth?

    package init(
        failureTolerance: Int, isHealthy: Bool, leader: String?, servers: [ServerHealth],
        voters: [String]
    ) {
        self.failureTolerance = failureTolerance
        self.isHealthy = isHealthy
        self.leader = leader
        self.servers = servers
        self.voters = voters
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("FailureTolerance", Int64(failureTolerance))
        writer.member("Healthy", isHealthy)
        if let leader { writer.member("Leader", leader) }
        if let optimisticFailureTolerance {
            writer.member("OptimisticFailureTolerance", Int64(optimisticFailureTolerance))
        }
        if !readReplicas.isEmpty { writer.member("ReadReplicas", readReplicas) }
        if !redundancyZones.isEmpty {
            writer.key("RedundancyZones")
            writer.beginObject()
            for zone in redundancyZones { writer.member(zone.name, zone) }
            writer.endObject()
        }
        writer.member("Servers", servers)
        if let upgrade { writer.member("Upgrade", upgrade) }
        writer.member("Voters", voters)
        writer.endObject()
    }
}

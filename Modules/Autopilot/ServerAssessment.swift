// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// The first rule that a server breaks. The raw values are shown to operators.
package enum UnhealthyCode: String, Equatable, Sendable {
    /// Nothing to compare with: the leader's log is not known.
    case noLeaderState = "no-leader-state"
    case gossipUnknown = "gossip-unknown"
    case gossipFailed = "gossip-failed"
    case gossipLeft = "gossip-left"
    case neverContacted = "never-contacted"
    /// Its last answer is older than the threshold.
    case lastContact = "last-contact"
    /// It answers, and what it says of its log is older than two updates.
    case statsStale = "stats-stale"
    /// Its log ends in another term than the leader's.
    case lastTerm = "last-term"
    /// Its log is too far behind the leader's.
    case trailingLogs = "trailing-logs"
    /// It is late or behind because a snapshot is on its way to it.
    case installingSnapshot = "installing-snapshot"
    /// Its disk takes nothing of what it has received: it acknowledges nothing.
    case diskStall = "disk-stall"
}

/// What was measured, or what it may be at most.
package enum HealthValue: Equatable, Sendable, CustomStringConvertible {
    case duration(Duration)
    case count(UInt64)
    case word(String)

    package var description: String {
        switch self {
        case .duration(let duration): GoDuration(duration).description
        case .count(let count): String(count)
        case .word(let word): word
        }
    }
}

/// Why a server is unhealthy: the rule, what was seen and what it should have been.
package struct UnhealthyReason: Equatable, Sendable {
    package var code: UnhealthyCode
    package var observed: HealthValue
    package var threshold: HealthValue

    package init(code: UnhealthyCode, observed: HealthValue, threshold: HealthValue) {
        self.code = code
        self.observed = observed
        self.threshold = threshold
    }

    /// One sentence for an operator.
    package var text: String {
        switch code {
        case .noLeaderState: "the leader's log is not known yet"
        case .gossipUnknown: "gossip does not know this server"
        case .gossipFailed: "gossip has marked this server failed"
        case .gossipLeft: "this server has left the gossip pool"
        case .neverContacted: "it has not answered this leader yet"
        case .lastContact: "its last answer is \(observed) old, above \(threshold)"
        case .statsStale: "what it said of its log is \(observed) old, above \(threshold)"
        case .lastTerm: "its log ends in term \(observed), the leader's in term \(threshold)"
        case .trailingLogs: "its log is \(observed) entries behind, above \(threshold)"
        case .installingSnapshot: "it is installing a snapshot, for \(observed)"
        case .diskStall: "its disk has taken nothing for \(observed)"
        }
    }
}

/// A server's health with what the compatible answer has no place for.
package struct ServerAssessment: Equatable, Sendable {
    package var health: ServerHealth
    /// nil for a healthy server.
    package var reason: UnhealthyReason?
    /// When `health.isHealthy` last changed, on the clock that never jumps.
    package var stableSince: Duration
    /// Unhealthy for a reason that passes by itself, and not for too long yet: no alarm.
    package var isInGrace: Bool

    package init(
        health: ServerHealth, reason: UnhealthyReason?, stableSince: Duration,
        isInGrace: Bool = false
    ) {
        self.health = health
        self.reason = reason
        self.stableSince = stableSince
        self.isInGrace = isInGrace
    }
}

/// The health of all servers of the configuration, in its order.
package struct ClusterHealth: Equatable, Sendable {
    package var servers: [ServerAssessment]

    package init(servers: [ServerAssessment]) {
        self.servers = servers
    }

    /// Every server is, non-voters included.
    package var isHealthy: Bool {
        !servers.isEmpty && servers.allSatisfy(\.health.isHealthy)
    }

    package var voterCount: Int { servers.count(where: \.health.isVoter) }

    package var healthyVoterCount: Int {
        servers.count { $0.health.isVoter && $0.health.isHealthy }
    }

    /// Healthy voters that may fail before the cluster stands still.
    package var failureTolerance: Int {
        max(0, healthyVoterCount - (voterCount / 2 + 1))
    }

    package var leader: String? { servers.first(where: \.health.isLeader)?.health.id }

    /// Ids: the leader, then the healthy, then the longest stable, then by id.
    package var voters: [String] {
        servers.map(\.health).filter(\.isVoter).sorted(by: Self.isBefore).map(\.id)
    }

    /// The answer of `/v1/operator/autopilot/health`, as an older client knows it.
    package var operatorHealth: OperatorHealth {
        OperatorHealth(
            failureTolerance: failureTolerance, isHealthy: isHealthy, leader: leader,
            servers: servers.map(\.health), voters: voters)
    }

    private static func isBefore(_ left: ServerHealth, _ right: ServerHealth) -> Bool {
        if left.isLeader != right.isLeader { return left.isLeader }
        if left.isHealthy != right.isHealthy { return left.isHealthy }
        let since = (left.stableSinceUnixNanoseconds, right.stableSinceUnixNanoseconds)
        return since.0 == since.1 ? left.id < right.id : since.0 < since.1
    }
}

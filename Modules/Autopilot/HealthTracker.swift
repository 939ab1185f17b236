// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Turns what the leader observes into health.
///
/// A server is healthy if gossip has it alive or leaving, its last answer is not older than
/// LastContactThreshold, its log ends in the term of the leader's, and is behind it by at most
/// MaxTrailingLogs entries (`autopilot.md`, section 1.2). The tracker remembers one thing from one
/// assessment to the next: since when each server's health is what it is. A new leader begins with
/// a new tracker.
package struct HealthTracker: Sendable {
    private struct Memory {
        var isHealthy: Bool
        var sinceUnixNanoseconds: Int64
    }

    private var memories: [String: Memory] = [:]
    /// Of the last assessment, in its order.
    package private(set) var assessments: [ServerAssessment] = []

    package init() {}

    /// Judges every server of the Raft configuration.
    ///
    /// - Parameter servers: in the configuration's order, which the answer keeps; one for each id.
    ///   Servers that are no longer among them are forgotten.
    /// - Parameter wallClockNanoseconds: since the start of 1970.
    package mutating func assess(
        _ servers: [ServerObservation], leader: LeaderView,
        configuration: AutopilotConfiguration, wallClockNanoseconds: Int64
    ) -> OperatorHealth {
        let previous = memories
        memories.removeAll(keepingCapacity: true)
        assessments.removeAll(keepingCapacity: true)
        for server in servers {
            let reason = Self.unhealthyReason(
                of: server, leader: leader, configuration: configuration)
            var memory = Memory(
                isHealthy: reason == nil, sinceUnixNanoseconds: wallClockNanoseconds)
            if let known = previous[server.id], known.isHealthy == memory.isHealthy {
                memory = known
            }
            memories[server.id] = memory
            assessments.append(
                ServerAssessment(
                    health: Self.health(
                        of: server, isHealthy: memory.isHealthy,
                        since: memory.sinceUnixNanoseconds), reason: reason))
        }
        return Self.summary(of: assessments.map(\.health))
    }

    /// The first rule that the server breaks; nil for a healthy one.
    package static func unhealthyReason(
        of server: ServerObservation, leader: LeaderView, configuration: AutopilotConfiguration
    ) -> UnhealthyReason? {
        guard leader.lastTerm > 0, leader.lastIndex > 0 else { return .noLeaderState }
        switch server.serfStatus {
        case .alive, .leaving: break
        case .none: return .gossipUnknown
        case .failed: return .gossipFailed
        case .left: return .gossipLeft
        }
        if !server.isLeader {
            guard let lastContact = server.lastContact else { return .neverContacted }
            guard lastContact <= configuration.lastContactThreshold.duration else {
                return .lastContact
            }
        }
        guard server.lastTerm == leader.lastTerm else { return .lastTerm }
        // A server may be ahead of what was sampled at the leader; neither side may overflow.
        let isNear =
            server.lastIndex >= leader.lastIndex
            || leader.lastIndex - server.lastIndex <= configuration.maxTrailingLogs
        return isNear ? nil : .trailingLogs
    }

    private static func health(
        of server: ServerObservation, isHealthy: Bool, since: Int64
    ) -> ServerHealth {
        // Never contacted shows as zero: the field is a duration and may not be negative. That the
        // server is unhealthy stands beside it.
        let contact = server.isLeader ? .zero : server.lastContact ?? .zero
        return ServerHealth(
            lastContact: GoDuration(max(contact, .zero)), id: server.id, name: server.name,
            address: server.address, serfStatus: server.serfStatus, version: server.version,
            isLeader: server.isLeader, lastTerm: server.lastTerm, lastIndex: server.lastIndex,
            isHealthy: isHealthy, isVoter: server.isVoter, stableSinceUnixNanoseconds: since)
    }

    private static func summary(of servers: [ServerHealth]) -> OperatorHealth {
        let voters = servers.filter(\.isVoter)
        let healthyVoters = voters.count(where: \.isHealthy)
        let quorum = voters.count / 2 + 1
        return OperatorHealth(
            failureTolerance: max(0, healthyVoters - quorum),
            isHealthy: !servers.isEmpty && servers.allSatisfy(\.isHealthy),
            leader: servers.first(where: \.isLeader)?.id, servers: servers,
            voters: voters.sorted(by: isBefore).map(\.id))
    }

    /// The leader, then the healthy, then the longest stable, then by id.
    private static func isBefore(_ left: ServerHealth, _ right: ServerHealth) -> Bool {
        if left.isLeader != right.isLeader { return left.isLeader }
        if left.isHealthy != right.isHealthy { return left.isHealthy }
        let since = (left.stableSinceUnixNanoseconds, right.stableSinceUnixNanoseconds)
        return since.0 == since.1 ? left.id < right.id : since.0 < since.1
    }
}

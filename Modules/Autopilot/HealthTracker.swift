// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Turns what the leader observes into health.
///
/// A server is healthy if gossip has it alive or leaving, its last answer is not older than
/// LastContactThreshold, its log ends in the term of the leader's, and is behind it by at most
/// MaxTrailingLogs entries (`autopilot.md`, section 1.2). A new leader begins with a new tracker.
///
/// The tracker remembers since when each server's health is what it is, and what it needs so that
/// a sample that is late once flips no server that works:
///
/// - Contact is the age of the last acknowledgement, and one comes with each heartbeat: an age above
///   the threshold means missed heartbeats, of the server or of a leader that was busy itself. A
///   healthy server that gossip has alive becomes unhealthy when two assessments in a row, at least
///   ``updateSpacing`` apart, find it late. Everything else counts at once, and so does recovery.
/// - A server's last index is as old as its last answer. A server that is known is measured against
///   the leader's log of the update before, not against what was appended a moment ago.
package struct HealthTracker: Sendable {
    private struct Memory {
        var isHealthy: Bool
        var since: Duration
        var sinceUnixNanoseconds: Int64
        /// When the last answer of a healthy server was first found too old; nil if it is not.
        var lateSince: Duration?
        /// When a snapshot was first found on its way; nil if none is.
        var snapshotSince: Duration?
    }

    /// Assessments closer to each other than this are one update: half the leader's interval.
    package static let updateSpacing: Duration = .milliseconds(250)
    /// Two of the documented updates of 2 s: an older sample says nothing any more.
    package static let sampleAgeMax: Duration = .seconds(4)
    /// How long the installing of a snapshot raises no alarm: 1 GiB at 4 MiB/s, rounded up.
    package static let snapshotGrace: Duration = .seconds(300)

    /// Of each server by its id, in the order of the view before.
    private var memories: [(id: String, of: Memory)] = []
    /// The leader's last index at the last update, and at the one before.
    private var newest: (index: UInt64, at: Duration)?
    private var previous: UInt64?

    /// Whether a healthy server may be late once.
    enum Patience: Sendable {
        case oneUpdate
        case none
    }

    var patience = Patience.oneUpdate

    package init() {}

    /// Judges every server of the Raft configuration.
    ///
    /// Servers that are no longer in the view are forgotten.
    ///
    /// - Parameter now: on a clock that never jumps.
    /// - Parameter wallClockNanoseconds: since the start of 1970; for people.
    package mutating func assess(
        _ view: ClusterView, at now: Duration, wallClockNanoseconds: Int64
    ) -> ClusterHealth {
        update(leaderIndex: view.leader.lastIndex, at: now)
        let known = memories
        memories = []
        memories.reserveCapacity(view.servers.count)
        let servers = view.servers.map { server in
            var memory = Self.memory(of: server.id, in: known, at: memories.count)
            let reason = judge(server, in: view, memory: &memory, at: now)
            let isHealthy = reason == nil
            var next =
                memory
                ?? Memory(
                    isHealthy: isHealthy, since: now, sinceUnixNanoseconds: wallClockNanoseconds)
            if next.isHealthy != isHealthy {
                next.isHealthy = isHealthy
                next.since = now
                next.sinceUnixNanoseconds = wallClockNanoseconds
            }
            next.snapshotSince = server.isReceivingSnapshot ? next.snapshotSince ?? now : nil
            memories.append((server.id, next))
            return Self.assessment(of: server, reason: reason, memory: next, at: now)
        }
        return ClusterHealth(servers: servers)
    }

    /// - Parameter place: where it most likely is.
    private static func memory(
        of id: String, in known: [(id: String, of: Memory)], at place: Int
    ) -> Memory? {
        if place < known.count, known[place].id == id { return known[place].of }
        return known.first { $0.id == id }?.of
    }

    private mutating func update(leaderIndex: UInt64, at now: Duration) {
        if let newest, now - newest.at < Self.updateSpacing { return }
        previous = newest?.index
        newest = (leaderIndex, now)
    }

    /// The rule that the server breaks, if that counts yet.
    private func judge(
        _ server: ServerObservation, in view: ClusterView, memory: inout Memory?, at now: Duration
    ) -> UnhealthyReason? {
        var leader = view.leader
        if memory != nil, let previous { leader.lastIndex = min(leader.lastIndex, previous) }
        let reason = Self.unhealthyReason(
            of: server, leader: leader, configuration: view.configuration)
        guard var known = memory else { return reason }
        defer { memory = known }
        guard patience == .oneUpdate, Self.isLate(server, view.configuration), known.isHealthy,
            reason != nil,
            server.serfStatus == .alive || server.serfStatus == .leaving
        else {
            known.lateSince = nil
            return reason
        }
        guard let since = known.lateSince else {
            known.lateSince = now
            return onTime(server, leader: leader, view.configuration)
        }
        if now - since >= Self.updateSpacing { return reason }
        return onTime(server, leader: leader, view.configuration)
    }

    private static func isLate(
        _ server: ServerObservation, _ configuration: AutopilotConfiguration
    ) -> Bool {
        guard !server.isLeader, let contact = server.lastContact else { return false }
        return contact > configuration.lastContactThreshold.duration
    }

    /// What else is wrong with a server whose late answer does not count yet.
    private func onTime(
        _ server: ServerObservation, leader: LeaderView, _ configuration: AutopilotConfiguration
    ) -> UnhealthyReason? {
        var server = server
        server.lastContact = .zero
        return Self.unhealthyReason(of: server, leader: leader, configuration: configuration)
    }

    private static func assessment(
        of server: ServerObservation, reason: UnhealthyReason?, memory: Memory, at now: Duration
    ) -> ServerAssessment {
        // Never contacted shows as zero: the field is a duration and may not be negative. That the
        // server is unhealthy stands beside it.
        let contact = server.isLeader ? .zero : server.lastContact ?? .zero
        let health = ServerHealth(
            lastContact: GoDuration(max(contact, .zero)), id: server.id, name: server.name,
            address: server.address, serfStatus: server.serfStatus, version: server.version,
            isLeader: server.isLeader, lastTerm: server.lastTerm, lastIndex: server.lastIndex,
            isHealthy: reason == nil, isVoter: server.isVoter,
            stableSinceUnixNanoseconds: memory.sinceUnixNanoseconds)
        let installing = memory.snapshotSince.map { now - $0 } ?? .zero
        var reason = reason
        if reason?.code == .installingSnapshot { reason?.observed = .duration(installing) }
        return ServerAssessment(
            health: health, reason: reason, stableSince: memory.since,
            isInGrace: reason?.code == .installingSnapshot && installing <= snapshotGrace)
    }
}

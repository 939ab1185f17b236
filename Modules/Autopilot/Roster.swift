// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Where a server stands for redundancy: in the zone that it names, or in one of its own.
enum Zone: Hashable, Comparable, Sendable {
    case named(String)
    case own(id: String)
}

/// One server, as far as planning looks at it.
struct Member: Sendable {
    let id: String
    let name: String
    var isLeader: Bool
    let isHealthy: Bool
    let status: SerfStatus
    let isReadReplica: Bool
    let zone: Zone
    /// Zero without a readable one.
    let version: UpgradeVersion
    let hasReadableVersion: Bool
    /// As the server writes it.
    let versionText: String
    let stableSince: Duration
    let lastIndex: UInt64
    /// Alive to stay, healthy, caught up and stable for long enough: it may be given a vote.
    let isEligible: Bool
    /// Only time is missing to be eligible.
    let isMaturing: Bool
    /// Raft heard it within the threshold of contact.
    let isHeardByRaft: Bool
    let isReceivingSnapshot: Bool
    /// It stopped in good order a while ago.
    let isExpectedBack: Bool
    var isVoter: Bool

    var isAlive: Bool { status == .alive || status == .leaving }

    /// Which of several is taken that vote alike and are as healthy: the leader, the longest stable,
    /// who is least behind, by id.
    func isPreferred(to other: Member) -> Bool {
        if isLeader != other.isLeader { return isLeader }
        if stableSince != other.stableSince { return stableSince < other.stableSince }
        if lastIndex != other.lastIndex { return lastIndex > other.lastIndex }
        return id < other.id
    }
}

extension Sequence<Member> {
    var preferred: Member? { self.min { $0.isPreferred(to: $1) } }
}

/// The servers of the configuration while a plan is made: each planned change is applied here, and
/// the next one is judged by what is then. Sorted by id, so that no input order reaches a decision.
struct Roster: Sendable {
    private(set) var members: [Member]

    init(_ members: [Member]) {
        self.members = members.sorted { $0.id < $1.id }
    }

    subscript(_ id: String) -> Member? { members.first { $0.id == id } }

    var leader: Member? { members.first(where: \.isLeader) }
    var voterCount: Int { members.count(where: \.isVoter) }
    var healthyVoterCount: Int { members.count { $0.isVoter && $0.isHealthy } }
    var failureTolerance: Int { Self.tolerance(healthy: healthyVoterCount, of: voterCount) }
    /// Those that vote, or would.
    var potential: [Member] { members.filter { !$0.isReadReplica } }

    static func tolerance(healthy: Int, of voters: Int) -> Int {
        max(0, healthy - (voters / 2 + 1))
    }

    mutating func setVote(_ id: String, to isVoter: Bool) {
        guard let position = members.firstIndex(where: { $0.id == id }) else { return }
        members[position].isVoter = isVoter
    }

    mutating func remove(_ id: String) { members.removeAll { $0.id == id } }
}

// MARK: Of a view

extension Roster {
    /// - Precondition: `health` is of `view`, its servers in the same order.
    init(_ view: ClusterView, _ health: ClusterHealth, at now: Duration) {
        precondition(
            view.servers.count == health.servers.count,
            "\(view.servers.count) servers, \(health.servers.count) assessments")
        self.init(
            zip(view.servers, health.servers).map { server, assessment in
                Member(server, assessment, in: view, at: now)
            })
    }
}

extension Member {
    init(
        _ server: ServerObservation, _ assessment: ServerAssessment, in view: ClusterView,
        at now: Duration
    ) {
        let configuration = view.configuration
        // A new leader knows nobody's past: until it has led for longer than the stabilization time,
        // healthy is stable, or each change of leaders would delay what is due.
        let stabilization = configuration.serverStabilizationTime.duration
        let isStable =
            view.leaderUptime <= stabilization || now - assessment.stableSince >= stabilization
        let isFit = assessment.health.isHealthy && server.serfStatus == .alive && server.isCaughtUp
        let (version, text) = Self.version(of: server, configuration)
        self.init(
            id: server.id, name: server.name, isLeader: server.isLeader,
            isHealthy: assessment.health.isHealthy, status: server.serfStatus,
            isReadReplica: server.isReadReplica,
            zone: server.zone.isEmpty ? .own(id: server.id) : .named(server.zone),
            version: version ?? .zero, hasReadableVersion: version != nil, versionText: text,
            stableSince: assessment.stableSince, lastIndex: server.lastIndex,
            isEligible: isFit && isStable, isMaturing: isFit && !isStable,
            isHeardByRaft: server.lastContact.map {
                $0 <= configuration.lastContactThreshold.duration
            } ?? false,
            isReceivingSnapshot: server.isReceivingSnapshot,
            isExpectedBack: server.stoppedFor.map { $0 < Planner.stopPatience } ?? false,
            isVoter: server.isVoter)
    }

    /// nil for a text that is no version.
    static func version(
        of server: ServerObservation, _ configuration: AutopilotConfiguration
    ) -> (UpgradeVersion?, text: String) {
        configuration.enableCustomUpgrades
            ? (UpgradeVersion(custom: server.upgradeVersion), server.upgradeVersion)
            : (UpgradeVersion(build: server.version), server.version)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Who should vote among some servers, by the normal rules.
///
/// Without zones every eligible server does, and whoever votes keeps its vote. With zones one server
/// of each does (`autopilot.md`, section 2.2):
///
/// - the leader or the best healthy voter of the zone; without one the best eligible standby;
/// - nobody new while the zone has live members of which none is eligible: that is a matter of time,
///   and until then a voter of it keeps its vote;
/// - a zone without a live member borrows: a healthy server of another zone votes in its place. If
///   there is none to borrow, the dead voter keeps its vote, for a smaller cluster tolerates no more.
struct WantedVoters {
    private(set) var ids: Set<String> = []
    private(set) var extras: Set<String> = []
    /// Zones in which nobody is to vote for now: all their members count as its voters.
    private(set) var vacant: Set<Zone> = []

    /// - Parameter covered: zones that somebody outside of `members` takes care of.
    init(among members: [Member], zones: Bool, covered: Set<Zone> = []) {
        guard zones else {
            ids = Set(members.lazy.filter { $0.isVoter || $0.isEligible }.map(\.id))
            return
        }
        let groups = Dictionary(grouping: members, by: \.zone)
        var lost: [Zone] = []
        for zone in groups.keys.sorted() {
            guard let group = groups[zone] else { continue }
            if let keeper = Self.keeper(of: group) {
                ids.insert(keeper.id)
            } else if group.contains(where: \.isAlive) {
                vacant.insert(zone)
                if let voter = group.filter(\.isVoter).preferred { ids.insert(voter.id) }
            } else if !covered.contains(zone) {
                vacant.insert(zone)
                lost.append(zone)
            }
        }
        for zone in lost { replace(zone, groups: groups, members: members) }
    }

    private static func keeper(of group: [Member]) -> Member? {
        group.filter { $0.isLeader || $0.isVoter && $0.isHealthy }.preferred
            ?? group.filter(\.isEligible).preferred
    }

    private mutating func replace(
        _ lost: Zone, groups: [Zone: [Member]], members: [Member]
    ) {
        let spare = members.filter { !ids.contains($0.id) }
        if let extra = spare.filter({ $0.isVoter && $0.isHealthy }).preferred
            ?? mostSpared(spare.filter(\.isEligible))
        {
            ids.insert(extra.id)
            extras.insert(extra.id)
        } else if let dead = groups[lost]?.filter(\.isVoter).preferred {
            ids.insert(dead.id)
        }
    }

    /// The best standby of the zone with the most of them; of the best one where zones are equal.
    private func mostSpared(_ standbys: [Member]) -> Member? {
        let counts = Dictionary(grouping: standbys, by: \.zone).mapValues(\.count)
        return standbys.min { left, right in
            let (lefts, rights) = (counts[left.zone] ?? 0, counts[right.zone] ?? 0)
            return lefts == rights ? left.isPreferred(to: right) : lefts > rights
        }
    }

    mutating func formUnion(_ others: [Member]) { ids.formUnion(others.map(\.id)) }
}

/// Where an upgrade stands, and what that asks for: the decision table (`autopilot.md`, 2.2).
struct Decision {
    var status: UpgradeStatus
    var target: UpgradeVersion?
    var wanted: WantedVoters
    /// Ids, sorted. Of demotions, the first that the guards allow is carried out in a round.
    var promotions: [String] = []
    var demotions: [String] = []
    /// Leadership has to leave the leader, which is not among the wanted.
    var transfersLeadership = false
    /// Whose votes the phase is about: their standbys are what may take over.
    var standbys: [Member]
    var safeToRemove: [String] = []
    /// Servers of the target version that vote and are healthy, or may be given a vote.
    var ready = 0
    /// What they are measured against: the stored one, or that of an upgrade nobody has seen before.
    let baseline: Int
    /// All that could vote have the target version.
    let isUniform: Bool

    init(_ roster: Roster, configuration: AutopilotConfiguration, baseline: Int?) {
        let all = roster.potential
        let zones = configuration.enableRedundancyZones
        target = all.filter(\.isAlive).map(\.version).max()
        let target = target
        let old = all.filter { $0.version != target }
        isUniform = old.isEmpty
        self.baseline = baseline ?? all.count(where: \.isVoter)
        if configuration.disableUpgradeMigration || target == nil || old.isEmpty {
            wanted = WantedVoters(among: all, zones: zones)
            status = configuration.disableUpgradeMigration ? .disabled : .idle
            standbys = all
            apply(wanted, to: all)
        } else {
            let upgrade = Upgrade(old: old, new: all.filter { $0.version == target }, zones: zones)
            wanted = WantedVoters(among: [], zones: zones)
            status = .idle
            standbys = upgrade.new
            decide(upgrade)
        }
        // Whoever is to have no vote at all, in every phase.
        demotions += roster.members.filter { $0.isReadReplica && $0.isVoter }.map(\.id)
        if let leader = roster.leader, demotions.contains(leader.id) {
            demotions.removeAll { $0 == leader.id }
            transfersLeadership = true
        }
        demotions.sort { left, right in
            let leftIsHealthy = roster[left]?.isHealthy ?? false
            let rightIsHealthy = roster[right]?.isHealthy ?? false
            return leftIsHealthy == rightIsHealthy ? left < right : !leftIsHealthy
        }
    }

    /// The normal rules: those that are wanted get a vote, the others lose theirs.
    private mutating func apply(_ wanted: WantedVoters, to members: [Member]) {
        promotions = members.filter { wanted.ids.contains($0.id) && !$0.isVoter }.map(\.id)
        demotions = members.filter { !wanted.ids.contains($0.id) && $0.isVoter }.map(\.id)
    }

    /// Rows 3 to 9; row 1 and 2 are above.
    private mutating func decide(_ upgrade: Upgrade) {
        let oldVoters = upgrade.old.filter(\.isVoter)
        ready = upgrade.ready.count
        wanted = WantedVoters(among: upgrade.new, zones: upgrade.zones)
        guard !oldVoters.isEmpty else {
            apply(wanted, to: upgrade.new)
            let isReplaced = upgrade.hasReplacedAll
            status = isReplaced ? .awaitServerRemoval : .awaitNewServers
            if isReplaced { safeToRemove = upgrade.old.map(\.id) }
            return
        }
        if ready < baseline || !upgrade.isReadyInAllZones {
            status = .awaitNewVoters
            standbys = upgrade.old
            let covered = Set(upgrade.new.lazy.filter { $0.isVoter && $0.isAlive }.map(\.zone))
            wanted = WantedVoters(among: upgrade.old, zones: upgrade.zones, covered: covered)
            apply(wanted, to: upgrade.old)
            wanted.formUnion(upgrade.new.filter(\.isVoter))
            return
        }
        let missing = upgrade.new.filter { wanted.ids.contains($0.id) && !$0.isVoter }
        if !missing.isEmpty {
            status = .promoting
            promotions = missing.map(\.id)
            wanted.formUnion(oldVoters)
        } else if upgrade.zones, !upgrade.hasParityInZones {
            status = .awaitNewServers
            wanted.formUnion(oldVoters)
        } else if oldVoters.contains(where: { !$0.isLeader }) {
            status = .demoting
            demotions = oldVoters.filter { !$0.isLeader }.map(\.id)
        } else {
            status = .leaderTransfer
            transfersLeadership = true
        }
    }
}

/// The two sides of an upgrade: servers of the target version, and all others.
private struct Upgrade {
    let old: [Member]
    let new: [Member]
    let zones: Bool

    /// Those without a zone stand for each other here: none of them could follow the other in its own.
    private static func group(_ server: Member) -> Zone {
        if case .own = server.zone { .own(id: "") } else { server.zone }
    }

    /// Votes and is healthy, or may be given a vote.
    var ready: [Member] { new.filter { $0.isVoter ? $0.isHealthy : $0.isEligible } }

    var isReadyInAllZones: Bool {
        guard zones else { return true }
        let zonesOfReady = Set(ready.map(Self.group))
        return old.allSatisfy {
            !$0.isVoter || !$0.isAlive || zonesOfReady.contains(Self.group($0))
        }
    }

    /// As much redundancy in each zone as the old servers give it.
    var hasParityInZones: Bool {
        var spare: [Zone: Int] = [:]
        for server in new where server.isHealthy { spare[Self.group(server), default: 0] += 1 }
        for server in old where server.isAlive { spare[Self.group(server), default: 0] -= 1 }
        return spare.values.allSatisfy { $0 >= 0 }
    }

    var hasReplacedAll: Bool {
        new.count(where: \.isHealthy) >= old.count(where: \.isAlive)
            && (!zones || hasParityInZones)
    }
}

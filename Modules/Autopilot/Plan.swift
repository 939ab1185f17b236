// SPDX-License-Identifier: Apache-2.0

/// Where a change of versions stands. The raw values are public.
package enum UpgradeStatus: String, Equatable, Sendable, CaseIterable {
    /// Nobody leads: nothing is planned.
    case noLeader = "no-leader"
    case disabled
    case idle
    case awaitNewVoters = "await-new-voters"
    case promoting
    case demoting
    case leaderTransfer = "leader-transfer"
    case awaitNewServers = "await-new-servers"
    case awaitServerRemoval = "await-server-removal"
}

/// What a server is meant to be. The raw values are public.
package enum NodeType: String, Equatable, Sendable {
    case voter
    case readReplica = "read-replica"
    /// The voter of its zone; while a zone has none, all its members.
    case zoneVoter = "zone-voter"
    case zoneStandby = "zone-standby"
    /// Votes in the place of a zone that is lost.
    case zoneExtraVoter = "zone-extra-voter"
}

/// Why an action is planned. The raw values are kept in the history.
package enum PlanRule: String, Equatable, Sendable {
    case join
    case addressChanged = "address-changed"
    case left
    case stableIntroduction = "stable-introduction"
    case zoneVoter = "zone-voter"
    case zoneExtraVoter = "zone-extra-voter"
    case zoneSurplus = "zone-surplus"
    case readReplica = "read-replica"
    /// Guard G5: with an odd number of voters the failed one goes before others come.
    case failedVoterFirst = "failed-voter-first"
    case upgradePromoting = "upgrade-promoting"
    case upgradeDemoting = "upgrade-demoting"
    case upgradeLeaderTransfer = "upgrade-leader-transfer"
    case cleanupStale = "cleanup-stale"
    case cleanupFailed = "cleanup-failed"
}

/// One change. All but ``Kind/forceLeave`` and ``Kind/transfer`` are changes of the Raft
/// configuration, made by compare-and-set on its index.
package struct PlannedAction: Equatable, Sendable {
    package enum Kind: String, Equatable, Sendable {
        /// Takes an outsider in, without a vote.
        case addNonVoter = "add-non-voter"
        /// In place: the server keeps its vote.
        case updateAddress = "update-address"
        case promote
        case demote
        /// Leadership to this server.
        case transfer
        /// From the Raft configuration, directly.
        case remove
        /// By gossip; that it left then removes it from the Raft configuration.
        case forceLeave = "force-leave"
    }

    package var kind: Kind
    package var id: String
    /// The new one, for those that carry an address.
    package var address: String?
    package var rule: PlanRule
    /// One sentence for the history and for an operator.
    package var text: String

    package init(
        kind: Kind, id: String, address: String? = nil, rule: PlanRule, text: String
    ) {
        self.kind = kind
        self.id = id
        self.address = address
        self.rule = rule
        self.text = text
    }
}

/// Why something that a rule asks for is not done. The raw values are public.
package enum RefusalReason: String, Equatable, Sendable {
    case minQuorum = "min-quorum"
    /// Half of the voters, or more, would go in one pass.
    case majority
    case lastOfZone = "last-of-zone"
    /// Raft still hears it: gossip is wrong, or the server has just come back.
    case raftContact = "raft-contact"
    case installingSnapshot = "installing-snapshot"
    /// It was stopped in good order, and is given time to come back.
    case stoppedInOrder = "stopped-in-order"
    /// The leader has not led for long enough to know that gossip never heard of a server.
    case newLeader = "new-leader"
    case isLeader = "leader"
    /// Guard G2: fewer healthy voters than a majority would remain.
    case quorum
    /// Guard G3: no failure would be tolerated any more.
    case tolerance
    /// An outsider that may not join.
    case joinRefused = "join-refused"
    /// An outsider that was removed a moment ago.
    case justRemoved = "just-removed"
}

/// Something that is not done, and why.
package struct PlanRefusal: Equatable, Sendable {
    package enum Subject: String, Equatable, Sendable {
        case removal
        case demotion
        case join
    }

    package var subject: Subject
    package var id: String
    package var reason: RefusalReason
    package var text: String

    package init(subject: Subject, id: String, reason: RefusalReason, text: String) {
        self.subject = subject
        self.id = id
        self.reason = reason
        self.text = text
    }
}

/// Something that an operator should know, whatever the plan. The codes are public.
package struct PlanWarning: Equatable, Sendable {
    package enum Code: String, Equatable, Sendable {
        case oldProtocol = "old-protocol"
        case minQuorumAboveVoters = "min-quorum-above-voters"
        case fewerVotersThanExpected = "fewer-voters-than-expected"
        case evenVoters = "even-voters"
        case missingUpgradeVersion = "missing-upgrade-version"
        case unreadableVersion = "unreadable-version"
        case missingZone = "missing-zone"
        case fewZones = "few-zones"
    }

    package var code: Code
    package var text: String

    package init(code: Code, text: String) {
        self.code = code
        self.text = text
    }
}

/// What the caller does to the replicated baseline, before it applies any action of the plan: a
/// leader that follows must find the baseline of the upgrade that its predecessor began.
package enum BaselineChange: Equatable, Sendable {
    case store(Int)
    case clear
}

/// What Autopilot would do, and all that it can say about it. A value: nothing is done yet.
package struct Plan: Equatable, Sendable {
    /// One reconcile round, in the order in which they are applied. Every prefix leaves a cluster
    /// that has its quorum.
    package var actions: [PlannedAction] = []
    /// One pass of clean-up after it, in order.
    package var removals: [PlannedAction] = []
    package var refusals: [PlanRefusal] = []
    package var status: UpgradeStatus
    /// As its servers write it; nil if no server that could vote is alive.
    package var targetVersion: String?
    /// Ids, sorted: who votes when the plan's present phase has ended.
    package var wantedVoters: [String] = []
    /// For each server of the view, in its order.
    package var nodeTypes: [NodeType] = []
    /// Ids, sorted: servers that the upgrade has replaced. Empty unless it waits for their removal.
    package var safeToRemove: [String] = []
    /// What comes next, in words: actions, then what is waited for.
    package var nextActions: [String] = []
    package var warnings: [PlanWarning] = []
    package var failureTolerance: Int
    /// With the healthy standbys that this plan may promote, if no two fail at once.
    package var optimisticFailureTolerance: Int
    /// Number of voters when the first newer server appeared; nil when no upgrade runs.
    package var baseline: Int?
    package var baselineChange: BaselineChange?
    /// An alive server speaks an older protocol: only clean-up runs, and health is not served.
    package var isGated = false
    /// Of everything that the decision depends on: equal inputs, equal hash, in every process.
    package var inputsHash: UInt64 = 0
    /// The Raft configuration that was looked at: what the first change is compared with.
    package var configurationIndex: UInt64 = 0

    package init(
        status: UpgradeStatus, failureTolerance: Int = 0, optimisticFailureTolerance: Int = 0
    ) {
        self.status = status
        self.failureTolerance = failureTolerance
        self.optimisticFailureTolerance = optimisticFailureTolerance
    }

    /// What health answers instead, while ``isGated``.
    package static let gateText =
        "all servers must have raft_protocol set to 3 or higher to use this endpoint"
}

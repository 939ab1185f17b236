// SPDX-License-Identifier: Apache-2.0
import MartletAutopilot
import Testing

/// The rows A to E of `autopilot-scenarios.md`, and between them those that its numbering leaves out
/// as far as the rules alone decide them (`derived`).
struct ReconcileRow: Sendable, CustomTestStringConvertible {
    let id: String
    let title: String
    let config: String
    let servers: String
    let actions: String
    let status: UpgradeStatus
    let tolerance: Int
    let optimistic: Int
    let target: String?
    /// `a=zone-voter d=zone-standby`.
    let types: String

    var testDescription: String { "\(id) \(title)" }

    init(
        _ id: String, _ title: String, config: String = "", _ servers: String, _ actions: String,
        _ status: UpgradeStatus, _ tolerance: Int, _ optimistic: Int, target: String? = nil,
        types: String = ""
    ) {
        self.id = id
        self.title = title
        self.config = config
        self.servers = servers
        self.actions = actions
        self.status = status
        self.tolerance = tolerance
        self.optimistic = optimistic
        self.target = target
        self.types = types
    }
}

extension ReconcileRow {
    // MARK: A. Stable server introduction

    static let introduction: [ReconcileRow] = [
        ReconcileRow(
            "A01", "three healthy voters, nothing to do",
            "a=V* b=V c=V",
            "none", .idle, 1, 1),
        ReconcileRow(
            "A02", "new non-voter not yet stable for 10 s",
            "a=V* b=V c=V d=Nw4",
            "none", .idle, 1, 2),
        ReconcileRow(
            "A03 (derived)", "stable for exactly ten seconds: promoted",
            "a=V* b=V c=V d=Nw10",
            "promote d", .idle, 1, 2),
        ReconcileRow(
            "A04", "non-voter unhealthy: never promoted",
            "a=V* b=V c=V d=N!w99",
            "none", .idle, 1, 1),
        ReconcileRow(
            "A05",
            "two stable non-voters promoted in the same round (odd quorum is not waited for)",
            "a=V* b=V c=V d=N e=N",
            "promote d; promote e", .idle, 1, 3),
        ReconcileRow(
            "A06 (derived)", "during warm-up healthy is stable",
            config: "uptime=10",
            "a=V* b=V c=V d=Nw1",
            "promote d", .idle, 1, 2),
        ReconcileRow(
            "A07", "after warm-up the same server must wait",
            config: "uptime=11",
            "a=V* b=V c=V d=Nw1",
            "none", .idle, 1, 2),
        ReconcileRow(
            "A08", "single server cluster grows",
            "a=V* b=N",
            "promote b", .idle, 0, 1),
        ReconcileRow(
            "A09 (derived)", "leaving: not given a vote",
            "a=V* b=V c=V d=Nl",
            "none", .idle, 1, 1),
        ReconcileRow(
            "A10", "no known leader: no action at all",
            "a=V b=V c=V d=N",
            "none", .noLeader, 1, 2),
        ReconcileRow(
            "A11", "stabilization 0 means promote as soon as healthy",
            config: "stabilization=0",
            "a=V* b=V c=V d=Nw0",
            "promote d", .idle, 1, 2),
        ReconcileRow(
            "A12 (derived)", "two voters, one unhealthy: nothing takes a vote away",
            "a=V* b=V!",
            "none", .idle, 0, 0),
        ReconcileRow(
            "A13", "4 voters, one unhealthy: tolerance 0, no change",
            "a=V* b=V c=V d=V!",
            "none", .idle, 0, 0),
        ReconcileRow(
            "A14", "5 voters, one unhealthy: tolerance 1",
            "a=V* b=V c=V d=V e=V!",
            "none", .idle, 1, 1),
    ]

    // MARK: B. Read replicas

    static let replicas: [ReconcileRow] = [
        ReconcileRow(
            "B01 (derived)", "a new read replica stays without a vote",
            "a=V* b=V c=V r=Nr",
            "none", .idle, 1, 1),
        ReconcileRow(
            "B02", "existing voter reconfigured as read replica: demoted (4 voters -> 3)",
            "a=V* b=V c=V d=Vr",
            "demote d", .idle, 1, 1),
        ReconcileRow(
            "B03", "same with 3 voters: refused, would drop tolerance to 0",
            "a=V* b=V c=Vr",
            "none", .idle, 1, 1),
        ReconcileRow(
            "B04 (derived)", "an unhealthy voter that became a read replica: demoted at once",
            "a=V* b=V c=V!r",
            "demote c", .idle, 0, 0),
        ReconcileRow(
            "B05", "unhealthy read replica makes Healthy=false but does not change tolerance",
            "a=V* b=V c=V r=Nr!",
            "none", .idle, 1, 1),
        ReconcileRow(
            "B06 (derived)", "a leader that became a read replica: leadership goes first",
            "a=V*r b=V c=V d=V",
            "transfer b", .idle, 1, 1),
        ReconcileRow(
            "B07 (derived)", "the same with three voters: refused as any demotion would be",
            "a=V*r b=V c=V",
            "none", .idle, 1, 1),
    ]

    // MARK: C. Redundancy zones

    static let zones: [ReconcileRow] = [
        ReconcileRow(
            "C01", "3 zones x 2: one voter each, rest standby",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3",
            "none", .idle, 1, 4,
            types: "a=zone-voter d=zone-standby"),
        ReconcileRow(
            "C02 (derived)", "a zone without a voter gets one",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=N@z3 d=N@z1",
            "promote c", .idle, 0, 2),
        ReconcileRow(
            "C03", "second server of a covered zone stays standby",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=N@z2",
            "none", .idle, 1, 2),
        ReconcileRow(
            "C04", "voter in z2 fails, odd voters: failed one demoted first, then standby promoted",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3",
            "demote b; promote e", .idle, 0, 3),
        ReconcileRow(
            "C05 (derived)",
            "even number of voters: the standby first, the failed one in the next round",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 g=V@z4 e=N@z2",
            "promote e", .idle, 0, 1),
        ReconcileRow(
            "C06", "next round of C05: 5 voters, now the failed one goes",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 g=V@z4 e=V@z2",
            "demote b", .idle, 1, 1),
        ReconcileRow(
            "C07",
            "voter in z2 and its standby both fail: failed voter demoted and an extra voter picked from another zone",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=N!x@z2 f=N@z3",
            "demote b; promote d", .idle, 0, 2,
            types: "d=zone-extra-voter"),
        ReconcileRow(
            "C08 (derived)",
            "the zone returns: its server is promoted, the extra voter stays for this round",
            config: "zones=on",
            "a=V*@z1 c=V@z3 d=V@z1 b=N@z2 f=N@z3",
            "promote b", .idle, 1, 3),
        ReconcileRow(
            "C09", "after C08 the extra voter is demoted",
            config: "zones=on",
            "a=V*@z1 c=V@z3 d=V@z1 b=V@z2 f=N@z3",
            "demote d", .idle, 1, 2),
        ReconcileRow(
            "C10",
            "extra voter became leader while its zone already has another voter: the leader keeps the vote, the other goes",
            config: "zones=on",
            "a=V@z1 c=V@z3 d=V*@z1 b=V@z2",
            "demote a", .idle, 1, 1),
        ReconcileRow(
            "C11 (derived)", "two extra voters: one goes in a round",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=V@z1 e=V@z2",
            "demote d", .idle, 2, 2),
        ReconcileRow(
            "C12",
            "two voters in one zone, third zone missing, 3 voters: demotion refused (tolerance would be 0)",
            config: "zones=on",
            "a=V*@z1 b=V@z1 c=V@z2",
            "none", .idle, 1, 1),
        ReconcileRow(
            "C13", "unzoned server counts as a zone of its own",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=N",
            "promote c", .idle, 0, 1),
        ReconcileRow(
            "C14 (derived)",
            "a standby that is not stable yet: its zone waits, the failed voter keeps its vote",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=Nw4@z2",
            "none", .idle, 0, 2),
        ReconcileRow(
            "C15", "longest-stable standby wins",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 e=Nw50@z2 g=Nw500@z2",
            "demote b; promote g", .idle, 0, 2),
        ReconcileRow(
            "C16", "zone with more healthy standbys lends the extra voter",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 f=N@z3 g=N@z3",
            "demote b; promote f", .idle, 0, 3),
        ReconcileRow(
            "C17 (derived)", "nothing to borrow: the dead voter keeps its vote",
            config: "zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3",
            "none", .idle, 0, 0),
        ReconcileRow(
            "C17b (derived)", "a healthy voter keeps its zone, however short it has been healthy",
            config: "zones=on",
            "a=V*@z1 b=Vw2@z2 c=Vl@z3 e=N@z2 f=N@z3",
            "none", .idle, 1, 3),
        ReconcileRow(
            "C17c (derived)", "the leader keeps the vote of its zone, healthy or not",
            config: "zones=on",
            "a=V*!@z1 b=V@z2 c=V@z3 d=N@z1 g=V@z4",
            "none", .idle, 0, 1),
        ReconcileRow(
            "C18",
            "min quorum 3 with a replacement in z2: promote first (demotion of the failed one would go below 3)",
            config: "MinQuorum=3, zones=on",
            "a=V*@z1 b=V!x@z2 c=V@z3 e=N@z2",
            "promote e", .idle, 0, 1),
        ReconcileRow(
            "C19", "5 zones x 2",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=V@z4 e=V@z5 f=N@z1 g=N@z2 h=N@z3 i=N@z4 j=N@z5",
            "none", .idle, 2, 7),
    ]

    // MARK: D. Upgrade migrations without zones

    static let upgrades: [ReconcileRow] = [
        ReconcileRow(
            "D01", "one newer server joins: wait, do not promote",
            "a=V* b=V c=V d=N/1.1.0",
            "none", .awaitNewVoters, 1, 1, target: "1.1.0"),
        ReconcileRow(
            "D02", "two newer: still waiting",
            "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D03 (derived)", "three newer, of which one is not stable: still waiting",
            "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=Nw4/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D04", "three newer and stable: promote all three",
            "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0",
            "promote d; promote e; promote f", .promoting, 1, 4),
        ReconcileRow(
            "D05", "6 voters: demote one old follower per round",
            config: "baseline=3",
            "a=V* b=V c=V d=V/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "demote b", .demoting, 2, 2),
        ReconcileRow(
            "D06 (derived)", "next round of D05",
            config: "baseline=3",
            "a=V* b=N c=V d=V/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "demote c", .demoting, 2, 2),
        ReconcileRow(
            "D07",
            "only the old leader is left as old voter: transfer leadership to a target-version voter",
            config: "baseline=3",
            "a=V* b=N c=N d=V/1.1.0 e=Vw20/1.1.0 f=V/1.1.0",
            "transfer d", .leaderTransfer, 1, 1),
        ReconcileRow(
            "D08", "leader now new: demote the former leader",
            config: "baseline=3",
            "a=V b=N c=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "demote a", .demoting, 1, 1),
        ReconcileRow(
            "D09 (derived)", "all old have lost their vote: their removal is awaited",
            config: "baseline=3",
            "a=N b=N c=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "none", .awaitServerRemoval, 1, 1),
        ReconcileRow(
            "D10", "old servers gone: idle",
            "d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "none", .idle, 1, 1),
        ReconcileRow(
            "D11", "old non-voters are never re-promoted while waiting for removal",
            "a=N b=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "none", .awaitServerRemoval, 1, 1),
        ReconcileRow(
            "D12 (derived)", "fewer healthy new servers than old ones are alive: nothing is safe",
            config: "baseline=3",
            "a=N b=N c=N d=V*/1.1.0 e=V/1.1.0 f=V!x/1.1.0",
            "none", .awaitNewServers, 0, 0),
        ReconcileRow(
            "D13", "in-place rolling upgrade 1 of 3: upgraded voter keeps its vote",
            config: "baseline=3",
            "a=V* b=V c=V/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D14", "in-place 2 of 3: the last old voter must NOT be demoted",
            config: "baseline=3",
            "a=V* b=V/1.1.0 c=V/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D15 (derived)", "in-place 3 of 3: idle",
            config: "baseline=3",
            "a=V*/1.1.0 b=V/1.1.0 c=V/1.1.0",
            "none", .idle, 1, 1),
        ReconcileRow(
            "D16", "migration disabled: newer servers promoted as soon as stable",
            config: "migration=off",
            "a=V* b=V c=V d=N/1.1.0",
            "promote d", .disabled, 1, 2),
        ReconcileRow(
            "D17", "build metadata ignored: 1.1.0+ent equals 1.1.0",
            "a=V*/1.1.0 b=V/1.1.0 c=V/1.1.0 d=N/1.1.0+ent",
            "promote d", .idle, 1, 2),
        ReconcileRow(
            "D18 (derived)", "a pre-release is older than its release",
            "a=V*/1.1.0-rc.1 b=V/1.1.0-rc.1 c=V/1.1.0-rc.1 d=N/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D19", "older server joins a newer cluster: never promoted",
            "a=V*/1.1.0 b=V/1.1.0 c=V/1.1.0 d=N/1.0.0",
            "none", .awaitServerRemoval, 1, 1),
        ReconcileRow(
            "D20", "three versions at once: target is the highest; the two others are both old",
            "a=V*/1.0.0 b=V/1.0.0 c=V/1.0.5 d=N/1.1.0 e=N/1.1.0 f=N/1.1.0",
            "promote d; promote e; promote f", .promoting, 1, 4, target: "1.1.0"),
        ReconcileRow(
            "D21 (derived)", "the highest version is that of a dead server: it sets no target",
            "a=V* b=V c=V d=N!x/1.1.0 e=N",
            "promote e", .awaitServerRemoval, 1, 2),
        ReconcileRow(
            "D22", "more new than old: all stable new ones become voters",
            "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0 g=N/1.1.0",
            "promote d; promote e; promote f; promote g", .promoting, 1, 5),
        ReconcileRow(
            "D23",
            "a new voter turns unhealthy in the demotion phase: go back to waiting, no demotion",
            config: "baseline=3",
            "a=V* b=V c=V d=V/1.1.0 e=V/1.1.0 f=V!/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D24 (derived)", "an old voter is dead: it goes first",
            config: "baseline=3",
            "a=V* b=V c=V!x d=V/1.1.0 e=V/1.1.0 f=V/1.1.0",
            "demote c", .demoting, 1, 1),
        ReconcileRow(
            "D25", "new read replica does not count towards the needed new voters",
            "a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 r=Nr/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "D26",
            "rollback: operator disables migration while new voters are sick: old stable standbys get votes again",
            config: "migration=off",
            "a=N b=N c=N d=V*/1.1.0 e=V!/1.1.0 f=V!/1.1.0",
            "promote a; promote b; promote c", .disabled, 0, 3),
    ]

    // MARK: E. Upgrade migrations with zones

    static let zonedUpgrades: [ReconcileRow] = [
        ReconcileRow(
            "E01 (derived)", "old standbys in each zone do not keep new voters from their vote",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 g=N@z1 h=N@z2 i=N@z3 d=N@z1/1.1.0 e=N@z2/1.1.0 f=N@z3/1.1.0",
            "promote d; promote e; promote f", .promoting, 1, 4),
        ReconcileRow(
            "E02", "one new server per zone: promote them",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=N@z1/1.1.0 e=N@z2/1.1.0 f=N@z3/1.1.0",
            "promote d; promote e; promote f", .promoting, 1, 4),
        ReconcileRow(
            "E03",
            "old cluster has standbys, new has none: hold before demoting (no loss of redundancy)",
            config: "zones=on, baseline=3",
            "a=V*@z1 b=V@z2 c=V@z3 g=N@z1 h=N@z2 i=N@z3 d=V@z1/1.1.0 e=V@z2/1.1.0 f=V@z3/1.1.0",
            "none", .awaitNewServers, 2, 2),
        ReconcileRow(
            "E04 (derived)", "three new servers of which none is in z3: still waiting",
            config: "zones=on",
            "a=V*@z1 b=V@z2 c=V@z3 d=N@z1/1.1.0 e=N@z2/1.1.0 f=N@z2/1.1.0",
            "none", .awaitNewVoters, 1, 1),
        ReconcileRow(
            "E05",
            "zone voter of the old version fails while waiting: old standby of that zone takes over",
            config: "zones=on, baseline=3",
            "a=V*@z1 b=V!x@z2 c=V@z3 h=N@z2 d=N@z1/1.1.0",
            "demote b; promote h", .awaitNewVoters, 0, 1),
        ReconcileRow(
            "E06", "custom upgrade versions: same binary, upgrade_version 2 vs 1",
            "a=V*/1 b=V/1 c=V/1 d=N/2 e=N/2 f=N/2",
            "promote d; promote e; promote f", .promoting, 1, 4, target: "2"),
    ]

    static let all = introduction + replicas + zones + upgrades + zonedUpgrades
}

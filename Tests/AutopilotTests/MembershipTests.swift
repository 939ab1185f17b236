// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

@Suite("Who belongs to the configuration") struct MembershipTests {
    private func plan(_ servers: String, change: (inout ClusterView) -> Void) -> Plan {
        let model = Notation(servers).model
        var view = model.view
        change(&view)
        return Planner.plan(view, health: model.health, at: model.now)
    }

    @Test("An alive outsider joins without a vote, after those that left have gone")
    func joins() {
        let plan = Notation("a=V* b=V c=V~ d=- e=-x").model.plan

        #expect(plan.spelled == "remove c; add-non-voter d")
        #expect(plan.actions.map(\.rule) == [.left, .join])
        #expect(plan.actions.last?.address == "10.0.0.1:4647")
    }

    @Test(
        "One that was removed comes back when it is heard two seconds after that",
        arguments: [
            (Duration.seconds(-5), false), (.milliseconds(1999), false), (.seconds(2), true),
        ])
    func rejoins(heard: Duration, joins: Bool) {
        let plan = plan("a=V* b=V c=V d=-") { $0.outsiders[0].heardAfterRemoval = heard }

        #expect(plan.spelled == (joins ? "add-non-voter d" : "none"))
        #expect(plan.refusals.map(\.reason) == (joins ? [] : [.justRemoved]))
    }

    @Test("One that may not join stays outside, and the plan says why")
    func refusedJoin() {
        let plan = plan("a=V* b=V c=V d=-") { $0.outsiders[0].refusal = "an older version" }

        #expect(plan.spelled == "none")
        #expect(plan.refusals.map(\.reason) == [.joinRefused])
        #expect(plan.nextActions == ["not taken in: d: an older version"])
    }

    @Test("X12: a server with a new address keeps its vote: one change, in place")
    func address() {
        let plan = plan("a=V* b=V c=V") {
            $0.servers[0].advertisedAddress = "10.0.9.1:4647"
            $0.servers[1].advertisedAddress = "10.0.9.2:4647"
            $0.servers[2].advertisedAddress = "10.0.0.1:4647"
        }

        #expect(plan.spelled == "update-address a; update-address b")
        #expect(plan.actions.map(\.address) == ["10.0.9.1:4647", "10.0.9.2:4647"])
    }

    @Test("The address of a dead server is not followed")
    func deadAddress() {
        let plan = plan("a=V* b=V c=V d=Vx e=V") {
            $0.servers[3].advertisedAddress = "10.0.9.4:4647"
        }

        #expect(plan.actions.isEmpty)
    }

    @Test("A server that comes back under its id is in the configuration still: nothing to do")
    func returns() {
        #expect(Notation("a=V* b=V c=Vw0").model.plan.spelled == "none")
    }

    @Test("Those that left go whatever MinQuorum and clean-up say; without a leader nothing does")
    func left() {
        let config = "cleanup=off,MinQuorum=3"

        #expect(Notation("a=V* b=V c=V~", config: config).model.plan.spelled == "remove c")
        let leaderless = Notation("a=V b=V c=V~ d=-").model.plan
        #expect(leaderless.actions.isEmpty && leaderless.nextActions == ["waits for a leader"])
    }

    @Test("Beside an alive server of an older protocol only clean-up runs")
    func gate() {
        let servers = "a=V* b=V c=V d=N e=Nx"
        let gated = plan(servers) { $0.servers[1].hasOldProtocol = true }
        let dead = plan(servers) { $0.servers[4].hasOldProtocol = true }

        #expect(gated.isGated && gated.spelled == "none")
        #expect(gated.removals.map(\.id) == ["e"])
        #expect(gated.warnings.map(\.code).contains(.oldProtocol))
        #expect(!dead.isGated && dead.spelled == "promote d")
    }

    @Test("One that is not caught up gets no vote, however healthy")
    func catchingUp() {
        #expect(plan("a=V* b=V c=V d=N") { $0.servers[3].isCaughtUp = false }.spelled == "none")
    }
}

@Suite("What clean-up leaves alone") struct CleanupTests {
    private func plan(_ servers: String, change: (inout ClusterView) -> Void) -> Plan {
        let model = Notation(servers).model
        var view = model.view
        change(&view)
        return Planner.plan(view, health: model.health, at: model.now)
    }

    @Test("A server that Raft hears, whatever gossip says", arguments: ["c=Vx", "c=V?", "c=Nx"])
    func heard(server: String) {
        let plan = plan("a=V* b=V d=V \(server)") {
            $0.servers[3].lastContact = .milliseconds(200)
        }

        #expect(plan.removals.isEmpty)
        #expect(plan.refusedRemovals == "c: raft-contact")
    }

    @Test("X17: one that installs a snapshot")
    func snapshot() {
        let plan = plan("a=V* b=V c=Vx") { $0.servers[2].isReceivingSnapshot = true }

        #expect(plan.refusedRemovals == "c: installing-snapshot")
    }

    @Test("One that gossip never met, until the leader has had time to")
    func strangers() {
        let young = plan("a=V* b=V c=V?") { $0.leaderUptime = .seconds(59) }
        let old = plan("a=V* b=V c=V?") { $0.leaderUptime = .seconds(60) }

        #expect(young.refusedRemovals == "c: new-leader")
        #expect(old.removals(.remove) == ["c"])
    }

    @Test("X05: one that Raft does not reach and gossip has alive")
    func aliveInGossip() {
        let plan = Notation("a=V* b=V c=V!").model.plan

        #expect(plan.removals.isEmpty && plan.actions.isEmpty)
    }

    @Test("X18: everybody, with MinQuorum above the number of voters, and a warning says so")
    func minQuorum() {
        let plan = Notation("a=V* b=V c=Vx", config: "MinQuorum=18446744073709551615").model.plan

        #expect(plan.refusedRemovals == "c: min-quorum")
        #expect(plan.warnings.map(\.code) == [.minQuorumAboveVoters])
    }

    @Test("No step from five servers to two goes unannounced")
    func shrinking() {
        let plan = Notation("a=V* b=V", config: "expect=5").model.plan

        #expect(plan.warnings.map(\.code) == [.fewerVotersThanExpected, .evenVoters])
    }
}

@Suite("Warnings and words") struct WordTests {
    @Test(
        "Each warning has its cause",
        arguments: [
            ("a=V* b=V c=V", "", []), ("a=V* b=V", "", [.evenVoters]),
            ("a=V*/1 b=V/1 c=V/", "", [.missingUpgradeVersion]),
            ("a=V*/1 b=V/1 c=V/one", "", [.unreadableVersion]),
            ("a=V* b=V c=V d=V/1.1.0 e=V/1.1.0 f=V/1.1.0", "baseline=3", []),
            ("a=V*@z1 b=V@z2 c=V", "zones=on", [.missingZone]),
            ("a=V*@z1 b=V@z2 c=V@z2", "zones=on", [.fewZones]),
            ("a=V*@z1 b=V@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3", "zones=on expect=6", []),
            ("a=V* b=V c=V d=N e=N f=N", "expect=6", [.fewerVotersThanExpected]),
            (
                "a=V*@z1 b=V@z2 c=N@z3", "zones=on expect=3",
                [.fewerVotersThanExpected, .evenVoters]
            ),
        ] as [(String, String, [PlanWarning.Code])])
    func warnings(servers: String, config: String, expected: [PlanWarning.Code]) {
        #expect(Notation(servers, config: config).model.plan.warnings.map(\.code) == expected)
    }

    @Test("What comes next is said in words")
    func next() {
        let waiting = Notation("a=V* b=V c=V d=Nw4").model.plan
        let removal = Notation("a=N b=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0").model.plan
        let upgrade = Notation("a=V* b=V c=V d=N/1.1.0").model.plan

        #expect(waiting.nextActions == ["waits until d has been healthy for 10s"])
        #expect(removal.nextActions == ["waits for the removal of a, b"])
        #expect(
            upgrade.nextActions == ["waits for servers of version 1.1.0: 1 of 3 are ready"])
    }

    @Test("Actions say which rule asks for them")
    func rules() {
        let zones = Notation(
            "a=V*@z1 b=V!x@z2 c=V@z3 d=N@z1 e=N!x@z2 f=N@z3", config: "zones=on"
        ).model.plan
        let upgrade = Notation("a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0").model.plan

        #expect(zones.actions.map(\.rule) == [.failedVoterFirst, .zoneExtraVoter])
        #expect(Set(upgrade.actions.map(\.rule)) == [.upgradePromoting])
        #expect(Notation("a=V* b=V c=V d=N").model.plan.actions[0].rule == .stableIntroduction)
    }

    @Test("The hash of the inputs is the same for the same inputs, and moves with each of them")
    func hash() {
        let base = "a=V*@z1 b=V@z2 c=V@z3"
        let hash = Notation(base).model.plan.inputsHash
        let others = [
            Notation("a=V*@z1 b=V@z2 c=V!@z3"), Notation("a=V*@z1 b=V@z2 c=N@z3"),
            Notation("a=V*@z1 b=V@z2 c=V@z4"), Notation("a=V*@z1 b=V@z2 c=V@z3/1.1.0"),
            Notation("a=V*@z1 b=V@z2 c=V@z3 d=-"), Notation(base, config: "zones=on"),
            Notation(base, config: "MinQuorum=1"), Notation(base, config: "baseline=3"),
            Notation("a=V@z1 b=V*@z2 c=V@z3"),
        ].map(\.model.plan.inputsHash)

        #expect(Notation(base).model.plan.inputsHash == hash)
        #expect(Set(others + [hash]).count == others.count + 1)
        #expect(Notation(base).model.plan.inputsHashText == "6b393443b4367bee")
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

@Suite("What the operator API shows") struct ReportTests {
    private func report(_ servers: String, config: String = "") -> Report {
        let model = Notation(servers, config: config).model
        return Report(model.view, health: model.health, plan: model.plan)
    }

    @Test(
        "A plain cluster shows no more than an older client knows",
        arguments: ["a=V* b=V c=V", "a=V* b=V c=V! d=N!", "a=V* b=V c=Vx"])
    func plain(servers: String) {
        let health = report(servers).operatorHealth

        #expect(health == Notation(servers).model.health.operatorHealth)
    }

    @Test("A standby that may take over shows as optimistic tolerance")
    func optimistic() {
        #expect(report("a=V* b=V c=V d=Nw4").operatorHealth.optimisticFailureTolerance == 2)
    }

    @Test("Zones: who is in them, who votes, and how many may fail")
    func zones() {
        let servers = "a=V*@z1 b=V@z2 c=V!@z3 d=N@z1 r=Nr@z1 e=N"
        let health = report(servers, config: "zones=on").operatorHealth

        #expect(
            health.redundancyZones == [
                ZoneHealth(
                    name: "z1", failureTolerance: 1, servers: ["a", "d", "r"], voters: ["a"]),
                ZoneHealth(name: "z2", failureTolerance: 0, servers: ["b"], voters: ["b"]),
                ZoneHealth(name: "z3", failureTolerance: 0, servers: ["c"], voters: ["c"]),
            ])
        #expect(health.readReplicas == ["r"] && health.upgrade == nil)
        #expect(report(servers).operatorHealth.redundancyZones.isEmpty)
    }

    @Test("An upgrade: both sides, and by zone where zones are on")
    func upgrade() throws {
        let servers = "a=V*@z1 b=V@z2 r=Nr@z2 d=N@z1/1.1.0+x e=Nr@z2/1.1.0"
        let upgrade = try #require(report(servers, config: "zones=on").operatorHealth.upgrade)
        var z1 = UpgradeServers()
        z1.otherVersionVoters = ["a"]
        z1.targetVersionNonVoters = ["d"]

        #expect(upgrade.status == "await-new-voters" && upgrade.targetVersion == "1.1.0+x")
        #expect(upgrade.servers.otherVersionVoters == ["a", "b"])
        #expect(upgrade.servers.otherVersionReadReplicas == ["r"])
        #expect(upgrade.servers.targetVersionNonVoters == ["d"])
        #expect(upgrade.servers.targetVersionReadReplicas == ["e"])
        #expect(upgrade.zones.map(\.name) == ["z1", "z2"] && upgrade.zones[0].servers == z1)
        #expect(report(servers).operatorHealth.upgrade?.zones.isEmpty == true)
    }

    @Test("The state has for each server its type, reason and whether it is safe to remove")
    func state() {
        let state = report("a=N!x b=N d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0", config: "baseline=3").state

        #expect(state.status == "await-server-removal" && state.baseline == 3)
        #expect(state.servers.map(\.isSafeToRemove) == [true, true, false, false, false])
        #expect(state.servers.map { $0.reason?.code } == ["gossip-failed", nil, nil, nil, nil])
        #expect(state.servers.map(\.nodeType) == Array(repeating: "voter", count: 5))
        #expect(state.servers[0].sampleAge == .seconds(60) && state.servers[2].sampleAge == .zero)
        #expect(state.safeToRemove == ["a", "b"] && state.leader == "d")
    }

    @Test("What a dry run found is the answer of the plan")
    func plan() {
        var assumption = Assumption()
        assumption.leaving = ["c"]
        let answer = Planner.dryRun(
            Notation("a=V* b=V c=V").view, tracker: HealthTracker(), assuming: assumption,
            at: Notation.now, wallClockNanoseconds: 0
        ).answer

        #expect(answer.actions.map(\.action) == ["remove"] && answer.actions[0].rule == "left")
        #expect(answer.assumed == AutopilotPlan.Assumed(leaving: ["c"]))
        #expect(answer.unsafe.map(\.code) == ["tolerance"] && !answer.isSafe)
        #expect(answer.settledVoters == ["a", "b"] && answer.inputsHash.count == 16)
    }
}

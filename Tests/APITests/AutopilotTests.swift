// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func encoded(_ value: some JSONWritable) -> String {
    String(decoding: JSONWriter.encode(value), as: UTF8.self)
}

private let server = ServerHealth(
    lastContact: GoDuration(nanoseconds: 1_300_000_000), id: "a", name: "s1.global",
    address: "10.0.0.1:4647", serfStatus: .alive, version: "1.0.0", isLeader: false,
    lastTerm: 2, lastIndex: 7, isHealthy: false, isVoter: true,
    stableSinceUnixNanoseconds: 1_488_844_071_500_000_000)

@Suite("Autopilot's answers, names in alphabetical order") struct AutopilotAnswerTests {
    @Test("Health with all its extensions")
    func extensions() {
        var health = OperatorHealth(
            failureTolerance: 1, isHealthy: true, leader: "a", servers: [], voters: ["a"])
        health.optimisticFailureTolerance = 0
        health.readReplicas = ["r"]
        health.redundancyZones = [
            ZoneHealth(name: "z1", failureTolerance: 1, servers: ["a", "d"], voters: ["a"])
        ]
        var sides = UpgradeServers()
        sides.otherVersionVoters = ["a"]
        sides.targetVersionNonVoters = ["d"]
        health.upgrade = UpgradeHealth(
            status: "await-new-voters", targetVersion: "1.1.0", servers: sides,
            zones: [("z1", sides)])

        #expect(
            encoded(health)
                == #"{"FailureTolerance":1,"Healthy":true,"Leader":"a","#
                + #""OptimisticFailureTolerance":0,"ReadReplicas":["r"],"RedundancyZones":{"z1":"#
                + #"{"FailureTolerance":1,"Servers":["a","d"],"Voters":["a"]}},"Servers":[],"#
                + #""Upgrade":{"OtherVersionNonVoters":[],"OtherVersionReadReplicas":[],"#
                + #""OtherVersionVoters":["a"],"RedundancyZones":{"z1":{"OtherVersionNonVoters":[],"#
                + #""OtherVersionVoters":["a"],"TargetVersionNonVoters":["d"],"#
                + #""TargetVersionVoters":[]}},"Status":"await-new-voters","TargetVersion":"1.1.0","#
                + #""TargetVersionNonVoters":["d"],"TargetVersionReadReplicas":[],"#
                + #""TargetVersionVoters":[]},"Voters":["a"]}"#)
    }

    @Test("Without zones an upgrade shows none")
    func noZones() {
        let upgrade = UpgradeHealth(
            status: "demoting", targetVersion: "2", servers: UpgradeServers(), zones: [])

        #expect(!encoded(upgrade).contains("RedundancyZones"))
    }

    @Test("State")
    func state() {
        let shown = AutopilotServer(
            health: server, nodeType: "zone-voter", isReadReplica: false, isSafeToRemove: true,
            sampleAge: .seconds(2),
            reason: AutopilotReason(
                code: "last-contact", isInGrace: false, observed: "1.3s", text: "late",
                threshold: "200ms"), upgradeVersion: "2", zone: "z1")
        var state = AutopilotState(
            configurationIndex: 9, failureTolerance: 1, isHealthy: false,
            optimisticFailureTolerance: 2, servers: [shown], status: "idle")
        let bare = encoded(state)
        state.age = .seconds(1)
        state.baseline = 3
        state.leader = "a"
        state.nextActions = ["waits"]
        state.refused = [AutopilotNotice(code: "majority", id: "b", text: "no")]
        state.safeToRemove = ["a"]
        state.targetVersion = "2"
        state.voters = ["a"]
        state.wantedVoters = ["b"]
        state.warnings = [AutopilotNotice(code: "even-voters", text: "even")]

        #expect(
            encoded(state)
                == #"{"Age":"1s","Baseline":3,"ConfigurationIndex":9,"FailureTolerance":1,"#
                + #""Healthy":false,"Leader":"a","NextActions":["waits"],"#
                + #""OptimisticFailureTolerance":2,"#
                + #""Refused":[{"Code":"majority","ID":"b","Text":"no"}],"SafeToRemove":["a"],"#
                + #""Servers":[{"Address":"10.0.0.1:4647","Healthy":false,"ID":"a","#
                + #""LastContact":"1.3s","LastIndex":7,"LastTerm":2,"Name":"s1.global","#
                + #""NodeType":"zone-voter","ReadReplica":false,"SafeToRemove":true,"#
                + #""SampleAge":"2s","SerfStatus":"alive","StableSince":"2017-03-06T23:47:51Z","#
                + #""Status":"voter","UnhealthyReason":{"Code":"last-contact","InGrace":false,"#
                + #""Observed":"1.3s","Text":"late","Threshold":"200ms"},"UpgradeVersion":"2","#
                + #""Version":"1.0.0","Zone":"z1"}],"Status":"idle","TargetVersion":"2","#
                + #""Voters":["a"],"WantedVoters":["b"],"#
                + #""Warnings":[{"Code":"even-voters","Text":"even"}]}"#)
        for name in ["Age", "Baseline", "Leader", "TargetVersion"] {
            #expect(!bare.contains("\"\(name)\""))
        }
    }

    @Test("Plan")
    func plan() {
        var plan = AutopilotPlan(
            assumed: .init(failed: ["b"], leaving: ["c"]), configurationIndex: 9,
            inputsHash: "0123456789abcdef", quorumSurvives: true, status: "idle")
        plan.actions = [
            AutopilotAction(
                action: "add-non-voter", address: "10.0.0.9:4647", id: "d", rule: "join", text: "t")
        ]
        plan.rounds = 2
        plan.unsafe = [AutopilotNotice(code: "tolerance", text: "u")]

        #expect(
            encoded(plan)
                == #"{"Actions":[{"Action":"add-non-voter","Address":"10.0.0.9:4647","ID":"d","#
                + #""Rule":"join","Text":"t"}],"Assumed":{"Failed":["b"],"Leaving":["c"]},"#
                + #""ConfigurationIndex":9,"FailureTolerance":0,"InputsHash":"0123456789abcdef","#
                + #""OptimisticFailureTolerance":0,"QuorumSurvives":true,"Refused":[],"Rounds":2,"#
                + #""Safe":false,"SettledFailureTolerance":0,"SettledVoters":[],"Status":"idle","#
                + #""Unsafe":[{"Code":"tolerance","Text":"u"}],"WantedVoters":[],"Warnings":[]}"#)
    }

    @Test("A proposed configuration stands in the plan as it stands in its own answer")
    func proposed() {
        let configuration = AutopilotConfiguration()
        let assumed = AutopilotPlan.Assumed(configuration: configuration)

        #expect(encoded(assumed).contains(#""Configuration":"# + encoded(configuration)))
    }
}

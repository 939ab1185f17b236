// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

@Suite("Dry runs") struct DryRunTests {
    private func run(
        _ servers: String, config: String = "", assume: (inout Assumption) -> Void
    ) -> DryRun {
        var assumption = Assumption()
        assume(&assumption)
        return Planner.dryRun(
            Notation(servers, config: config).view, tracker: HealthTracker(),
            assuming: assumption, at: Notation.now, wallClockNanoseconds: 0)
    }

    @Test("One of three may leave, and the next failure would stop the cluster")
    func leaving() {
        let run = run("a=V* b=V c=V") { $0.leaving = ["c"] }

        #expect(run.quorumSurvives && run.failureTolerance == 0)
        #expect(run.plan.spelled == "remove c")
        #expect(run.settledVoters == ["a", "b"] && run.settledFailureTolerance == 0)
        #expect(run.unsafe.map(\.danger) == [.tolerance])
    }

    @Test("Two of three may not fail at once")
    func quorum() {
        let run = run("a=V* b=V c=V") { $0.failed = ["b", "c"] }

        #expect(!run.quorumSurvives && run.rounds == 0)
        #expect(run.unsafe.map(\.danger) == [.quorum])
        #expect(run.unsafe[0].text == "1 of 3 voters would be healthy: 2 must be")
    }

    @Test("A failed server of a zone is replaced, and the tolerance comes back")
    func zones() {
        let run = run("a=V*@z1 b=V@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3", config: "zones=on,uptime=1") {
            $0.failed = ["b"]
        }

        #expect(run.plan.spelled == "demote b; promote e")
        #expect(run.failureTolerance == 0 && run.settledFailureTolerance == 1)
        #expect(run.settledVoters == ["a", "c", "e"])
    }

    @Test("A whole zone: its last server is named")
    func lastOfZone() {
        let run = run("a=V*@z1 b=V@z2 c=V@z3 d=V@z1 e=V@z2", config: "zones=on") {
            $0.failed = ["e", "b"]
        }

        #expect(run.unsafe.map(\.danger) == [.lastOfZone, .lastOfZone, .tolerance])
        #expect(run.unsafe.map(\.id) == ["b", "e", nil])
    }

    @Test("The leader is not to be taken away, and another one is assumed to lead then")
    func leader() {
        let run = run("a=V* b=V c=V d=V e=V f=N") { $0.failed = ["a"] }

        #expect(run.unsafe.map(\.danger) == [.leader])
        #expect(run.plan.status == .idle && run.plan.removals.map(\.id) == ["a"])
    }

    @Test("An id that nobody has is said, and changes nothing")
    func unknown() {
        let run = run("a=V* b=V c=V") { $0.leaving = ["x"] }

        #expect(run.unsafe.map(\.danger) == [.unknownServer])
        #expect(run.failureTolerance == 1 && run.plan.spelled == "none")
    }

    @Test("A proposed configuration: health and plan are what they would be with it")
    func configuration() {
        let zones = run("a=V*@z1 b=V@z1 c=V@z2 d=V@z3") {
            var proposed = AutopilotConfiguration()
            proposed.enableRedundancyZones = true
            $0.configuration = proposed
        }
        let threshold = run("a=V* b=V c=V") {
            var proposed = AutopilotConfiguration()
            proposed.lastContactThreshold = .milliseconds(10)
            $0.configuration = proposed
        }

        #expect(zones.plan.spelled == "demote b" && zones.unsafe.isEmpty)
        // At once: that a late sample may be an accident is no comfort for a threshold to come.
        #expect(threshold.unsafe.map(\.danger) == [.quorum])
    }
}

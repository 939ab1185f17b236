// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

/// A round of a walk-through, written as in the scenarios.
private struct Round: Equatable {
    var status: UpgradeStatus
    var tolerance: Int
    var optimistic: Int
    var actions: String
    var safeToRemove: [String] = []

    init(
        _ status: UpgradeStatus, _ tolerance: Int, _ optimistic: Int, _ actions: String,
        safeToRemove: [String] = []
    ) {
        self.status = status
        self.tolerance = tolerance
        self.optimistic = optimistic
        self.actions = actions
        self.safeToRemove = safeToRemove
    }
}

/// Applies reconcile rounds one by one. Clean-up is off: the scenarios' model has none.
private struct Walk {
    private let config: String
    private var model: ClusterModel

    init(_ servers: String, config: String = "") {
        self.config = config.isEmpty ? "cleanup=off" : config + ",cleanup=off"
        model = Notation(servers, config: self.config).model
    }

    mutating func round() -> Round {
        let plan = model.plan
        model.apply(plan)
        return Round(
            plan.status, plan.failureTolerance, plan.optimisticFailureTolerance, plan.spelled,
            safeToRemove: plan.safeToRemove)
    }

    /// From here on these servers have failed; everybody else is well and long stable.
    mutating func fail(_ failed: String...) {
        let servers = model.view.servers.map { server in
            let zone = server.zone.isEmpty ? "" : "@\(server.zone)"
            let flags = (server.isLeader ? "*" : "") + (failed.contains(server.id) ? "!x" : "")
            return "\(server.id)=\(server.isVoter ? "V" : "N")\(flags)\(zone)/\(server.version)"
        }
        model = Notation(servers.joined(separator: " "), config: config).model
    }
}

@Suite("Walk-throughs of autopilot-scenarios.md") struct WalkThroughTests {
    @Test("W1: blue/green upgrade of three servers")
    func blueGreen() {
        var walk = Walk("a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0")

        #expect(walk.round() == Round(.promoting, 1, 4, "promote d; promote e; promote f"))
        #expect(walk.round() == Round(.demoting, 2, 2, "demote b"))
        #expect(walk.round() == Round(.demoting, 2, 2, "demote c"))
        #expect(walk.round() == Round(.leaderTransfer, 1, 1, "transfer d"))
        #expect(walk.round() == Round(.demoting, 1, 1, "demote a"))
        let last = Round(.awaitServerRemoval, 1, 1, "none", safeToRemove: ["a", "b", "c"])
        #expect(walk.round() == last)
        #expect(walk.round() == last)
    }

    @Test("W2: six servers in three zones, a voter dies, then its zone mate, then the zone returns")
    func zones() {
        var walk = Walk(
            "a=V*@z1 b=V@z2 c=V@z3 d=N@z1 e=N@z2 f=N@z3", config: "zones=on")

        #expect(walk.round() == Round(.idle, 1, 4, "none"))
        walk.fail("b")
        #expect(walk.round() == Round(.idle, 0, 3, "demote b; promote e"))
        #expect(walk.round() == Round(.idle, 1, 3, "none"))
        walk.fail("b", "e")
        #expect(walk.round() == Round(.idle, 0, 2, "demote e; promote d"))
        #expect(walk.round() == Round(.idle, 1, 2, "none"))
        #expect(walk.round() == Round(.idle, 1, 2, "none"))
        walk.fail()
        #expect(walk.round() == Round(.idle, 1, 4, "promote b"))
        #expect(walk.round() == Round(.idle, 1, 3, "demote d"))
        #expect(walk.round() == Round(.idle, 1, 4, "none"))
    }

    @Test("W3: blue/green upgrade with zones and standbys")
    func zonedBlueGreen() {
        var walk = Walk(
            """
            a=V*@z1 b=V@z2 c=V@z3 g=N@z1 h=N@z2 i=N@z3 d=N@z1/1.1.0 e=N@z2/1.1.0 f=N@z3/1.1.0 \
            j=N@z1/1.1.0 k=N@z2/1.1.0 l=N@z3/1.1.0
            """, config: "zones=on")

        #expect(walk.round() == Round(.promoting, 1, 7, "promote d; promote e; promote f"))
        #expect(walk.round() == Round(.demoting, 2, 5, "demote b"))
        #expect(walk.round() == Round(.demoting, 2, 5, "demote c"))
        #expect(walk.round() == Round(.leaderTransfer, 1, 4, "transfer d"))
        #expect(walk.round() == Round(.demoting, 1, 4, "demote a"))
        let replaced = ["a", "b", "c", "g", "h", "i"]
        #expect(
            walk.round() == Round(.awaitServerRemoval, 1, 4, "none", safeToRemove: replaced))
    }

    @Test("The baseline is stored with the first plan of an upgrade, kept, and cleared at its end")
    func baseline() {
        var model = Notation("a=V* b=V c=V d=N/1.1.0 e=N/1.1.0 f=N/1.1.0").model

        #expect(model.plan.baselineChange == .store(3))
        model.apply(model.plan)
        #expect(model.plan.baselineChange == nil && model.plan.baseline == 3)
        let ended = Notation("d=V*/1.1.0 e=V/1.1.0 f=V/1.1.0", config: "baseline=3").model
        #expect(ended.plan.baselineChange == .clear && ended.plan.baseline == nil)
    }

    @Test("An upgrade that is switched off keeps its baseline until versions are the same")
    func switchedOff() {
        let off = "migration=off,baseline=3"

        #expect(Notation("a=V* b=V c=V d=V/1.1.0", config: off).model.plan.baseline == 3)
        #expect(Notation("a=V* b=V c=V", config: off).model.plan.baselineChange == .clear)
    }

    @Test("In-place upgrade of three servers, one after the other: no vote is ever lost")
    func inPlace() {
        let steps: [(String, UpgradeStatus)] = [
            ("a=V* b=V c=V!/1.1.0", .awaitNewVoters), ("a=V* b=V c=V/1.1.0", .awaitNewVoters),
            ("a=V* b=V!/1.1.0 c=V/1.1.0", .awaitNewVoters),
            ("a=V* b=V/1.1.0 c=V/1.1.0", .awaitNewVoters),
            ("a=V!/1.1.0 b=V*/1.1.0 c=V/1.1.0", .idle),
            ("a=V/1.1.0 b=V*/1.1.0 c=V/1.1.0", .idle),
        ]
        for (servers, status) in steps {
            let plan = Notation(servers, config: "baseline=3").model.plan
            #expect(plan.status == status && plan.actions.isEmpty, "\(servers)")
        }
    }
}

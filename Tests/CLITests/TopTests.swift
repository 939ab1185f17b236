// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import Testing

@testable import MartletCLI

@Suite("One glance from the terminal") struct TopTests {
    private func server(_ id: Int, _ status: String, healthy: Bool, index: Int) -> String {
        let reason =
            healthy ? "" : #""UnhealthyReason":{"Code":"last-contact","Text":"silent\u001b[2J"},"#
        return """
            {"Healthy":\(healthy),"ID":"\(id)","LastContact":"12ms","LastIndex":\(index),\
            "Name":"s\(id).global","NodeType":"voter","SerfStatus":"alive",\(reason)\
            "StableSince":"2026-11-23T06:59:08Z","Status":"\(status)","Version":"0.1.0","Zone":""}
            """
    }

    private func state(tolerance: Int, isThirdHealthy: Bool) -> Reply {
        .ok(
            """
            {"FailureTolerance":\(tolerance),"Healthy":\(isThirdHealthy),"Leader":"1",\
            "NextActions":["waits for s3.global"],"Refused":[{"Code":"min-quorum","Text":"too few"}],\
            "Servers":[\(server(1, "leader", healthy: true, index: 40)),\
            \(server(2, "voter", healthy: true, index: 40)),\
            \(server(3, "voter", healthy: isThirdHealthy, index: 7))],\
            "Voters":["1","2","3"],"Warnings":[{"Code":"x","Text":"a warning"}]}
            """)
    }

    private func desk(_ state: Reply) -> Desk {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/state"] = state
        desk.replies["GET /v1/operator/raft/history"] = .ok(
            """
            {"Events":[{"Action":"promote","Actor":"autopilot","Name":"s2.global","Reason":"old",\
            "Time":"2026-11-23T06:00:00Z"},{"Action":"remove","Actor":"operator",\
            "Name":"s4.global","Reason":"new","Time":"2026-11-23T07:56:08Z"}],"Leaders":[]}
            """)
        return desk
    }

    @Test("A safe cluster is 0; elsewhere than on a terminal it is printed once, without marks")
    func safe() {
        let desk = desk(state(tolerance: 1, isThirdHealthy: true))
        desk.replies["GET /v1/metrics"] = .ok(
            """
            {"Gauges":[{"Labels":{},"Name":"nomad.nomad.state.jobs","Value":12},\
            {"Labels":{},"Name":"nomad.nomad.state.allocations_running","Value":40},\
            {"Labels":{},"Name":"nomad.nomad.state.evaluations_blocked","Value":2},\
            {"Labels":{},"Name":"nomad.nomad.state.broker_paused","Value":1},\
            {"Labels":{},"Name":"nomad.nomad.state.registration_rejected","Value":0},\
            {"Labels":{"status":"down"},"Name":"nomad.nomad.state.nodes","Value":1},\
            {"Labels":{"status":"initializing"},"Name":"nomad.nomad.state.nodes","Value":0},\
            {"Labels":{"status":"ready"},"Name":"nomad.nomad.state.nodes","Value":8}]}
            """)
        #expect(desk.run("top") == 0)
        #expect(
            desk.text == """
                SAFE  All servers are healthy. 1 more of 3 voters may fail.
                live, through http://10.0.0.2:4646

                3 voters, 3 healthy, quorum 2

                Name       Role    Health   Contact  Lag  Version  Zone  Stable since
                s1.global  leader  healthy  -        0    0.1.0    -     2026-11-23T06:59:08Z
                s2.global  voter   healthy  12ms     0    0.1.0    -     2026-11-23T06:59:08Z
                s3.global  voter   healthy  12ms     33   0.1.0    -     2026-11-23T06:59:08Z

                12 jobs, 40 allocations running, 2 evaluations blocked; nodes: 8 ready, 1 down
                The evaluation broker is paused: nothing is placed or moved.

                Next:
                  - waits for s3.global
                  - refused: too few

                Done                  Action   Server     By         Reason
                2026-11-23T07:56:08Z  remove   s4.global  operator   new
                2026-11-23T06:00:00Z  promote  s2.global  autopilot  old

                """)
    }

    @Test("What is wrong is said with its reason, which cannot steer the terminal; that is 2")
    func unsafe() {
        let risky = desk(state(tolerance: 0, isThirdHealthy: false))
        #expect(risky.run("top") == 2)
        #expect(risky.text.hasPrefix("AT RISK  The cluster works. The next failure of a voter"))
        #expect(risky.text.contains("  - s3.global: silent [2J\n  - a warning\n"))
        #expect(risky.text.contains("3 voters, 2 healthy, quorum 2"))
        let degraded = desk(state(tolerance: 1, isThirdHealthy: false))
        #expect(degraded.run("top") == 2)
        #expect(degraded.text.hasPrefix("DEGRADED  The cluster works. 1 more of 3 voters may fail"))
    }

    @Test("Without a leader it shows what the server has, and says what is needed")
    func down() {
        let desk = desk(.answer(503, "No cluster leader: 1 of 3 servers reachable"))
        desk.replies["GET /v1/operator/raft/configuration"] = .ok(
            """
            {"Index":1,"Servers":[{"ID":"1","Node":"s1","Voter":true},\
            {"ID":"2","Node":"s2","Voter":true},{"ID":"3","Node":"s3","Voter":true}]}
            """)
        desk.replies["GET /v1/agent/members"] = .ok(
            """
            {"Members":[{"Name":"s1.global","Status":"alive","Tags":{"id":"1","build":"0.1.0"}},\
            {"Name":"s2.global","Status":"failed","Tags":{"id":"2","build":"0.1.0"}}]}
            """)
        #expect(desk.run("top") == 2)
        #expect(desk.text.hasPrefix("DOWN  There is no leader. Nothing can be changed.\n"))
        #expect(desk.text.contains("  - No cluster leader: 1 of 3 servers reachable\n"))
        #expect(desk.text.contains("  - start 1 of s2.global, s3\n"))
        #expect(desk.text.contains("STALE: what http://10.0.0.2:4646 has by itself"))
        #expect(desk.requests.contains("GET /v1/operator/raft/configuration?stale="))
    }

    @Test(
        "Durations are short",
        arguments: [
            ("46.2656ms", "46ms"), ("0s", "0ms"), ("999.9ms", "999ms"), ("2.737341163s", "2.7s"),
            ("1m0.5s", "60s"), ("1h0m0s", "3600s"), ("-3s", "0ms"), ("soon", "soon"),
            ("2562047h47m16.854775807s", "9223372036s"),
        ])
    func durations(text: String, short: String) {
        #expect(Moment.rounded(text) == short)
    }

    @Test("On a terminal it is drawn again in its place, and goes on while nobody answers")
    func redrawn() {
        let desk = desk(state(tolerance: 1, isThirdHealthy: true))
        desk.isTerminal = true
        let began = desk.world.now
        #expect(desk.run("top -count=3 -interval=2s") == 0)
        #expect(desk.world.now - began >= .seconds(4))
        #expect(desk.text.split(separator: "\u{1b}[H").count == 4)
        #expect(desk.text.hasPrefix("\u{1b}[2J"))
        #expect(desk.text.contains("\u{1b}[32mSAFE\u{1b}[0m"))
        #expect(desk.requests.count == 9)
    }

    @Test("A first look that fails is one line, and a wrong flag asks nobody")
    func failures() {
        let desk = desk(.answer(403, "Permission denied"))
        #expect(desk.run("top -count=3") == 2)
        #expect(desk.errors.hasSuffix("give a token by -token or NOMAD_TOKEN\n"))
        // What no token would change is refused without that advice.
        desk.replies["GET /v1/operator/autopilot/state"] = .answer(403, "it is switched off")
        #expect(desk.run("top") == 2)
        #expect(desk.errors.hasSuffix("(it is switched off)\n"))
        #expect(desk.text.isEmpty)
        for line in ["top -interval=1ms", "top -interval=-1s", "top -count=0"] {
            #expect(desk.run(line) == 2)
            #expect(desk.seen.isEmpty)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletCLI

/// The doctor before servers that answer, refuse, hang and lie.
@Suite("The doctor asks") struct DoctorCommandTests {
    private static func own(_ number: Int, leads: Bool) -> String {
        """
        {"member":{"Name":"s\(number).global","Tags":{"id":"i\(number)","build":"1.2.3"}},
        "stats":{"nomad":{"leader":"\(leads)"},"raft":{"term":"3","cluster_id":"X",
        "recovery_epoch":"0","is_recovering":"false"},"serf":{"encrypted":"true"}}}
        """
    }

    private static let members =
        "{\"Members\":["
        + (1...2).map {
            """
            {"Name":"s\($0).global","Addr":"10.0.0.\($0 + 1)","Port":4646,"Status":"alive",
            "ProtocolMin":1,"ProtocolMax":5,"Tags":{"id":"i\($0)","build":"1.2.3",
            "rpc_addr":"10.0.0.\($0 + 1)","port":"4646","http_addr":"10.0.0.\($0 + 1):4646"}}
            """
        }.joined(separator: ",") + "]}"

    private func desk(servers: Int = 2) -> Desk {
        let desk = Desk(servers: servers)
        desk.replies = [
            "GET /v1/agent/health": .answer(
                200, "{}", headers: ["Date: Sun, 23 Nov 2026 07:59:08 GMT"]),
            "GET /v1/agent/self": .ok(Self.own(1, leads: true)),
            "GET /v1/agent/members": .ok(Self.members),
            "GET /v1/metrics": .ok(
                """
                {"Gauges":[{"Name":"nomad.raft.disk_full","Value":0},
                {"Name":"nomad.raft.peer.last_contact_ms","Value":7000.5,
                "Labels":{"peer_id":"i2","peer_name":"s2.global"}}],
                "Samples":[{"Name":"nomad.raft.sync","Count":2,"Mean":3.5,"Max":4}]}
                """),
            "GET /v1/operator/raft/configuration": .ok(
                """
                {"Servers":[{"ID":"i1","Node":"s1.global","Address":"10.0.0.2:4646","Voter":true},
                {"ID":"i2","Node":"s2.global","Address":"10.0.0.3:4646","Voter":true}]}
                """),
            "GET /v1/acl/policies": .ok("[]"),
            "GET /v1/operator/autopilot/state": .ok(
                """
                {"FailureTolerance":0,"Voters":["i1","i2"],"Refused":[{"Text":"no majority"}],
                "Servers":[{"ID":"i1","Name":"s1.global","Healthy":true},{"ID":"i2",
                "Name":"s2.global","Healthy":false,"UnhealthyReason":{"Text":"it is late"}}]}
                """),
        ]
        desk.otherReplies[2] = [
            "GET /v1/agent/self": .ok(Self.own(2, leads: false)),
            "GET /v1/metrics": .ok("{}"),
        ]
        return desk
    }

    @Test("One address leads to all servers; each is asked once")
    func found() {
        let desk = desk()
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("2 of 2 servers answered"))
        #expect(desk.requests.count { $0.hasPrefix("GET /v1/agent/self") } == 2)
        #expect(desk.text.contains("the leader has not heard from s2.global for 7 s"))
        #expect(desk.text.contains("it does not act: no majority"))
        #expect(desk.text.contains("s2.global is not healthy: it is late"))
        #expect(desk.text.contains("1 disk: a sync takes 3.5 ms"))
        #expect(desk.run("operator doctor -only") == 0)
        #expect(desk.text.contains("1 of 1 servers answered"))
    }

    @Test("The worst sync since the start is no finding; the worst of the last minutes is")
    func syncs() {
        let desk = desk()
        func answer(_ gauges: String) {
            desk.replies["GET /v1/metrics"] = .ok(
                """
                {"Gauges":[\(gauges)],
                "Samples":[{"Name":"nomad.raft.sync","Count":2,"Mean":3.5,"Max":20000}]}
                """)
        }
        answer("")
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("1 disk: a sync takes 3.5 ms"))
        answer(
            """
            {"Name":"nomad.raft.sync_recent_mean_ms","Value":60.25},
            {"Name":"nomad.raft.sync_recent_max_ms","Value":1800}
            """)
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("a sync on s1.global takes 60 ms, at worst 1800 ms"))
    }

    @Test("Zones are judged by who is healthy there")
    func zones() {
        let desk = desk()
        func told(_ healthy: Bool) -> String {
            desk.replies["GET /v1/operator/autopilot/state"] = .ok(
                """
                {"FailureTolerance":1,"Voters":["i1","i2"],"Servers":[
                {"ID":"i1","Name":"s1.global","Healthy":true,"Zone":"a"},
                {"ID":"i2","Name":"s2.global","Healthy":\(healthy),"Zone":"b"}]}
                """)
            desk.run("operator doctor")
            return desk.text
        }
        #expect(told(false).contains("bring a server of b back"), "\(told(false))")
        #expect(told(true).contains("zone a has 1 of 2 voters"), "\(told(true))")
    }

    @Test("A member that tells no address, or one of its own machine alone, is named and not asked")
    func blind() {
        let desk = desk()
        for address in ["", "127.0.0.1:4646"] {
            let told = Self.members.replacing(
                #""http_addr":"10.0.0.3:4646""#, with: #""http_addr":"\#(address)""#)
            desk.replies["GET /v1/agent/members"] = .ok(told)
            #expect(desk.run("operator doctor") == 0)
            #expect(desk.text.contains("no HTTP address is known by which s2.global can be asked"))
            #expect(desk.text.contains("1 of 1 servers answered"))
        }
    }

    @Test("A server that hangs, one that is gone, and one that talks nonsense are findings")
    func halfDead() {
        var desk = desk()
        for path in desk.replies.keys { desk.otherReplies[2]?[path] = .silence }
        #expect(desk.run("operator doctor") == 2)
        #expect(
            desk.text.contains(
                "s2.global does not answer: http://10.0.0.3:4646: no answer in time: it hangs"))
        #expect(desk.errors.isEmpty)

        desk = self.desk(servers: 1)
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("while the others are in touch with it"))
        let failed = Self.members.replacing(
            #""10.0.0.3","Port":4646,"Status":"alive""#,
            with: #""10.0.0.3","Port":4646,"Status":"failed""#)
        desk.replies["GET /v1/agent/members"] = .ok(failed)
        #expect(desk.run("operator doctor") == 2)
        #expect(desk.text.contains("s2.global does not answer: http://10.0.0.3:4646: "))

        desk = self.desk()
        desk.otherReplies[2]?["GET /v1/agent/members"] = .ok(#"{"Members":7}"#)
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("a list was expected"))
    }

    @Test(
        "What speaks HTTP and says nothing of a server has not answered",
        arguments: [
            (429, "Too many", "429 (Too many)"), (404, "", "answers 404"), (200, "no", "200 (no)"),
            (503, "", "answers 503"), (302, "", "302"),
        ])
    func strange(status: Int, body: String, said: String) {
        let strange = Desk(servers: 1)
        for target in Enquiry.targets {
            let path = target.prefix { $0 != "?" }
            strange.replies["GET \(path)"] = .answer(status, body)
        }
        #expect(strange.run("operator doctor") == 1)
        #expect((strange.text + strange.errors).contains(said), "\(strange.text + strange.errors)")
        #expect(!strange.text.contains("0 critical"))

        // One of two, whom the other knows.
        let desk = desk()
        for path in desk.replies.keys { desk.otherReplies[2]?[path] = .answer(status, body) }
        #expect(desk.run("operator doctor") == 0)
        #expect(desk.text.contains("1 of 2 servers answered"), "\(desk.text)")
        #expect(desk.text.contains("s2.global does not answer: "), "\(desk.text)")
        #expect(desk.text.contains("asked for itself it answers \(status)"), "\(desk.text)")
    }

    @Test("Nobody answers: exit code 1, and what to try")
    func nobody() {
        let desk = Desk(servers: 0)
        #expect(desk.run("operator doctor") == 1)
        #expect(
            desk.errors == "Error asking the servers: http://10.0.0.2:4646: connection refused: "
                + "is a server running there? -address or NOMAD_ADDR names another\n")
        #expect(desk.run("operator doctor -address 10.0.0.2,10.0.0.7") == 1)
        #expect(desk.text.contains("0 of 2 servers answered"))
        #expect(desk.text.contains("systemctl start martlet"))
    }

    @Test("Without a token, that is what is wrong")
    func denied() {
        let desk = Desk()
        for path in ["/v1/agent/self", "/v1/agent/members", "/v1/operator/raft/configuration"] {
            desk.replies["GET \(path)"] = .answer(403, "Permission denied")
        }
        desk.replies["GET /v1/agent/health"] = .ok("{}")
        desk.replies["GET /v1/acl/policies"] = .ok("[]")
        #expect(desk.run("operator doctor") == 2)
        #expect(desk.text.contains("a token is asked for"))
        desk.variables["NOMAD_TOKEN"] = "x"
        #expect(desk.run("operator doctor") == 2)
        #expect(desk.text.contains("the token that was given may not"))
        for path in ["/v1/agent/self", "/v1/agent/members", "/v1/operator/raft/configuration"] {
            desk.replies["GET \(path)"] = .answer(403, "ACL token not found")
        }
        #expect(desk.run("operator doctor") == 2)
        #expect(desk.text.contains("do not know the token"), "\(desk.text)")
        #expect(!desk.text.contains("bootstrap"))
    }

    @Test("A debug archive has what each server answers, and what the doctor finds")
    func debug() throws {
        let desk = desk()
        #expect(desk.run("operator debug -output=/d") == 0)
        let bytes = try #require(desk.file("/d/martlet-debug-20261123T075908Z.tar.gz"))
        let files = try Tar.read(
            try desk.host.compression.gunzip(bytes, limitBytes: 1 << 20), filesMax: 99)
        let names = files.map { $0.name.dropFirst("martlet-debug-20261123T075908Z/".count) }
        #expect(names.contains("server/1-s1.global/agent-self.json"))
        #expect(names.contains("server/2-s2.global/metrics.json"))
        let findings = try #require(files.first { $0.name.hasSuffix("/doctor.txt") })
        #expect(String(decoding: findings.content, as: UTF8.self).contains("2 of 2 servers"))
    }

    @Test("For programs: JSON and templates")
    func programs() {
        let desk = desk()
        #expect(desk.run("operator doctor -json") == 0)
        #expect(desk.text.contains(#""Level": "warning""#))
        let template = "{{range .Findings}}{{if .Fix}}{{.Area}} {{end}}{{end}}"
        #expect(desk.run(["operator", "doctor", "-t", template]) == 0)
        #expect(desk.text.hasPrefix("quorum "))
        #expect(desk.run("operator doctor -t {{.Level") == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test(
        "Dates of headers",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sun, 06 Nov 1994 08:49:37 CET", nil),
            ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("", nil), ("a b c d e GMT", nil),
        ] as [(String, Int64?)])
    func dates(text: String, seconds: Int64?) {
        #expect(HeaderDate.unixSeconds(text) == seconds)
    }
}

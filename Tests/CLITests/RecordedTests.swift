// SPDX-License-Identifier: Apache-2.0
import Testing

/// Requests and tables as Nomad's own command line was recorded with.
@Suite("Recorded commands") struct RecordedTests {
    private static let raft = """
        {"Index":0,"Servers":[\
        {"Address":"127.0.0.1:24607","ID":"d4a5d16b","Leader":true,"Node":"s3.global",\
        "RaftProtocol":"3","Voter":true},\
        {"Address":"127.0.0.1:24601","ID":"93e888f5","Leader":false,"Node":"s1.global",\
        "RaftProtocol":"3","Voter":true}]}
        """
    private static let raftTable = """
        Node       ID        Address          State     Voter  RaftProtocol
        s3.global  d4a5d16b  127.0.0.1:24607  leader    true   3
        s1.global  93e888f5  127.0.0.1:24601  follower  true   3

        """
    private static let autopilot = """
        {"LastContactThreshold":"200ms","ServerStabilizationTime":"10s","CleanupDeadServers":true,\
        "MaxTrailingLogs":250,"MinQuorum":0,"EnableRedundancyZones":false,\
        "DisableUpgradeMigration":false,"EnableCustomUpgrades":false,"CreateIndex":4,\
        "ModifyIndex":128}
        """
    private static let members = """
        {"Members":[\
        {"Name":"s1.global","Addr":"127.0.0.1","Port":24602,"Status":"alive","ProtocolCur":2,\
        "Tags":{"build":"1.1.2","dc":"dc1","region":"global","rpc_addr":"127.0.0.1","port":"24601"}},\
        {"Name":"s3.global","Addr":"127.0.0.1","Port":24608,"Status":"alive","ProtocolCur":2,\
        "Tags":{"build":"1.1.2","dc":"dc1","region":"global","rpc_addr":"127.0.0.1","port":"24607"}}],\
        "ServerDC":"dc1","ServerName":"s1","ServerRegion":"global"}
        """
    private static let token = """
        {"AccessorID":"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e","CreateIndex":60,\
        "CreateTime":"2026-11-23T07:59:08.784600312Z","Global":false,"Hash":"x","ModifyIndex":60,\
        "Name":"clitok","Policies":["cli-pol"],"Roles":null,\
        "SecretID":"8dc11e46-c37f-0c37-de95-5f0553367471","Type":"client"}
        """
    private static let tokenText = """
        Accessor ID  = 95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e
        Secret ID    = 8dc11e46-c37f-0c37-de95-5f0553367471
        Name         = clitok
        Type         = client
        Global       = false
        Policies     = [cli-pol]
        Create Time  = 2026-11-23 07:59:08.784600312 +0000 UTC
        Create Index = 60
        Modify Index = 60

        """

    struct Case: Sendable, CustomTestStringConvertible {
        let line: String
        var replies: [String: (Int, String)] = [:]
        var requests: [String] = []
        var output = ""
        var errors = ""
        var code: Int32 = 0
        var input = ""

        var testDescription: String { line }
    }

    private static let reads: [Case] = [
        Case(
            line: "operator raft list-peers",
            replies: ["GET /v1/operator/raft/configuration": (200, raft)],
            requests: ["GET /v1/operator/raft/configuration"], output: raftTable),
        Case(
            line: "operator raft list-peers -stale=true",
            replies: ["GET /v1/operator/raft/configuration?stale=": (200, raft)],
            requests: ["GET /v1/operator/raft/configuration?stale="], output: raftTable),
        Case(
            line: "operator raft list-peers -region=other",
            replies: ["GET /v1/operator/raft/configuration": (500, "No path to region")],
            requests: ["GET /v1/operator/raft/configuration?region=other"],
            errors: "Failed to retrieve raft configuration: Unexpected response code: 500 "
                + "(No path to region)\n", code: 2),
        Case(
            line: "operator autopilot get-config",
            replies: ["GET /v1/operator/autopilot/configuration": (200, autopilot)],
            requests: ["GET /v1/operator/autopilot/configuration"],
            output: """
                CleanupDeadServers = true
                LastContactThreshold = 200ms
                MaxTrailingLogs = 250
                MinQuorum = 0
                ServerStabilizationTime = 10s
                EnableRedundancyZones = false
                DisableUpgradeMigration = false
                EnableCustomUpgrades = false

                """),
        Case(
            line: "server members",
            replies: [
                "GET /v1/agent/members": (200, members),
                "GET /v1/status/leader": (200, "\"127.0.0.1:24607\""),
            ], requests: ["GET /v1/agent/members", "GET /v1/status/leader?region=global"],
            output: """
                Name       Address    Port   Status  Leader  Protocol  Build  Datacenter  Region
                s1.global  127.0.0.1  24602  alive   false   2         1.1.2  dc1         global
                s3.global  127.0.0.1  24608  alive   true    2         1.1.2  dc1         global

                """),
        Case(
            line: "server members -detailed",
            replies: [
                "GET /v1/agent/members": (200, members),
                "GET /v1/status/leader": (200, "\"127.0.0.1:24607\""),
            ], requests: ["GET /v1/agent/members", "GET /v1/status/leader?region=global"],
            output: """
                Name       Address    Port   Tags
                s1.global  127.0.0.1  24602  build=1.1.2,dc=dc1,port=24601,region=global,\
                rpc_addr=127.0.0.1
                s3.global  127.0.0.1  24608  build=1.1.2,dc=dc1,port=24607,region=global,\
                rpc_addr=127.0.0.1

                """),
        Case(
            line: "status", replies: ["GET /v1/jobs": (200, "[]")], requests: ["GET /v1/jobs"],
            output: "No running jobs\n"),
        Case(
            line: "agent-info",
            replies: [
                "GET /v1/agent/self": (
                    200,
                    #"{"stats":{"raft":{"term":"2"},"nomad":{"leader":"true","bootstrap":"false"}}}"#
                )
            ], requests: ["GET /v1/agent/self"],
            output: "nomad\n  bootstrap = false\n  leader = true\nraft\n  term = 2\n"),
        Case(
            line: "operator metrics", replies: ["GET /v1/metrics": (200, #"{"Counters":[]}"#)],
            requests: ["GET /v1/metrics"], output: "{\"Counters\":[]}\n"),
        Case(line: "version", output: "Martlet v1.2.3\n"),
        Case(
            line: "acl policy list",
            replies: [
                "GET /v1/acl/policies": (
                    200,
                    #"[{"CreateIndex":58,"Description":"cli test","ModifyIndex":58,"Name":"cli-pol"},{"CreateIndex":59,"Description":"","ModifyIndex":59,"Name":"cli-pol2"}]"#
                )
            ], requests: ["GET /v1/acl/policies"],
            output: "Name      Description\ncli-pol   cli test\ncli-pol2  <none>\n"),
        Case(
            line: "acl policy list -json",
            replies: [
                "GET /v1/acl/policies": (
                    200, #"[{"Name":"p","Description":"","ModifyIndex":2,"CreateIndex":1}]"#
                )
            ], requests: ["GET /v1/acl/policies"],
            output: """
                [
                    {
                        "CreateIndex": 1,
                        "Description": "",
                        "ModifyIndex": 2,
                        "Name": "p"
                    }
                ]

                """),
        Case(
            line: "acl policy info cli-pol",
            replies: [
                "GET /v1/acl/policy/cli-pol": (
                    200,
                    #"{"Name":"cli-pol","Description":"cli test","Rules":"operator {\n  policy = \"read\"\n}\n","CreateIndex":58,"ModifyIndex":58}"#
                )
            ], requests: ["GET /v1/acl/policy/cli-pol"],
            output: """
                Name        = cli-pol
                Description = cli test
                Rules       = operator {
                  policy = "read"
                }
                CreateIndex = 58
                ModifyIndex = 58

                """),
        Case(
            line: "acl policy info nope",
            replies: ["GET /v1/acl/policy/nope": (404, "ACL policy not found")],
            requests: ["GET /v1/acl/policy/nope"],
            errors: "Error fetching info on ACL policy: Unexpected response code: 404 "
                + "(ACL policy not found)\n", code: 2),
        Case(
            line: "acl token list",
            replies: [
                "GET /v1/acl/tokens": (
                    200,
                    #"[{"AccessorID":"0092","Global":true,"Name":"Bootstrap Token","Type":"management"},{"AccessorID":"baea","Global":true,"Name":"","Type":"management"}]"#
                )
            ], requests: ["GET /v1/acl/tokens"],
            output: """
                Name             Type        Global  Accessor ID
                Bootstrap Token  management  true    0092
                <none>           management  true    baea

                """),
        Case(
            line: "acl token info 95ae5d2d",
            replies: ["GET /v1/acl/token/95ae5d2d": (200, token)],
            requests: ["GET /v1/acl/token/95ae5d2d"], output: tokenText),
        Case(
            line: "acl token self", replies: ["GET /v1/acl/token/self": (200, token)],
            requests: ["GET /v1/acl/token/self"], output: tokenText),
    ]

    private static let writes: [Case] = [
        Case(
            line: "operator raft remove-peer -peer-id=nope",
            replies: [
                "DELETE /v1/operator/raft/peer?id=nope": (
                    500, "id \"nope\" was not found in the Raft configuration"
                )
            ], requests: ["DELETE /v1/operator/raft/peer?id=nope"],
            errors: "Error removing peer: Unexpected response code: 500 (id \"nope\" was not found "
                + "in the Raft configuration)\n", code: 2),
        Case(
            line: "operator raft remove-peer -peer-address=1.2.3.4:4647",
            replies: ["DELETE /v1/operator/raft/peer": (200, "null")],
            requests: ["DELETE /v1/operator/raft/peer?address=1.2.3.4%3A4647"],
            output: "Removed peer with address \"1.2.3.4:4647\"\n"),
        Case(
            line: "operator raft remove-peer",
            errors: "Error removing peer: an address or id is required for the peer to remove\n",
            code: 2),
        Case(
            line: "operator raft remove-peer -peer-id=a -peer-address=b",
            errors: "Error removing peer: cannot give both an address and id\n", code: 2),
        Case(
            line: "operator autopilot set-config -max-trailing-logs=251",
            replies: [
                "GET /v1/operator/autopilot/configuration": (200, autopilot),
                "PUT /v1/operator/autopilot/configuration?cas=128": (200, "true"),
            ],
            requests: [
                "GET /v1/operator/autopilot/configuration",
                "PUT /v1/operator/autopilot/configuration?cas=128 "
                    + autopilot.replacing("250", with: "251"),
            ], output: "Configuration updated!\n", errors: "MaxTrailingLogs: 250 -> 251\n"),
        Case(
            line: "operator autopilot set-config -last-contact-threshold=banana",
            errors: "invalid value \"banana\" for flag -last-contact-threshold: time: invalid "
                + "duration \"banana\"\n", code: 2),
        Case(
            line: "server force-leave zzz",
            replies: ["PUT /v1/agent/force-leave": (200, "")],
            requests: ["PUT /v1/agent/force-leave?node=zzz"]),
        Case(
            line: "server join 127.0.0.1:24602",
            replies: ["PUT /v1/agent/join": (200, #"{"error":"","num_joined":1}"#)],
            requests: ["PUT /v1/agent/join?address=127.0.0.1%3A24602"],
            output: "Joined 1 servers successfully\n"),
        Case(
            line: "acl bootstrap",
            replies: ["PUT /v1/acl/bootstrap": (400, "ACL support disabled")],
            requests: ["PUT /v1/acl/bootstrap"],
            errors: "Error bootstrapping: Unexpected response code: 400 (ACL support disabled)\n",
            code: 2),
        Case(
            line: "acl policy apply cli-pol2 -",
            replies: ["PUT /v1/acl/policy/cli-pol2": (200, "")],
            requests: [
                #"PUT /v1/acl/policy/cli-pol2 {"Name":"cli-pol2","Description":"","Rules":"operator { policy = \"write\" }","CreateIndex":0,"ModifyIndex":0}"#
            ], output: "Successfully wrote \"cli-pol2\" ACL policy!\n",
            input: "operator { policy = \"write\" }"),
        Case(
            line: "acl policy delete cli-pol2",
            replies: ["DELETE /v1/acl/policy/cli-pol2": (200, "")],
            requests: ["DELETE /v1/acl/policy/cli-pol2"],
            output: "Successfully deleted cli-pol2 policy!\n"),
        Case(
            line: "acl token create -name=clitok -policy=cli-pol -type=client",
            replies: ["PUT /v1/acl/token": (200, token)],
            requests: [
                #"PUT /v1/acl/token {"AccessorID":"","SecretID":"","Name":"clitok","Type":"client","Policies":["cli-pol"],"Global":false,"CreateTime":"0001-01-01T00:00:00Z","CreateIndex":0,"ModifyIndex":0}"#
            ], output: tokenText),
        Case(
            line: "acl token create -type=management -global",
            replies: ["PUT /v1/acl/token": (200, token)],
            requests: [
                #"PUT /v1/acl/token {"AccessorID":"","SecretID":"","Name":"","Type":"management","Policies":null,"Global":true,"CreateTime":"0001-01-01T00:00:00Z","CreateIndex":0,"ModifyIndex":0}"#
            ], output: tokenText),
        Case(
            line: "acl token update -name=clitok2 -policy=cli-pol2 95ae5d2d",
            replies: [
                "GET /v1/acl/token/95ae5d2d": (200, token),
                "PUT /v1/acl/token/95ae5d2d": (200, token),
            ],
            requests: [
                "GET /v1/acl/token/95ae5d2d",
                #"PUT /v1/acl/token/95ae5d2d {"AccessorID":"95ae5d2d-cfec-ee20-c8c0-2fb9eeb6081e","SecretID":"8dc11e46-c37f-0c37-de95-5f0553367471","Name":"clitok2","Type":"client","Policies":["cli-pol2"],"Global":false,"CreateTime":"2026-11-23T07:59:08.784600312Z","CreateIndex":60,"ModifyIndex":60}"#,
            ], output: tokenText),
        Case(
            line: "acl token delete 95ae5d2d",
            replies: ["DELETE /v1/acl/token/95ae5d2d": (200, "")],
            requests: ["DELETE /v1/acl/token/95ae5d2d"],
            output: "Token 95ae5d2d successfully deleted\n"),
        Case(
            line: "operator keyring -list",
            replies: ["GET /v1/agent/keyring/list": (500, "3/3 nodes reported failure")],
            requests: ["GET /v1/agent/keyring/list"],
            output: "Gathering installed encryption keys...\n",
            errors: "error: Unexpected response code: 500 (3/3 nodes reported failure)\n", code: 2),
    ]

    @Test("A read asks and prints what Nomad's does", arguments: reads)
    func read(_ expected: Case) { check(expected) }

    @Test("A change sends and says what Nomad's does", arguments: writes)
    func write(_ expected: Case) { check(expected) }

    private func check(_ expected: Case) {
        let desk = Desk()
        desk.input = Array(expected.input.utf8)
        for (key, reply) in expected.replies { desk.replies[key] = .answer(reply.0, reply.1) }

        let code = desk.run(expected.line)

        #expect(desk.requests == expected.requests)
        #expect(desk.text == expected.output)
        #expect(desk.errors == expected.errors)
        #expect(code == expected.code)
    }

    @Test("The token goes along, and a refusal says what to do about it")
    func token() {
        let desk = Desk()
        desk.replies["GET /v1/agent/members"] = .answer(403, "Permission denied")
        #expect(desk.run("server members") == 2)
        #expect(
            desk.errors
                == "Error querying servers: Unexpected response code: 403 (Permission denied): give a "
                + "token by -token or NOMAD_TOKEN\n")
        #expect(!desk.seen[0].head.contains("X-Nomad-Token"))

        desk.variables["NOMAD_TOKEN"] = "5cb79502"
        #expect(desk.run("server members") == 2)
        #expect(desk.errors.hasSuffix("the token that was given does not allow it\n"))
        #expect(desk.seen[0].head.contains("X-Nomad-Token: 5cb79502"))
        desk.replies["GET /v1/agent/members"] = .answer(403, "ACL token not found")
        #expect(desk.run("server members") == 2)
        #expect(desk.errors.hasSuffix("code: 403 (ACL token not found)\n"))
        desk.run("server members -token=other")
        #expect(desk.seen[0].head.contains("X-Nomad-Token: other"))
    }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// Where Martlet's command line does more than Nomad's, or it was never recorded.
@Suite("Operator's commands") struct OperatorTests {
    private static let raft = #"{"Servers":[{"Node":"a","ID":"1","Address":"x","Voter":true}]}"#
    private static let autopilot = """
        {"LastContactThreshold":"200ms","ServerStabilizationTime":"10s","CleanupDeadServers":true,\
        "MaxTrailingLogs":250,"MinQuorum":0,"EnableRedundancyZones":false,\
        "DisableUpgradeMigration":false,"EnableCustomUpgrades":false,"CreateIndex":4,\
        "ModifyIndex":128}
        """
    private static let scheduler = """
        {"Index":7,"KnownLeader":true,"LastContact":0,"SchedulerConfig":{"CreateIndex":5,\
        "MemoryOversubscriptionEnabled":false,"ModifyIndex":7,"NodeLimitForFeasibilityChecks":0,\
        "PauseEvalBroker":false,"PreemptionConfig":{"BatchSchedulerEnabled":false,\
        "ServiceSchedulerEnabled":false,"SysBatchSchedulerEnabled":false,\
        "SystemSchedulerEnabled":true},"RejectJobRegistration":false,"SchedulerAlgorithm":"binpack"}}
        """

    // MARK: Raft

    @Test("Without a leader list-peers shows what the server knows, says so, and exits 2")
    func noLeader() {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/configuration"] = .answer(
            503, "No cluster leader: 1 of 3 servers reachable")
        desk.replies["GET /v1/operator/raft/configuration?stale="] = .ok(Self.raft)
        #expect(desk.run("operator raft list-peers") == 2)
        #expect(desk.text.contains("a     1   x        follower  true   <none>"))
        #expect(
            desk.errors
                == "No cluster leader: 1 of 3 servers reachable: this is what the server itself "
                + "knows, and may be old\n")
        #expect(desk.requests.count == 2)
    }

    @Test("Other failures of list-peers are no reason to ask for old news")
    func otherFailure() {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/configuration"] = .answer(500, "disk on fire")
        #expect(desk.run("operator raft list-peers") == 2)
        #expect(desk.requests.count == 1)
    }

    @Test("Leadership is transferred by id or address; a leader already is no failure")
    func transfer() {
        let desk = Desk()
        desk.replies["PUT /v1/operator/raft/transfer-leadership?id=x"] = .ok(#"{"Noop":true}"#)
        #expect(desk.run("operator raft transfer-leadership -peer-id=x") == 0)
        #expect(desk.text == "Transferred leadership to peer with id \"x\"\n")
        #expect(desk.errors == "It led already.\n")
        #expect(desk.run("operator raft transfer-leadership") == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test("The history is shown with who did what, and why; filters go along")
    func history() {
        let desk = Desk()
        desk.replies["GET /v1/operator/raft/history"] = .ok(
            """
            {"Events":[{"Action":"remove","Actor":"operator","Accessor":"acc","Name":"s3.global",\
            "Outcome":"applied","Reason":"it left","Time":"2026-11-23T07:56:08Z","Index":9}],\
            "Index":9,"Leaders":[{"Name":"s1.global","ID":"1","Term":2,\
            "Since":"2026-11-23T06:59:08Z"}]}
            """)
        #expect(desk.run("operator raft history -limit=2 -id=x") == 0)
        #expect(desk.requests == ["GET /v1/operator/raft/history?id=x&limit=2"])
        #expect(
            desk.text == """
                Leader     ID  Term  Since
                s1.global  1   2     2026-11-23T06:59:08Z

                Time                  Index  Action  Server     By            Outcome  Reason
                2026-11-23T07:56:08Z  9      remove  s3.global  operator acc  applied  it left

                """)
        desk.isTerminal = true
        desk.run("operator raft history -no-color")
        #expect(desk.text.contains("s1.global  1   2     1 h ago\n"))
    }

    // MARK: Autopilot

    private static let unhealthy = """
        {"FailureTolerance":0,"Healthy":false,"Leader":"1","Servers":[\
        {"ID":"1","Name":"s1.global","Address":"a:1","SerfStatus":"alive","Version":"0.1",\
        "Leader":true,"Voter":true,"Healthy":true,"LastContact":"0s","LastTerm":2,"LastIndex":9,\
        "StableSince":"2026-11-26T00:05:57Z"},\
        {"ID":"2","Name":"s2.global","Address":"a:2","SerfStatus":"failed","Version":"0.1",\
        "Leader":false,"Voter":true,"Healthy":false,"LastContact":"3s","LastTerm":2,"LastIndex":8,\
        "StableSince":"2026-11-26T00:05:57Z"}],"Voters":["1","2"]}
        """

    @Test("An unhealthy cluster is shown with the reasons, and exits 2")
    func health() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/health"] = .answer(429, Self.unhealthy)
        desk.replies["GET /v1/operator/autopilot/state"] = .ok(
            #"{"Servers":[{"Name":"s2.global","UnhealthyReason":{"Text":"gossip says failed"}}]}"#)
        #expect(desk.run("operator autopilot health") == 2)
        #expect(
            desk.text == """
                Healthy: false
                FailureTolerance: 0
                Leader: 1
                Voters:
                    1
                    2
                Servers:
                ID  Name       Address  SerfStatus  Version  Leader  Voter  Healthy  LastContact  \
                LastTerm  LastIndex  StableSince
                1   s1.global  a:1      alive       0.1      true    true   true     0s           \
                2         9          2026-11-26T00:05:57Z
                2   s2.global  a:2      failed      0.1      false   true   false    3s           \
                2         8          2026-11-26T00:05:57Z

                s2.global: gossip says failed

                """)
        #expect(desk.errors.isEmpty)
        #expect(desk.run("operator autopilot health -json") == 2)
        #expect(desk.requests.count == 1)
    }

    @Test("Servers that do not tell reasons are shown without")
    func noReasons() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/health"] = .answer(429, Self.unhealthy)
        #expect(desk.run("operator autopilot health") == 2)
        #expect(desk.text.hasSuffix("StableSince\n") == false)
        #expect(desk.text.hasPrefix("Healthy: false\n"))
    }

    @Test("A plan assumes what it is told to, and exits 2 when it is dangerous")
    func plan() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/plan"] = .ok(
            """
            {"Actions":[{"Action":"remove","ID":"2","Text":"it failed"}],"Safe":false,\
            "Unsafe":[{"Text":"1 of 3 would be healthy"}],"Status":"idle"}
            """)
        #expect(
            desk.run("operator autopilot plan -failed=b -failed=c -leaving=a -set=MinQuorum=3") == 2
        )
        #expect(
            desk.requests == [
                "GET /v1/operator/autopilot/plan?MinQuorum=3&failed=b&failed=c&leaving=a"
            ])
        #expect(desk.text.contains("Unsafe\n  1 of 3 would be healthy\n"))
        #expect(desk.text.contains("Actions\n  remove 2: it failed\n"))
        #expect(desk.run("operator autopilot plan -set=MinQuorum") == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test("The state is shown with what comes next")
    func state() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/state"] = .ok(
            """
            {"Status":"idle","Healthy":true,"NextActions":["promote s3"],"Servers":[{"Name":"s1",\
            "Status":"leader","Healthy":true}],"Warnings":[{"Text":"even voters","ID":"4"}]}
            """)
        #expect(desk.run("operator autopilot state") == 0)
        #expect(desk.text.contains("Next Actions\n  promote s3\n"))
        #expect(desk.text.contains("Warnings\n  even voters (4)\n"))
    }

    @Test("set-config writes nothing without a setting, without a difference, or for a dry run")
    func nothingToWrite() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/configuration"] = .ok(Self.autopilot)
        desk.replies["GET /v1/operator/scheduler/configuration"] = .ok(Self.scheduler)
        #expect(desk.run("operator autopilot set-config") == 2)
        #expect(desk.seen.isEmpty)
        #expect(desk.run("operator autopilot set-config -max-trailing-logs=250") == 0)
        #expect(desk.text == "No change: the configuration is like that already.\n")
        #expect(desk.run("operator autopilot set-config -min-quorum=3 -dry-run") == 0)
        #expect(desk.text == "MinQuorum: 0 -> 3\n")
        #expect(desk.run("operator scheduler set-config") == 2)
        #expect(desk.run("operator scheduler set-config -pause-eval-broker=false") == 0)
        #expect(desk.run("operator scheduler set-config -pause-eval-broker -dry-run") == 0)
        #expect(desk.text == "Pause Eval Broker: false -> true\n")
        #expect(desk.requests.allSatisfy { $0.hasPrefix("GET") })
    }

    @Test("A change that somebody else came before is refused: exit code 2")
    func lostRace() {
        let desk = Desk()
        desk.replies["GET /v1/operator/autopilot/configuration"] = .ok(Self.autopilot)
        desk.replies["PUT /v1/operator/autopilot/configuration"] = .ok("false")
        desk.replies["GET /v1/operator/scheduler/configuration"] = .ok(Self.scheduler)
        desk.replies["PUT /v1/operator/scheduler/configuration"] = .ok(
            #"{"Updated":false,"Index":9}"#)
        #expect(desk.run("operator autopilot set-config -min-quorum=3") == 2)
        #expect(desk.errors.contains("could not be atomically updated"))
        #expect(desk.run("operator scheduler set-config -pause-eval-broker") == 2)
        #expect(desk.errors.contains("could not be atomically updated"))
        #expect(desk.text.isEmpty)
    }

    // MARK: Scheduler

    @Test("The scheduler's configuration is shown, and changed as a whole")
    func schedulerConfiguration() {
        let desk = Desk()
        desk.replies["GET /v1/operator/scheduler/configuration"] = .ok(Self.scheduler)
        desk.replies["PUT /v1/operator/scheduler/configuration?cas=7"] = .ok(#"{"Updated":true}"#)
        #expect(desk.run("operator scheduler get-config") == 0)
        #expect(desk.text.hasPrefix("Scheduler Algorithm               = binpack\n"))
        #expect(desk.text.hasSuffix("Modify Index                      = 7\n"))
        #expect(desk.run("operator scheduler set-config -scheduler-algorithm=spread") == 0)
        #expect(desk.text == "Scheduler configuration updated!\n")
        let sent = """
            {"CreateIndex":5,"MemoryOversubscriptionEnabled":false,"ModifyIndex":7,\
            "NodeLimitForFeasibilityChecks":0,"PauseEvalBroker":false,"PreemptionConfig":{\
            "BatchSchedulerEnabled":false,"ServiceSchedulerEnabled":false,\
            "SysBatchSchedulerEnabled":false,"SystemSchedulerEnabled":true},\
            "RejectJobRegistration":false,"SchedulerAlgorithm":"spread"}
            """
        #expect(desk.requests.last == "PUT /v1/operator/scheduler/configuration?cas=7 \(sent)")
        #expect(
            desk.run("operator scheduler set-config -scheduler-algorithm=spread -check-index=6")
                == 2)
        #expect(desk.requests.count == 1)
    }

    // MARK: Servers

    @Test("Members are shown without a leader, too, and then the exit code is 2")
    func membersWithoutLeader() {
        let desk = Desk()
        desk.replies["GET /v1/agent/members"] = .ok(
            #"{"Members":[{"Name":"a","Status":"alive","Tags":{"region":"global"}}]}"#)
        desk.replies["GET /v1/status/leader"] = .answer(500, "No cluster leader")
        #expect(desk.run("server members") == 2)
        #expect(desk.text.contains("\na     <none>   <none>  alive   false"))
        #expect(
            desk.errors
                == "Error determining leaders: Region \"global\": Unexpected response code: 500 (No "
                + "cluster leader)\n")
        #expect(desk.run("server members -json") == 0)
        #expect(desk.text.hasPrefix("["), "\(desk.text)")
        #expect(desk.run(["server", "members", "-t", "{{range .}}{{.Name}} {{end}}"]) == 0)
        #expect(desk.text == "a ")
    }

    @Test("Joining some of several is told with what failed")
    func join() {
        let desk = Desk()
        desk.replies["PUT /v1/agent/join"] = .ok(#"{"error":"b: refused","num_joined":1}"#)
        #expect(desk.run("server join a b") == 2)
        #expect(desk.requests == ["PUT /v1/agent/join?address=a&address=b"])
        #expect(desk.text == "Joined 1 servers successfully\n")
        #expect(desk.errors == "Error joining: b: refused\n")
        desk.replies["PUT /v1/agent/force-leave"] = .ok("")
        #expect(desk.run("server force-leave -prune x.y") == 0)
        #expect(desk.requests == ["PUT /v1/agent/force-leave?node=x.y&prune=true"])
    }

    // MARK: Keys

    @Test("Keys are listed with how many servers have them, and changed by name")
    func keyring() {
        let desk = Desk()
        let answer = #"{"Keys":{"b=":3,"a=":2},"Messages":{},"NumNodes":3,"PrimaryKeys":{"b=":3}}"#
        desk.replies["GET /v1/agent/keyring/list"] = .ok(answer)
        #expect(desk.run("operator gossip keyring list") == 0)
        #expect(
            desk.text == """
                Gathering installed encryption keys...
                Key  Servers  Primary
                a=   2/3      false
                b=   3/3      true

                """)
        desk.replies["PUT /v1/agent/keyring/use"] = .ok(answer)
        #expect(desk.run("operator gossip keyring use b=") == 0)
        #expect(desk.requests == [#"PUT /v1/agent/keyring/use {"Key":"b="}"#])
        desk.input = Array("b=\n".utf8)
        #expect(desk.run("operator gossip keyring use -") == 0)
        #expect(desk.requests == [#"PUT /v1/agent/keyring/use {"Key":"b="}"#])
        desk.replies["PUT /v1/agent/keyring/install"] = .answer(
            500, #"{"Keys":{},"Messages":{"s2.global":"not reachable"},"NumNodes":3}"#)
        #expect(desk.run("operator keyring -install=c=") == 2)
        #expect(desk.errors == "error: not done on 1 servers: s2.global: not reachable\n")
        desk.replies["GET /v1/agent/keyring/list"] = .answer(
            500, #"{"Keys":{"b=":1},"Messages":{"s2.global":"not reachable"},"NumNodes":2}"#)
        #expect(desk.run("operator gossip keyring list") == 2)
        #expect(desk.text.contains("b=   1/2"))
        #expect(desk.errors == "error: not told by 1 servers: s2.global: not reachable\n")
        #expect(desk.run("operator keyring -list -use=x") == 2)
        #expect(desk.seen.isEmpty)
    }

    // MARK: Requests of any kind

    @Test("Any request is sent as it is said, and its answer printed as it is")
    func api() {
        let desk = Desk()
        desk.input = Array("from stdin".utf8)
        desk.put("/body", "from file")
        for method in ["PUT", "POST"] { desk.replies["\(method) /v1/x/y"] = .ok("hey") }
        #expect(desk.run("operator api /v1/x/y a=b") == 0)
        #expect(desk.requests == ["PUT /v1/x/y a=b"])
        #expect(desk.text == "hey")
        desk.run("operator api -X POST x/y -")
        #expect(desk.requests == ["POST /v1/x/y from stdin"])
        desk.run("operator api x/y @/body")
        #expect(desk.requests == ["PUT /v1/x/y from file"])
        #expect(desk.run("operator api x/y @/nope") == 1)
        #expect(desk.run("operator api nope") == 2)
        #expect(desk.text == "404 page not found")
        #expect(desk.run("operator api -dryrun x") == 0)
        #expect(desk.text == "curl -X GET 'http://10.0.0.2:4646/v1/x'\n")
        #expect(desk.run(["operator", "api", "x\r\nHost: y"]) == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test("Requests have headers and bodies by flags, and are told of with -v")
    func apiFlags() {
        let desk = Desk()
        desk.replies["POST /v1/x"] = .answer(200, "hey", headers: ["X-Nomad-Index: 7"])
        let flags = ["operator", "api", "-H", "X-One: a b", "-H=X-Two:c"]
        #expect(desk.run(flags + ["-X", "POST", "-d", "body", "-v", "x"]) == 0)
        #expect(desk.requests == ["POST /v1/x body"])
        #expect(desk.seen[0].head.contains("\r\nX-One: a b\r\nX-Two: c\r\n"))
        #expect(desk.text == "hey")
        #expect(
            desk.errors.hasPrefix(
                "> POST /v1/x\n> X-One: a b\n> X-Two: c\n< 200, from http://10.0.0.2:4646\n"))
        #expect(desk.errors.contains("< X-Nomad-Index: 7\n"))
        for header in ["nonsense", "A\r\nB: c", "A b: c", ": c", "A: b\r\nC: d", "Host: x"] {
            #expect(desk.run(["operator", "api", "-H", header, "x"]) == 2)
            #expect(desk.errors.hasPrefix("-H "))
            #expect(desk.seen.isEmpty)
        }
        #expect(desk.run("operator api -d a x b") == 2)
        desk.variables["NOMAD_TOKEN"] = "secret"
        desk.variables["NOMAD_REGION"] = "eu"
        #expect(desk.run(["operator", "api", "-dryrun", "-H", "A: it's", "-d", "{}", "x"]) == 0)
        #expect(
            desk.text == """
                curl -X PUT -H "X-Nomad-Token: ${NOMAD_TOKEN}" -H 'A: it'\\''s' --data-binary '{}' \
                'http://10.0.0.2:4646/v1/x?region=eu'

                """)
        #expect(desk.seen.isEmpty)
    }

    @Test("Metrics are asked for in a form, and printed as they come")
    func metrics() {
        let desk = Desk()
        desk.replies["GET /v1/metrics?format=prometheus"] = .ok("# HELP x\nx 1\n")
        #expect(desk.run("operator metrics -format=prometheus") == 0)
        #expect(desk.text == "# HELP x\nx 1\n")
        desk.replies["GET /v1/metrics"] = .ok(#"{"b":1,"a":2}"#)
        #expect(desk.run("operator metrics -pretty") == 0)
        #expect(desk.text == "{\n    \"a\": 2,\n    \"b\": 1\n}\n")
    }

    // MARK: Roles and times

    @Test("Roles are made, changed and shown")
    func roles() {
        let desk = Desk()
        let role = """
            {"ID":"r1","Name":"ops","Description":"","Policies":[{"Name":"a"}],"CreateIndex":1,\
            "ModifyIndex":2}
            """
        desk.replies["PUT /v1/acl/role"] = .ok(role)
        desk.replies["GET /v1/acl/role/r1"] = .ok(role)
        desk.replies["PUT /v1/acl/role/r1"] = .ok(role)
        desk.replies["GET /v1/acl/roles"] = .ok("[\(role)]")
        desk.replies["GET /v1/acl/role/name/ops"] = .ok(role)
        #expect(desk.run("acl role create -name=ops -policy=a") == 0)
        #expect(
            desk.requests == [
                #"PUT /v1/acl/role {"ID":"","Name":"ops","Description":"","Policies":[{"Name":"a"}]}"#
            ])
        #expect(desk.text.contains("Policies     = a\n"))
        #expect(desk.run("acl role update -policy=b r1") == 0)
        #expect(
            desk.requests.last
                == #"PUT /v1/acl/role/r1 {"ID":"r1","Name":"ops","Description":"","Policies":[{"Name":"a"},{"Name":"b"}]}"#
        )
        desk.run("acl role update -no-merge -name=x -policy=b r1")
        #expect(
            desk.requests.last
                == #"PUT /v1/acl/role/r1 {"ID":"r1","Name":"x","Description":"","Policies":[{"Name":"b"}]}"#
        )
        #expect(desk.run("acl role list") == 0)
        #expect(desk.text == "ID  Name  Description  Policies\nr1  ops   <none>       a\n")
        #expect(desk.run("acl role info -by-name ops") == 0)
        #expect(desk.run("acl role create -name=x") == 2)
        #expect(desk.run("acl role update r1") == 2)
        #expect(desk.seen.isEmpty)
    }

    @Test("A policy that cannot be read is refused at home, with the place")
    func policySyntax() {
        let desk = Desk()
        desk.put("/p.hcl", "operator {\n  policy = \n")
        #expect(desk.run("acl policy apply x /p.hcl") == 2)
        #expect(desk.errors.hasPrefix("/p.hcl:3:1: "))
        #expect(desk.run("acl policy apply x /nope") == 1)
        desk.input = nil
        #expect(desk.run("acl policy apply x -") == 1)
        #expect(desk.seen.isEmpty)
    }

    @Test(
        "On a terminal times come with their distance",
        arguments: [
            (0, "0 s ago"), (59, "59 s ago"), (180, "3 min ago"), (7200, "2 h ago"),
            (172_800, "2 days ago"), (-3600, "in 1 h"), (.min, "106751991167300 days"),
        ] as [(Int64, String)])
    func distance(seconds: Int64, expected: String) {
        #expect(Moment.distance(seconds).contains(expected))
    }

    @Test("A token's time is Go's, and on a terminal has its distance")
    func tokenTime() {
        let desk = Desk()
        desk.replies["GET /v1/acl/token/self"] = .ok(
            #"{"AccessorID":"a","Type":"client","CreateTime":"2026-11-23T07:56:08.5Z"}"#)
        desk.run("acl token self")
        #expect(desk.text.contains("Create Time  = 2026-11-23 07:56:08.5 +0000 UTC\n"))
        #expect(desk.text.contains("Secret ID    = <not kept by the servers>\n"))
        desk.isTerminal = true
        desk.run("acl token self")
        #expect(desk.text.contains("08.5 +0000 UTC (2 min ago)\n"))
    }
}

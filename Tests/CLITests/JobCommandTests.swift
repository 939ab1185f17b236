// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// `job …`, against canned answers: what is asked, what is printed, and how it ends.
@Suite("Job commands") struct JobCommandTests {
    private static let evaluation = "5cbf23a1-0000-0000-0000-000000000001"
    private static let blocked = "67493a64-0000-0000-0000-000000000002"
    private static let deployment = "6d6c1a2e-0000-0000-0000-000000000003"
    private static let allocation = "ef3dfa11-0000-0000-0000-000000000004"
    private static let node = "1e1aa1e0-0000-0000-0000-000000000005"
    private static let now = "2026-11-23T07:59:08Z"

    private static let file =
        #"job "web" { group "front" { task "t" { driver = "mock_driver" } } }"#
    private static let sent =
        #"{"ID":"web","Name":"web","TaskGroups":[{"Name":"front","Tasks":[{"Name":"t","#
        + #""Driver":"mock_driver"}]}]}"#
    private static let registered =
        #"{"EvalID":"\#(evaluation)","EvalCreateIndex":9,"JobModifyIndex":9,"Index":9}"#

    private func desk() -> Desk {
        let desk = Desk()
        desk.put("web.nomad.hcl", Self.file)
        desk.replies["PUT /v1/jobs"] = .ok(Self.registered)
        return desk
    }

    private static func evaluation(
        _ status: String, _ more: String = ""
    ) -> String {
        #"{"ID":"\#(evaluation)","JobID":"web","TriggeredBy":"job-register","Type":"service","#
            + #""Priority":50,"CreateIndex":9,"Status":"\#(status)","StatusDescription":""\#(more)}"#
    }

    private static let metric = """
        {"NodesEvaluated":3,"NodesFiltered":1,"NodesAvailable":{"dc1":3,"dc2":0},\
        "ClassFiltered":{"old":1},"ConstraintFiltered":{"${attr.kernel.name} = linux":1},\
        "NodesExhausted":2,"ClassExhausted":{"new":2},"DimensionExhausted":{"memory":2},\
        "CoalescedFailures":1,"ScoreMetaData":null}
        """
    private static let reasons = """
        * No nodes are available in datacenter "dc2"
        * Class "old": 1 node excluded by filter
        * Constraint "${attr.kernel.name} = linux": 1 node excluded by filter
        * Resources exhausted on 2 nodes
        * Class "new" exhausted on 2 nodes
        * Dimension "memory" exhausted on 2 nodes
        """

    private static func indented(_ text: String, by count: Int) -> String {
        text.split(separator: "\n").map { String(repeating: " ", count: count) + $0 + "\n" }
            .joined()
    }

    // MARK: run

    @Test("A job is registered, its evaluation followed, and then its deployment")
    func run() {
        let desk = desk()
        let path = "GET /v1/evaluation/\(Self.evaluation)"
        desk.replies[path] = .answer(
            200, Self.evaluation("pending"), headers: ["X-Nomad-Index: 9"])
        desk.replies["\(path)?index=9&wait=2s"] = .answer(
            200, Self.evaluation("complete", #","DeploymentID":"\#(Self.deployment)""#),
            headers: ["X-Nomad-Index: 10"])
        desk.replies["\(path)/allocations"] = .ok(
            #"[{"ID":"\#(Self.allocation)","NodeID":"\#(Self.node)","TaskGroup":"front","#
                + #""ClientStatus":"pending","CreateIndex":10},{"ID":"00000000-1","#
                + #""NodeID":"n","TaskGroup":"front","ClientStatus":"running","CreateIndex":8}]"#)
        let state = #""DesiredTotal":1,"PlacedAllocs":1"#
        let groups =
            #""ID":"\#(Self.deployment)","JobID":"web","JobVersion":0,"TaskGroups":{"front":{"#
        desk.replies["GET /v1/deployment/\(Self.deployment)"] = .answer(
            200, #"{"Status":"running",\#(groups)\#(state),"HealthyAllocs":0}}}"#,
            headers: ["X-Nomad-Index: 10"])
        desk.replies["GET /v1/deployment/\(Self.deployment)?index=10&wait=2s"] = .answer(
            200,
            #"{"Status":"successful","StatusDescription":"Deployment completed successfully","#
                + #"\#(groups)\#(state),"HealthyAllocs":1}}}"#, headers: ["X-Nomad-Index: 12"])
        #expect(desk.run("job run web.nomad.hcl") == 0)
        #expect(
            desk.text == """
                ==> \(Self.now): Monitoring evaluation "5cbf23a1"
                    \(Self.now): Evaluation triggered by job "web"
                    \(Self.now): Allocation "ef3dfa11" created: node "1e1aa1e0", group "front"
                    \(Self.now): Allocation "00000000" modified: node "n", group "front"
                    \(Self.now): Evaluation within deployment: "6d6c1a2e"
                    \(Self.now): Evaluation status changed: "pending" -> "complete"
                ==> \(Self.now): Evaluation "5cbf23a1" finished with status "complete"
                ==> \(Self.now): Monitoring deployment "6d6c1a2e"
                    \(Self.now): Task Group "front": 1 desired, 1 placed, 0 healthy
                    \(Self.now): Task Group "front": 1 desired, 1 placed, 1 healthy
                ==> \(Self.now): Deployment "6d6c1a2e" finished with status "successful"

                ID          = 6d6c1a2e
                Job ID      = web
                Job Version = 0
                Status      = successful
                Description = Deployment completed successfully

                Deployed
                Task Group  Desired  Placed  Healthy  Unhealthy
                front       1        1       1        0

                """)
        #expect(desk.requests.first == "PUT /v1/jobs {\"Job\":\(Self.sent)}")
        #expect(desk.errors.isEmpty)
    }

    @Test("Where the broker is paused, whoever waits is told so once")
    func paused() {
        let desk = desk()
        let path = "GET /v1/evaluation/\(Self.evaluation)"
        for (query, index) in [("", 9), ("?index=9&wait=2s", 10), ("?index=10&wait=2s", 11)] {
            desk.replies[path + query] = .answer(
                200, Self.evaluation("pending"), headers: ["X-Nomad-Index: \(index)"])
        }
        desk.replies[path + "?index=11&wait=2s"] = .answer(
            200, Self.evaluation("complete"), headers: ["X-Nomad-Index: 12"])
        desk.replies["\(path)/allocations"] = .ok("[]")
        desk.replies["GET /v1/operator/scheduler/configuration"] = .ok(
            #"{"SchedulerConfig":{"PauseEvalBroker":true}}"#)
        #expect(desk.run("job run web.nomad.hcl") == 0)
        #expect(
            desk.text == """
                ==> \(Self.now): Monitoring evaluation "5cbf23a1"
                    \(Self.now): Evaluation triggered by job "web"
                    \(Self.now): It waits: the evaluation broker is paused (martlet operator \
                scheduler set-config -pause-eval-broker=false)
                    \(Self.now): Evaluation status changed: "pending" -> "complete"
                ==> \(Self.now): Evaluation "5cbf23a1" finished with status "complete"

                """)
    }

    @Test("What finds no place is told with the reasons, and the exit code is 2")
    func noPlace() {
        let desk = desk()
        let path = "GET /v1/evaluation/\(Self.evaluation)"
        desk.replies[path] = .ok(
            Self.evaluation(
                "complete",
                #","BlockedEval":"\#(Self.blocked)","FailedTGAllocs":{"front":\#(Self.metric)}"#))
        desk.replies["\(path)/allocations"] = .ok("[]")
        #expect(desk.run("job run web.nomad.hcl") == 2)
        let end = """
            ==> \(Self.now): Evaluation "5cbf23a1" finished with status "complete" but failed to \
            place all allocations:
                Task Group "front" (failed to place 2 allocations):

            """
        #expect(
            desk.text.hasSuffix(
                end + Self.indented(Self.reasons, by: 6)
                    + "    Evaluation \"67493a64\" waiting for additional capacity to place "
                    + "remainder\n"))
    }

    @Test("An evaluation that failed ends with 2, and one that leads to another is followed")
    func chain() {
        let desk = desk()
        desk.replies["GET /v1/evaluation/\(Self.evaluation)"] = .ok(
            Self.evaluation("complete", #","NextEval":"\#(Self.blocked)""#))
        desk.replies["GET /v1/evaluation/\(Self.evaluation)/allocations"] = .ok("[]")
        desk.replies["GET /v1/evaluation/\(Self.blocked)"] = .ok(
            #"{"ID":"\#(Self.blocked)","NodeID":"\#(Self.node)","Status":"failed","#
                + #""StatusDescription":"maximum attempts reached (5)"}"#)
        desk.replies["GET /v1/evaluation/\(Self.blocked)/allocations"] = .ok("null")
        #expect(desk.run("job run web.nomad.hcl") == 2)
        #expect(desk.text.contains("Evaluation triggered by node \"1e1aa1e0\"\n"))
        #expect(
            desk.text.hasSuffix(
                "Evaluation \"67493a64\" finished with status \"failed\": maximum attempts reached "
                    + "(5)\n"))
    }

    @Test("Of very many allocations only the first are told one by one, without -verbose")
    func manyAllocations() {
        let desk = desk()
        desk.replies["GET /v1/evaluation/\(Self.evaluation)"] = .ok(Self.evaluation("complete"))
        let all = (100..<200).map { #"{"ID":"\#($0)","CreateIndex":9}"# }
        desk.replies["GET /v1/evaluation/\(Self.evaluation)/allocations"] = .ok(
            "[\(all.joined(separator: ","))]")
        #expect(desk.run("job run web.nomad.hcl") == 0)
        #expect(desk.text.split(separator: "\n").count { $0.contains(" created: node") } == 24)
        #expect(desk.text.contains("… and 76 more allocations: -verbose tells all\n"))
        desk.run("job run -verbose web.nomad.hcl")
        #expect(desk.text.split(separator: "\n").count { $0.contains(" created: node") } == 100)
    }

    @Test("Canaries that are healthy and wait for an operator end the monitoring")
    func canaries() {
        let desk = desk()
        desk.replies["GET /v1/evaluation/\(Self.evaluation)"] = .ok(
            Self.evaluation("complete", #","DeploymentID":"\#(Self.deployment)""#))
        desk.replies["GET /v1/evaluation/\(Self.evaluation)/allocations"] = .ok("[]")
        desk.replies["GET /v1/deployment/\(Self.deployment)"] = .ok(
            #"{"ID":"\#(Self.deployment)","Status":"running","TaskGroups":{"front":{"#
                + #""DesiredTotal":3,"DesiredCanaries":1,"PlacedAllocs":1,"HealthyAllocs":1}}}"#)
        #expect(desk.run("job run web.nomad.hcl") == 0)
        #expect(
            desk.text.hasSuffix(
                "Deployment \"6d6c1a2e\" requires manual promotion: martlet deployment promote "
                    + "6d6c1a2e\n"))
    }

    @Test("-detach ends at once; flags go along; warnings stand beside the output")
    func detach() {
        let desk = desk()
        desk.replies["PUT /v1/jobs"] = .ok(
            #"{"EvalID":"\#(Self.evaluation)","Warnings":"1 warning:\n\n* Job.UI has no effect"}"#)
        #expect(
            desk.run(
                "job run -detach -check-index 7 -eval-priority 60 -preserve-counts web.nomad.hcl")
                == 0)
        #expect(
            desk.text
                == "Job registration successful\nEvaluation ID: \(Self.evaluation)\n")
        #expect(desk.errors == "Job Warnings:\n1 warning:\n\n* Job.UI has no effect\n")
        #expect(
            desk.requests == [
                "PUT /v1/jobs {\"EnforceIndex\":true,\"JobModifyIndex\":7,\"EvalPriority\":60,"
                    + "\"PreserveCounts\":true,\"Job\":\(Self.sent)}"
            ])
        desk.replies["PUT /v1/jobs"] = .answer(409, "Enforcing job modify index 7: job exists")
        #expect(desk.run("job run -check-index 7 web.nomad.hcl") == 2)
        #expect(
            desk.errors
                == "Error submitting job: Unexpected response code: 409 (Enforcing job modify "
                + "index 7: job exists)\n")
    }

    @Test("JSON is taken bare and wrapped, from a file, from standard input, by its look")
    func json() {
        let desk = desk()
        desk.replies["PUT /v1/jobs"] = .ok("{}")
        desk.put("a.json", #"{"Job":{"ID":"a","Extra":1.50}}"#)
        desk.put("b", #"  {"ID":"b"}"#)
        for (line, job) in [
            ("a.json", #"{"ID":"a","Extra":1.50}"#), ("b", #"{"ID":"b"}"#),
            ("-json b", #"{"ID":"b"}"#),
        ] {
            #expect(desk.run("job run \(line)") == 0)
            #expect(desk.text == "Job registration successful\n")
            #expect(desk.requests == ["PUT /v1/jobs {\"Job\":\(job)}"])
        }
        desk.input = Array(Self.file.utf8)
        #expect(desk.run("job run -") == 0)
        #expect(desk.requests == ["PUT /v1/jobs {\"Job\":\(Self.sent)}"])
        #expect(desk.run("job run -output b") == 0)
        #expect(desk.text == "{\n    \"Job\": {\n        \"ID\": \"b\"\n    }\n}\n")
        #expect(desk.seen.isEmpty)
    }

    @Test("A file that is no job is refused with its place, before anything is asked")
    func noJob() {
        let desk = desk()
        desk.put("a.json", "{")
        desk.put("b.json", "[]")
        desk.put("c.json", #"{"Job":{"Name":"x"}}"#)
        desk.put("d.hcl", "job \"x\" {\n  priority = hgih\n}")
        desk.put("e.hcl", String(repeating: "#", count: (1 << 20) + 1))
        #expect(desk.run("job run a.json") == 2)
        #expect(desk.errors.hasPrefix("a.json:1:2: "))
        #expect(desk.run("job run b.json") == 2)
        #expect(desk.errors.hasPrefix("b.json: a job is an object"))
        #expect(desk.run("job validate c.json") == 2)
        #expect(desk.errors == "c.json: the job has no ID\n")
        #expect(desk.run("job run d.hcl") == 2)
        #expect(desk.errors.hasPrefix("d.hcl:2:14: \"hgih\" is neither true nor false"))
        #expect(desk.run("job run e.hcl") == 1)
        #expect(desk.run("job run nothing") == 1)
        #expect(desk.run("job plan d.hcl") == 255)
        #expect(desk.seen.isEmpty && desk.text.isEmpty)
    }

    @Test("A job is validated by a server, too: all its errors at once, exit code 2")
    func validate() {
        let desk = desk()
        desk.replies["PUT /v1/validate/job"] = .ok(
            #"{"DriverConfigValidated":true,"ValidationErrors":null,"Error":"","Warnings":""}"#)
        #expect(desk.run("job validate web.nomad.hcl") == 0)
        #expect(desk.text == "Job validation successful\n")
        desk.replies["PUT /v1/validate/job"] = .ok(
            #"{"ValidationErrors":["a is wrong","b is wrong"],"Error":"2 errors"}"#)
        #expect(desk.run("job validate web.nomad.hcl") == 2)
        #expect(desk.errors == "Job validation errors:\n  * a is wrong\n  * b is wrong\n")
    }

    // MARK: plan

    private static let diff = """
        {"Type":"Edited","ID":"web","Fields":[{"Type":"Edited","Name":"Priority","Old":"50",\
        "New":"60","Annotations":null},{"Type":"None","Name":"Region","Old":"global",\
        "New":"global"}],"Objects":[{"Type":"Added","Name":"Constraint","Fields":[{"Type":"Added",\
        "Name":"LTarget","Old":"","New":"x"},{"Type":"Added","Name":"RTarget","Old":"",\
        "New":"\\u001b[2J"}],"Objects":null}],"TaskGroups":[{"Type":"Edited","Name":"front",\
        "Updates":{"create":1,"ignore":2},"Fields":[{"Type":"Edited","Name":"Count","Old":"2",\
        "New":"3","Annotations":["forces create"]}],"Objects":null,"Tasks":[{"Type":"Edited",\
        "Name":"t","Annotations":["forces create/destroy update"],"Fields":[{"Type":"Deleted",\
        "Name":"User","Old":"www","New":""}],"Objects":null},{"Type":"None","Name":"u"}]},\
        {"Type":"Added","Name":"back","Updates":{"create":1},"Fields":[{"Type":"Added",\
        "Name":"Count","Old":"","New":"1"}],"Tasks":[{"Type":"Added","Name":"v",\
        "Annotations":["forces create"]}]}]}
        """

    @Test("A plan shows the difference and what the scheduler would do; exit code 1")
    func plan() {
        let desk = desk()
        desk.replies["PUT /v1/job/web/plan"] = .ok(
            #"{"Diff":\#(Self.diff),"Annotations":{"DesiredTGUpdates":{"front":{"Place":1,"#
                + #""Ignore":2}},"PreemptedAllocs":[{"ID":"\#(Self.allocation)","JobID":"low","#
                + #""TaskGroup":"g","NodeID":"\#(Self.node)"}]},"FailedTGAllocs":null,"#
                + #""JobModifyIndex":7,"Warnings":""}"#)
        #expect(desk.run("job plan web.nomad.hcl") == 1)
        #expect(
            desk.text == """
                +/- Job: "web"
                  +/- Priority: "50" => "60"
                  +   Constraint {
                    +   LTarget: "x"
                    +   RTarget: "[2J"
                      }
                +/- Task Group: "front" (1 create, 2 ignore)
                  +/- Count: "2" => "3" (forces create)
                  +/- Task: "t" (forces create/destroy update)
                    -   User: "www"
                      Task: "u"
                +   Task Group: "back" (1 create)
                  +   Task: "v" (forces create)

                Scheduler dry-run:
                - All tasks successfully allocated.

                Preemptions
                Alloc ID  Job ID  Task Group  Node ID
                ef3dfa11  low     g           1e1aa1e0

                Job Modify Index: 7
                To submit the job with version verification run:

                martlet job run -check-index 7 web.nomad.hcl

                Then the job is run only if its modify index on the servers is still this one: \
                otherwise
                somebody has changed it meanwhile, and what was planned here may be wrong.

                """)
        #expect(desk.requests == ["PUT /v1/job/web/plan {\"Diff\":true,\"Job\":\(Self.sent)}"])
    }

    @Test("A plan that changes nothing ends with 0, one that cannot be made with 255")
    func planCodes() {
        let desk = desk()
        desk.replies["PUT /v1/job/web/plan"] = .ok(
            #"{"Diff":null,"Annotations":{"DesiredTGUpdates":{"front":{"Ignore":2,"#
                + #""InPlaceUpdate":1}}},"FailedTGAllocs":{"front":\#(Self.metric)}}"#)
        #expect(desk.run("job plan -diff=false web.nomad.hcl") == 0)
        #expect(
            desk.text.hasPrefix(
                """
                Scheduler dry-run:
                - WARNING: Failed to place all allocations.
                  Task Group "front" (failed to place 2 allocations):
                \(Self.indented(Self.reasons, by: 4))
                Job Modify Index: 0

                """))
        #expect(desk.requests[0].hasPrefix(#"PUT /v1/job/web/plan {"Diff":false,"#))
        desk.replies["PUT /v1/job/web/plan"] = .answer(400, "Job ID does not match name")
        #expect(desk.run("job plan web.nomad.hcl") == 255)
        #expect(desk.errors.hasPrefix("Error during plan: Unexpected response code: 400"))
    }

    // MARK: status

    private static let job = """
        {"ID":"web","Name":"web","Namespace":"default","Type":"service","Priority":50,\
        "Datacenters":["dc1","dc2"],"NodePool":"default","Status":"pending","Version":2,\
        "SubmitTime":1795420748000000000,"Periodic":null,"ParameterizedJob":null,\
        "TaskGroups":[{"Name":"front","Count":2}]}
        """

    @Test("Jobs are listed, and one is shown with why it waits")
    func status() {
        let desk = Desk()
        desk.replies["GET /v1/jobs"] = .ok("[\(Self.job)]")
        #expect(desk.run("job status") == 0)
        #expect(
            desk.text == """
                ID   Type     Priority  Status   Submit Date
                web  service  50        pending  2026-11-23T07:59:08Z

                """)
        desk.replies["GET /v1/job/web"] = .ok(Self.job)
        desk.replies["GET /v1/job/web/summary"] = .ok(
            #"{"Summary":{"front":{"Queued":1,"Starting":0,"Running":1,"Failed":0}}}"#)
        desk.replies["GET /v1/job/web/evaluations"] = .ok(
            #"[{"ID":"\#(Self.evaluation)","CreateIndex":5,"Status":"complete","#
                + #""FailedTGAllocs":{"front":\#(Self.metric)}},{"ID":"\#(Self.blocked)","#
                + #""CreateIndex":6,"Status":"blocked","StatusDescription":"created to place "#
                + #"remaining allocations"}]"#)
        desk.replies["GET /v1/job/web/deployment"] = .ok("null")
        desk.replies["GET /v1/job/web/allocations"] = .ok(
            #"[{"ID":"\#(Self.allocation)","NodeID":"\#(Self.node)","TaskGroup":"front","#
                + #""JobVersion":2,"DesiredStatus":"run","ClientStatus":"running","#
                + #""CreateTime":1795420747000000000,"ModifyTime":1795420747000000000}]"#)
        #expect(desk.run("job status web") == 0)
        #expect(
            desk.text == """
                ID            = web
                Name          = web
                Submit Date   = 2026-11-23T07:59:08Z
                Type          = service
                Priority      = 50
                Datacenters   = dc1,dc2
                Namespace     = default
                Node Pool     = default
                Status        = pending
                Version       = 2
                Periodic      = false
                Parameterized = false

                Summary
                Task Group  Queued  Starting  Running  Failed  Complete  Lost
                front       1       0         1        0       0         0

                Placement Failure
                Task Group "front" (failed to place 2 allocations):
                \(Self.indented(Self.reasons, by: 2))\
                Evaluation "67493a64" is blocked until a node has room for it or fits it: created \
                to place remaining allocations

                Allocations
                ID        Node ID   Task Group  Version  Desired  Status   Created               \
                Modified
                ef3dfa11  1e1aa1e0  front       2        run      running  2026-11-23T07:59:07Z  \
                2026-11-23T07:59:07Z

                """)
        desk.replies["GET /v1/job/web/evaluations"] = .ok(
            #"[{"ID":"\#(Self.evaluation)","CreateIndex":5,"Status":"failed","#
                + #""StatusDescription":"maximum attempts reached (5)"},{"ID":"\#(Self.blocked)","#
                + #""CreateIndex":4,"Status":"pending"}]"#)
        desk.run("job status web")
        #expect(
            desk.text.contains(
                """

                Waiting Evaluations
                Evaluation "5cbf23a1" failed: maximum attempts reached (5)
                Evaluation "67493a64" waits for a scheduler

                """))
        desk.replies["GET /v1/job/web/evaluations"] = .ok(
            #"[{"ID":"\#(Self.blocked)","Status":"blocked"}]"#)
        #expect(desk.run("job status -short web") == 0)
        #expect(desk.requests == ["GET /v1/job/web"])
        #expect(desk.run("job status -evals web") == 0)
        #expect(
            desk.text.contains(
                "67493a64  <none>    <none>        <none>   blocked  N/A - In Progress\n"))
        #expect(desk.run(["job", "status", "-t", "{{.Priority}}", "web"]) == 0)
        #expect(desk.text == "50" && desk.requests.count == 1)
    }

    @Test("A job is named by how its id begins; several that do are listed, none is said")
    func prefixes() {
        let desk = Desk()
        desk.replies["GET /v1/job/we"] = .answer(404, "job not found")
        desk.replies["GET /v1/jobs?prefix=we"] = .ok(#"[{"ID":"web"}]"#)
        desk.replies["GET /v1/job/web"] = .ok(Self.job)
        #expect(desk.run("job status -short we") == 0)
        #expect(desk.text.hasPrefix("ID            = web\n"))
        desk.replies["GET /v1/jobs?prefix=we"] = .ok(#"[{"ID":"web"},{"ID":"wetter"}]"#)
        #expect(desk.run("job status we") == 2)
        #expect(desk.errors.hasPrefix("Prefix matched multiple jobs\n\nID      Type"))
        #expect(desk.errors.contains("\nwetter  "))
        desk.replies["GET /v1/jobs?prefix=we"] = .ok("[]")
        #expect(desk.run("job status we") == 2)
        #expect(desk.errors == "No job(s) with prefix or id \"we\" found\n")
        #expect(desk.run("job status a/b") == 2)
        #expect(desk.requests.first == "GET /v1/job/a%2Fb")
    }

    @Test("Versions are shown, on demand with what each changed; one is inspected as JSON")
    func history() {
        let desk = Desk()
        desk.replies["GET /v1/job/web"] = .ok(Self.job)
        desk.replies["GET /v1/job/web/versions"] = .ok(
            #"{"Versions":[{"ID":"web","Version":1,"Stable":false,"#
                + #""SubmitTime":1795420748000000000},{"ID":"web","Version":0,"Stable":true}],"#
                + #""Diffs":[{"Type":"Edited","ID":"web","Fields":[{"Type":"Edited","#
                + #""Name":"Priority","Old":"40","New":"50"}]}]}"#)
        #expect(desk.run("job history -p web") == 0)
        #expect(
            desk.text == """
                Version     = 1
                Stable      = false
                Submit Date = 2026-11-23T07:59:08Z
                Diff        =
                +/- Job: "web"
                  +/- Priority: "40" => "50"

                Version     = 0
                Stable      = true
                Submit Date = <none>

                """)
        #expect(desk.requests.last == "GET /v1/job/web/versions?diffs=true")
        #expect(desk.run("job history -version 0 web") == 0)
        #expect(desk.text.hasPrefix("Version     = 0\n"))
        #expect(desk.run("job history -version 9 web") == 2)
        #expect(desk.errors == "There is no version 9 of job \"web\"\n")
        #expect(desk.run("job inspect -version 0 web") == 0)
        #expect(desk.text.hasPrefix("{\n    \"Job\": {\n        \"ID\": \"web\",\n"))
        #expect(desk.run(["job", "inspect", "-t", "{{.Type}}", "web"]) == 0)
        #expect(desk.text == "service")
    }

    // MARK: Changes

    struct Change: Sendable, CustomTestStringConvertible {
        let line: String
        let request: String
        var output = "\(evaluation)\n"
        var testDescription: String { line }
    }

    static let changes = [
        Change(line: "job stop -detach web", request: "DELETE /v1/job/web"),
        Change(
            line: "job stop -detach -purge -yes web", request: "DELETE /v1/job/web?purge=true"),
        Change(
            line: "job eval -detach web",
            request:
                #"PUT /v1/job/web/evaluate {"JobID":"web","EvalOptions":{"ForceReschedule":false}}"#,
            output: "Created eval for job \"web\"\nEvaluation ID: \(evaluation)\n"),
        Change(
            line: "job eval -detach -force-reschedule web",
            request:
                #"PUT /v1/job/web/evaluate {"JobID":"web","EvalOptions":{"ForceReschedule":true}}"#,
            output: "Created eval for job \"web\"\nEvaluation ID: \(evaluation)\n"),
        Change(
            line: "job revert -detach web 0",
            request: #"PUT /v1/job/web/revert {"JobID":"web","JobVersion":0}"#),
        Change(
            line: "job scale -detach web 5",
            request: #"PUT /v1/job/web/scale {"Count":5,"Target":{"Group":"front"},"#
                + #""Message":"submitted using the Martlet CLI"}"#),
        Change(
            line: "job scale -detach web back 5",
            request: #"PUT /v1/job/web/scale {"Count":5,"Target":{"Group":"back"},"#
                + #""Message":"submitted using the Martlet CLI"}"#),
        Change(
            line: "job promote -detach web",
            request: #"PUT /v1/deployment/promote/\#(deployment) {"DeploymentID":"\#(deployment)","#
                + #""All":true}"#,
            output: "Deployment \"6d6c1a2e\" promoted\nEvaluation ID: \(evaluation)\n"),
        Change(
            line: "job promote -detach -group a -group b web",
            request: #"PUT /v1/deployment/promote/\#(deployment) {"DeploymentID":"\#(deployment)","#
                + #""All":false,"Groups":["a","b"]}"#,
            output: "Deployment \"6d6c1a2e\" promoted\nEvaluation ID: \(evaluation)\n"),
    ]

    @Test("Each change is asked for as Nomad's clients do", arguments: changes)
    func change(_ change: Change) {
        let desk = Desk()
        desk.replies["GET /v1/job/web"] = .ok(Self.job)
        desk.replies["GET /v1/job/web/deployment"] = .ok(#"{"ID":"\#(Self.deployment)"}"#)
        let key = change.request.split(separator: " ").prefix(2).joined(separator: " ")
        desk.replies[key] = .ok(#"{"EvalID":"\#(Self.evaluation)"}"#)
        #expect(desk.run(change.line) == 0)
        #expect(desk.requests.last == change.request)
        #expect(desk.text == change.output)
    }

    @Test("What makes no sense is refused before it changes something")
    func refusals() {
        let desk = Desk()
        desk.replies["GET /v1/job/web"] = .ok(
            #"{"ID":"web","TaskGroups":[{"Name":"a"},{"Name":"b"}]}"#)
        desk.replies["GET /v1/job/we"] = .answer(404, "")
        desk.replies["GET /v1/jobs?prefix=we"] = .ok(#"[{"ID":"web"}]"#)
        desk.replies["GET /v1/job/web/deployment"] = .ok("null")
        #expect(desk.run("job stop we") == 2)
        #expect(
            desk.errors == "\"we\" is the beginning of job \"web\": add -yes if that is meant\n")
        #expect(desk.run("job scale web 3") == 2)
        #expect(desk.errors == "the job has 2 groups: name one of them, a, b\n")
        #expect(desk.run("job scale web -- -3") == 2)
        #expect(desk.run("job scale web many") == 2)
        #expect(desk.errors.hasPrefix("\"many\" is no count"))
        #expect(desk.run("job revert web one") == 2)
        #expect(desk.errors.hasPrefix("\"one\" is no version"))
        #expect(desk.run("job promote web") == 2)
        #expect(desk.errors == "Job \"web\" has no deployment to promote\n")
        #expect(desk.requests.allSatisfy { $0.hasPrefix("GET") })
    }
}

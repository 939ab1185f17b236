// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import MartletCLI

/// `eval …`, `alloc …`, `deployment …` and `system …`, against canned answers.
@Suite("Placement commands") struct PlacementCommandTests {
    private static let evaluation = "5cbf23a1-0000-0000-0000-000000000001"
    private static let allocation = "ef3dfa11-0000-0000-0000-000000000004"
    private static let deployment = "6d6c1a2e-0000-0000-0000-000000000003"
    private static let time = #""CreateTime":1795420747000000000,"ModifyTime":1795420747000000000"#

    // MARK: eval

    @Test("An evaluation is removed when it is named whole, or meant")
    func deleteEvaluation() {
        let desk = Desk()
        desk.replies["GET /v1/evaluations?prefix=5cbf"] = .ok("[\(Self.blocked)]")
        desk.replies["DELETE /v1/evaluations"] = .ok(#"{"Count":1,"Index":9}"#)
        #expect(desk.run("eval delete 5cbf") == 2)
        #expect(desk.errors.hasSuffix("evaluation \(Self.evaluation): add -yes if that is meant\n"))
        for line in ["-yes 5cbf", Self.evaluation] {
            #expect(desk.run("eval delete \(line)") == 0)
            #expect(desk.text == "Evaluation \"\(Self.evaluation)\" deleted\n")
            #expect(
                desk.requests.last
                    == #"DELETE /v1/evaluations {"EvalIDs":["\#(Self.evaluation)"]}"#)
        }
        desk.replies["DELETE /v1/evaluations"] = .answer(400, "eval broker must be paused")
        #expect(desk.run("eval delete \(Self.evaluation)") == 2)
        #expect(desk.errors.contains("eval broker must be paused"))
    }

    @Test("Evaluations that a filter chooses are counted, and removed when that is meant")
    func deleteChosen() {
        let desk = Desk()
        let list = "GET /v1/evaluations?filter=Status%3D%3Dblocked&per_page=1000"
        let other = "5cbf23a1-0000-0000-0000-000000000009"
        desk.replies[list] = .answer(
            200, "[\(Self.blocked)]", headers: ["X-Nomad-NextToken: t2"])
        desk.replies[list.replacing("&", with: "&next_token=t2&")] = .ok(#"[{"ID":"\#(other)"}]"#)
        desk.replies["DELETE /v1/evaluations"] = .ok(#"{"Count":2,"Index":9}"#)
        #expect(desk.run("eval delete -filter Status==blocked") == 2)
        #expect(desk.errors.hasSuffix("2 evaluation(s) are chosen: add -yes if they are meant\n"))
        #expect(desk.requests.allSatisfy { $0.hasPrefix("GET ") })
        #expect(desk.run("eval delete -filter Status==blocked -yes") == 0)
        #expect(desk.text == "2 evaluation(s) deleted\n")
        #expect(
            desk.requests.last
                == #"DELETE /v1/evaluations {"EvalIDs":["\#(Self.evaluation)","\#(other)"]}"#)
        desk.replies["\(list)"] = .ok("[]")
        #expect(desk.run("eval delete -filter Status==blocked") == 0)
        #expect(desk.text == "No evals found\n")
        #expect(desk.run("eval delete") == 2)
        #expect(desk.errors.contains("either EVALUATION or -filter is needed"))
        #expect(desk.run("eval delete -filter Status==blocked \(Self.evaluation)") == 2)
    }

    @Test("What is longer than an id names nothing, and nobody is asked")
    func tooLong() {
        let desk = Desk()
        for command in ["node status", "eval status", "alloc status", "deployment status"] {
            #expect(desk.run("\(command) \(Self.evaluation)00") == 2)
            #expect(desk.errors.contains("(s) with prefix or id \"\(Self.evaluation)00\" found"))
        }
        #expect(desk.requests.isEmpty)
    }

    @Test(
        "Lists choose and end where they are asked to",
        arguments: [
            ("node status", "nodes", "No nodes found\n"),
            ("eval list", "evaluations", "No evals found\n"),
            ("deployment list", "deployments", "No deployments found\n"),
            ("node pool list", "node/pools", "No node pools\n"),
            ("node pool nodes", "node/pool/gpu/nodes", "No nodes\n"),
            ("node pool jobs", "node/pool/gpu/jobs", "No jobs\n"),
        ])
    func chosen(command: String, path: String, empty: String) {
        let desk = Desk()
        let query = "filter=Status%3D%3D%22ready%22&next_token=t1&per_page=3"
        desk.replies["GET /v1/\(path)?\(query)"] = .answer(
            200, "[]", headers: ["X-Nomad-NextToken: t2"])
        let operand = command.hasPrefix("node pool") && command != "node pool list" ? " gpu" : ""
        let line = "\(command)\(operand) -filter Status==\"ready\" -page-token t1 -per-page 3"
        #expect(desk.run(line) == 0, "\(desk.errors)")
        #expect(desk.text == empty)
        #expect(desk.errors.hasSuffix("martlet \(command)\(operand) -page-token t2\n"))
    }

    @Test("What chooses from the list of nodes goes without an id")
    func chosenAndNamed() {
        let desk = Desk()
        #expect(desk.run("node status -filter Drain ef3dfa11") == 2)
        #expect(desk.errors.contains("-filter is for the list"))
    }

    private static let blocked = """
        {"ID":"\(evaluation)",\(time),"Status":"blocked","StatusDescription":"no room",\
        "Type":"service","TriggeredBy":"queued-allocs","JobID":"web","Priority":50,\
        "PreviousEval":"67493a64-0000-0000-0000-000000000002","FailedTGAllocs":{"front":{\
        "NodesEvaluated":0,"ScoreMetaData":[{"NodeID":"n1","NormScore":0.5125,"Scores":{\
        "binpack":0.7,"node-affinity":-0.25}},{"NodeID":"n2","NormScore":-1,"Scores":{\
        "binpack":1e-9}}]}}}
        """

    @Test("A blocked evaluation says why: the failures, the scores, and what it waits for")
    func evaluation() {
        let desk = Desk()
        desk.replies["GET /v1/evaluations?prefix=5cbf"] = .ok("[\(Self.blocked)]")
        desk.replies["GET /v1/evaluation/\(Self.evaluation)"] = .ok(Self.blocked)
        #expect(desk.run("eval status 5cbf") == 0)
        #expect(
            desk.text == """
                ID                 = 5cbf23a1
                Create Time        = 2026-11-23T07:59:07Z
                Modify Time        = 2026-11-23T07:59:07Z
                Status             = blocked
                Status Description = no room
                Type               = service
                TriggeredBy        = queued-allocs
                Job ID             = web
                Priority           = 50
                Placement Failures = N/A - In Progress
                Previous Eval      = 67493a64

                Failed Placements
                Task Group "front" (failed to place 1 allocation):
                  * No nodes were eligible for evaluation

                Evaluation "5cbf23a1" is blocked until a node has room for it or fits it: no room

                """)
        #expect(desk.run("eval status -verbose 5cbf") == 0)
        #expect(
            desk.text.contains(
                """
                  * No nodes were eligible for evaluation
                  * 0 evaluated, 0 filtered, 0 exhausted
                Node  binpack  node-affinity  final score
                n1    0.7      -0.25          0.513
                n2    0        0              -1

                """))
    }

    @Test("Evaluations are listed, by job and status, a page at a time")
    func evaluations() {
        let desk = Desk()
        desk.replies["GET /v1/evaluations"] = .ok(
            #"[{"ID":"aaaaaaaa-1","CreateIndex":1,"JobID":"web","Status":"complete","#
                + #""Priority":50,"TriggeredBy":"job-register"},\#(Self.blocked)]"#)
        #expect(desk.run("eval list -job web -status blocked") == 0)
        #expect(desk.requests == ["GET /v1/evaluations?job=web&status=blocked"])
        #expect(
            desk.text == """
                ID        Priority  Triggered By   Job ID  Node ID  Status   Placement Failures
                5cbf23a1  50        queued-allocs  web     <none>   blocked  N/A - In Progress

                """)
        desk.replies["GET /v1/evaluations?per_page=1"] = .answer(
            200, "[\(Self.blocked)]", headers: ["X-Nomad-NextToken: abc"])
        #expect(desk.run("eval list -per-page 1") == 0)
        #expect(desk.errors.hasSuffix("martlet eval list -page-token abc\n"))
        #expect(desk.run("eval list -status odd") == 2)
    }

    @Test("An evaluation that is to come says when")
    func delayed() {
        let desk = Desk()
        desk.replies["GET /v1/evaluation/\(Self.evaluation)"] = .ok(
            #"{"ID":"\#(Self.evaluation)","Status":"pending","#
                + #""WaitUntil":"2026-11-23T08:59:08Z"}"#)
        #expect(desk.run("eval status \(Self.evaluation)") == 0)
        #expect(
            desk.text.hasSuffix("Evaluation \"5cbf23a1\" waits until 2026-11-23T08:59:08Z\n"))
        #expect(desk.requests.count == 1)
    }

    @Test("An id of which nothing begins so, or several do, is refused with what there is")
    func prefixes() {
        let desk = Desk()
        desk.replies["GET /v1/allocations?prefix=ef"] = .ok(
            #"[{"ID":"ef1","Name":"web.a[0]","NodeName":"n1","DesiredStatus":"run","#
                + #""ClientStatus":"running"},{"ID":"ef2","Name":"web.a[1]"}]"#)
        #expect(desk.run("alloc status ef") == 2)
        #expect(
            desk.errors == """
                Prefix matched multiple allocations

                ID   Node Name  Name      Desired  Status
                ef1  n1         web.a[0]  run      running
                ef2  <none>     web.a[1]  <none>   <none>

                """)
        desk.replies["GET /v1/allocations?prefix=ef"] = .ok("[]")
        #expect(desk.run("alloc status ef") == 2)
        #expect(desk.errors == "No allocation(s) with prefix or id \"ef\" found\n")
        #expect(desk.run("alloc status e") == 2)
        #expect(desk.errors == "an id must have at least two characters\n")
        #expect(desk.run("eval status \(Self.evaluation)") == 2)
        #expect(desk.errors.hasPrefix("No evaluation(s) with prefix or id"))
    }

    // MARK: alloc

    private static let shown = """
        {"ID":"\(allocation)","EvalID":"\(evaluation)",\(time),"Name":"web.front[0]",\
        "NodeID":"1e1aa1e0-0000-0000-0000-000000000005","NodeName":"n1","JobID":"web",\
        "Job":{"Version":3},"TaskGroup":"front","ClientStatus":"failed","DesiredStatus":"evict",\
        "ClientDescription":"","DesiredDescription":"Preempted by alloc ID ff",\
        "DeploymentID":"\(deployment)","DeploymentStatus":{"Healthy":false,"Canary":true},\
        "PreemptedByAllocation":"aaaaaaaa-0000","PreemptedAllocations":["bbbbbbbb-0000"],\
        "NextAllocation":"cccccccc-0000","Metrics":{"NodesEvaluated":2,"NodesFiltered":1,\
        "AllocationTime":1500000,"ScoreMetaData":[{"NodeID":"1e1aa1e0-0000","NormScore":1}]},\
        "AllocatedResources":{"Shared":{"DiskMB":300,"Ports":[{"Label":"http","Value":8080,\
        "To":80,"HostIP":"fd00::1"}]},"Tasks":{"serve":{"Cpu":{"CpuShares":250},\
        "Memory":{"MemoryMB":128},"Devices":[{"Vendor":"nvidia","Type":"gpu","Name":"t4",\
        "DeviceIDs":["g1"]}]}}},"TaskStates":{"serve":{"State":"dead","Failed":true,"Restarts":2,\
        "StartedAt":"2026-11-23T07:00:00Z","FinishedAt":"0001-01-01T00:00:00Z","Events":[\
        {"Time":1795420746000000000,"Type":"Started","DisplayMessage":"Task started"},\
        {"Time":1795420747000000000,"Type":"Terminated","DisplayMessage":"Exit Code: 1"}]}}}
        """

    @Test("An allocation is shown: its tasks, its ports, and preemption on both sides")
    func allocation() {
        let desk = Desk()
        desk.replies["GET /v1/allocation/\(Self.allocation)"] = .ok(Self.shown)
        #expect(desk.run("alloc status \(Self.allocation)") == 0)
        #expect(
            desk.text == """
                ID                   = \(Self.allocation)
                Eval ID              = 5cbf23a1
                Name                 = web.front[0]
                Node ID              = 1e1aa1e0
                Node Name            = n1
                Job ID               = web
                Job Version          = 3
                Client Status        = failed
                Client Description   = <none>
                Desired Status       = evict
                Desired Description  = Preempted by alloc ID ff
                Created              = 2026-11-23T07:59:07Z
                Modified             = 2026-11-23T07:59:07Z
                Deployment ID        = 6d6c1a2e
                Deployment Health    = unhealthy
                Canary               = true
                Replacement Alloc ID = cccccccc

                Preempted by allocation aaaaaaaa: martlet alloc status aaaaaaaa

                Preempted Allocations
                bbbbbbbb

                Allocation Addresses
                Label  Address         To
                http   [fd00::1]:8080  80

                Task "serve" is "dead (failed)"
                CPU      Memory   Disk     Devices
                250 MHz  128 MiB  300 MiB  gpu/t4: 1

                Started At     = 2026-11-23T07:00:00Z
                Finished At    = -
                Total Restarts = 2
                Last Restart   = -

                Recent Events:
                Time                  Type        Description
                2026-11-23T07:59:07Z  Terminated  Exit Code: 1
                2026-11-23T07:59:06Z  Started     Task started

                """)
        #expect(desk.run("alloc status -short \(Self.allocation)") == 0)
        #expect(desk.text.hasSuffix("\nTask \"serve\" is \"dead (failed)\"\n"))
        #expect(desk.run("alloc status -verbose \(Self.allocation)") == 0)
        #expect(desk.text.contains("Filtered Nodes       = 1\n"))
        #expect(desk.text.contains("Allocation Time      = 1.5ms\n"))
        #expect(
            desk.text.hasSuffix(
                "Placement Metrics\nNode           final score\n1e1aa1e0-0000  1\n"))
    }

    @Test("An allocation is stopped by its whole id, or by its beginning and -yes")
    func stop() {
        let desk = Desk()
        desk.replies["GET /v1/allocations?prefix=ef3d"] = .ok(#"[{"ID":"\#(Self.allocation)"}]"#)
        let request = "PUT /v1/allocation/\(Self.allocation)/stop"
        desk.replies[request] = .ok(#"{"EvalID":"\#(Self.evaluation)"}"#)
        #expect(desk.run("alloc stop -detach \(Self.allocation)") == 0)
        #expect(desk.text == "\(Self.evaluation)\n" && desk.requests == [request])
        #expect(desk.run("alloc stop -detach ef3d") == 2)
        #expect(desk.errors.contains("add -yes"))
        #expect(desk.run("alloc stop -detach -yes ef3d") == 0)
        #expect(desk.requests.last == request)
    }

    // MARK: deployment

    private static let running = """
        {"ID":"\(deployment)","JobID":"web","JobVersion":1,"Status":"running",\
        "StatusDescription":"Deployment is running but requires manual promotion","TaskGroups":{\
        "a":{"AutoRevert":true,"DesiredTotal":3,"DesiredCanaries":1,"Promoted":false,\
        "PlacedAllocs":1,"HealthyAllocs":1,"UnhealthyAllocs":0,\
        "RequireProgressBy":"2026-11-23T08:09:08Z"},"b":{"DesiredTotal":2,"PlacedAllocs":0,\
        "RequireProgressBy":"0001-01-01T00:00:00Z"}}}
        """

    @Test("A deployment is shown with the columns that it needs, and listed")
    func deployment() {
        let desk = Desk()
        desk.replies["GET /v1/deployments?prefix=6d"] = .ok("[\(Self.running)]")
        desk.replies["GET /v1/deployments"] = .ok("[\(Self.running)]")
        desk.replies["GET /v1/deployment/\(Self.deployment)"] = .ok(Self.running)
        #expect(desk.run("deployment status 6d") == 0)
        #expect(
            desk.text == """
                ID          = 6d6c1a2e
                Job ID      = web
                Job Version = 1
                Status      = running
                Description = Deployment is running but requires manual promotion

                Deployed
                Task Group  Auto Revert  Promoted  Desired  Canaries  Placed  Healthy  Unhealthy  \
                Progress Deadline
                a           true         false     3        1         1       1        0          \
                2026-11-23T08:09:08Z
                b           false        N/A       2        0         0       0        0          \
                <none>

                """)
        for line in ["deployment list", "deployment status"] {
            #expect(desk.run(line) == 0)
            #expect(desk.text.contains("\n6d6c1a2e  web     1            running  Deployment is"))
        }
        desk.replies["GET /v1/deployments"] = .ok("[]")
        desk.run("deployment list")
        #expect(desk.text == "No deployments found\n")
        desk.replies["GET /v1/deployment/\(Self.deployment)"] = .ok(
            #"{"ID":"\#(Self.deployment)","Status":"failed"}"#)
        #expect(desk.run("deployment status -monitor \(Self.deployment)") == 2)
        #expect(desk.text.contains("finished with status \"failed\"\n"))
    }

    @Test("A deployment is paused, resumed, failed and promoted")
    func changes() {
        let desk = Desk()
        for verb in ["pause", "fail", "promote"] {
            desk.replies["PUT /v1/deployment/\(verb)/\(Self.deployment)"] = .ok(
                #"{"EvalID":"\#(Self.evaluation)","RevertedJobVersion":4}"#)
        }
        let id = #""DeploymentID":"\#(Self.deployment)""#
        #expect(desk.run("deployment pause \(Self.deployment)") == 0)
        #expect(desk.text == "Deployment \"6d6c1a2e\" paused\n")
        #expect(desk.requests[0].hasSuffix("{\(id),\"Pause\":true}"))
        #expect(desk.run("deployment resume -detach \(Self.deployment)") == 0)
        #expect(desk.text == "Deployment \"6d6c1a2e\" resumed\n\(Self.evaluation)\n")
        #expect(desk.requests[0].hasSuffix("{\(id),\"Pause\":false}"))
        #expect(desk.run("deployment fail -detach \(Self.deployment)") == 0)
        #expect(
            desk.text
                == "Deployment \"6d6c1a2e\" failed. Auto-reverted to job version 4\nEvaluation ID: "
                + "\(Self.evaluation)\n")
        #expect(desk.run("deployment promote -detach -group a \(Self.deployment)") == 0)
        #expect(desk.requests[0].hasSuffix("{\(id),\"All\":false,\"Groups\":[\"a\"]}"))
    }

    @Test("What has ended is forgotten, and what was counted is counted again")
    func system() {
        let desk = Desk()
        desk.replies["PUT /v1/system/gc"] = .ok("")
        desk.replies["PUT /v1/system/reconcile/summaries"] = .ok("")
        #expect(desk.run("system gc") == 0)
        #expect(desk.requests == ["PUT /v1/system/gc"])
        #expect(desk.run("system reconcile summaries") == 0)
        #expect(desk.requests == ["PUT /v1/system/reconcile/summaries"])
        desk.replies["PUT /v1/system/gc"] = .answer(403, "Permission denied")
        #expect(desk.run("system gc") == 2)
    }
}

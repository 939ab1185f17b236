// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import MartletState
import MartletTransport
import Testing

/// What clients send and read of jobs, without a scheduler: evaluations stay pending.
@Suite("The HTTP surface of jobs") struct JobEndpointTests {
    private static func job(
        _ id: String, count: Int = 2, constraint: String? = nil, more: String = ""
    ) -> String {
        let constraints = constraint.map {
            #""Constraints":[{"LTarget":"${attr.a}","Operand":"regexp","RTarget":"\#($0)"}],"#
        }
        return """
            {"Job":{"ID":"\(id)","Name":"\(id)","Type":"service","Datacenters":["dc1"],"TaskGroups":[
            {"Name":"web","Count":\(count),\(constraints ?? "")"Tasks":[{"Name":"serve","Driver":"mock_driver",
            "Config":{"run_for":"5s"},"Resources":{"CPU":100,"MemoryMB":64}}]}]}\(more)}
            """
    }

    private static func cluster(seed: UInt64) throws -> (SimulatedCluster, SimulatedCluster.Node) {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        return (cluster, try #require(cluster.settle()))
    }

    private typealias Answer = Result<ClientResponse, ClientError>

    @Test("A job that is registered at a follower is read everywhere, with its evaluation")
    func registerAndRead() throws {
        let (cluster, leader) = try Self.cluster(seed: 801)
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let made = cluster.ask(follower, .put, "/v1/jobs", body: Self.job("web"))
        #expect(made.status == 200, "\(made.text)")
        let evaluation = try #require(made.field("EvalID"))
        #expect(evaluation.utf8.count == 36)
        for node in cluster.nodes {
            let job = cluster.ask(node, .get, "/v1/job/web")
            #expect(job.status == 200 && job.field("ID") == "web", "\(job.text)")
            let list = cluster.ask(node, .get, "/v1/jobs?prefix=we")
            #expect(list.field("ID") == "web", "\(list.text)")
            #expect(cluster.ask(node, .get, "/v1/jobs?prefix=x").text == "[]")
            let read = cluster.ask(node, .get, "/v1/evaluation/\(evaluation)")
            #expect(read.field("TriggeredBy") == "job-register", "\(read.text)")
            #expect(read.field("JobID") == "web")
            for path in ["job/web/evaluations", "evaluations?prefix=\(evaluation.prefix(8))"] {
                let evaluations = cluster.ask(node, .get, "/v1/\(path)")
                #expect(evaluations.field("ID") == evaluation, "\(path): \(evaluations.text)")
            }
            for path in ["job/web/allocations", "evaluation/\(evaluation)/allocations"] {
                #expect(cluster.ask(node, .get, "/v1/\(path)").text == "[]")
            }
            let deployment = cluster.ask(node, .get, "/v1/job/web/deployment")
            #expect(deployment.field("Status") == "running", "\(deployment.text)")
            #expect(cluster.ask(node, .get, "/v1/job/web/summary").field("JobID") == "web")
            #expect(
                cluster.ask(node, .get, "/v1/job/web/scale").text.contains("\"Desired\":2"))
        }
    }

    @Test("Versions, reverting, scaling, stability, evaluating and stopping follow one another")
    func changes() throws {
        let (cluster, leader) = try Self.cluster(seed: 802)
        func put(_ path: String, _ body: String) -> Answer {
            cluster.ask(leader, .put, path, body: body)
        }
        for count in [1, 2] {
            #expect(put("/v1/job/web", Self.job("web", count: count)).status == 200)
        }
        let versions = cluster.ask(leader, .get, "/v1/job/web/versions?diffs=true")
        #expect(versions.text.contains("\"Version\":1"), "\(versions.text)")
        #expect(versions.text.contains("\"Old\":\"1\""), "\(versions.text)")
        #expect(put("/v1/job/web/stable", #"{"JobVersion":0,"Stable":true}"#).status == 200)
        #expect(put("/v1/job/web/revert", #"{"JobVersion":0}"#).status == 200)
        let present = try #require(cluster.tables?.job(JobKey(id: "web"))?.value)
        #expect(present.version == 2 && present.groups[0].count == 1 && !present.isStable)
        // It is submitted now, and not when the version was that it goes back to.
        let first = try #require(cluster.tables?.version(0, of: JobKey(id: "web")))
        #expect(present.submitUnixNanoseconds > first.submitUnixNanoseconds)
        #expect(put("/v1/job/web/revert", #"{"JobVersion":2}"#).status == 400)
        #expect(put("/v1/job/web/revert", #"{"JobVersion":77}"#).status == 404)
        #expect(
            put("/v1/job/web/revert", #"{"JobVersion":0,"EnforcePriorVersion":9}"#).status == 409)
        let five = #"{"Count":5,"Target":{"Group":"web"}}"#
        let early = put("/v1/job/web/scale", five)
        #expect(early.status == 400 && early.text.contains("deployment"), "\(early.text)")
        let deployment = try #require(
            cluster.ask(leader, .get, "/v1/job/web/deployment").field("ID"))
        #expect(put("/v1/deployment/fail/\(deployment)", "{}").status == 200)
        let scaled = put("/v1/job/web/scale", five)
        #expect(scaled.status == 200, "\(scaled.text)")
        #expect(cluster.ask(leader, .get, "/v1/job/web").text.contains("\"Count\":5"))
        let said = put("/v1/job/web/scale", #"{"Message":"soon","Target":{"Group":"web"}}"#)
        #expect(said.status == 200 && said.field("EvalID") == "", "\(said.text)")
        let evaluated = put(
            "/v1/job/web/evaluate", #"{"EvalOptions":{"ForceReschedule":true}}"#)
        #expect(evaluated.field("EvalID")?.utf8.count == 36, "\(evaluated.text)")
        #expect(cluster.ask(leader, .delete, "/v1/job/web").status == 200)
        #expect(cluster.ask(leader, .get, "/v1/job/web").text.contains("\"Stop\":true"))
        #expect(cluster.ask(leader, .delete, "/v1/job/web?purge=true").status == 200)
        let gone = cluster.ask(leader, .get, "/v1/job/web")
        #expect(gone.status == 404 && gone.text == "job not found")
    }

    @Test("What is launched by time is not looked at, but what runs of it ends with it")
    func launchedByOthers() throws {
        let (cluster, leader) = try Self.cluster(seed: 819)
        let periodic = ",\"Periodic\":{\"Enabled\":true,\"Spec\":\"@daily\",\"SpecType\":\"cron\"}"
        func register(_ id: String, _ type: String, _ more: String) -> Answer {
            cluster.ask(
                leader, .put, "/v1/jobs",
                body: """
                    {"Job":{"ID":"\(id)","Type":"\(type)","Datacenters":["dc1"],"TaskGroups":[
                    {"Name":"g","Count":1,"Tasks":[{"Name":"t","Driver":"mock",
                    "Resources":{"CPU":100,"MemoryMB":64}}]}]\(more)}}
                    """)
        }
        func evaluations(_ id: String) -> String {
            cluster.ask(leader, .get, "/v1/job/\(id)/evaluations").text
        }
        cluster.scheduleSurely(.registerNodes([readyNode(1)], evaluations: []))
        #expect(register("sweep", "sysbatch", periodic).status == 200)
        #expect(
            cluster.ask(leader, .put, "/v1/node/\(nodeID(1))/evaluate", body: "{}").status == 200)
        #expect(evaluations("sweep") == "[]")
        #expect(register("sweep", "sysbatch", periodic + ",\"Priority\":60").status == 200)
        let reverted = cluster.ask(
            leader, .put, "/v1/job/sweep/revert", body: #"{"JobVersion":0}"#)
        #expect(reverted.status == 200, "\(reverted.text)")
        #expect(evaluations("sweep") == "[]")

        // It ran before it became periodic.
        #expect(register("report", "batch", "").status == 200)
        #expect(cluster.turn { $0.isSettled && $0.live("report").count == 1 })
        #expect(register("report", "batch", periodic).status == 200)
        #expect(cluster.ask(leader, .delete, "/v1/job/report").status == 200)
        // Far sooner than its node would be missed.
        #expect(cluster.turn(limit: .seconds(3)) { $0.isSettled && $0.live("report").isEmpty })
    }

    @Test("An id may hold slashes, as it is or encoded")
    func slashes() throws {
        let (cluster, leader) = try Self.cluster(seed: 803)
        let id = "team/web"
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job(id)).status == 200)
        for path in ["team/web", "team%2Fweb"] {
            #expect(cluster.ask(leader, .get, "/v1/job/\(path)").field("ID") == id)
            #expect(cluster.ask(leader, .get, "/v1/job/\(path)/summary").field("JobID") == id)
        }
        #expect(cluster.ask(leader, .delete, "/v1/job/team%2Fweb").status == 200)
    }

    @Test("EnforceIndex registers over the version that was seen, and over no other")
    func enforceIndex() throws {
        let (cluster, leader) = try Self.cluster(seed: 804)
        func register(_ count: Int, over index: Int) -> Answer {
            let more = ",\"EnforceIndex\":true,\"JobModifyIndex\":\(index)"
            return cluster.ask(
                leader, .put, "/v1/jobs", body: Self.job("web", count: count, more: more))
        }
        #expect(register(1, over: 7).status == 409)
        let made = register(1, over: 0)
        #expect(made.status == 200, "\(made.text)")
        #expect(register(2, over: 0).text.contains("job already exists"))
        let index = try #require(Self.number("JobModifyIndex", in: made))
        #expect(register(2, over: index).status == 200)
        #expect(register(3, over: index).text.contains("conflicting job modify index"))
    }

    @Test("A blocking query answers when its object changes, and at its time when nothing does")
    func blocking() throws {
        let (cluster, leader) = try Self.cluster(seed: 805)
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let made = cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web"))
        let index = try #require(Self.number("JobModifyIndex", in: made))
        for (node, path) in [
            (leader, "/v1/job/web"), (follower, "/v1/job/web"), (follower, "/v1/jobs"),
            (follower, "/v1/job/web/summary"),
        ] {
            let seen = try #require(
                cluster.ask(node, .get, path).answered?.header("x-nomad-index").flatMap { Int($0) })
            #expect(seen >= index)
            // Nothing changes: it waits as long as it was told, and answers what there is.
            let began = cluster.world.now
            let late = cluster.ask(node, .get, "\(path)?index=\(seen)&wait=2s")
            let took = cluster.world.now - began
            #expect(late.status == 200, "\(late.text)")
            #expect(took >= .seconds(2) && took < .milliseconds(2_400), "\(path): \(took)")
            // What is older than the answer does not wait.
            let before = cluster.world.now
            #expect(cluster.ask(node, .get, "\(path)?index=\(seen - 1)&wait=9s").status == 200)
            #expect(cluster.world.now - before < .seconds(1))
        }
    }

    @Test("A change wakes those who wait for it, and nobody else", arguments: [false, true])
    func waking(isStale: Bool) throws {
        let (cluster, leader) = try Self.cluster(seed: 806)
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web")).status == 200)
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("other")).status == 200)
        cluster.world.run(for: .seconds(1))
        func index(_ path: String) throws -> Int {
            try #require(
                cluster.ask(follower, .get, path).answered?.header("x-nomad-index")
                    .flatMap { Int($0) })
        }
        let stale = isStale ? "&stale" : ""
        let web = cluster.begin(
            follower, .get, "/v1/job/web?index=\(try index("/v1/job/web"))&wait=8s\(stale)")
        let other = cluster.begin(
            follower, .get, "/v1/job/other?index=\(try index("/v1/job/other"))&wait=8s\(stale)")
        cluster.world.run(for: .seconds(1))
        #expect(web.result == nil && other.result == nil)
        #expect(
            cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web", count: 9)).status == 200)
        cluster.world.run(for: .seconds(1))
        #expect(web.result?.text.contains("\"Count\":9") == true)
        #expect(other.result == nil)
        cluster.world.run(for: .seconds(9))
        #expect(other.result?.status == 200)
    }

    @Test("A blocking query ends with its connection, and binds nothing while it waits")
    func ending() throws {
        let (cluster, leader) = try Self.cluster(seed: 811)
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web")).status == 200)
        let waiting = (1...3).map { _ in
            cluster.begin(leader, .get, "/v1/jobs?index=999999&wait=10m", timeout: .seconds(900))
        }
        cluster.world.run(for: .seconds(1))
        func metric(_ name: String) -> Int? {
            Self.number("Name\":\"\(name)\",\"Value", in: cluster.ask(leader, .get, "/v1/metrics"))
        }
        #expect(metric("nomad.http.queries_waiting") == 3)
        #expect(metric("nomad.http.requests_in_progress") == 1)
        cluster.abandon(waiting[0])
        cluster.world.run(for: .seconds(1))
        #expect(metric("nomad.http.queries_waiting") == 2)
        // Longer than any other answer may take.
        cluster.world.run(for: .seconds(590))
        #expect(metric("nomad.http.queries_waiting") == 2)
        cluster.world.run(for: .seconds(60))
        #expect(metric("nomad.http.queries_waiting") == 0)
        #expect(metric("nomad.http.requests_in_progress") == 1)
        #expect(waiting[1].result?.status == 200 && waiting[2].result?.status == 200)
    }

    @Test("A restore ends the waiting, also for what is gone by it")
    func restoring() throws {
        let (cluster, leader) = try Self.cluster(seed: 812)
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("old")).status == 200)
        let saved = cluster.ask(leader, .get, "/v1/operator/snapshot", bytes: nil)
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web")).status == 200)
        // Once nothing could be placed for it, nothing changes the job any more.
        cluster.world.run(for: .seconds(2))
        let index = try #require(
            Self.number("ModifyIndex", in: cluster.ask(leader, .get, "/v1/job/web")))
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        let waiting = cluster.begin(follower, .get, "/v1/job/web?index=\(index)&wait=10m")
        cluster.world.run(for: .seconds(1))
        #expect(waiting.result == nil)
        let restored = cluster.ask(
            leader, .put, "/v1/operator/snapshot", bytes: saved.answered?.body)
        #expect(restored.status == 200, "\(restored.text)")
        cluster.world.run(for: .seconds(5))
        #expect(waiting.result?.status == 404, "\(waiting.result?.text ?? "none")")
        #expect(cluster.ask(follower, .get, "/v1/job/old").status == 200)
    }

    @Test("Who loses its rights while it waits is told nothing", arguments: ["", "&stale"])
    func revoked(stale: String) throws {
        let guarded = try GuardedCluster(seed: 814)
        let cluster = guarded.cluster
        try guarded.putPolicy("dev", #"namespace "default" { policy = "read" }"#)
        let token = try guarded.makeToken(policies: ["dev"])
        try guarded.manage(.put, "/v1/jobs", Self.job("web"))
        let waiting = cluster.begin(
            guarded.leader, .get, "/v1/jobs?index=999999&wait=4s\(stale)", token: token.secret)
        cluster.world.run(for: .seconds(1))
        #expect(waiting.result == nil)
        try guarded.manage(.delete, "/v1/acl/token/\(token.accessor)")
        cluster.world.run(for: .seconds(5))
        #expect(waiting.result?.status == 403, "\(waiting.result?.text ?? "none")")
    }

    @Test("While a server has no scheduler, nothing is changed, and it is named")
    func mixed() throws {
        let cluster = SimulatedCluster(seed: 813, count: 3) { options in
            if options.name == "s2" { options.peerProtocolMax = 4 }
        }
        cluster.startAll()
        let leader = try #require(cluster.settle())
        for (method, path, body) in [
            (ClientMethod.put, "/v1/jobs", Self.job("web")), (.delete, "/v1/job/web", nil),
        ] as [(ClientMethod, String, String?)] {
            let answer = cluster.ask(leader, method, path, body: body)
            #expect(
                answer.status == 503 && answer.text.contains("s2"),
                "\(answer.status) \(answer.text)")
        }
        #expect(cluster.ask(leader, .get, "/v1/jobs").text == "[]")
    }

    @Test("What cannot be read, or has no sense, is a 4xx that says what")
    func badInput() throws {
        let (cluster, leader) = try Self.cluster(seed: 807)
        let id = "00000000-0000-4000-8000-000000000000"
        let other = "00000000-0000-4000-8000-000000000001"
        let rows: [(ClientMethod, String, String?, Int, String)] = [
            (.put, "/v1/jobs", "", 400, "Request body is empty"),
            (.put, "/v1/jobs", "{}", 400, "Job must be specified"),
            (.put, "/v1/jobs", #"{"Job":{}}"#, 400, "Job ID hasn't been provided"),
            (.put, "/v1/jobs", #"{"Job":{"ID":"a","Priority":"high"}}"#, 400, "Job.Priority"),
            (.put, "/v1/jobs", #"{"Job":{"ID":"a","Priority":1000}}"#, 400, "priority"),
            (.put, "/v1/jobs", #"{"Job":{"ID":"a","TaskGroups":7}}"#, 400, "Job.TaskGroups"),
            (.put, "/v1/jobs", #"{"Job":{"ID":"a","Namespace":"b"}}"#, 400, "namespace"),
            (.put, "/v1/jobs?namespace=b", Self.job("a"), 400, "nonexistent namespace"),
            (.put, "/v1/job/b", Self.job("a"), 400, "Job ID does not match"),
            (.put, "/v1/jobs", Self.job("a/plan"), 400, "ends with \"/plan\""),
            (
                .put, "/v1/jobs", Self.job("a", constraint: "["), 400,
                "Job.TaskGroups[0].Constraints[0].RTarget"
            ),
            (
                .put, "/v1/job/a/plan", Self.job("a", constraint: "(?=a)"), 400,
                "Job.TaskGroups[0].Constraints[0].RTarget"
            ),
            (.put, "/v1/job/a/scale", #"{"Count":-1,"Target":{"Group":"web"}}"#, 400, "Count"),
            (.put, "/v1/job/a/scale", #"{"Count":1}"#, 400, "Target"),
            (
                .put, "/v1/job/a/scale", #"{"Count":1,"Target":{"Group":"web"}}"#, 404,
                "job not found"
            ),
            (.put, "/v1/job/a/revert", #"{"JobVersion":-1}"#, 400, "JobVersion"),
            (.put, "/v1/job/a/revert", #"{"JobVersion":1}"#, 404, "job not found"),
            (.put, "/v1/job/a/evaluate", nil, 404, "job not found"),
            (.put, "/v1/job/a/stable", #"{"JobVersion":1}"#, 404, "not found"),
            (.delete, "/v1/job/a", nil, 404, "job not found"),
            (.delete, "/v1/job/a?purge=perhaps", nil, 400, "purge"),
            (.get, "/v1/job/a", nil, 404, "job not found"),
            (.get, "/v1/job/a/summary", nil, 404, "job not found"),
            (.get, "/v1/job/a/versions", nil, 404, "job versions not found"),
            (.get, "/v1/evaluation/nonsense", nil, 404, "eval not found"),
            (.get, "/v1/evaluation/\(id)", nil, 404, "eval not found"),
            (.get, "/v1/allocation/\(id)", nil, 404, "alloc not found"),
            (.get, "/v1/deployment/\(id)", nil, 404, "deployment not found"),
            (.put, "/v1/allocation/\(id)/stop", nil, 404, "alloc not found"),
            (.put, "/v1/deployment/fail/\(id)", nil, 404, "deployment not found"),
            (.put, "/v1/deployment/promote/\(id)", "{}", 400, "Groups"),
            (.put, "/v1/deployment/allocation-health/\(id)", "{}", 400, "Healthy"),
            (.put, "/v1/job/a/revert", #"{"JobID":"b"}"#, 400, "Job ID does not match"),
            (.put, "/v1/job/a/stable", #"{"JobID":"b"}"#, 400, "Job ID does not match"),
            (.put, "/v1/job/a/evaluate", #"{"JobID":"b"}"#, 400, "Job ID does not match"),
            (.put, "/v1/job/a/evaluate", #"{"JobID":"a"}"#, 404, "job not found"),
            (
                .put, "/v1/job/a/scale", #"{"Count":1,"Target":{"Group":"web","Job":"b"}}"#, 400,
                "Target"
            ),
            (
                .put, "/v1/deployment/promote/\(id)",
                "{\"DeploymentID\":\"\(other)\",\"All\":true}", 400,
                "Deployment ID does not match"
            ),
            (
                .put, "/v1/deployment/pause/\(id)", "{\"DeploymentID\":\"\(other)\"}", 400,
                "Deployment ID does not match"
            ),
            (
                .put, "/v1/deployment/pause/\(id)", "{\"DeploymentID\":\"\(id)\"}", 404,
                "deployment not found"
            ),
            (
                .put, "/v1/deployment/allocation-health/\(id)",
                "{\"DeploymentID\":\"\(other)\",\"HealthyAllocationIDs\":[\"\(id)\"]}", 400,
                "Deployment ID does not match"
            ),
            (.put, "/v1/search", #"{"Context":"cats"}"#, 400, "Context"),
            (.put, "/v1/jobs/parse", #"{"JobHCL":""}"#, 501, "command line"),
            (.put, "/v1/job/x/dispatch", "{}", 501, "dispatched"),
            (.put, "/v1/job/x/periodic/force", nil, 501, "not launched"),
            (.get, "/v1/jobs?index=-1", nil, 400, "Invalid index"),
            (.get, "/v1/jobs?index=1&wait=soon", nil, 400, "Invalid wait time"),
        ]
        for (method, path, body, status, text) in rows {
            let answer = cluster.ask(leader, method, path, body: body)
            #expect(
                answer.status == status && answer.text.contains(text),
                "\(method) \(path): \(answer.status) \(answer.text)")
        }
    }

    @Test("A job is told to be valid or what is wrong with it, and nothing is registered")
    func validate() throws {
        let (cluster, leader) = try Self.cluster(seed: 808)
        let good = cluster.ask(leader, .put, "/v1/validate/job", body: Self.job("web"))
        #expect(good.text.contains("\"ValidationErrors\":null"), "\(good.text)")
        let bad = cluster.ask(leader, .put, "/v1/validate/job", body: Self.job("web", count: -3))
        #expect(bad.status == 200 && bad.field("Error")?.isEmpty == false, "\(bad.text)")
        #expect(cluster.ask(leader, .get, "/v1/jobs").text == "[]")
    }

    @Test("A search tells what begins so; garbage is collected; there is one namespace")
    func rest() throws {
        let (cluster, leader) = try Self.cluster(seed: 809)
        #expect(cluster.ask(leader, .put, "/v1/jobs", body: Self.job("web")).status == 200)
        let found = cluster.ask(
            leader, .put, "/v1/search", body: #"{"Prefix":"we","Context":"jobs"}"#)
        #expect(found.text.contains(#""Matches":{"jobs":["web"]}"#), "\(found.text)")
        #expect(cluster.ask(leader, .get, "/v1/namespaces").field("Name") == "default")
        for path in ["gc", "reconcile/summaries"] {
            #expect(cluster.ask(leader, .put, "/v1/system/\(path)").status == 200)
        }
        #expect(cluster.ask(leader, .get, "/v1/job/web").status == 200)
    }

    @Test("G14: while registrations are rejected, only management registers")
    func rejection() throws {
        let guarded = try GuardedCluster(seed: 810)
        let secret = try guarded.token(of: "dev", #"namespace "default" { policy = "write" }"#)
        func register(_ token: String) -> Answer {
            guarded.cluster.ask(
                guarded.leader, .put, "/v1/jobs", body: Self.job("web"), token: token)
        }
        #expect(register(secret).status == 200)
        try guarded.manage(
            .put, "/v1/operator/scheduler/configuration", #"{"RejectJobRegistration":true}"#)
        let refused = register(secret)
        #expect(refused.status == 403 && refused.text.contains("rejected"), "\(refused.text)")
        #expect(register(guarded.management).status == 200)
    }

    private static func number(_ name: String, in answer: Answer) -> Int? {
        guard let range = answer.text.firstRange(of: "\"\(name)\":") else { return nil }
        return Int(answer.text[range.upperBound...].prefix { $0.isNumber })
    }
}

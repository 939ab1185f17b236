// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

@Suite("What a registration would do") struct JobPlanTests {
    /// The numbers of group `g`; what is not named is 0.
    private static func numbers(_ named: [String: Int]) -> String {
        let names = [
            "Canary", "DestructiveUpdate", "Ignore", "InPlaceUpdate", "Migrate", "Place",
            "Preemptions", "Stop",
        ]
        let members = names.map { "\"\($0)\":\(named[$0] ?? 0)" }.joined(separator: ",")
        return "\"DesiredTGUpdates\":{\"g\":{\(members)}}"
    }

    @Test("A new job is said to be placed, by every server alike, and nothing of it is there")
    func placed() throws {
        let stage = try WorkStage(seed: 861, nodes: 2)
        let job = WorkStage.job("web", count: 3)
        let before = stage.tables
        let plan = stage.plan("web", job, diff: true)
        #expect(plan.status == 200, "\(plan.text)")
        #expect(plan.text.contains(Self.numbers(["Place": 3])), "\(plan.text)")
        for text in [
            "\"CreatedEvals\":null", "\"FailedTGAllocs\":null", "\"JobModifyIndex\":0,",
            "\"PreemptedAllocs\":null", "\"NextPeriodicLaunch\":\"0001-01-01T00:00:00Z\"",
            "\"Type\":\"Added\",\"Updates\":{\"create\":3}}", "\"Warnings\":\"\"}",
        ] {
            #expect(plan.text.contains(text), "\(text) in \(plan.text)")
        }
        let index = try #require(plan.answered?.header("x-nomad-index"))
        #expect(plan.text.contains("\"Index\":\(index),"))
        let elsewhere = stage.cluster.ask(
            stage.follower, .post, "/v1/job/web/plan", body: "{\"Job\":\(job)}")
        #expect(elsewhere.text.contains(Self.numbers(["Place": 3])), "\(elsewhere.text)")
        #expect(elsewhere.text.contains("\"Diff\":null"))
        #expect(stage.tables == before)
        #expect(stage.get("/v1/job/web").status == 404)
        // As said, so done.
        #expect(stage.run("web", job, running: 3))
    }

    @Test("What finds no place is said with why, and what would wait for room")
    func failed() throws {
        let stage = try WorkStage(seed: 862, nodes: 1)
        let plan = stage.plan("web", WorkStage.job("web", count: 10))
        #expect(plan.text.contains(Self.numbers(["Place": 10])), "\(plan.text)")
        for text in [
            "\"FailedTGAllocs\":{\"g\":{", "\"CoalescedFailures\":1,",
            "\"DimensionExhausted\":{\"cpu\":1}", "\"NodesExhausted\":1",
            "\"TriggeredBy\":\"queued-allocs\"", "\"Status\":\"blocked\"",
        ] {
            #expect(plan.text.contains(text), "\(text) in \(plan.text)")
        }
        let filtered = stage.plan(
            "web",
            WorkStage.job(
                "web", count: 1,
                more: #""Constraints":[{"LTarget":"${attr.kernel.name}","RTarget":"plan9"}],"#))
        #expect(filtered.text.contains("\"NodesFiltered\":1"), "\(filtered.text)")
        #expect(stage.tables.evaluationCount == 0)
        // Where nothing at all is known, nothing was looked at.
        let empty = try WorkStage(seed: 863, nodes: 0)
        let nothing = empty.plan("web", WorkStage.job("web", count: 1))
        #expect(nothing.text.contains("\"NodesEvaluated\":0"), "\(nothing.text)")
    }

    @Test("D12, F16: who would be evicted is named, and they are who is evicted then")
    func preempting() throws {
        let stage = try WorkStage(
            seed: 864, nodes: 2,
            configuration: #"{"PreemptionConfig":{"ServiceSchedulerEnabled":true}}"#)
        #expect(stage.run("low", WorkStage.job("low", count: 16, priority: 20), running: 16))
        let job = WorkStage.job("high", count: 2, cpu: 1000, priority: 80)
        let plan = stage.plan("high", job)
        #expect(plan.text.contains(Self.numbers(["Place": 2, "Preemptions": 4])), "\(plan.text)")
        #expect(plan.text.ranges(of: "\"JobID\":\"low\"").count == 4, "\(plan.text)")
        #expect(stage.tables.running("low").count == 16)
        #expect(stage.run("high", job, running: 2))
        #expect(stage.tables.live("low").count == 12)
    }

    @Test("What is changed in place, replaced, tried by canaries, stopped or left alone is counted")
    func annotations() throws {
        let stage = try WorkStage(seed: 865, nodes: 2)
        let canaries = WorkStage.update(more: #""Canary":2,"#)
        let plain = WorkStage.job("web", count: 4)
        #expect(stage.run("web", plain, running: 4))
        let index = try #require(stage.tables.job(.init(id: "web"))?.value.jobModifyIndex)
        let rows: [(job: String, numbers: [String: Int], texts: [String])] = [
            (plain, ["Ignore": 4], ["\"Type\":\"None\""]),
            (
                WorkStage.job("web", count: 4, priority: 60), ["InPlaceUpdate": 4],
                ["\"Updates\":{\"in-place update\":4}"]
            ),
            (
                WorkStage.job("web", count: 4, cpu: 600), ["DestructiveUpdate": 1, "Ignore": 3],
                ["forces create/destroy update", "\"New\":\"600\",\"Old\":\"500\""]
            ),
            (
                WorkStage.job("web", count: 4, cpu: 600, more: canaries),
                ["Canary": 2, "Ignore": 4], ["\"Updates\":{\"canary\":2,\"ignore\":4}"]
            ),
            (
                WorkStage.job("web", count: 4, cpu: 600, more: WorkStage.update(parallel: 3)),
                ["DestructiveUpdate": 3, "Ignore": 1], []
            ),
            (
                WorkStage.job("web", count: 1), ["InPlaceUpdate": 1, "Stop": 3],
                ["forces destroy"]
            ),
            (
                WorkStage.job("web", count: 6), ["InPlaceUpdate": 4, "Place": 2],
                ["forces create"]
            ),
        ]
        for row in rows {
            let plan = stage.plan("web", row.job, diff: true)
            #expect(plan.text.contains(Self.numbers(row.numbers)), "\(row.numbers): \(plan.text)")
            #expect(plan.text.contains("\"JobModifyIndex\":\(index),"), "\(plan.text)")
            for text in row.texts { #expect(plan.text.contains(text), "\(text) in \(plan.text)") }
        }
        #expect(stage.tables.versions(of: .init(id: "web")).count == 1)
    }

    @Test("A job that is never launched has a diff and no plan; what is strange is a warning")
    func periodic() throws {
        let stage = try WorkStage(seed: 866, nodes: 1)
        let job = """
            {"ID":"clock","Type":"batch","Datacenters":["dc1"],"Multiregion":{"Regions":[]},
            "Periodic":{"Enabled":true,"Spec":"@daily","SpecType":"cron"},"TaskGroups":[{"Name":"g",
            "Tasks":[{"Name":"t","Driver":"mock"}]}]}
            """
        let plan = stage.plan("clock", job, diff: true)
        #expect(plan.text.contains("\"DesiredTGUpdates\":null"), "\(plan.text)")
        #expect(plan.text.contains("\"Name\":\"Periodic\""), "\(plan.text)")
        #expect(plan.text.contains("has no effect"), "\(plan.text)")
    }

    @Test("What makes no sense is refused by its name; rejected registrations may be planned")
    func refusals() throws {
        let stage = try WorkStage(
            seed: 867, nodes: 0, configuration: #"{"RejectJobRegistration":true}"#)
        let job = WorkStage.job("web", count: 1)
        let rows: [(path: String, body: String?, text: String)] = [
            ("web", nil, "Request body is empty"), ("web", "[]", "object"),
            ("web", "{", "EOF"), ("web", "{}", "Job must be specified"),
            ("web", #"{"Job":null}"#, "Job must be specified"),
            ("web", #"{"Job":{"ID":"web","Priority":"x"}}"#, "Job.Priority"),
            ("web", #"{"Job":{"ID":"web","TaskGroups":[{"Count":1e99}]}}"#, "Count"),
            ("web", "{\"Diff\":7,\"Job\":\(job)}", "Diff"),
            ("other", "{\"Job\":\(job)}", "Job ID does not match"),
            ("web?namespace=b", "{\"Job\":\(job)}", "namespace"),
            ("web", #"{"Job":{"ID":"web","Type":"service","TaskGroups":[]}}"#, "task groups"),
            ("web", "{\"Job\":\(WorkStage.job("web", count: -1))}", "count"),
            ("web", String(repeating: "[", count: 4000), "max depth"),
        ]
        for row in rows {
            let parts = row.path.split(separator: "?")
            let query = parts.count > 1 ? "?\(parts[1])" : ""
            let answer = stage.put("/v1/job/\(parts[0])/plan\(query)", row.body)
            #expect(
                answer.status == 400 && answer.text.lowercased().contains(row.text.lowercased()),
                "\(row.body ?? "none"): \(answer.status) \(answer.text)")
        }
        #expect(stage.put("/v1/jobs", "{\"Job\":\(job)}").status == 403)
        #expect(stage.plan("web", job).status == 200)
        #expect(stage.get("/v1/job/web/plan").status == 405)
    }

    @Test("More questions than may wait are told to come again, and are counted")
    func bounded() throws {
        let stage = try WorkStage(seed: 868, nodes: 1)
        let body = "{\"Job\":\(WorkStage.job("web", count: 2))}"
        let statuses = stage.cluster.ask(
            stage.leader, .put, "/v1/job/web/plan",
            bodiesAtOnce: [String](repeating: body, count: 80))
        let refused = statuses.count { $0 == 503 }
        #expect(refused > 0 && statuses.count { $0 == 200 } == 80 - refused, "\(statuses)")
        let metrics = stage.get("/v1/metrics").text
        let counted =
            "{\"Count\":\(refused),\"Labels\":{},\"Name\":\"nomad.nomad.job.plans_refused\""
        #expect(metrics.contains(counted))
    }
}

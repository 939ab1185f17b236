// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

@Suite("Lists, page by page and piece by piece") struct ListTests {
    private static func ids(_ answer: WorkStage.Answer) -> [String] {
        let marks = answer.text.ranges(of: "\"ID\":\"")
        return marks.map { String(answer.text[$0.upperBound...].prefix { $0 != "\"" }) }
    }

    private static func token(_ answer: WorkStage.Answer) -> String? {
        answer.answered?.header("x-nomad-nexttoken")
    }

    /// Evaluations that have ended, of a job that is not there.
    private static func ended(_ numbers: ClosedRange<Int>) -> SchedulerCommand {
        let job = serviceJob("ghost", count: 1)
        return .upsertEvaluations(
            numbers.map {
                var ended = evaluation($0, of: job)
                ended.status = .complete
                return ended
            })
    }

    @Test("Pages together are the list, at any server")
    func pages() throws {
        let stage = try WorkStage(seed: 881, nodes: 2)
        for number in 1...3 {
            #expect(
                stage.run("job-\(number)", WorkStage.job("job-\(number)", count: 3), running: 3))
        }
        stage.cluster.world.run(for: .seconds(1))
        for path in ["jobs", "allocations", "evaluations", "deployments"] {
            let whole = Self.ids(stage.get("/v1/\(path)"))
            for node in [stage.leader, stage.follower] {
                var found: [String] = []
                var token: String? = ""
                while let next = token, found.count < 20 {
                    let page = stage.cluster.ask(
                        node, .get, "/v1/\(path)?per_page=2&next_token=\(next)")
                    #expect(page.status == 200 && Self.ids(page).count <= 2, "\(page.text)")
                    found += Self.ids(page)
                    token = Self.token(page)
                }
                #expect(found == whole, "\(path)")
            }
            #expect(Self.ids(stage.get("/v1/\(path)?per_page=0")) == whole)
            #expect(Self.token(stage.get("/v1/\(path)?per_page=20")) == nil)
        }
        #expect(Self.ids(stage.get("/v1/jobs?prefix=job&per_page=1&next_token=job-2")) == ["job-2"])
        let some = try #require(Self.ids(stage.get("/v1/allocations")).first)
        #expect(Self.ids(stage.get("/v1/allocations?prefix=\(some.prefix(8))")) == [some])
        #expect(stage.get("/v1/allocations?prefix=nonsense").text == "[]")
        #expect(stage.get("/v1/allocations?namespace=*&per_page=1").status == 200)
    }

    @Test("What is no page is refused by its name")
    func refusals() throws {
        let stage = try WorkStage(seed: 882, nodes: 0)
        let rows = [
            ("jobs?per_page=-1", "per_page"), ("jobs?per_page=many", "per_page"),
            ("jobs?per_page=99999999999", "per_page"), ("jobs?filter=Name+is+x", "filter"),
            ("jobs?next_token=\(String(repeating: "x", count: 5000))", "next_token"),
            ("allocations?next_token=x", "next_token"), ("evaluations?next_token=1", "next_token"),
            ("deployments?per_page=x", "per_page"), ("evaluations/count?filter=x", "filter"),
        ]
        for (path, text) in rows {
            let answer = stage.get("/v1/\(path)")
            #expect(answer.status == 400 && answer.text.contains(text), "\(path): \(answer.text)")
        }
    }

    @Test("A long list comes in pieces, whole, in either form, and waits like a short one")
    func pieces() throws {
        let stage = try WorkStage(seed: 883, nodes: 0)
        let count = 900
        stage.cluster.scheduleSurely(Self.ended(1...count))
        stage.cluster.world.run(for: .seconds(1))
        let wanted = (1...count).map { "\(evaluationID($0))" }
        for node in [stage.leader, stage.follower] {
            let whole = stage.cluster.ask(node, .get, "/v1/evaluations")
            #expect(Self.ids(whole) == wanted)
            #expect(whole.text.hasPrefix("[{") && whole.text.hasSuffix("}]"))
            #expect(whole.answered?.header("transfer-encoding") == "chunked")
            let pretty = stage.cluster.ask(node, .get, "/v1/evaluations?pretty").text
            #expect(pretty.hasPrefix("[\n    {\n        \"AnnotatePlan\": false,\n"))
            #expect(pretty.hasSuffix("\n    }\n]\n"))
            #expect(pretty.ranges(of: "\n    },\n    {\n").count == count - 1)
        }
        let few = stage.get("/v1/evaluations?per_page=200")
        #expect(few.answered?.header("content-length") != nil)
        #expect(Self.token(few) == wanted[200])
        let index = try #require(
            few.answered?.header("x-nomad-index").flatMap { Int($0) })
        let waiting = stage.cluster.begin(
            stage.follower, .get, "/v1/evaluations?index=\(index)&wait=20s")
        stage.cluster.world.run(for: .seconds(2))
        #expect(waiting.result == nil)
        stage.cluster.scheduleSurely(Self.ended(count + 1...count + 1))
        stage.cluster.world.run(for: .seconds(1))
        #expect(waiting.result.map { Self.ids($0).count } == count + 1)
        #expect(
            stage.get("/v1/metrics").text.contains("\"Name\":\"nomad.http.streams\",\"Value\":0"))
        #expect(stage.get("/v1/evaluations/count").text.hasPrefix("{\"Count\":\(count + 1),"))
        #expect(stage.get("/v1/evaluations/count?namespace=b").text.hasPrefix("{\"Count\":0,"))
    }

    @Test("Evaluations are deleted by name while the broker is paused, also those that wait")
    func deletion() throws {
        let stage = try WorkStage(seed: 884, nodes: 0)
        stage.cluster.scheduleSurely(Self.ended(1...3))
        func delete(_ body: String) -> WorkStage.Answer {
            stage.cluster.ask(stage.follower, .delete, "/v1/evaluations", body: body)
        }
        func names(_ ids: [String]) -> String {
            "{\"EvalIDs\":[\(ids.map { "\"\($0)\"" }.joined(separator: ","))]}"
        }
        let first = "\(evaluationID(1))"
        let early = delete(names([first]))
        #expect(early.status == 400 && early.text.contains("must be paused"), "\(early.text)")
        #expect(
            stage.put("/v1/operator/scheduler/configuration", #"{"PauseEvalBroker":true}"#).status
                == 200)
        let registered = stage.put("/v1/jobs", "{\"Job\":\(WorkStage.job("web", count: 1))}")
        let open = try #require(registered.field("EvalID"))
        #expect(stage.get("/v1/evaluation/\(open)").field("Status") == "pending")
        let gone = delete(names([first, open]))
        #expect(gone.status == 200 && gone.text.hasPrefix("{\"Count\":2,"), "\(gone.text)")
        #expect(stage.get("/v1/evaluation/\(open)").status == 404)
        #expect(Self.ids(stage.get("/v1/evaluations")) == (2...3).map { "\(evaluationID($0))" })
        #expect(stage.tables.brokenInvariant() == nil)
        for (body, text) in [
            ("", "empty"), ("{}", "EvalIDs"), (#"{"EvalIDs":["x"]}"#, "UUID"),
            (#"{"Filter":"Status == blocked"}"#, "Filter"),
            (names([String](repeating: first, count: 1025)), "EvalIDs"),
        ] {
            let answer = delete(body)
            #expect(answer.status == 400 && answer.text.contains(text), "\(answer.text)")
        }
        #expect(delete(names([first])).status == 404)
    }
}

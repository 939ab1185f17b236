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

    /// All of it, page by page.
    private static func pages(
        _ path: String, at node: SimulatedCluster.Node, of stage: WorkStage, size: Int = 2
    ) -> [String] {
        var found: [String] = []
        var token: String? = ""
        while let next = token, found.count < 50 {
            let page = stage.cluster.ask(node, .get, "\(path)&per_page=\(size)&next_token=\(next)")
            #expect(page.status == 200 && ids(page).count <= size, "\(page.text)")
            found += ids(page)
            token = self.token(page)
        }
        return found
    }

    @Test("Lists of one job, evaluation, deployment or node have pages; all can be turned around")
    func reversed() throws {
        let stage = try WorkStage(seed: 885, nodes: 1)
        #expect(stage.run("a", WorkStage.job("a", count: 5, more: WorkStage.update()), running: 5))
        #expect(stage.run("b", WorkStage.job("b", count: 1), running: 1))
        stage.cluster.world.run(for: .seconds(1))
        let tables = try #require(stage.cluster.tables)
        let placed = try #require(tables.live("a").first)
        let deployment = try #require(placed.deploymentID)
        for path in [
            "job/a/allocations", "job/a/evaluations", "job/a/deployments", "jobs", "allocations",
            "evaluations", "deployments", "nodes", "evaluation/\(placed.evaluationID)/allocations",
            "deployment/allocations/\(deployment)", "node/pool/all/nodes", "node/pool/default/jobs",
        ] {
            let whole = Self.ids(stage.get("/v1/\(path)"))
            #expect(!whole.isEmpty, "\(path)")
            for node in [stage.leader, stage.follower] {
                #expect(Self.pages("/v1/\(path)?", at: node, of: stage) == whole, "\(path)")
                #expect(
                    Self.pages("/v1/\(path)?reverse=true", at: node, of: stage)
                        == whole.reversed(), "\(path)")
            }
            #expect(
                Self.ids(stage.get("/v1/\(path)?reverse")) == whole.reversed(), "\(path)")
        }
    }

    @Test("What runs on a node has pages, and a filter")
    func ofNode() throws {
        let stage = try WorkStage(seed: 887, nodes: 1)
        #expect(stage.run("a", WorkStage.job("a", count: 3), running: 3))
        func names(_ query: String) -> [String] {
            let text = stage.get("/v1/node/\(nodeID(1))/allocations\(query)").text
            return text.ranges(of: "\"EvalID\":\"").map {
                String(text[$0.upperBound...].prefix { $0 != "\"" })
            }
        }
        #expect(names("").count == 3 && names("?per_page=2").count == 2)
        #expect(names("?reverse&per_page=1").count == 1)
        #expect(names("?filter=TaskGroup%20==%20h").isEmpty)
        #expect(names("?filter=Name%20==%20%22a.g%5B1%5D%22").count == 1)
    }

    @Test("A filter chooses rows, also of pages, which then may be short")
    func filtered() throws {
        let stage = try WorkStage(seed: 886, nodes: 2)
        #expect(
            stage.run(
                "a", WorkStage.job("a", count: 2, more: #""Meta":{"team":"x"},"#), running: 2))
        #expect(stage.run("b", WorkStage.job("b", count: 1, priority: 70), running: 1))
        stage.cluster.scheduleSurely(Self.ended(1...40))
        stage.cluster.world.run(for: .seconds(1))
        func count(_ path: String, _ filter: String) -> Int {
            let encoded = filter.replacing("%", with: "%25").replacing(" ", with: "%20")
                .replacing("\"", with: "%22")
            let answer = stage.cluster.ask(
                stage.follower, .get, "/v1/\(path)?filter=\(encoded)")
            #expect(answer.status == 200, "\(answer.text)")
            let paged = Self.pages("/v1/\(path)?filter=\(encoded)", at: stage.leader, of: stage)
            #expect(paged == Self.ids(answer), "\(path): \(filter)")
            return paged.count
        }
        for (path, filter, wanted) in [
            ("jobs", "Priority == 70", 1), ("jobs", "not ID == a", 1),
            ("jobs", "\"g\" in TaskGroups", 0), ("jobs", "TaskGroups.0.Meta.team == x", 1),
            ("allocations", "ClientStatus == running and JobID == a", 2),
            ("job/a/allocations", "TaskGroup != g", 0),
            ("evaluations", "Status == complete and JobID == ghost", 40),
            ("evaluations", "JobID matches \"^gh\" and Type == batch", 0),
            ("nodes", "Attributes[\"kernel.name\"] == linux", 2),
            ("nodes", "Status != ready", 0), ("deployments", "JobID is empty", 0),
        ] { #expect(count(path, filter) == wanted, "\(path): \(filter)") }
        #expect(
            stage.get("/v1/node/pools?filter=Name%20matches%20%22^d%22").text.contains("default"))
        let wrong = stage.get("/v1/jobs?filter=Statuss%20==%20x")
        #expect(
            wrong.status == 400
                && wrong.text == "Invalid filter: character 1: nothing is called \"Statuss\"")
    }

    /// Both were passed over, and the whole list answered.
    @Test("Evaluations are chosen by their job and their status")
    func chosenEvaluations() throws {
        let stage = try WorkStage(seed: 887, nodes: 1)
        #expect(stage.run("a", WorkStage.job("a", count: 1), running: 1))
        #expect(stage.run("b", WorkStage.job("b", count: 9, cpu: 1000), running: 3))
        stage.cluster.scheduleSurely(Self.ended(1...40))
        stage.cluster.world.run(for: .seconds(1))
        func chosen(_ query: String) -> [String] {
            let path = "/v1/evaluations?\(query)"
            let whole = stage.cluster.ask(stage.follower, .get, path)
            #expect(whole.status == 200, "\(whole.text)")
            #expect(Self.pages(path, at: stage.leader, of: stage) == Self.ids(whole), "\(query)")
            return Self.ids(whole)
        }
        let blocked = stage.tables.evaluations.map(\.value).filter { $0.status == .blocked }
        #expect(blocked.map(\.jobID) == ["b"])
        #expect(chosen("status=blocked") == blocked.map(\.id.description))
        #expect(chosen("job=b&status=blocked").count == 1)
        #expect(chosen("job=ghost").count == 40 && chosen("job=ghost&status=blocked").isEmpty)
        #expect(chosen("job=ghost&reverse") == chosen("job=ghost").reversed())
        #expect(chosen("job=nobody").isEmpty && chosen("job=&status=").count > 40)
        #expect(chosen("job=ghost&filter=Status%20==%20complete").count == 40)
        let wrong = stage.get("/v1/evaluations?status=odd")
        #expect(wrong.status == 400 && wrong.text.hasPrefix("Invalid status: \"odd\" is none of"))
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

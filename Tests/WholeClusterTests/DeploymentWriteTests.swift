// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletHarness
import MartletSimulation
import MartletState
import Testing

/// What operators change while instances run.
@Suite("Changes of deployments and instances") struct DeploymentWriteTests {
    /// `web` runs four instances of its first version, and its second one is on its way.
    private struct Stage {
        let work: WorkStage
        let deployment: Deployment

        init(
            seed: UInt64, healthyAfter seconds: Int, update more: String = "",
            begun: (SchedulerTables) -> Bool = { $0.deployment(of: "web")?.jobVersion == 1 }
        ) throws {
            work = try WorkStage(seed: seed, nodes: 2)
            let update = WorkStage.update(healthyAfter: 1, more: more)
            #expect(work.run("web", WorkStage.job("web", count: 4, more: update), running: 4))
            #expect(work.settles { $0.deployment(of: "web")?.status == .successful })
            let next = WorkStage.job(
                "web", count: 4, cpu: 600,
                more: WorkStage.update(healthyAfter: seconds, more: more))
            #expect(work.put("/v1/jobs", "{\"Job\":\(next)}").status == 200)
            let hasBegun = work.settles(begun)
            #expect(hasBegun)
            deployment = try #require(work.tables.deployment(of: "web"))
            #expect(deployment.isActive)
        }

        func change(_ what: String, _ body: String? = nil) -> WorkStage.Answer {
            work.put("/v1/deployment/\(what)/\(deployment.id)", body)
        }

        func count(ofVersion version: UInt64) -> Int {
            work.tables.live("web").count { $0.job.value.version == version }
        }

        var present: Deployment? { work.tables.deployment(deployment.id)?.value }
    }

    @Test("Canaries are promoted when they are healthy, and the others follow")
    func promote() throws {
        let stage = try Stage(
            seed: 871, healthyAfter: 5, update: #""Canary":1,"#,
            begun: { $0.deployment(of: "web")?.groups["g"]?.placedCanaries.count == 1 })
        let early = stage.change("promote", #"{"All":true}"#)
        #expect(early.status == 400, "\(early.status) \(early.text)")
        #expect(stage.change("promote", #"{"Groups":["h"]}"#).status == 400)
        #expect(stage.change("promote", "{}").text.contains("Groups"))
        #expect(stage.work.settles { $0.running("web").count { $0.isHealthy && $0.isCanary } == 1 })
        // Nothing goes on by itself.
        stage.work.cluster.world.run(for: .seconds(5))
        #expect(stage.count(ofVersion: 0) == 4 && stage.count(ofVersion: 1) == 1)
        let promoted = stage.change("promote", #"{"Groups":["g"]}"#)
        #expect(promoted.status == 200 && promoted.field("EvalID")?.utf8.count == 36)
        #expect(promoted.text.contains("\"DeploymentModifyIndex\":"), "\(promoted.text)")
        #expect(stage.work.settles { $0.deployment(of: "web")?.status == .successful })
        #expect(stage.count(ofVersion: 1) == 4 && stage.count(ofVersion: 0) == 0)
        #expect(stage.change("promote", #"{"All":true}"#).text.contains("has ended"))
    }

    @Test("A deployment that is failed by hand goes back to the stable version where it may")
    func fail() throws {
        let stage = try Stage(seed: 872, healthyAfter: 50, update: #""AutoRevert":true,"#)
        let failed = stage.change("fail")
        #expect(failed.status == 200, "\(failed.text)")
        #expect(failed.text.contains("\"RevertedJobVersion\":0"), "\(failed.text)")
        #expect(stage.present?.status == .failed)
        #expect(
            stage.present?.statusDescription
                == "Deployment marked as failed - rolling back to job version 0")
        #expect(stage.work.settles { $0.deployment(of: "web")?.jobVersion == 2 })
        #expect(
            stage.work.settles {
                $0.running("web").count == 4
                    && $0.running("web").allSatisfy {
                        $0.job.value.groups[0].tasks[0].resources.cpu == 500
                    }
            })
        for (what, body) in [("fail", nil), ("pause", #"{"Pause":true}"#)] as [(String, String?)] {
            let late = stage.change(what, body)
            #expect(late.status == 400 && late.text.contains("has ended"), "\(what): \(late.text)")
        }
    }

    @Test("A paused deployment replaces nothing more until it goes on")
    func pause() throws {
        let stage = try Stage(
            seed: 873, healthyAfter: 4,
            begun: { $0.running("web").contains { $0.job.value.version == 1 } })
        let paused = stage.change("pause", #"{"Pause":true}"#)
        #expect(paused.status == 200 && paused.field("EvalID") == "", "\(paused.text)")
        #expect(stage.present?.status == .paused)
        let replaced = stage.count(ofVersion: 1)
        stage.work.cluster.world.run(for: .seconds(15))
        #expect(stage.count(ofVersion: 1) == replaced && replaced < 4)
        let resumed = stage.change("pause", #"{"Pause":false}"#)
        #expect(resumed.field("EvalID")?.utf8.count == 36, "\(resumed.text)")
        #expect(stage.work.settles { $0.deployment(of: "web")?.status == .successful })
        #expect(stage.count(ofVersion: 1) == 4)
    }

    @Test("An operator's word on health counts: a healthy one leads on, one that is not ends it")
    func health() throws {
        let stage = try Stage(
            seed: 874, healthyAfter: 50,
            begun: { $0.running("web").contains { $0.job.value.version == 1 } })
        func new() -> [Allocation] {
            stage.work.tables.running("web").filter { $0.job.value.version == 1 }
        }
        let first = try #require(new().first)
        let healthy = stage.change(
            "allocation-health", "{\"HealthyAllocationIDs\":[\"\(first.id)\"]}")
        #expect(healthy.status == 200, "\(healthy.text)")
        #expect(stage.work.settles { _ in new().count == 2 })
        #expect(stage.present?.groups["g"]?.healthyAllocations == 1)
        let second = try #require(new().first { $0.id != first.id })
        let sick = stage.change(
            "allocation-health", "{\"UnhealthyAllocationIDs\":[\"\(second.id)\"]}")
        #expect(sick.text.contains("\"RevertedJobVersion\":null"), "\(sick.text)")
        #expect(stage.present?.status == .failed)
        let strange = stage.change("allocation-health", #"{"HealthyAllocationIDs":["x"]}"#)
        #expect(strange.status == 400 && strange.text.contains("UUID"), "\(strange.text)")
    }

    @Test("A job that only grows keeps its instances, and its deployment hears of all of them")
    func grows() throws {
        let work = try WorkStage(seed: 877, nodes: 2)
        let update = WorkStage.update(healthyAfter: 1)
        #expect(work.run("web", WorkStage.job("web", count: 2, more: update), running: 2))
        #expect(work.settles { $0.deployment(of: "web")?.status == .successful })
        let before = Set(work.tables.running("web").map(\.id))
        let scaled = work.put(
            "/v1/job/web/scale", #"{"Count":4,"Target":{"Group":"g"}}"#)
        #expect(scaled.status == 200, "\(scaled.text)")
        let version: (SchedulerTables) -> UInt64? = { $0.deployment(of: "web")?.jobVersion }
        #expect(work.settles { version($0) == 1 && $0.running("web").count == 4 })
        #expect(work.settles { $0.deployment(of: "web")?.status == .successful })
        #expect(before.isSubset(of: work.tables.running("web").map(\.id)))
    }

    @Test("An instance that is stopped is replaced by another one, and tells so")
    func stopAllocation() throws {
        let work = try WorkStage(seed: 875, nodes: 2)
        #expect(work.run("web", WorkStage.job("web", count: 2), running: 2))
        let old = try #require(work.tables.running("web").first)
        let stopped = work.put("/v1/allocation/\(old.id)/stop")
        let evaluation = try #require(stopped.field("EvalID"))
        #expect(stopped.status == 200 && evaluation.utf8.count == 36)
        #expect(
            work.settles {
                $0.running("web").count == 2
                    && $0.allocation(old.id)?.value.isClientTerminal == true
            })
        #expect(work.get("/v1/evaluation/\(evaluation)").field("TriggeredBy") == "alloc-stop")
        let after = work.get("/v1/allocation/\(old.id)")
        #expect(after.field("DesiredStatus") == "stop", "\(after.text)")
        let next = try #require(after.field("NextAllocation"))
        #expect(work.get("/v1/allocation/\(next)").field("PreviousAllocation") == "\(old.id)")
        #expect(
            work.get("/v1/evaluation/\(evaluation)/allocations").field("ID") == next)
        for id in ["nonsense", "00000000-0000-4000-8000-000000000000"] {
            #expect(work.put("/v1/allocation/\(id)/stop").status == 404)
        }
    }
}

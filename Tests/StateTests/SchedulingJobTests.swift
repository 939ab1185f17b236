// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState
import Testing

private func register(
    _ job: Job, expected: UInt64? = nil, _ evaluations: [Evaluation] = []
) -> SchedulerCommand {
    .registerJob(job, expected: expected, evaluations: evaluations)
}

@Suite("Jobs in the state") struct SchedulingJobTests {
    @Test("A change makes a version; the same again makes none, but its evaluation")
    func versions() throws {
        var world = Scheduled()
        #expect(world.apply(register(job("j"), [evaluation(1)])) == .applied(modifyIndex: 1))
        let first = try #require(world.job())
        #expect(first.version == 0 && first.createIndex == 1 && first.jobModifyIndex == 1)
        #expect(world.tables.evaluation(uid(1))?.value.jobModifyIndex == 1)

        var same = job("j")
        same.submitUnixNanoseconds = 99
        #expect(world.apply(register(same, [evaluation(2)])) == .applied(modifyIndex: 2))
        #expect(world.job() == first)
        #expect(world.tables.evaluation(uid(2))?.value.jobModifyIndex == 1)

        #expect(world.apply(register(job("j", count: 3))) == .applied(modifyIndex: 3))
        let second = try #require(world.job())
        #expect(second.version == 1 && second.createIndex == 1 && second.jobModifyIndex == 3)
        #expect(world.tables.versions(of: second.key).map(\.version) == [1, 0])
        #expect(world.tables.version(0, of: second.key)?.groups[0].count == 2)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("Six versions are kept, and the newest stable one as long as it can be")
    func keptVersions() {
        var world = Scheduled()
        for count in 1...6 { world.apply(register(job("j", count: count))) }
        world.apply(.setJobStability(JobKey(id: "j"), version: 0, isStable: true))
        world.apply(register(job("j", count: 7)))
        // The seventh: version 0 is the newest stable one, and 1 goes in its place.
        #expect(world.tables.versions(of: JobKey(id: "j")).map(\.version) == [6, 5, 4, 3, 2, 0])
        #expect(world.tables.version(0, of: JobKey(id: "j"))?.isStable == true)
        world.apply(.setJobStability(JobKey(id: "j"), version: 6, isStable: true))
        world.apply(register(job("j", count: 8)))
        #expect(world.tables.versions(of: JobKey(id: "j")).map(\.version) == [7, 6, 5, 4, 3, 2])
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("EnforceIndex holds back what was prepared for another job")
    func enforced() {
        var world = Scheduled()
        let key = JobKey(id: "j")
        #expect(
            world.apply(register(job("j"), expected: 5))
                == .schedulerRefused(.jobChanged(enforced: 5, current: nil)))
        #expect(world.apply(register(job("j"), expected: 0)) == .applied(modifyIndex: 2))
        #expect(
            world.apply(register(job("j"), expected: 0, [evaluation(1)]))
                == .schedulerRefused(.jobChanged(enforced: 0, current: 2)))
        #expect(world.tables.evaluation(uid(1)) == nil)
        #expect(
            world.apply(register(job("j", count: 9), expected: 2)) == .applied(modifyIndex: 4))
        #expect(world.tables.job(key)?.value.jobModifyIndex == 4)
    }

    @Test("A job that is stopped is dead and a version; one that is purged is gone")
    func stop() throws {
        var world = Scheduled()
        world.apply(register(job("j")))
        let key = JobKey(id: "j")
        world.place([10])
        world.apply(
            .deregisterJob(
                key, purges: false, submitUnixNanoseconds: 4,
                evaluations: [evaluation(3, trigger: .jobDeregister)]))
        let stopped = try #require(world.job())
        #expect(stopped.isStopped && stopped.status == .dead && stopped.version == 1)
        #expect(world.allocation(10)?.job.value.isStopped == false)
        // Once more asks for nothing new.
        world.apply(
            .deregisterJob(key, purges: false, submitUnixNanoseconds: 5, evaluations: []))
        #expect(world.job() == stopped)

        world.apply(.deregisterJob(key, purges: true, submitUnixNanoseconds: 6, evaluations: []))
        #expect(world.job() == nil && world.tables.summary(of: key) == nil)
        // Its instance still knows what it runs.
        #expect(world.allocation(10)?.job.value.id == "j")
        #expect(world.tables.brokenInvariant() == nil)
        #expect(
            world.apply(
                .deregisterJob(key, purges: true, submitUnixNanoseconds: 7, evaluations: []))
                == .schedulerRefused(.unknownJob(key)))

        // A new one of the name starts from version 0, and counts what is left of the old.
        world.apply(register(job("j")))
        #expect(world.job()?.version == 0 && world.job()?.status == .running)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("A revert registers the earlier version as the newest")
    func revert() {
        var world = Scheduled()
        let key = JobKey(id: "j")
        world.apply(register(job("j", cpu: 100)))
        world.apply(register(job("j", cpu: 200)))
        #expect(
            world.apply(.revertJob(key, version: 0, enforcing: 7, evaluations: []))
                == .schedulerRefused(.versionChanged(enforced: 7, current: 1)))
        #expect(
            world.apply(.revertJob(key, version: 9, enforcing: nil, evaluations: []))
                == .schedulerRefused(.unknownVersion(key, 9)))
        world.apply(.revertJob(key, version: 0, enforcing: 1, evaluations: [evaluation(1)]))
        #expect(world.job()?.version == 2)
        #expect(world.job()?.groups[0].tasks[0].resources.cpu == 100)
        #expect(world.tables.evaluation(uid(1))?.value.jobModifyIndex == world.index)
    }

    @Test("A job is pending, running and dead as its work is")
    func statuses() {
        var world = Scheduled()
        world.apply(register(job("j", type: .batch)))
        #expect(world.job()?.status == .pending)
        world.apply(.upsertEvaluations([evaluation(1)]))
        #expect(world.job()?.status == .pending)
        world.place([10, 11])
        #expect(world.job()?.status == .running && world.job()?.modifyIndex == world.index)
        world.apply(.upsertEvaluations([evaluation(1, status: .complete)]))
        world.report(10, .running)
        world.report(10, .complete)
        #expect(world.job()?.status == .running)
        world.report(11, .failed)
        #expect(world.job()?.status == .dead)
        world.apply(.upsertEvaluations([evaluation(2, status: .blocked)]))
        #expect(world.job()?.status == .pending)
        world.apply(.upsertEvaluations([evaluation(2, status: .canceled)]))
        world.apply(
            .collect(Garbage(evaluations: [uid(1), uid(2)], allocations: [uid(10), uid(11)])))
        #expect(world.job()?.status == .dead)
        #expect(world.tables.evaluationCount == 0 && world.tables.allocationCount == 0)
        #expect(world.tables.brokenInvariant() == nil)
    }

    @Test("A system job runs until it is stopped")
    func system() {
        var world = Scheduled()
        world.apply(register(job("j", type: .system)))
        #expect(world.job()?.status == .running)
        world.apply(.upsertEvaluations([evaluation(1, status: .complete)]))
        #expect(world.job()?.status == .running)
    }

    @Test("The summary follows the instances, and what waits")
    func summary() throws {
        var world = Scheduled()
        world.apply(register(job("j", groups: ["g", "h"])))
        var waiting = evaluation(1, status: .complete)
        waiting.queuedAllocations = ["g": 3, "unknown": 4]
        waiting.failedGroups = ["g": unusualMetric]
        world.apply(.upsertEvaluations([waiting]))
        func counts() throws -> JobSummary.Group {
            let summary = try #require(world.tables.summary(of: JobKey(id: "j")))
            return try #require(summary.groups["g"])
        }
        #expect(try counts().queued == 3)
        world.place([10, 11])
        #expect(try counts().queued == 1 && counts().starting == 2)
        // What was found before counts no more once it is canceled.
        var late = evaluation(2, status: .canceled)
        late.queuedAllocations = ["g": 3]
        world.apply(.upsertEvaluations([late]))
        #expect(try counts().queued == 1)
        world.report(10, .running)
        world.report(11, .failed)
        #expect(try counts().starting == 0 && counts().running == 1 && counts().failed == 1)
        world.report(10, .complete)
        #expect(try counts().running == 0 && counts().complete == 1)
        let summary = try #require(world.tables.summary(of: JobKey(id: "j")))
        #expect(summary.groups.keys == ["g", "h"] && summary.modifyIndex == world.index)
    }

    @Test("How many wait is what was found last: not what one that is canceled for it had found")
    func canceledSummary() throws {
        var world = Scheduled()
        world.apply(register(job("j", groups: ["g"])))
        func queued() throws -> Int {
            let summary = try #require(world.tables.summary(of: JobKey(id: "j")))
            return try #require(summary.groups["g"]).queued
        }
        var blocked = evaluation(1, status: .blocked)
        blocked.queuedAllocations = ["g": 1]
        world.apply(.upsertEvaluations([blocked]))
        #expect(try queued() == 1)
        var found = evaluation(2, status: .complete)
        found.queuedAllocations = ["g": 2]
        found.failedGroups = ["g": unusualMetric]
        blocked.status = .canceled
        world.apply(.upsertEvaluations([found, blocked]))
        #expect(try queued() == 2)
        blocked = evaluation(3, status: .blocked)
        blocked.queuedAllocations = ["g": 2]
        world.apply(.upsertEvaluations([blocked]))
        // It could place all, so that the blocked one is superfluous.
        found = evaluation(4, status: .complete)
        world.apply(.upsertEvaluations([found]))
        #expect(try queued() == 0)
    }

    @Test("Dead jobs are collected, unless they have changed since")
    func collected() {
        var world = Scheduled()
        world.apply(register(job("j")))
        let key = JobKey(id: "j")
        func collect(_ index: UInt64) -> SchedulerCommand {
            .collect(Garbage(jobs: [Garbage.EndedJob(key: key, modifyIndex: index)]))
        }
        #expect(world.apply(collect(1)) == .unchanged)  // It is pending.
        world.apply(.deregisterJob(key, purges: false, submitUnixNanoseconds: 0, evaluations: []))
        #expect(world.apply(collect(1)) == .unchanged)
        #expect(world.job() != nil)
        #expect(world.apply(collect(3)) == .applied(modifyIndex: 5))
        #expect(world.job() == nil && world.tables.brokenInvariant() == nil)
    }

    @Test("Jobs of a namespace are found by the beginning of their ids")
    func prefixes() {
        var world = Scheduled()
        for id in ["a", "ab", "b"] { world.apply(register(job(id))) }
        var other = job("ab")
        other.namespace = "x"
        world.apply(register(other))
        #expect(
            world.tables.jobs(namespace: "default", idPrefix: "a").map(\.value.id) == ["a", "ab"])
        #expect(world.tables.jobs(namespace: "default").count == 3)
        #expect(world.tables.jobs(namespace: "none").isEmpty)
    }
}

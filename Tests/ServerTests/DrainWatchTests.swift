// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletServer

@Suite("When nodes that are emptied are looked at") struct DrainWatchTests {
    private static let now: Duration = .seconds(100)
    private static let drained = UniqueID(high: 1, low: 1)

    private static func instance(of job: String, on node: UInt64) -> Allocation {
        Allocation(
            id: UniqueID(high: 9, low: node), evaluationID: UniqueID(high: 2, low: 1),
            nodeID: UniqueID(high: 1, low: node), job: Shared(Job(id: job, groups: [])),
            group: "g", index: 0, resources: Shared(AllocatedResources()))
    }

    /// One that was looked at just now.
    private static func watch() -> DrainWatch {
        var node = Node(
            id: drained, secretID: UniqueID(high: 3, low: 1), name: "n",
            resources: NodeResources(cpu: 1, memoryMB: 1, diskMB: 1))
        node.drain = DrainStrategy()
        var watch = DrainWatch()
        watch.note(node)
        let isTurn = watch.takeTurn(at: now, unixNanoseconds: 0)
        #expect(isTurn)
        watch.jobs = [JobKey(id: "web")]
        return watch
    }

    @Test("Only for changes of their instances, and of the jobs that have some there")
    func what() {
        var watch = Self.watch()
        watch.note(Self.instance(of: "other", on: 2))
        #expect(watch.dueAt == nil)
        watch.note(Self.instance(of: "web", on: 2))
        #expect(watch.dueAt != nil)
        watch = Self.watch()
        watch.note(Self.instance(of: "other", on: 1))
        #expect(watch.dueAt != nil)
    }

    @Test("Not with each change, and not while something is on its way into the log")
    func when() {
        var watch = Self.watch()
        watch.note(Self.instance(of: "web", on: 2))
        let due = Self.now + DrainWatch.rest
        #expect(watch.dueAt == due)
        let turns = [
            watch.takeTurn(at: due - .milliseconds(1), unixNanoseconds: 0),
            watch.takeTurn(at: due, unixNanoseconds: 0),
        ]
        #expect(turns == [false, true] && watch.dueAt == nil)
        watch.isUnderWay = true
        watch.nextEventAt = 5
        let early = watch.takeTurn(at: due + .seconds(1), unixNanoseconds: 5)
        #expect(!early && watch.dueAt == nil && watch.nextEventAt == nil)
        watch.noteAnswer()
        let late = watch.takeTurn(at: due + .seconds(1), unixNanoseconds: 5)
        #expect(late)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

@Suite("What nodes are answered about their instances") struct NodeAnswerTests {
    private static func allocation(_ number: UInt64, of job: Shared<Job>) -> Shared<Allocation> {
        let resources = AllocatedResources(
            tasks: [AllocatedTask(name: "t", cpu: 100, memoryMB: 300)], diskMB: 300)
        return Shared(
            Allocation(
                id: UniqueID(high: 1, low: number), evaluationID: UniqueID(high: 2, low: number),
                nodeID: UniqueID(high: 3, low: number), job: job, group: "g", index: Int(number),
                resources: Shared(resources)))
    }

    private static func job(_ id: String) -> Shared<Job> {
        Shared(
            Job(
                id: id, groups: [TaskGroup(name: "g", tasks: [JobTask(name: "t", driver: "mock")])]
            ))
    }

    @Test("Written once and written anew they are the same, and each job is in them once")
    func brief() throws {
        let (one, other) = (Self.job("one"), Self.job("<other>"))
        var response = BriefAllocationsResponse(index: 7)
        for (number, job) in [(1, one), (2, other), (3, one)] as [(UInt64, Shared<Job>)] {
            let isAdded = response.add(Self.allocation(number, of: job), bytesMax: 1 << 20)
            #expect(isAdded)
        }
        let bytes = JSONWriter.encode(response)
        let tree = try JSONReader.parse(JSONWriter.encode(response, pretty: true))
        #expect(JSONWriter.encode(tree) == bytes)
        #expect(response.jobs.map(\.value.id) == ["one", "<other>"])
        #expect(response.allocations.map(\.jobPosition) == [0, 1, 0])
        #expect((0..<100).contains(bytes.count - response.sizeBytes))
        let none = JSONWriter.encode(BriefAllocationsResponse(index: 7))
        #expect(none == Array(#"{"Allocs":[],"Index":7,"Jobs":[]}"#.utf8))
    }

    @Test("What does not fit waits for the next question; one always fits")
    func full() {
        let job = Self.job("job")
        var response = BriefAllocationsResponse(index: 7)
        let first = response.add(Self.allocation(1, of: job), bytesMax: 10)
        let bytes = JSONWriter.encode(response)
        let second = response.add(
            Self.allocation(2, of: job), bytesMax: response.sizeBytes + 10)
        #expect(first && !second && JSONWriter.encode(response) == bytes)
    }
}

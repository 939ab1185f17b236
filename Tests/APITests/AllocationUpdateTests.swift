// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@Suite("What a node tells of its instances") struct AllocationUpdateTests {
    private static let id = "10000000-0000-4000-8000-000000000001"

    private func parse(_ states: String) throws -> AllocationUpdate {
        let body =
            #"{"Alloc":[{"ID":"\#(Self.id)","ClientStatus":"running","TaskStates":\#(states)}]}"#
        return try #require(try AllocationUpdate.parse(body: Array(body.utf8)).first)
    }

    @Test(
        "Of the events of a task the newest stay, as many as there is room for",
        arguments: [
            (10, 100, 10), (12, 100, 10), (10, 4000, 4), (1, 4096, 1),
        ])
    func events(count: Int, length: Int, kept: Int) throws {
        let text = String(repeating: "x", count: length)
        let events = (0..<count).map { #"{"Type":"e","Time":\#($0),"DisplayMessage":"\#(text)"}"# }
        let update = try parse(#"{"t":{"Events":[\#(events.joined(separator: ","))]}}"#)
        let times = update.taskStates?.value["t"]?.events.map(\.unixNanoseconds)
        #expect(times == (count - kept..<count).map { Int64($0) })
    }

    @Test("An event that has too many details is left out, and so is what was before it")
    func details() throws {
        let text = String(repeating: "x", count: 20_000)
        let update = try parse(
            """
            {"t":{"State":"running","Events":[{"Type":"a"},{"Type":"b","Details":{"k":"\(text)"}},
            {"Type":"c"}]}}
            """)
        let state = try #require(update.taskStates?.value["t"])
        #expect(state.state == .running && state.events.map(\.type) == ["c"])
    }

    @Test("Only tasks of the group are told of")
    func tasks() throws {
        let group = TaskGroup(
            name: "g", tasks: [JobTask(name: "a", driver: "d"), JobTask(name: "b", driver: "d")])
        let known = try parse(#"{"a":{},"b":{"State":"dead"}}"#)
        #expect(known.telling(of: group) == known)
        let other = try parse(#"{"a":{"Failed":true},"c":{},"d":{}}"#).telling(of: group)
        #expect(other.taskStates?.value.keys == ["a"])
        #expect(other.taskStates?.value["a"]?.isFailed == true && other.clientStatus == .running)
        #expect(known.telling(of: nil) == known)
    }
}

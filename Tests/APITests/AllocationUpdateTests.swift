// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

/// The same numbers every time.
private struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}

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

    /// What nodes tell, of many kinds.
    private static func updates(_ random: inout Generator) -> [AllocationUpdate] {
        (0..<Int.random(in: 0..<4, using: &random)).map { _ in
            let id = UniqueID(high: random.next(), low: random.next())
            let statuses: [Allocation.ClientStatus] = [.pending, .running, .complete, .failed]
            var update = AllocationUpdate(
                id: id, clientStatus: statuses[Int.random(in: 0..<4, using: &random)])
            if Bool.random(using: &random) { update.clientDescription = "Tasks are running" }
            if Bool.random(using: &random) { update.isHealthy = Bool.random(using: &random) }
            if update.isHealthy != nil { update.healthUnixNanoseconds = time(&random) }
            var states = SortedMap<TaskState>()
            for task in 0..<Int.random(in: 0..<3, using: &random) {
                states["task \(task)"] = state(&random)
            }
            // An absent map and an empty one are both written as null.
            if !states.isEmpty { update.taskStates = Shared(states) }
            return update
        }
    }

    private static func state(_ random: inout Generator) -> TaskState {
        var state = TaskState(
            state: TaskState.State.allCases[Int.random(in: 0..<3, using: &random)],
            isFailed: Bool.random(using: &random))
        state.restarts = Int.random(in: 0..<3, using: &random)
        if Bool.random(using: &random) { state.startedUnixNanoseconds = time(&random) }
        if Bool.random(using: &random) { state.finishedUnixNanoseconds = time(&random) }
        if Int.random(in: 0..<4, using: &random) == 0 {
            state.lastRestartUnixNanoseconds = time(&random)
        }
        for number in 0..<Int.random(in: 0..<4, using: &random) {
            var event = TaskEvent(
                type: "Started", unixNanoseconds: time(&random), displayMessage: "no. \(number)")
            event.exitCode = Int.random(in: 0..<300, using: &random) - 1
            event.failsTask = Bool.random(using: &random)
            if Bool.random(using: &random) {
                event.details = ["exit_code": "\(number)", "oom": "false"]
            }
            state.events.append(event)
        }
        return state
    }

    private static func time(_ random: inout Generator) -> Int64 {
        let time = Int64(bitPattern: random.next())
        return Bool.random(using: &random) ? time / 1_000_000_000 * 1_000_000_000 : time
    }

    @Test("What nodes write is read in one pass, as it is from a tree", arguments: 0..<20)
    func scanned(seed: UInt64) throws {
        var random = Generator(seed: seed)
        let updates = Self.updates(&random)
        let body = NodeAgentBody.updates(updates)
        #expect(AllocationUpdate.scan(body) == updates)
        #expect(try AllocationUpdate.readTree(of: body) == updates)
    }

    @Test("One pass reads what is changed as a tree does, or leaves it", arguments: 0..<10)
    func changed(seed: UInt64) throws {
        var random = Generator(seed: seed)
        let body = NodeAgentBody.updates(Self.updates(&random) + Self.updates(&random))
        let words = [
            "null", "{}", "[]", "true", "0", "-1", "1e3", "\"\"", ",", ":", "\\n", "\"id\":\"\",",
            "ü", " ", "\"lost\"", "2026-11-26T00:00:00+02:00",
        ]
        var read = 0
        for _ in 0..<200 {
            var changed = body
            let place = Int.random(in: 0..<body.count, using: &random)
            let end = min(body.count, place + Int.random(in: 0..<12, using: &random))
            switch Int.random(in: 0..<3, using: &random) {
            case 0: changed[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: changed.removeSubrange(place..<end)
            default:
                changed.replaceSubrange(
                    place..<end, with: words[Int.random(in: 0..<16, using: &random)].utf8)
            }
            guard let scanned = AllocationUpdate.scan(changed) else { continue }
            read += 1
            #expect(try AllocationUpdate.readTree(of: changed) == scanned)
        }
        #expect(read > 0)
    }
}

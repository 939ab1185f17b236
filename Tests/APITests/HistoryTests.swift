// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import Testing

private func event(_ index: UInt64, id: String = "a") -> HistoryEvent {
    var event = HistoryEvent(
        unixNanoseconds: 1_488_844_071_500_000_000, action: .promote, actor: .autopilot,
        serverID: id, serverName: "s1.global", rule: "stable", reason: "healthy for 10s",
        inputsHash: 0xABC, oldConfigurationIndex: 7, newConfigurationIndex: 9)
    event.index = index
    return event
}

private func leader(_ term: UInt64, id: String = "a", index: UInt64) -> LeadershipTerm {
    var leader = LeadershipTerm(
        term: term, leaderID: id, leaderName: "s1.global", sinceUnixNanoseconds: 0)
    leader.index = index
    return leader
}

private func history() -> History {
    var history = History()
    for (number, id) in [(2, "a"), (4, "b"), (6, "a"), (8, "b")] as [(UInt64, String)] {
        _ = history.record(leader(number, id: id, index: number - 1))
        history.record(event(number, id: id))
    }
    return history
}

@Suite("History") struct HistoryTests {
    @Test("The answer has events and leaders, its names in the order of the alphabet")
    func json() {
        var history = History()
        _ = history.record(leader(3, index: 8))
        history.record(event(10))
        let text = String(
            decoding: JSONWriter.encode(RaftHistoryResponse(history, index: 10)), as: UTF8.self)
        #expect(
            text
                == #"{"Events":[{"Action":"promote","Actor":"autopilot","ID":"a","Index":10,"#
                + #""InputsHash":"0000000000000abc","Name":"s1.global","NewConfigurationIndex":9,"#
                + #""OldConfigurationIndex":7,"Outcome":"applied","Reason":"healthy for 10s","#
                + #""Rule":"stable","Time":"2017-03-06T23:47:51.5Z"}],"Index":10,"Leaders":[{"#
                + #""ID":"a","Index":8,"Name":"s1.global","Since":"1970-01-01T00:00:00Z","Term":3}]}"#
        )
    }

    @Test("An operator is named by the accessor, and what was not looked at has no hash")
    func actors() {
        let event = HistoryEvent(
            unixNanoseconds: 0, action: .remove, actor: .operator(accessor: "x"))
        let text = String(decoding: JSONWriter.encode(event), as: UTF8.self)
        #expect(text.hasPrefix(#"{"Accessor":"x","Action":"remove","Actor":"operator","ID":"","#))
        #expect(text.contains(#""InputsHash":"""#))
    }

    @Test("Without a history both lists are empty")
    func empty() {
        let text = String(
            decoding: JSONWriter.encode(RaftHistoryResponse(History(), index: 0)), as: UTF8.self)
        #expect(text == #"{"Events":[],"Index":0,"Leaders":[]}"#)
    }

    @Test("A filter takes the newest, those behind an index, and those of a server or a kind")
    func filters() throws {
        func events(
            limit: String? = nil, after: String? = nil, id: String? = nil, action: String? = nil
        ) throws -> (events: [UInt64], leaders: [UInt64]) {
            let filter = try HistoryFilter(limit: limit, after: after, id: id, action: action)
            let answer = RaftHistoryResponse(history(), index: 8, filter: filter)
            return (answer.events.map(\.index), answer.leaders.map(\.term))
        }
        #expect(try events() == ([2, 4, 6, 8], [2, 4, 6, 8]))
        #expect(try events(limit: "2") == ([6, 8], [6, 8]))
        #expect(try events(limit: "0") == ([], []))
        #expect(try events(limit: "18446744073709551615") == ([2, 4, 6, 8], [2, 4, 6, 8]))
        #expect(try events(after: "5") == ([6, 8], [8]))
        #expect(try events(after: "8") == ([], []))
        #expect(try events(limit: "1", id: "a") == ([6], [6]))
        #expect(try events(id: "c") == ([], []))
        #expect(try events(action: "promote").events == [2, 4, 6, 8])
        #expect(try events(action: "remove").events == [])
    }

    @Test(
        "A number that is none is a 400 that names its parameter",
        arguments: ["", "-1", "+1", "1.5", "x", "18446744073709551616", " 1"])
    func badNumbers(text: String) {
        do throws(APIError) {
            _ = try HistoryFilter(limit: nil, after: text, id: nil, action: nil)
            Issue.record("taken: \(text)")
        } catch {
            #expect(error.status == 400 && error.message.contains("after"))
        }
        #expect(throws: APIError.self) {
            try HistoryFilter(limit: text, after: nil, id: nil, action: nil)
        }
    }

    @Test("Two histories are equal that keep the same, whatever they kept before")
    func equality() {
        var (long, short) = (History(), History())
        for index in 1...UInt64(2 * History.eventsMax + 3) {
            long.record(event(index))
            if index > UInt64(History.eventsMax + 3) { short.record(event(index)) }
            #expect(long.events.last?.index == index)
            #expect(long.events.count == min(Int(index), History.eventsMax))
        }
        #expect(long == short)
        #expect(long.events.map(\.index) == Array(UInt64(History.eventsMax + 4)...515))
        long.record(event(516))
        #expect(long != short)
    }

    @Test("Texts are cut to 255 bytes, and no character with them")
    func cut() {
        let long = String(repeating: "a", count: 254) + "é" + String(repeating: "b", count: 1_000)
        let event = HistoryEvent(
            unixNanoseconds: 0, action: .init(rawValue: long), actor: .operator(accessor: long),
            serverID: long, serverName: long, rule: long, reason: long, outcome: long)
        let short = String(repeating: "a", count: 254)
        #expect(
            [
                event.action.rawValue, event.serverID, event.serverName, event.rule, event.reason,
                event.outcome,
            ].allSatisfy { $0 == short })
        #expect(event.actor == .operator(accessor: short))
        let fits = String(repeating: "a", count: 253) + "é"
        #expect(HistoryEvent.Action(rawValue: fits).rawValue == fits)
        #expect(
            LeadershipTerm(term: 1, leaderID: long, leaderName: long, sinceUnixNanoseconds: 0)
                .leaderName == short)
    }

    @Test(
        "Times have as many digits behind the point as are needed",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
            (10_000_000, "1970-01-01T00:00:00.01Z"),
        ] as [(Int64, String)])
    func times(nanoseconds: Int64, text: String) {
        #expect(Timestamp.rfc3339Nano(unixNanoseconds: nanoseconds) == text)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import Testing

@testable import MartletServer

@Suite("The ring of events") struct EventRingTests {
    private func event(_ index: UInt64, _ topic: EventTopic = .autopilot) -> ClusterEvent {
        ClusterEvent(
            topic: topic, type: "T", key: "k\(index)", index: index, payload: JSONBool(true))
    }

    private func lines(_ cursor: inout EventCursor, _ ring: EventRing) -> [String] {
        var all: [String] = []
        while true {
            let bytes = cursor.take(from: ring, seeing: Set(EventTopic.allCases))
            if bytes.isEmpty { return all }
            #expect(bytes.count <= 64 << 10)
            all += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    private func cursor(_ query: String, _ ring: EventRing) throws -> EventCursor {
        EventCursor(try EventRequest(Query(query)), in: ring)
    }

    @Test("Events of one index are one line, in Nomad's form")
    func form() throws {
        var ring = EventRing(missingThrough: 0)
        ring.append(event(7))
        ring.append(event(7, .health))
        ring.append(event(8))
        var cursor = try cursor("index=7", ring)
        let event =
            #"{"Topic":"Autopilot","Type":"T","Key":"k7","Namespace":"","FilterKeys":[],"#
            + #""Index":7,"Payload":true}"#
        let other = event.replacing("Autopilot", with: "Health")
        let lines = lines(&cursor, ring)
        #expect(lines.count == 2)
        #expect(lines[0] == #"{"Index":7,"Events":[\#(event),\#(other)]}"#)
    }

    @Test("A reader that falls behind is told once, and goes on with what is there")
    func overtaken() throws {
        var ring = EventRing(missingThrough: 0)
        var reader = try cursor("", ring)
        let count = UInt64(EventRing.eventsMax)
        for index in 1...count * 2 { ring.append(event(index)) }
        let seen = lines(&reader, ring)
        #expect(seen.count == Int(count) + 1)
        #expect(seen[0].contains("EventsSkipped"))
        #expect(seen[0].hasSuffix(#""Payload":{"Through":\#(count)}}]}"#))
        #expect(seen[1].hasPrefix(#"{"Index":\#(count + 1),"#))
        #expect(lines(&reader, ring).isEmpty)
        ring.append(event(count * 2 + 1))
        #expect(lines(&reader, ring).count == 1)
    }

    @Test(
        "An index that is gone, or was never here, is told as missing; one that is here is not",
        arguments: [(5, true), (10, true), (11, false), (12, false)])
    func missing(index: UInt64, isTold: Bool) throws {
        var ring = EventRing(missingThrough: 10)
        ring.append(event(11))
        ring.append(event(12))
        var reader = try cursor("index=\(index)", ring)
        let seen = lines(&reader, ring)
        #expect(seen.first?.contains("EventsSkipped") == isTold)
        #expect(seen.filter { !$0.contains("EventsSkipped") }.count == (index == 12 ? 1 : 2))
    }

    @Test("A state that was replaced leaves a gap, wherever the ring stood")
    func replaced() throws {
        for before in [0, 1, EventRing.eventsMax - 1, EventRing.eventsMax, 5000] {
            var ring = EventRing(missingThrough: 0)
            var reader = try cursor("", ring)
            if before > 0 { for index in 1...UInt64(before) { ring.append(event(index)) } }
            _ = lines(&reader, ring)
            ring.skip(through: 9_000)
            ring.append(event(9_001))
            let seen = lines(&reader, ring)
            #expect(seen.count == 2, "after \(before)")
            #expect(seen.last?.hasPrefix(#"{"Index":9001,"#) == true)
            for index in UInt64(9_002)...20_000 { ring.append(event(index)) }
            #expect(lines(&reader, ring).count == EventRing.eventsMax + 1)
        }
    }

    @Test("Who may not see a topic is not told that something happened")
    func topics() throws {
        var ring = EventRing(missingThrough: 0)
        var reader = try cursor("", ring)
        ring.append(event(1, .aclToken))
        #expect(reader.take(from: ring, seeing: [.autopilot]).isEmpty)
        #expect(reader.take(from: ring, seeing: [.aclToken]).isEmpty)
    }

    private func change(_ index: UInt64, _ number: UInt64 = 1) -> SchedulingEvent {
        SchedulingEvent(
            type: "C", subject: .lostNode(UniqueID(high: 0, low: number)), index: index)
    }

    @Test("Changes of jobs push nothing else out, and come between the others by their index")
    func apart() throws {
        var ring = EventRing(missingThrough: 0)
        ring.append(event(1))
        for number in 1...UInt64(EventRing.changesMax) { ring.append(change(2, number)) }
        ring.append(event(3))
        var all = try cursor("index=1", ring)
        let seen = lines(&all, ring)
        #expect(seen.first?.hasPrefix("{\"Index\":1,") == true)
        #expect(seen.last?.hasPrefix("{\"Index\":3,") == true)
        #expect(seen.count == 2 + EventRing.changesMax / 16)
        #expect(seen.map { $0.ranges(of: "\"Type\":\"C\"").count }.max() == 16)
        // One more than there is room for: who asks for it misses something, and nobody else.
        ring.append(change(4))
        var late = try cursor("index=2", ring)
        #expect(lines(&late, ring).first?.contains("EventsSkipped") == true)
        var others = try cursor("index=1&topic=Autopilot", ring)
        #expect(lines(&others, ring).count == 2)
    }

    @Test("Who asks for a namespace is told of its objects, and of what is in none")
    func namespaces() throws {
        var ring = EventRing(missingThrough: 0)
        let job = SchedulingEvent(
            type: "C", subject: .lostJob(JobKey(namespace: "default", id: "web")), index: 1)
        ring.append(job)
        ring.append(change(2))
        for (query, count) in [
            ("", 2), ("&namespace=*", 2), ("&namespace=default", 2), ("&namespace=b", 1),
            ("&topic=Job:web", 1), ("&topic=Job:we", 0),
        ] {
            var reader = try cursor("index=1" + query, ring)
            #expect(lines(&reader, ring).count == count, "\(query)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

@testable import MartletCLI

@Suite("What a cluster to play with shows") struct DevScreenTests {
    private let plans: [DevServerPlan]

    init() throws {
        plans = try DevPlan.make(
            servers: 3, in: "/d", from: 4646, isFixed: false, isTaken: { _ in false })
    }

    private func facts(_ role: String, term: UInt64 = 2) -> DevPicture.Facts {
        DevPicture.Facts(role: role, term: term, lastIndex: 9, committed: 8)
    }

    private func overview(
        tolerance: Int = 1, ill: Set<Int> = [], voters: String = #""1","2","3""#
    ) throws -> Overview {
        let servers = (1...3).map { number in
            """
            {"Healthy":\(!ill.contains(number)),"ID":"\(number)","Name":"s\(number).global",\
            "Status":"\(number == 1 ? "leader" : "voter")","NodeType":"voter","LastIndex":9,\
            "SerfStatus":"alive"}
            """
        }.joined(separator: ",")
        let text = """
            {"FailureTolerance":\(tolerance),"Healthy":\(ill.isEmpty),"Leader":"1",\
            "Servers":[\(servers)],"Voters":[\(voters)]}
            """
        return try Overview(state: Answer(bytes: Array(text.utf8), failing: "reading"))
    }

    @Test("News are who leads and how safe the cluster is, once")
    func news() throws {
        var first = DevPicture()
        first.facts = [1: facts("Leader"), 2: facts("Follower"), 3: facts("Follower")]
        first.overview = try overview()
        #expect(
            first.news(since: DevPicture()) == [
                "s1 answers", "s2 answers", "s3 answers",
                "s1 leads, in term 2",
                "SAFE: All servers are healthy. 1 more of 3 voters may fail.",
            ])
        #expect(first.news(since: first) == [])
        var without = first
        without.facts[2] = nil
        #expect(without.news(since: first) == [])
        #expect(first.news(since: without) == ["s2 answers"])
        var second = first
        // One that was cut off and has not noticed leads in an older term.
        second.facts[2] = facts("Leader", term: 3)
        second.overview = try overview(tolerance: 0, ill: [1])
        #expect(
            second.news(since: first) == [
                "s2 leads, in term 3",
                "AT RISK: The cluster works. The next failure of a voter stops it.",
                "  - s1.global: alive",
            ])
        // The same in other words only, and nobody who says anything, are no news.
        let third = try overview(tolerance: 0, ill: [1])
        var same = second
        same.overview = third
        #expect(same.news(since: second) == [])
        var silent = second
        silent.overview = nil
        #expect(silent.news(since: second) == [])
        #expect(second.news(since: silent.told(after: second)) == [])
        #expect(second.news(since: silent).count == 2)
        second.facts = [1: facts("Candidate", term: 4)]
        #expect(second.news(since: first).first == "no leader")
    }

    @Test("Healthy is a cluster in which everybody is well and votes")
    func healthy() throws {
        var picture = DevPicture()
        #expect(!picture.isHealthy(servers: 3))
        picture.overview = try overview()
        picture.facts = [1: facts("Candidate", term: 4), 2: facts("Follower", term: 4)]
        #expect(!picture.isHealthy(servers: 3))
        picture.facts[1] = facts("Leader", term: 4)
        #expect(picture.isHealthy(servers: 3))
        #expect(!picture.isHealthy(servers: 5))
        picture.overview = try overview(ill: [2])
        #expect(!picture.isHealthy(servers: 3))
        picture.overview = try overview(voters: #""1","2""#)
        #expect(!picture.isHealthy(servers: 3))
    }

    @Test("A leader is asked first, and those who are cut off last")
    func order() {
        var picture = DevPicture()
        picture.facts = [1: facts("Follower"), 2: facts("Leader"), 3: facts("Follower")]
        #expect(DevWatch.order(picture, []) == [2, 1, 3])
        #expect(DevWatch.order(picture, [2]) == [1, 3, 2])
        #expect(DevWatch.order(DevPicture(), [1]) == [])
    }

    @Test("A server's own words are read from its statistics")
    func factsFromAnswer() throws {
        let text = """
            {"stats":{"raft":{"state":"Leader","term":"7","last_log_index":"40",\
            "commit_index":"x"}}}
            """
        let answer = try Answer(bytes: Array(text.utf8), failing: "reading")
        let facts = try DevPicture.Facts(answer)
        #expect(
            facts == DevPicture.Facts(role: "Leader", term: 7, lastIndex: 40, committed: 0))
        let empty = try Answer(bytes: Array("{}".utf8), failing: "reading")
        #expect(throws: CLIFailure.self) { try DevPicture.Facts(empty) }
    }

    @Test(
        "The screen has no more lines than the terminal, and its keys last",
        arguments: [10, 20, 50])
    func height(_ height: Int) throws {
        let desk = Desk()
        let screen = DevScreen(plans: plans, style: .none, environment: desk.environment)
        var core = DevCore(servers: 3)
        _ = core.step(.began)
        _ = core.step(.wished(.deed(.cut, server: 3)))
        var picture = DevPicture()
        picture.overview = try overview()
        let lines = screen.lines(
            core, picture, .news((1...100).map { "news \($0)" }), question: nil, height: height)
        #expect(lines.count <= height)
        #expect(lines.last == DevScreen.keys)
        #expect(lines.contains { $0.hasPrefix("SAFE  ") })
        #expect(lines.contains { $0.hasPrefix("Name ") } == (height == 50))
        #expect(lines.contains("news 100") == (height > 10))
        #expect(lines.first?.hasPrefix("NOMAD_ADDR=http://127.0.0.1:4646 ") == true)
        if height == 50 {
            #expect(lines.contains { $0.hasPrefix("s3 ") && $0.contains("cut off") })
        }
    }

    @Test("A frame lies over the one before")
    func frame() {
        #expect(DevScreen.frame(["a", "b"], isFirst: true).hasPrefix("\u{1b}[2J"))
        let next = DevScreen.frame(["a", "b"], isFirst: false)
        #expect(next.contains("a\u{1b}[K\nb\u{1b}[K\u{1b}[J"))
        #expect(!next.hasPrefix("\u{1b}[2J"))
    }

    @Test(
        "Lines say when",
        arguments: [
            (Duration.zero, "   0.00 s  x"), (.milliseconds(1_239), "   1.23 s  x"),
            (.seconds(61), "  61.00 s  x"), (.seconds(1_234_567), "1234567.00 s  x"),
        ] as [(Duration, String)])
    func stamps(_ elapsed: Duration, _ text: String) {
        #expect(DevScreen.stamped("x", after: elapsed) == text)
    }
}

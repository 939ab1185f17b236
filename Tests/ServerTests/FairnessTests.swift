// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletHarness
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

private let configurationPath = "/v1/operator/autopilot/configuration"
private let get = "GET \(configurationPath)?stale HTTP/1.1\r\nHost: a\r\n\r\n"

extension HTTPStage {
    fileprivate func counters() throws -> Counters {
        var counters = Counters()
        try enter { counters = $0.counters }
        return counters
    }
}

private func limited(
    seed: UInt64, _ change: (inout HTTPServiceLimits) -> Void
) throws -> HTTPStage {
    try HTTPStage(seed: seed) { change(&$0.httpLimits) }
}

@Suite("Clients share a server") struct FairnessTests {
    @Test("One that sends many requests ahead gets all its answers, a share in each turn")
    func pipelining() throws {
        let stage = try HTTPStage(seed: 51)
        let talk = stage.open(String(repeating: get, count: 1000))
        stage.cluster.world.run(for: .seconds(1))
        #expect(talk.statuses == Array(repeating: "200", count: 1000))
        // A share that ends where the bytes that came do is followed by no rest.
        let deferred = try stage.counters().requestsDeferred
        #expect(deferred + 1 >= UInt64(1000 / TurnBudget.perConnectionMax))
    }

    @Test("Between one client's many requests, what else happens has its turn")
    func between() throws {
        let stage = try HTTPStage(seed: 52)
        let seen = Seen()
        try stage.enter { server in
            server.front?.admit = { head, caller, decided in
                seen.begun += 1
                if seen.begun == 1 { seen.comeAgain(on: server.loop) }
                server.admit(head, from: caller, decided: decided)
            }
        }
        let talk = stage.open(String(repeating: get, count: 1000))
        #expect(talk.statuses.count == 1000)
        #expect(seen.begun == 1000)
        #expect(seen.begunBefore == TurnBudget.perConnectionMax)
    }

    private final class Seen {
        var begun = 0
        /// When something else came, after the first.
        var begunBefore = 0
        private var timer: (any LoopTimer)?

        /// As a socket that speaks at the same moment.
        func comeAgain(on loop: any Loop) {
            timer = loop.makeTimer { [unowned self] in begunBefore = begun }
            timer?.arm(at: .zero)
        }
    }

    @Test("Who does not fetch its answers gets no more of them, and is let go after a while")
    func fetching() throws {
        let stage = try limited(seed: 53) { $0.queuedBytesMax = 20_000 }
        let answered = stage.client.deaf(String(repeating: get, count: 1500), to: stage.node)
        stage.cluster.world.run(for: .seconds(2))
        let before = try stage.counters().requests
        #expect(before < 1500)
        try stage.enter { #expect($0.front?.connectionCount == 1) }
        stage.cluster.world.run(for: .seconds(62))
        #expect(try stage.counters().requests == before)
        try stage.enter { #expect($0.front?.connectionCount == 0) }
        _ = answered
    }

    @Test("A client has so many connections, and the one beyond is told")
    func connections() throws {
        let stage = try limited(seed: 54) { $0.connectionsPerClientMax = 3 }
        for _ in 1...3 { #expect(stage.open(get).statuses == ["200"]) }
        let fourth = stage.open(get)
        #expect(fourth.statuses == ["429"])
        #expect(fourth.text.contains("Retry-After: 1"))
        #expect(try stage.counters().connectionsRefused == 1)
        let other = RawPeer(stage.cluster)
        #expect(
            other.say(Array(get.utf8), to: stage.node, port: 4646, for: .milliseconds(50))
                .statuses == ["200"])
    }

    @Test("Many that are too many are reset, and cost no more than those that are told")
    func turnedAway() throws {
        let stage = try limited(seed: 55) {
            $0.connectionsPerClientMax = 1
            $0.turnedAwayMax = 0
        }
        #expect(stage.open(get).statuses == ["200"])
        let second = stage.open(get)
        #expect(second.statuses == [])
        #expect(second.hasEnded)
    }

    @Test("Requests in progress are bounded for a client, and for all", arguments: [true, false])
    func inProgress(isPerClient: Bool) throws {
        let stage = try limited(seed: 56) {
            if isPerClient { $0.requestsPerClientMax = 1 } else { $0.requestsMax = 1 }
        }
        let join = "PUT /v1/agent/join?address=10.9.9.9:4648 HTTP/1.1\r\nHost: a\r\n\r\n"
        let waiting = stage.open(join)
        #expect(waiting.statuses == [], "nobody answers there")
        let talk = stage.open(get)
        #expect(talk.statuses == ["429"])
        #expect(talk.text.contains("Retry-After: 1"))
        let other = RawPeer(stage.cluster)
        let others = other.say(
            Array(get.utf8), to: stage.node, port: 4646, for: .milliseconds(50))
        #expect(others.statuses == [isPerClient ? "200" : "429"])
        stage.cluster.world.run(for: .seconds(10))
        stage.say(get, on: talk)
        #expect(talk.statuses == ["429", "200"])
    }

    @Test("What begins and does not end is let go: a header, a body, a connection without either")
    func slow() throws {
        let head = "PUT \(configurationPath) HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
        for (text, seconds, status) in [
            ("", 31, [String]()), ("GET / HT", 11, ["408"]), (head, 11, ["408"]),
            (head + String(repeating: " ", count: 1000), 11, ["408"]), (get, 301, ["200"]),
        ] {
            let stage = try HTTPStage(seed: 57)
            let talk = stage.open(text)
            stage.cluster.world.run(for: .seconds(seconds - 2))
            #expect(!talk.hasEnded, "\(text.prefix(10)) before its time")
            stage.cluster.world.run(for: .seconds(3))
            #expect(talk.hasEnded, "\(text.prefix(10))")
            #expect(talk.statuses == status)
        }
    }

    @Test("A body that comes steadily has its time, and no more")
    func steady() throws {
        let stage = try HTTPStage(seed: 58)
        let talk = stage.open(
            "PUT \(configurationPath) HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n")
        for _ in 1...28 {
            stage.say(String(repeating: " ", count: 200), on: talk)
            stage.cluster.world.run(for: .milliseconds(950))
        }
        #expect(!talk.hasEnded)
        stage.cluster.world.run(for: .seconds(4))
        #expect(talk.statuses == ["408"])
    }

    @Test("Bodies that come slowly share a bound, and give back what they held")
    func bodies() throws {
        let stage = try limited(seed: 59) { $0.bodyBytesMax = 100_000 }
        let head = "PUT \(configurationPath) HTTP/1.1\r\nHost: a\r\nContent-Length: 60001\r\n\r\n"
        let body = String(repeating: " ", count: 60_000)
        let first = stage.open(head + body)
        let second = stage.open(head + body)
        #expect(first.statuses == [])
        #expect(second.statuses == ["503"])
        #expect(try stage.counters().bodiesRefused == 1)
        stage.say("x", on: first)
        #expect(first.statuses == ["400"])
        let third = stage.open(head + body + "x")
        #expect(third.statuses == ["400"], "there is room again")
    }

    @Test("When nearly all connections are taken, idle ones make room sooner")
    func crowded() throws {
        let stage = try limited(seed: 60) { $0.connectionsMax = 4 }
        let talks = (1...4).map { _ in stage.open(get) }
        stage.cluster.world.run(for: .seconds(32))
        #expect(talks.filter(\.hasEnded).count == 4)
    }

    @Test(
        "Of the descriptors a process may have, clients get what a reserve for peers leaves",
        arguments: [(1024, 512), (4096, 3072), (1_048_576, 20_000), (1, 1)])
    func descriptors(limit: Int, connections: Int) {
        var options = ServerOptions(
            name: "a", httpAddress: .ipv4(0, port: 0), peerAddress: .ipv4(0, port: 0),
            gossipAddress: .ipv4(0, port: 0))
        options.setDescriptorLimit(limit)
        #expect(options.httpLimits.connectionsMax == connections)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletHarness
import MartletSimulation
import Testing

@testable import MartletServer

private let configurationPath = "/v1/operator/autopilot/configuration"

@Suite("Requests are decided on before their bodies are read") struct HTTPConnectionTests {
    private static let get = "GET \(configurationPath)?stale HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test("Who waits to be told to continue is told so after the request was let in")
    func continues() throws {
        let stage = try HTTPStage(seed: 11)
        let talk = stage.open(
            "PUT \(configurationPath) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(talk.statuses == ["100"])
        stage.say("{}", on: talk)
        stage.cluster.world.run(for: .milliseconds(50))
        #expect(talk.statuses == ["100", "200"])
    }

    @Test(
        "Who is refused is not told to continue, and the connection ends: the body may come or not",
        arguments: [
            ("/v1/none", "2", "404"), ("/v1/agent/members", "2", "405"),
            ("\(configurationPath)?stale=x", "2", "400"),
            ("\(configurationPath)?region=eu", "2", "500"),
            (configurationPath, "1048577", "413"),
        ])
    func refusedBeforeContinue(path: String, length: String, status: String) throws {
        let stage = try HTTPStage(seed: 12)
        let talk = stage.open(
            "PUT \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(talk.statuses == [status])
        #expect(talk.text.contains("Connection: close"))
        stage.cluster.world.run(for: .seconds(2))
        #expect(talk.hasEnded)
    }

    @Test("A refused request's short body is thrown away, and the connection lives on")
    func shortBody() throws {
        let stage = try HTTPStage(seed: 13)
        let talk = stage.open("PUT /v1/none HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n")
        #expect(talk.statuses == ["404"], "before any of its body came")
        #expect(!talk.text.contains("Connection: close"))
        stage.say(String(repeating: "x", count: 65536) + Self.get, on: talk)
        #expect(talk.statuses == ["404", "200"])
        #expect(!talk.hasEnded)
    }

    @Test("A refused request with a long body is answered, and the connection ends")
    func longBody() throws {
        let stage = try HTTPStage(seed: 14)
        let talk = stage.open("PUT /v1/none HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n")
        #expect(talk.statuses == ["404"])
        #expect(talk.text.contains("Connection: close"))
        stage.cluster.world.run(for: .seconds(2))
        #expect(talk.hasEnded)
    }

    @Test("A refused chunked body is thrown away up to a bound, and ends the connection beyond it")
    func chunkedBody() throws {
        let stage = try HTTPStage(seed: 15)
        let head = "PUT /v1/none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let short = stage.open(head)
        stage.say("3\r\nabc\r\n0\r\n\r\n" + Self.get, on: short)
        #expect(short.statuses == ["404", "200"])
        let long = stage.open(head + "10000\r\n" + String(repeating: "x", count: 65536) + "\r\n")
        #expect(!long.hasEnded)
        stage.say("1\r\ny\r\n0\r\n\r\n" + Self.get, on: long)
        stage.cluster.world.run(for: .seconds(2))
        #expect(long.statuses == ["404"])
        #expect(long.hasEnded)
    }

    @Test("A body has the bound of its endpoint, chunked too")
    func bodyBound() throws {
        let stage = try HTTPStage(seed: 16)
        for (path, count, status) in [
            (configurationPath, 1 << 20, "400"), (configurationPath, 1 << 20 + 1, "413"),
            ("/v1/operator/snapshot", 1 << 20 + 1, "500"),
            ("/v1/operator/snapshot", 7 << 20 + 1, "500"),
        ] {
            let talk = stage.open(
                "PUT \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "\(String(count, radix: 16))\r\n" + String(repeating: "x", count: count)
                    + "\r\n0\r\n\r\n")
            stage.cluster.world.run(for: .seconds(2))
            #expect(talk.statuses == [status], "\(path) with \(count) bytes")
        }
    }

    @Test("What comes while a request is decided on waits, and the order is kept")
    func decidedLater() throws {
        let stage = try HTTPStage(seed: 17)
        var pending: [() -> Void] = []
        try stage.enter { server in
            server.front?.admit = { head, caller, decided in
                pending.append { server.admit(head, from: caller, decided: decided) }
            }
        }
        let talk = stage.open(
            "PUT \(configurationPath) HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
                + "GET /v1/none HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get)
        for expected in [["200"], ["200", "404"], ["200", "404", "200"]] {
            try #require(pending.count == 1)
            #expect(talk.statuses == Array(expected.dropLast()))
            let decide = pending.removeLast()
            try stage.enter { _ in decide() }
            stage.cluster.world.run(for: .milliseconds(50))
            #expect(talk.statuses == expected)
        }
    }

    @Test("A decision that comes after the client has gone, or too late, changes nothing")
    func decidedTooLate() throws {
        let stage = try HTTPStage(seed: 18)
        var pending: [() -> Void] = []
        try stage.enter { server in
            server.front?.admit = { head, caller, decided in
                pending.append { server.admit(head, from: caller, decided: decided) }
            }
        }
        stage.client.say(Array(Self.get.utf8), to: stage.node, port: 4646)
        let patient = stage.open(Self.get)
        stage.cluster.world.run(for: .seconds(62))
        #expect(patient.statuses == ["503"])
        #expect(pending.count == 2)
        try stage.enter { _ in for decide in pending { decide() } }
        stage.cluster.world.run(for: .seconds(1))
        #expect(patient.statuses == ["503"])
        try stage.enter { #expect($0.front?.connectionCount == 0) }
        try stage.enter { #expect($0.front?.requestsInProgress == 0) }
    }
}

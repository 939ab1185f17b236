// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletHarness
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

/// Gives what a test puts into it.
final class Tap: ByteSource {
    private var taken: ((SourcePiece) -> Void)?
    private var waiting: [SourcePiece] = []
    /// Given again and again once nothing else is there.
    var refill: SourcePiece?
    private(set) var asked = 0
    private(set) var isCancelled = false

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        asked += 1
        if !waiting.isEmpty { return taken(waiting.removeFirst()) }
        if let refill { return taken(refill) }
        self.taken = taken
    }

    func cancel() {
        isCancelled = true
        taken = nil
    }

    func give(_ piece: SourcePiece) {
        guard let taken else { return waiting.append(piece) }
        self.taken = nil
        taken(piece)
    }

    func give(_ text: String) { give(.bytes(Array(text.utf8))) }
}

private let get = "GET /v1/regions HTTP/1.1\r\nHost: a\r\n\r\n"

/// A server whose answers come from taps, one each.
private struct Stage {
    let http: HTTPStage
    let taps = Taps()

    final class Taps {
        var all: [Tap] = []
        var refill: SourcePiece?
    }

    init(
        seed: UInt64, length: Int? = nil, isLive: Bool = false,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) throws {
        http = try HTTPStage(seed: seed, configure: configure)
        let taps = taps
        try http.enter { server in
            server.front?.serve = { _, _, respond in
                let tap = Tap()
                tap.refill = taps.refill
                taps.all.append(tap)
                respond(
                    .stream(
                        StreamedBody(source: tap, length: length, isLive: isLive), as: .text))
            }
        }
    }

    func give(_ piece: SourcePiece, to number: Int = 0) throws {
        let tap = taps.all[number]
        try http.enter { _ in tap.give(piece) }
        http.cluster.world.run(for: .milliseconds(50))
    }

    func give(_ text: String, to number: Int = 0) throws {
        try give(.bytes(Array(text.utf8)), to: number)
    }

    func streams() throws -> Int {
        var count = -1
        try http.enter { count = $0.front?.streamsInProgress ?? -1 }
        return count
    }
}

@Suite("Answers in pieces") struct StreamedAnswerTests {
    @Test("Pieces leave as they are made, and the next request follows the last of them")
    func chunks() throws {
        let stage = try Stage(seed: 41)
        let talk = stage.http.open(get + get)
        #expect(talk.text.hasSuffix("Transfer-Encoding: chunked\r\n\r\n"))
        try stage.give("hello")
        #expect(talk.text.hasSuffix("\r\n\r\n5\r\nhello\r\n"))
        #expect(talk.statuses == ["200"])
        #expect(try stage.streams() == 1)
        try stage.give(.end)
        #expect(talk.text.contains("5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200"))
        #expect(talk.statuses == ["200", "200"])
        #expect(try stage.streams() == 1)
    }

    @Test("Nothing is too slow for a stream: a source may be silent for hours")
    func silence() throws {
        let stage = try Stage(seed: 42, isLive: true)
        let talk = stage.http.open(get)
        stage.http.cluster.world.run(for: .seconds(4_000))
        try stage.give("hello")
        #expect(talk.text.hasSuffix("5\r\nhello\r\n"))
    }

    /// What follows is not read, and whoever is not read cannot be seen to leave: such streams were
    /// held until something was written to them.
    @Test("Nothing follows a request whose answer has no end")
    func crowded() throws {
        let stage = try Stage(seed: 53, isLive: true)
        let talk = stage.http.open(get)
        #expect(try stage.streams() == 1)
        stage.http.say(get, on: talk)
        #expect(try stage.streams() == 0)
        #expect(stage.taps.all[0].isCancelled)
        #expect(talk.hasEnded)
        let other = stage.http.open(get + get)
        #expect(other.statuses == ["400", "200"])
        #expect(stage.taps.all[1].isCancelled)
        #expect(try stage.streams() == 1)
        stage.http.client.end(other)
        stage.http.cluster.world.run(for: .milliseconds(50))
        #expect(try stage.streams() == 0)
    }

    @Test("To HTTP/1.0 a stream ends with its connection")
    func version1_0() throws {
        let stage = try Stage(seed: 43)
        let talk = stage.http.open("GET /v1/regions HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        try stage.give("hello")
        try stage.give(.end)
        stage.http.cluster.world.run(for: .seconds(1))
        #expect(talk.text.hasSuffix("Connection: close\r\n\r\nhello"))
        #expect(talk.hasEnded)
    }

    @Test("HEAD is told the head alone, and its source is released")
    func isHead() throws {
        let stage = try Stage(seed: 44)
        let talk = stage.http.open("HEAD /v1/regions HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(talk.text.hasSuffix("Transfer-Encoding: chunked\r\n\r\n"))
        #expect(stage.taps.all[0].isCancelled)
        #expect(stage.taps.all[0].asked == 0)
        #expect(try stage.streams() == 0)
    }

    @Test("A source that fails, or is not as long as it said, breaks the connection off")
    func broken() throws {
        for piece in [SourcePiece.failed("disk"), .end, .bytes([1, 2, 3, 4])] {
            let stage = try Stage(seed: 45, length: 3)
            let talk = stage.http.open(get)
            try stage.give(piece)
            stage.http.cluster.world.run(for: .seconds(1))
            #expect(talk.text.hasSuffix("Content-Length: 3\r\n\r\n"))
            #expect(talk.isClosed)
            try stage.http.enter { #expect($0.counters.streamsBroken == 1) }
            #expect(try stage.streams() == 0)
        }
    }

    @Test("A client that leaves is the source's end at once")
    func gone() throws {
        let stage = try Stage(seed: 46, isLive: true)
        let talk = stage.http.open(get)
        try stage.give("hello")
        stage.http.client.end(talk)
        stage.http.cluster.world.run(for: .milliseconds(50))
        #expect(stage.taps.all[0].isCancelled)
        #expect(try stage.streams() == 0)
        try stage.http.enter { #expect($0.front?.connectionCount == 0) }
    }

    @Test("A client that reads nothing stops its source, and is ended after a time")
    func stuck() throws {
        let stage = try Stage(seed: 47)
        stage.taps.refill = .bytes([UInt8](repeating: 7, count: 64 << 10))
        let deaf = stage.http.client.deaf(get, to: stage.http.node)
        stage.http.cluster.world.run(for: .seconds(5))
        let tap = stage.taps.all[0]
        let asked = tap.asked
        // What the connection may hold, and what the simulated kernels do.
        #expect((1...200).contains(asked))
        stage.http.cluster.world.run(for: .seconds(50))
        #expect(tap.asked == asked)
        #expect(!tap.isCancelled)
        stage.http.cluster.world.run(for: .seconds(10))
        #expect(tap.isCancelled)
        try stage.http.enter { #expect($0.counters.streamsStuck == 1) }
        withExtendedLifetime(deaf) {}
    }

    @Test("A client that reads gets all, however much more than is ever held")
    func long() throws {
        let stage = try Stage(seed: 48, length: 8 << 20)
        let talk = stage.http.open(get)
        for _ in 0..<128 { try stage.give(.bytes([UInt8](repeating: 7, count: 64 << 10))) }
        try stage.give(.end)
        stage.http.cluster.world.run(for: .seconds(5))
        #expect(talk.answer.count(where: { $0 == 7 }) == 8 << 20)
    }

    @Test("So many streams are open at once, and so many of one address")
    func bounds() throws {
        let stage = try Stage(seed: 49) {
            $0.httpLimits.streamsMax = 3
            $0.httpLimits.streamsPerClientMax = 2
        }
        let talks = (0..<3).map { _ in stage.http.open(get) }
        #expect(talks.map(\.statuses) == [["200"], ["200"], ["429"]])
        #expect(talks[2].text.contains("Retry-After: 1\r\n"))
        #expect(stage.taps.all[2].isCancelled)
        let other = RawPeer(stage.http.cluster, named: "other")
        let more = (0..<2).map { _ in
            other.say(
                Array(get.utf8), to: stage.http.node, port: 4646, for: .milliseconds(50),
                keepsOpen: true)
        }
        #expect(more.map(\.statuses) == [["200"], ["503"]])
        try stage.http.enter { #expect($0.counters.streamsRefused == 2) }
        try stage.give(.end, to: 0)
        #expect(stage.http.open(get).statuses == ["200"])
    }
}

@Suite("Request bodies in pieces") struct TakenBodyTests {
    private static let put = "PUT /v1/operator/snapshot HTTP/1.1\r\nHost: a\r\n"

    /// Takes bodies when a test says so.
    private final class Taker {
        var source: (any ByteSource)?
        var respond: ((APIResponse) -> Void)?
        private(set) var seen: [String] = []

        func take() {
            source?.next { [self] piece in
                switch piece {
                case .bytes(let bytes): seen.append(String(decoding: bytes, as: UTF8.self))
                case .end: seen.append("END")
                case .failed(let reason): seen.append("FAILED \(reason)")
                }
            }
        }
    }

    private struct Stage {
        let http: HTTPStage
        let taker = Taker()

        init(seed: UInt64) throws {
            http = try HTTPStage(seed: seed)
            let taker = taker
            try http.enter { server in
                server.front?.serve = { call, _, respond in
                    taker.source = call.request.stream?.source
                    taker.respond = respond
                }
            }
        }

        func take() throws {
            let taker = taker
            try http.enter { _ in taker.take() }
            http.cluster.world.run(for: .milliseconds(50))
        }

        func respond(_ response: @escaping @autoclosure () -> APIResponse) throws {
            let taker = taker
            try http.enter { _ in taker.respond?(response()) }
            http.cluster.world.run(for: .milliseconds(50))
        }
    }

    @Test("A client is told to send when its body is asked for, and not before")
    func continues() throws {
        let stage = try Stage(seed: 51)
        let talk = stage.http.open(Self.put + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        #expect(talk.text.isEmpty)
        try stage.take()
        #expect(talk.text == "HTTP/1.1 100 Continue\r\n\r\n")
        stage.http.say("hello", on: talk)
        #expect(stage.taker.seen.count == 1)
        stage.http.say("world" + get, on: talk)
        #expect(stage.taker.seen.count == 1)
        for _ in 0..<10 where stage.taker.seen.last != "END" { try stage.take() }
        #expect(stage.taker.seen.joined() == "helloworldEND")
        try stage.respond(.empty)
        #expect(talk.statuses == ["100", "200"])
    }

    @Test("An answer before the body is asked for leaves a waiting client unbothered")
    func refusedEarly() throws {
        let stage = try Stage(seed: 52)
        let talk = stage.http.open(Self.put + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n")
        try stage.respond(.text(503, "no"))
        stage.http.cluster.world.run(for: .seconds(1))
        #expect(talk.statuses == ["503"])
        #expect(talk.hasEnded)
    }

    @Test("An answer in the middle of a short body throws the rest away")
    func refusedLate() throws {
        let stage = try Stage(seed: 53)
        let talk = stage.http.open(Self.put + "Content-Length: 10\r\n\r\nhello")
        try stage.take()
        try stage.respond(.text(400, "no"))
        #expect(talk.statuses == ["400"])
        stage.http.say("world" + get, on: talk)
        #expect(talk.statuses == ["400"])
        try stage.respond(.empty)
        #expect(talk.statuses == ["400", "200"])
        try stage.take()
        #expect(stage.taker.seen.last == "hello")
    }

    @Test("What nobody asks for stays with the client, and a body has the bound of its endpoint")
    func pressure() throws {
        let stage = try Stage(seed: 54)
        let talk = stage.http.open(
            Self.put + "Content-Length: \(7 << 20)\r\n\r\n"
                + String(repeating: "x", count: 7 << 20))
        stage.http.cluster.world.run(for: .seconds(3))
        #expect(stage.taker.seen.isEmpty)
        for _ in 0..<20_000 where stage.taker.seen.last != "END" { try stage.take() }
        #expect(stage.taker.seen.dropLast().reduce(0) { $0 + $1.utf8.count } == 7 << 20)
        try stage.respond(.empty)
        #expect(talk.statuses == ["200"])
        let long = stage.http.open(Self.put + "Content-Length: \(4 << 30 + 1)\r\n\r\n")
        #expect(long.statuses == ["413"])
    }

    @Test("A client that leaves, or breaks a rule, fails the body at once")
    func gone() throws {
        for rest in [nil, "zzz\r\n"] {
            let stage = try Stage(seed: 55)
            let talk = stage.http.open(Self.put + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            try stage.take()
            try stage.take()
            if let rest { stage.http.say(rest, on: talk) } else { stage.http.client.end(talk) }
            stage.http.cluster.world.run(for: .milliseconds(50))
            #expect(stage.taker.seen == ["x", "FAILED the client is gone"])
            try stage.respond(.empty)
            #expect(talk.statuses == (rest == nil ? [] : ["400"]))
            try stage.http.enter {
                #expect($0.front?.streamsInProgress == 0)
                #expect($0.front?.requestsInProgress == 0)
            }
        }
    }

    @Test("A client that keeps its server waiting is ended, and no other")
    func late() throws {
        let stage = try Stage(seed: 56)
        let talk = stage.http.open(Self.put + "Content-Length: 10\r\n\r\nhello")
        stage.http.cluster.world.run(for: .seconds(500))
        #expect(talk.statuses.isEmpty)
        try stage.take()
        try stage.take()
        stage.http.cluster.world.run(for: .seconds(70))
        #expect(talk.statuses == ["408"])
        #expect(stage.taker.seen == ["hello", "FAILED the client is gone"])
    }

    /// Work that hung kept its client waiting for good.
    @Test("A body that nobody wants for too long is given up")
    func unwanted() throws {
        let stage = try Stage(seed: 57)
        let talk = stage.http.open(Self.put + "Content-Length: 10\r\n\r\nhello")
        stage.http.cluster.world.run(for: .seconds(610))
        #expect(talk.statuses == ["500"])
        try stage.take()
        #expect(stage.taker.seen == ["FAILED the client is gone"])
    }
}

// SPDX-License-Identifier: Apache-2.0

import MartletClient
import MartletTransport
import Testing

/// A client, its world, and what came of its requests, in order.
private final class World {
    typealias Outcome = Result<ClientResponse, ClientError>

    let loop = FakeLoop()
    let streams: FakeStreams
    let address = SocketAddress.ipv4(0x0A00_0001, port: 4646)
    var client: APIClient?
    private(set) var outcomes: [(name: String, outcome: Outcome)] = []
    /// Called with each outcome, for what a test does within a completion.
    var completed: (String) -> Void = { _ in }

    init(token: String? = nil, responseBytesMax: Int = 1 << 20) {
        streams = FakeStreams(loop)
        client = APIClient(
            loop: loop, streams: streams, address: address, token: token,
            responseBytesMax: responseBytesMax)
    }

    func send(
        _ method: ClientMethod, _ target: String, body: String? = nil,
        timeout: Duration = .seconds(10)
    ) {
        client?.send(method, target, body: body.map { Array($0.utf8) }, timeout: timeout) {
            outcome in
            self.outcomes.append((target, outcome))
            self.completed(target)
        }
    }

    /// `target status body` or `target error`, `?` behind it if the request may have been sent.
    var log: [String] {
        outcomes.map { name, outcome in
            switch outcome {
            case .success(let response):
                "\(name) \(response.status) \(String(decoding: response.body, as: UTF8.self))"
            case .failure(let error):
                "\(name) \(error.code)" + (error.mayHaveBeenSent ? "?" : "")
            }
        }
    }

    /// Serves each request with its own target.
    func echo() {
        streams.serve = { stream, request in
            let target = String(request.split(separator: " ")[1])
            stream.deliver(answer(target))
        }
    }
}

private func answer(_ body: String, _ lines: String = "") -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(lines)\r\n\(body)"
}

@Suite("API client") struct APIClientTests {
    @Test("A request is written with host, token and length; its answer is given whole")
    func request() throws {
        let world = World(token: "s3cret")
        world.streams.serve = { stream, _ in
            stream.deliver("HTTP/1.1 404 Not Found\r\nX-Nomad-Index: 7\r\nContent-Le")
            stream.deliver("ngth: 2\r\n\r\nn")
            stream.deliver("o")
        }

        world.send(.put, "/v1/a?b=c", body: "{}")
        world.loop.runTurns()

        #expect(
            world.streams.opened[0].requests == [
                "PUT /v1/a?b=c HTTP/1.1\r\nHost: 10.0.0.1:4646\r\nUser-Agent: martlet\r\n"
                    + "X-Nomad-Token: s3cret\r\nContent-Length: 2\r\n\r\n{}"
            ])
        #expect(world.log == ["/v1/a?b=c 404 no"])
        let response = try world.outcomesFirst().get()
        #expect(response.header("x-nomad-index") == "7")
        #expect(response.headers.map(\.name) == ["X-Nomad-Index", "Content-Length"])
    }

    @Test("Without a token none is sent", arguments: [nil, ""] as [String?])
    func noToken(token: String?) {
        let world = World(token: token)
        world.send(.get, "/")
        world.loop.runTurns()
        #expect(
            world.streams.opened[0].requests
                == ["GET / HTTP/1.1\r\nHost: 10.0.0.1:4646\r\nUser-Agent: martlet\r\n\r\n"])
    }

    @Test("Requests share one connection, one at a time, in order")
    func queue() {
        let world = World()
        world.echo()
        for number in 1...5 { world.send(.get, "/\(number)") }
        world.loop.runTurns()
        world.send(.post, "/6")
        world.loop.runTurns()

        #expect(world.log == (1...6).map { "/\($0) 200 /\($0)" })
        #expect(world.streams.attempts.count == 1)
        #expect(world.streams.opened[0].requests.count == 6)
        #expect(world.streams.opened[0].end == .open)
    }

    @Test("Nothing more is written before the answer has come")
    func oneAtATime() {
        let world = World()
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.streams.opened[0].requests.count == 1)

        world.streams.opened[0].deliver(answer("a"))
        world.loop.runTurns()

        #expect(world.log == ["/1 200 a"])
        #expect(world.streams.opened[0].requests.count == 2)
    }

    @Test("A completion may send, and is never called from within send")
    func sendingInCompletion() {
        let world = World()
        world.echo()
        world.completed = { name in if name == "/1" { world.send(.get, "/3") } }
        world.send(.get, "/1")
        world.send(.get, "/2")
        #expect(world.log.isEmpty)

        world.loop.runTurns()

        #expect(world.log == ["/1 200 /1", "/2 200 /2", "/3 200 /3"])
    }

    @Test("An answer to HEAD has no body, and the connection goes on")
    func head() {
        let world = World()
        world.streams.serve = { stream, request in
            stream.deliver(
                request.hasPrefix("HEAD")
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" : answer("a"))
        }
        world.send(.head, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 ", "/2 200 a"])
        #expect(world.streams.attempts.count == 1)
    }

    @Test("A server that closes after its answer gets a new connection")
    func connectionClose() {
        let world = World()
        world.streams.serve = { stream, _ in stream.deliver(answer("a", "Connection: close\r\n")) }
        world.send(.get, "/1")
        world.send(.put, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 a", "/2 200 a"])
        #expect(world.streams.opened.map(\.end) == [.closed, .closed])
    }

    @Test("A body may last until the end of the connection")
    func bodyUntilEnd() {
        let world = World()
        world.streams.serve = { stream, _ in
            stream.deliver("HTTP/1.0 200 OK\r\n\r\nabc")
            stream.deliverEnd()
        }
        world.send(.put, "/1")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 abc"])
        #expect(world.streams.opened[0].end == .closed)
    }

    @Test("A connection that ends while idle is replaced when it is needed")
    func idleEnd() {
        let world = World()
        world.echo()
        world.send(.get, "/1")
        world.loop.runTurns()
        world.streams.opened[0].deliverEnd()
        world.loop.runTurns()
        #expect(world.streams.opened[0].end == .closed)
        #expect(world.streams.attempts.count == 1)

        world.send(.put, "/2")
        world.loop.runTurns()

        #expect(world.log == ["/1 200 /1", "/2 200 /2"])
        #expect(world.streams.attempts.count == 2)
    }
}

@Suite("API client: failures") struct APIClientFailureTests {
    @Test("A refused connection fails the request, each with its own attempt")
    func refused() {
        let world = World()
        world.echo()
        world.streams.answers = [.fail(.refused), .fail(.unreachable)]
        for number in 1...3 { world.send(.get, "/\(number)") }
        world.loop.runTurns()
        #expect(world.log == ["/1 cannot connect", "/2 cannot connect", "/3 200 /3"])
        #expect(world.streams.attempts.count == 3)
    }

    @Test("Time runs while connecting; who has more of it gets another attempt")
    func connectTimeout() {
        let world = World()
        world.echo()
        world.streams.answers = [.silence]
        world.send(.put, "/1", timeout: .seconds(1))
        world.send(.put, "/2", timeout: .seconds(3))

        world.loop.run(until: .seconds(2))

        #expect(world.streams.attempts.map(\.timeout) == [.seconds(1), .seconds(2)])
        #expect(world.log == ["/1 timed out", "/2 200 /2"])
    }

    @Test("A request that waits too long was not sent; the one before it goes on")
    func queueTimeout() {
        let world = World()
        world.send(.put, "/1", timeout: .seconds(5))
        world.send(.put, "/2", timeout: .seconds(1))
        world.loop.run(until: .seconds(2))
        #expect(world.log == ["/2 timed out"])

        world.streams.opened[0].deliver(answer("a"))
        world.loop.run(until: .seconds(10))

        #expect(world.log == ["/2 timed out", "/1 200 a"])
        #expect(world.streams.opened[0].requests.count == 1)
    }

    @Test("After a time-out in flight, a late answer meets no other request")
    func lateAnswer() {
        let world = World()
        world.send(.get, "/1", timeout: .seconds(1))
        world.send(.get, "/2", timeout: .seconds(5))
        world.loop.run(until: .milliseconds(999))
        #expect(world.log.isEmpty)
        world.loop.run(until: .seconds(1))
        #expect(world.log == ["/1 timed out?"])
        #expect(world.streams.opened.map(\.end) == [.reset, .open])

        world.streams.opened[0].deliver(answer("late"))
        world.streams.opened[1].deliver(answer("right"))
        world.loop.run(until: .seconds(2))

        #expect(world.log == ["/1 timed out?", "/2 200 right"])
    }

    @Test("An answered request never times out")
    func timerIsDisarmed() {
        let world = World()
        world.echo()
        world.send(.get, "/1", timeout: .seconds(1))
        world.loop.run(until: .seconds(60))
        #expect(world.log == ["/1 200 /1"])
        #expect(world.streams.opened[0].end == .open)
    }

    @Test("A timeout of nothing fails at once", arguments: [.zero, .seconds(-1)] as [Duration])
    func noTime(timeout: Duration) {
        let world = World()
        world.send(.get, "/1", timeout: timeout)
        #expect(world.log.isEmpty)
        world.loop.runTurns()
        #expect(world.log.count == 1)
        #expect(world.log[0].hasPrefix("/1 timed out"))
    }

    @Test(
        "On a kept connection that was gone, GET and HEAD are sent again, and nothing else",
        arguments: [
            (.get, true), (.head, true), (.put, false), (.post, false), (.delete, false),
        ] as [(ClientMethod, Bool)])
    func staleConnection(method: ClientMethod, isRepeated: Bool) {
        let world = World()
        world.streams.serve = { stream, request in
            if stream === world.streams.opened[0], stream.requests.count > 1 {
                stream.fail(.reset)
            } else {
                stream.deliver(request.hasPrefix("HEAD") ? answer("") : answer("a"))
            }
        }
        world.send(.get, "/1")
        world.loop.runTurns()

        world.send(method, "/2")
        world.loop.runTurns()

        if isRepeated {
            #expect(world.log == ["/1 200 a", method == .head ? "/2 200 " : "/2 200 a"])
            #expect(world.streams.opened.count == 2)
        } else {
            #expect(world.log == ["/1 200 a", "/2 connection lost?"])
            #expect(world.streams.opened.count == 1)
        }
    }

    @Test("A GET is sent a second time, never a third; on a new connection only once")
    func repeats() {
        let world = World()
        world.streams.serve = { stream, request in
            if request.hasPrefix("GET /1") { return stream.deliver(answer("a")) }
            stream.deliverEnd()
        }
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.send(.get, "/3")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 a", "/2 connection lost?", "/3 connection lost?"])
        let sent = world.streams.opened.flatMap(\.requests).map { String($0.prefix(6)) }
        #expect(sent == ["GET /1", "GET /2", "GET /2", "GET /3"])
    }

    @Test("A GET is not sent again once a byte of its answer has come")
    func partialAnswer() {
        let world = World()
        world.streams.serve = { stream, request in
            if request.hasPrefix("GET /1") { return stream.deliver(answer("a")) }
            stream.deliver("HTTP/1.1 200")
            stream.deliverEnd()
        }
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 a", "/2 connection lost?"])
        #expect(world.streams.opened.flatMap(\.requests).count == 2)
    }

    @Test("What is no answer fails the request, and the next gets a new connection")
    func badResponse() {
        let world = World()
        world.streams.serve = { stream, request in
            stream.deliver(request.hasPrefix("GET /1") ? "<html>\r\n\r\n" : answer("a"))
        }
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 bad response?", "/2 200 a"])
        #expect(world.streams.opened.count == 2)
    }

    @Test("Bytes behind an answer do not pass for the next answer")
    func desynchronised() {
        let world = World()
        world.streams.serve = { stream, request in
            let isFirst = request.hasPrefix("GET /1")
            stream.deliver(isFirst ? answer("a") + answer("forged") : answer("b"))
        }
        world.completed = { name in if name == "/1" { world.send(.get, "/3") } }
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 a", "/2 200 b", "/3 200 b"])
        #expect(world.streams.opened.count == 2)
    }

    @Test("Bytes that nobody asked for end an idle connection")
    func unsolicited() {
        let world = World()
        world.echo()
        world.send(.get, "/1")
        world.loop.runTurns()
        world.streams.opened[0].deliver(answer("forged"))
        world.loop.runTurns()
        world.send(.get, "/2")
        world.loop.runTurns()
        #expect(world.log == ["/1 200 /1", "/2 200 /2"])
        #expect(world.streams.opened.map(\.end) == [.closed, .open])
    }

    @Test("An answer over the bound fails", arguments: [(10, "/1 200 "), (11, "/1 bad response?")])
    func bound(count: Int, expected: String) throws {
        let world = World(responseBytesMax: 10)
        world.streams.serve = { stream, _ in
            stream.deliver(answer(String(repeating: "x", count: count)))
        }
        world.send(.get, "/1")
        world.loop.runTurns()
        try #require(world.log.count == 1)
        #expect(world.log[0].hasPrefix(expected))
    }

    @Test("Pending requests are bounded; the one too many fails, later")
    func pendingBound() {
        let world = World()
        for number in 0..<APIClient.pendingMax { world.send(.get, "/\(number)") }
        world.loop.runTurns()
        #expect(world.log.isEmpty)

        world.send(.get, "/more")
        #expect(world.log.isEmpty)
        world.loop.runTurns()

        #expect(world.log == ["/more too many requests"])
    }
}

@Suite("API client: the end") struct APIClientEndTests {
    @Test("Closing fails all that is pending, later, and says what may have been sent")
    func close() {
        let world = World()
        world.send(.put, "/1")
        world.send(.put, "/2")
        world.loop.runTurns()

        world.client?.close()
        world.send(.put, "/3")
        #expect(world.log.isEmpty)
        world.loop.run(until: .seconds(60))

        #expect(world.log == ["/1 client closed?", "/2 client closed", "/3 client closed"])
        #expect(world.streams.opened.map(\.end) == [.reset])
    }

    @Test("Closing while idle ends the connection in peace; twice is once")
    func closeIdle() {
        let world = World()
        world.echo()
        world.send(.get, "/1")
        world.loop.runTurns()
        world.client?.close()
        world.client?.close()
        world.loop.runTurns()
        #expect(world.log == ["/1 200 /1"])
        #expect(world.streams.opened.map(\.end) == [.closed])
    }

    @Test(
        "A connection that is made after closing is closed, a failed one ignored",
        arguments: [true, false])
    func closeWhileConnecting(succeeds: Bool) {
        let world = World()
        world.streams.answers = [succeeds ? .accept : .fail(.refused)]
        world.send(.get, "/1")
        world.client?.close()
        world.loop.runTurns()
        #expect(world.log == ["/1 client closed"])
        #expect(world.streams.opened.map(\.end) == (succeeds ? [.closed] : []))
    }

    @Test("A completion may close the client")
    func closeInCompletion() {
        let world = World()
        world.echo()
        world.completed = { name in if name == "/1" { world.client?.close() } }
        world.send(.get, "/1")
        world.send(.get, "/2")
        world.loop.runTurns()
        // The second was on its way when the first was answered.
        #expect(world.log == ["/1 200 /1", "/2 client closed?"])
    }

    @Test("A released client finishes what is pending, then goes and closes its connection")
    func release() {
        let world = World()
        world.echo()
        world.send(.get, "/1")
        weak let client = world.client
        world.client = nil
        #expect(client != nil)

        world.loop.runTurns()

        #expect(world.log == ["/1 200 /1"])
        #expect(client == nil)
        #expect(world.streams.opened.map(\.end) == [.closed])
    }

    @Test("A client that is gone before its connection is made closes that connection")
    func releaseWhileConnecting() {
        let world = World()
        world.send(.get, "/1", timeout: .zero)
        weak let client = world.client
        world.client = nil
        world.loop.runTurns()
        #expect(world.log == ["/1 timed out"])
        #expect(client == nil)
        #expect(world.streams.opened.map(\.end) == [.closed])
    }
}

extension World {
    fileprivate func outcomesFirst() throws -> Outcome { try #require(outcomes.first).outcome }
}

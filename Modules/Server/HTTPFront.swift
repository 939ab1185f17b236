// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// The HTTP port: accepts connections within bounds, and sweeps those that take too long.
final class HTTPFront {
    unowned let server: Server
    let loop: any Loop
    let limits: HTTPServiceLimits
    let readerLimits: HTTPLimits
    /// Decides on requests: the server does; tests decide when they like.
    var admit: (RequestHead, Caller, @escaping (RequestVerdict) -> Void) -> Void
    /// Carries out what was let in: the server does; tests answer what they like.
    var serve: (Call, [UInt8], @escaping (APIResponse) -> Void) -> Void
    private var listener: (any Listener)?
    /// By number of acceptance, so that their order is that of events.
    private var connections: [UInt64: HTTPConnection] = [:]
    private var nextNumber: UInt64 = 0
    /// By host.
    private var clients: [String: HTTPClient] = [:]
    private var sweeper: (any LoopTimer)?
    let budget: TurnBudget
    /// Connections with more requests than this turn had room for, in the order of their turns.
    private var resting: [HTTPConnection] = []
    private var restTimer: (any LoopTimer)?
    private var isRestTimerArmed = false
    /// Bytes of bodies that are not complete.
    private var bodyBytes = 0
    /// Connections that are told that they are too many, and are not gone yet.
    private var turnedAway = 0
    /// Requests whose answer is not made yet.
    private(set) var requestsInProgress = 0
    /// Bodies on their way piece by piece, in either direction.
    private(set) var streamsInProgress = 0
    private var date: (second: Int64, bytes: [UInt8]) = (.min, [])

    /// Those that the last sweep found late and that are not ended yet, the last comes first.
    private var late: [UInt64] = []
    private var endTimer: (any LoopTimer)?

    private static let sweepInterval: Duration = .seconds(1)
    /// To say a last word and close costs some 30 µs.
    private static let endedPerTurnMax = 32

    init(server: Server) {
        self.server = server
        loop = server.loop
        limits = server.options.httpLimits
        budget = TurnBudget(loop: server.loop)
        var readerLimits = HTTPLimits()
        readerLimits.bodyBytesMax = APIRequest.bodyBytesMax
        readerLimits.streamedBodyBytesMax = APIRequest.streamedBodyBytesMax
        self.readerLimits = readerLimits
        admit = { [unowned server] in server.admit($0, from: $1, decided: $2) }
        serve = { [unowned server] in server.serve($0, body: $1, respond: $2) }
    }

    var address: SocketAddress? { listener?.address }
    var connectionCount: Int { connections.count }
    /// So many connections that those which are not used make room.
    var isCrowded: Bool { connections.count > limits.connectionsMax / 4 * 3 }

    func listen(on address: SocketAddress) throws(TransportError) {
        listener = try server.environment.httpStreams.listen(on: address) { [weak self] in
            self?.accepted($0)
        }
        restTimer = loop.makeTimer { [weak self] in self?.goOn() }
        endTimer = loop.makeTimer { [weak self] in self?.endLate() }
        sweeper = loop.makeTimer { [weak self] in self?.sweep() }
        sweeper?.arm(at: loop.now + Self.sweepInterval)
    }

    func stopAccepting() {
        listener?.close()
        listener = nil
    }

    func stop() {
        stopAccepting()
        sweeper?.disarm()
        restTimer?.disarm()
        resting = []
        endTimer?.disarm()
        late = []
        for number in connections.keys.sorted() { connections[number]?.close() }
    }

    private func accepted(_ stream: any ByteStream) {
        let host = stream.remoteAddress.host
        let client = clients[host] ?? HTTPClient(host: host)
        let isOver =
            limits.connectionsPerClientMax > 0
            && client.connections >= limits.connectionsPerClientMax
        guard !isOver, connections.count < limits.connectionsMax else {
            server.counters.connectionsRefused += 1
            return turnAway(stream)
        }
        client.connections += 1
        clients[host] = client
        nextNumber += 1
        let connection = HTTPConnection(
            stream, number: nextNumber, client: client, front: self, now: loop.now)
        connections[nextNumber] = connection
        connection.start()
    }

    /// One connection too many: told so, and closed (RFC 6585 §4); without a word when many are.
    private func turnAway(_ stream: any ByteStream) {
        guard turnedAway < limits.turnedAwayMax else { return stream.reset() }
        turnedAway += 1
        stream.handler = TurnedAway { [weak self] in self?.turnedAway -= 1 }
        var output: [UInt8] = []
        var response = APIResponse.text(
            429,
            "Too many connections from this address: close some, or raise "
                + "limits.http_max_conns_per_client")
        response.retryAfter = 1
        Response(response).write(to: &output, for: .closing, dateHeader: dateHeader())
        stream.write(output.span)
        stream.close()
    }

    func closed(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        let client = connection.client
        client.connections -= 1
        if client.connections == 0 { clients[client.host] = nil }
    }

    // MARK: Turns

    /// Goes on with this connection in a turn that has room for it.
    func rest(_ connection: HTTPConnection) {
        server.counters.requestsDeferred += 1
        resting.append(connection)
        armRestTimer()
    }

    private func armRestTimer() {
        guard !isRestTimerArmed, !resting.isEmpty else { return }
        isRestTimerArmed = true
        // In the past: the loop does not sleep, and asks all sockets before it fires.
        restTimer?.arm(at: .zero)
    }

    private func goOn() {
        isRestTimerArmed = false
        let waiting = resting
        resting = []
        var reached = 0
        while reached < waiting.count, !budget.isUsedUp {
            waiting[reached].goOn()
            reached += 1
        }
        // Who was not reached comes before who was.
        resting = waiting[reached...] + resting
        armRestTimer()
    }

    // MARK: Requests in progress

    /// Whether so many more bytes of bodies are held.
    func holdsBody(_ bytes: Int) -> Bool {
        bodyBytes += bytes
        return bodyBytes <= limits.bodyBytesMax
    }

    /// Why no request of this client is taken at present, if so. As a connection has one request in
    /// progress, those whose body is still coming pass these bounds by as many at most. Probes are
    /// answered at once and bind nothing: a server with much to do is not one that is dead.
    func refusal(of head: RequestHead, for client: HTTPClient) -> APIResponse? {
        guard
            requestsInProgress >= limits.requestsMax
                || client.requests >= limits.requestsPerClientMax,
            !Routes.isProbe(head)
        else { return nil }
        server.counters.requestsTooMany += 1
        var response = APIResponse.text(429, "Too many requests: try again in a second")
        response.retryAfter = 1
        return response
    }

    /// Why no body of this client goes piece by piece at present, if so.
    func streamRefusal(for client: HTTPClient) -> APIResponse? {
        let response: APIResponse
        if client.streams >= limits.streamsPerClientMax {
            response = .text(429, "Too many streams from this address: close some")
        } else if streamsInProgress >= limits.streamsMax {
            response = .text(503, "Too many streams at once: try again in a second")
        } else {
            return nil
        }
        server.counters.streamsRefused += 1
        var refusal = response
        refusal.retryAfter = 1
        return refusal
    }

    func streamBegan(for client: HTTPClient) {
        streamsInProgress += 1
        client.streams += 1
    }

    func streamEnded(for client: HTTPClient) {
        streamsInProgress -= 1
        client.streams -= 1
    }

    func began(for client: HTTPClient) {
        requestsInProgress += 1
        client.requests += 1
    }

    func ended(for client: HTTPClient) {
        requestsInProgress -= 1
        client.requests -= 1
    }

    /// One pass a second over all connections costs less than a timer for each.
    private func sweep() {
        sweeper?.arm(at: loop.now + Self.sweepInterval)
        guard late.isEmpty else { return }
        let now = loop.now
        for (number, connection) in connections where connection.isLate(at: now) {
            late.append(number)
        }
        late.sort(by: >)
        endLate()
    }

    /// Some thousand that came together are late together: a few end in each turn.
    private func endLate() {
        let now = loop.now
        for _ in 0..<min(late.count, Self.endedPerTurnMax) {
            guard let connection = connections[late.removeLast()], connection.isLate(at: now)
            else { continue }
            connection.timedOut()
        }
        if !late.isEmpty { endTimer?.arm(at: .zero) }
    }

    /// The `Date` field of this second (RFC 9110 §6.6.1).
    func dateHeader() -> [UInt8] {
        let nanoseconds = loop.wallClockNanoseconds
        let second = nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : 0
        if date.second != second {
            date = (second, Array(HTTPDate.format(unixSeconds: second).utf8))
        }
        return date.bytes
    }
}

/// Waits for the end of a connection that was one too many.
private final class TurnedAway: StreamHandler {
    private let closed: () -> Void

    init(closed: @escaping () -> Void) { self.closed = closed }

    func streamReceived(_ bytes: Span<UInt8>) {}
    func streamEnded() {}
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) { closed() }
}

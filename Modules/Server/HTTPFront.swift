// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// What all connections from one address hold together.
final class HTTPClient {
    let host: String
    var connections = 0
    /// Requests whose answer is not made yet.
    var requests = 0

    init(host: String) { self.host = host }
}

/// The HTTP port: accepts connections within bounds, and sweeps those that take too long.
final class HTTPFront {
    unowned let server: Server
    let loop: any Loop
    let limits: HTTPServiceLimits
    let readerLimits: HTTPLimits
    /// Decides on requests: the server does; tests decide when they like.
    var admit: (RequestHead, Caller, @escaping (RequestVerdict) -> Void) -> Void
    private var listener: (any Listener)?
    /// By number of acceptance, so that their order is that of events.
    private var connections: [UInt64: HTTPConnection] = [:]
    private var nextNumber: UInt64 = 0
    /// By host.
    private var clients: [String: HTTPClient] = [:]
    private var sweeper: (any LoopTimer)?
    /// Requests whose answer is not made yet.
    private(set) var requestsInProgress = 0
    private var date: (second: Int64, bytes: [UInt8]) = (.min, [])

    private static let sweepInterval: Duration = .seconds(1)

    init(server: Server) {
        self.server = server
        loop = server.loop
        limits = server.options.httpLimits
        var readerLimits = HTTPLimits()
        readerLimits.bodyBytesMax = APIRequest.bodyBytesMax
        self.readerLimits = readerLimits
        admit = { [unowned server] in server.admit($0, from: $1, decided: $2) }
    }

    var address: SocketAddress? { listener?.address }
    var connectionCount: Int { connections.count }

    func listen(on address: SocketAddress) throws(TransportError) {
        listener = try server.environment.httpStreams.listen(on: address) { [weak self] in
            self?.accepted($0)
        }
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
            return HTTPConnection.refuse(stream, front: self)
        }
        client.connections += 1
        clients[host] = client
        nextNumber += 1
        let connection = HTTPConnection(
            stream, number: nextNumber, client: client, front: self, now: loop.now)
        connections[nextNumber] = connection
        connection.start()
    }

    func closed(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        let client = connection.client
        client.connections -= 1
        if client.connections == 0 { clients[client.host] = nil }
    }

    // MARK: Requests in progress

    /// Why no request of this client is taken at present, if so. As a connection has one request in
    /// progress, those whose body is still coming pass these bounds by as many at most.
    func refusal(for client: HTTPClient) -> APIResponse? {
        guard
            requestsInProgress >= limits.requestsMax
                || client.requests >= limits.requestsPerClientMax
        else { return nil }
        var response = APIResponse.text(429, "Too many requests: try again in a second")
        response.retryAfter = 1
        return response
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
        let now = loop.now
        var late: [UInt64] = []
        for (number, connection) in connections where connection.isLate(at: now) {
            late.append(number)
        }
        for number in late.sorted() { connections[number]?.timedOut() }
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

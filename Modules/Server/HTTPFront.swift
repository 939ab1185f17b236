// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// The HTTP port: accepts connections within bounds, and sweeps those that take too long.
final class HTTPFront {
    unowned let server: Server
    let loop: any Loop
    let limits: HTTPServiceLimits
    private var listener: (any Listener)?
    /// By number of acceptance, so that their order is that of events.
    private var connections: [UInt64: HTTPConnection] = [:]
    private var nextNumber: UInt64 = 0
    private var perClient: [String: Int] = [:]
    private var sweeper: (any LoopTimer)?
    /// Requests whose answer is not written yet.
    var requestsInProgress = 0
    private var date: (second: Int64, bytes: [UInt8]) = (.min, [])

    private static let sweepInterval: Duration = .seconds(1)

    init(server: Server) {
        self.server = server
        loop = server.loop
        limits = server.options.httpLimits
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
        let client = stream.remoteAddress.host
        let count = perClient[client, default: 0]
        let isOver = limits.connectionsPerClientMax > 0 && count >= limits.connectionsPerClientMax
        guard !isOver, connections.count < limits.connectionsMax else {
            server.counters.connectionsRefused += 1
            return HTTPConnection.refuse(stream, front: self)
        }
        perClient[client] = count + 1
        nextNumber += 1
        let connection = HTTPConnection(
            stream, number: nextNumber, client: client, front: self, now: loop.now)
        connections[nextNumber] = connection
        connection.start()
    }

    func closed(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        if let count = perClient[connection.client] {
            perClient[connection.client] = count > 1 ? count - 1 : nil
        }
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

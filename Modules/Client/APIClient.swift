// SPDX-License-Identifier: Apache-2.0

internal import MartletHTTP
public import MartletTransport

/// Sends requests to one server over one connection, which it opens when needed and keeps. Requests
/// wait for each other and are answered in order, each within its own time.
///
///     request: queued ──connection is idle──▶ in flight ──answer──▶ done
///                └───────── time is over, closed, no connection ─────────▲
///
/// A request is sent once. Only GET and HEAD are sent a second time, and only if a kept connection
/// ends without a byte of answer: then the server had closed it while the request was on its way
/// (RFC 9112 §9.3.1).
///
/// Confined to the loop: created, called and released there, and completions are called there, each
/// once, never from within ``send(_:_:body:timeout:completion:)`` or ``close()``. The client lives
/// while a request is pending; without one, its release closes the connection.
public final class APIClient {
    /// How many requests may be pending; one more fails at once.
    public static let pendingMax = 1_024

    private struct Pending {
        let id: UInt64
        let bytes: [UInt8]
        let method: ClientMethod
        let deadline: Duration
        let timer: any LoopTimer
        let completion: (Result<ClientResponse, ClientError>) -> Void
        /// Sent once already, on a connection that was gone.
        var isRepeated = false
    }

    private enum Link {
        case none
        /// On behalf of the request of that id: it bears the failure.
        case connecting(request: UInt64)
        case open(ClientConnection)
        case closed
    }

    let loop: any Loop
    let streams: any Streams
    let address: SocketAddress
    let writer: RequestWriter
    private let limits: HTTPLimits
    private var link = Link.none
    private var queue: [Pending] = []
    /// - Invariant: Not nil only while ``link`` is open.
    private var inFlight: Pending?
    private var nextID: UInt64 = 1

    /// - Parameters:
    ///   - token: a secret for `X-Nomad-Token`; nil or empty sends none.
    ///   - additional: sent with each request besides; fit to be sent as they are.
    ///   - responseBytesMax: the largest body that is read.
    public init(
        loop: any Loop, streams: any Streams, address: SocketAddress, token: String?,
        headers additional: [ClientResponse.Header] = [], responseBytesMax: Int = 64 << 20
    ) {
        self.loop = loop
        self.streams = streams
        self.address = address
        var limits = HTTPLimits()
        limits.bodyBytesMax = responseBytesMax
        self.limits = limits
        var headers = [HeaderField("User-Agent", "martlet")]
        if let token, !token.isEmpty { headers.append(HeaderField("X-Nomad-Token", token)) }
        headers += additional.map { HeaderField($0.name, $0.value) }
        let host = if case .unix = address { "localhost" } else { address.description }
        writer = RequestWriter(host: host, headers: headers)
    }

    deinit {
        if case .open(let connection) = link { connection.stream.close() }
    }

    /// Requests that have no answer yet.
    package var pendingCount: Int { queue.count + (inFlight == nil ? 0 : 1) }

    /// Sends a request when those before it are done.
    ///
    /// - Parameters:
    ///   - target: path and query, percent-encoded where they need it.
    ///   - body: nil for none.
    ///   - timeout: for all of it: waiting, connecting, sending, and the whole answer.
    ///   - completion: gets any answer as a success, whatever its status.
    public func send(
        _ method: ClientMethod, _ target: String, body: [UInt8]?, timeout: Duration,
        completion: @escaping (Result<ClientResponse, ClientError>) -> Void
    ) {
        if case .closed = link { return fail(completion, .closed) }
        guard pendingCount < Self.pendingMax else {
            return fail(completion, .tooManyRequests)
        }
        let id = nextID
        nextID += 1
        var bytes: [UInt8] = []
        writer.write(method.method, target, body: body, to: &bytes)
        // The timer holds the client while the request is pending.
        let timer = loop.makeTimer { [self] in timeOut(id) }
        let deadline = loop.now + timeout
        queue.append(
            Pending(
                id: id, bytes: bytes, method: method, deadline: deadline, timer: timer,
                completion: completion))
        timer.arm(at: deadline)
        advance()
    }

    /// Fails all pending requests, and all to come, with ``ClientError/Code/closed``.
    public func close() {
        let sent = inFlight
        let unsent = queue
        let former = link
        inFlight = nil
        queue = []
        link = .closed
        if case .open(let connection) = former {
            abandon(connection, politely: sent == nil)
        }
        if let sent { fail(sent, ClientError(.closed, mayHaveBeenSent: true)) }
        for pending in unsent {
            fail(pending, ClientError(.closed, mayHaveBeenSent: pending.isRepeated))
        }
    }

    /// Sends the next request, or connects for it.
    private func advance() {
        guard inFlight == nil, let next = queue.first else { return }
        switch link {
        case .open(let connection):
            // Not idle: it ended in this turn, and says so next.
            guard connection.isIdle else { return }
            queue.removeFirst()
            inFlight = next
            connection.send(next.bytes, isHead: next.method == .head)
        case .none:
            link = .connecting(request: next.id)
            let remaining = max(next.deadline - loop.now, .milliseconds(1))
            streams.connect(to: address, timeout: remaining) { [weak self] result in
                guard let self else {
                    if case .success(let stream) = result { stream.close() }
                    return
                }
                connected(result)
            }
        case .connecting, .closed: break
        }
    }

    private func connected(_ result: Result<any ByteStream, TransportError>) {
        switch (link, result) {
        case (.connecting, .success(let stream)):
            let connection = ClientConnection(stream, client: self, limits: limits)
            stream.handler = connection
            link = .open(connection)
            stream.resumeReading()
            advance()
        case (.connecting(let id), .failure(let error)):
            link = .none
            // Another request, with time of its own, gets an attempt of its own.
            if let failed = queue.first, failed.id == id {
                queue.removeFirst()
                advance()
                let code: ClientError.Code = error == .timedOut ? .timedOut : .cannotConnect
                let failure = ClientError(
                    code, "\(address): \(error)", mayHaveBeenSent: failed.isRepeated)
                finish(failed, .failure(failure))
            } else {
                advance()
            }
        case (.closed, .success(let stream)): stream.close()
        case (.closed, .failure): break
        case (.none, _), (.open, _):
            preconditionFailure("a connection nobody asked for: \(address)")
        }
    }

    /// Takes what a connection brought. Called by the connection.
    func connection(_ connection: ClientConnection, brought outcome: ClientConnection.Outcome) {
        guard case .open(let current) = link, current === connection else { return }
        if outcome.failure != nil || outcome.answer.map({ !$0.head.keepsAlive }) ?? false {
            abandon(connection, politely: true)
            link = .none
        }
        guard let request = inFlight else { return advance() }
        if let (head, body) = outcome.answer {
            inFlight = nil
            advance()
            finish(request, .success(ClientResponse(head, body: body)))
        } else if let failure = outcome.failure {
            inFlight = nil
            let isStale = connection.hasAnswered && !connection.hasReceived
            if isStale, request.method.isRepeatable, !request.isRepeated {
                var again = request
                again.isRepeated = true
                queue.insert(again, at: 0)
                advance()
            } else {
                advance()
                finish(request, .failure(failure))
            }
        }
    }

    private func timeOut(_ id: UInt64) {
        if let request = inFlight, request.id == id {
            inFlight = nil
            // Its answer may still come: it must not meet another request.
            if case .open(let connection) = link {
                abandon(connection, politely: false)
                link = .none
            }
            advance()
            finish(request, .failure(ClientError(.timedOut, mayHaveBeenSent: true)))
        } else if let place = queue.firstIndex(where: { $0.id == id }) {
            let request = queue.remove(at: place)
            let error = ClientError(.timedOut, mayHaveBeenSent: request.isRepeated)
            finish(request, .failure(error))
        }
    }

    /// Gives a connection up: what it still says is for nobody.
    private func abandon(_ connection: ClientConnection, politely: Bool) {
        connection.client = nil
        if politely { connection.stream.close() } else { connection.stream.reset() }
    }

    private func finish(_ request: Pending, _ result: Result<ClientResponse, ClientError>) {
        request.timer.disarm()
        request.completion(result)
    }

    /// Later in this turn: never from within the call that caused it.
    private func fail(_ request: Pending, _ error: ClientError) {
        request.timer.disarm()
        let completion = request.completion
        loop.atEndOfTurn { completion(.failure(error)) }
    }

    private func fail(
        _ completion: @escaping (Result<ClientResponse, ClientError>) -> Void,
        _ code: ClientError.Code
    ) {
        loop.atEndOfTurn { completion(.failure(ClientError(code, mayHaveBeenSent: false))) }
    }
}

extension ClientResponse {
    fileprivate init(_ head: ResponseHead, body: [UInt8]) {
        let headers = head.headers.map { Header(name: $0.name, value: $0.value) }
        self.init(status: head.status, headers: headers, body: body)
    }
}

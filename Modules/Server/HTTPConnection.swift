// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// One client's connection: requests in, one at a time, answers out in their order.
///
/// ```
///             head           body            answer
///   idle ──────────▶ reading ─────▶ working ────────▶ idle
///     └── violation, timeout ──▶ closing ◀── no keep-alive ┘
/// ```
///
/// A request that follows while one is worked on waits in the reader, and beyond its bound in the
/// kernel: a client that sends faster than it reads stops itself.
final class HTTPConnection: StreamHandler {
    private enum Phase {
        /// No request has begun, or its header is not complete.
        case idle
        /// The header is complete, the body is not.
        case reading(RequestHead)
        /// The answer is being made.
        case working
        /// Nothing more is read; what is queued leaves.
        case closing
    }

    private let stream: any ByteStream
    let number: UInt64
    let client: String
    private unowned let front: HTTPFront
    private var reader: RequestReader
    private var phase = Phase.idle
    /// When the present phase began; for `idle`, when the first byte of a header came, if one did.
    private var since: Duration
    private var hasEnded = false
    private var isPaused = false
    private var isDraining = false
    private var output: [UInt8] = []

    init(
        _ stream: any ByteStream, number: UInt64, client: String, front: HTTPFront, now: Duration
    ) {
        self.stream = stream
        self.number = number
        self.client = client
        self.front = front
        reader = RequestReader(limits: HTTPLimits())
        since = now
    }

    func start() {
        stream.handler = self
        stream.resumeReading()
    }

    func close() {
        phase = .closing
        stream.close()
    }

    /// One connection too many: told so, and closed (RFC 6585 §4).
    static func refuse(_ stream: any ByteStream, front: HTTPFront) {
        var output: [UInt8] = []
        var response = APIResponse.text(
            429,
            "Too many connections from this address: close some, or raise "
                + "limits.http_max_conns_per_client")
        response.retryAfter = 1
        Response(response).write(to: &output, for: .closing, dateHeader: front.dateHeader())
        stream.write(output.span)
        stream.close()
    }

    // MARK: Reading

    func streamReceived(_ bytes: Span<UInt8>) {
        if case .closing = phase { return }
        if case .idle = phase, !reader.isMidRequest { since = front.loop.now }
        reader.receive(bytes)
        advance()
        if case .working = phase, reader.bufferedBytes > 0 { pause() }
    }

    /// Takes requests out of the reader until one has to be waited for.
    private func advance() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while true {
            switch phase {
            case .working, .closing: return
            case .idle, .reading: break
            }
            switch reader.next() {
            case .needsMore:
                if hasEnded { finish() }
                return
            case .head(let head): begin(head)
            case .body(let body): carryOut(body)
            case .skipped: break  // Only after a body was discarded, which is not done here.
            case .violation(let violation): refuse(violation)
            }
        }
    }

    private func begin(_ head: RequestHead) {
        since = front.loop.now
        phase = .reading(head)
        if head.expectsContinue, !head.isVersion1_0 {
            let interim = Response.continueBytes
            stream.write(interim.span)
        }
    }

    private func carryOut(_ body: [UInt8]) {
        guard case .reading(let head) = phase else { return }
        phase = .working
        guard front.requestsInProgress < front.limits.requestsMax else {
            var response = APIResponse.text(429, "Too many requests: try again in a second")
            response.retryAfter = 1
            return answer(response, to: head)
        }
        front.requestsInProgress += 1
        // The connection lives until its answer is written.
        front.server.serve(head, body: body) { [self] response in
            front.requestsInProgress -= 1
            answer(response, to: head)
        }
    }

    private func refuse(_ violation: HTTPViolation) {
        front.server.counters.requestsMalformed += 1
        phase = .closing
        write(Response(violation), for: .closing)
        stream.close()
    }

    // MARK: Answering

    private func answer(_ response: APIResponse, to head: RequestHead) {
        guard case .working = phase else { return }
        var framing = head.framing
        framing.keepsAlive = framing.keepsAlive && !hasEnded
        var answer = Response(response)
        if head.acceptsGzip, !answer.body.isEmpty, response.content != .archive,
            let compressed = front.server.compress(answer.body)
        {
            answer.body = compressed
            answer.contentEncodingGzip = true
        }
        write(answer, for: framing)
        since = front.loop.now
        guard framing.keepsAlive else {
            phase = .closing
            return stream.close()
        }
        phase = .idle
        guard stream.queuedBytes <= front.limits.queuedBytesMax else { return waitForClient() }
        resume()
        advance()
    }

    /// The client does not fetch its answers: nothing more of it is read until it does. What was
    /// queued in this turn may all leave at its end, of which the stream says nothing.
    private func waitForClient() {
        pause()
        front.loop.atEndOfTurn { [weak self] in
            guard let self, self.stream.queuedBytes == 0 else { return }
            self.streamDrained()
        }
    }

    private func write(_ response: Response, for framing: ResponseFraming) {
        output.removeAll(keepingCapacity: true)
        response.write(to: &output, for: framing, dateHeader: front.dateHeader())
        let bytes = output
        stream.write(bytes.span)
        if output.capacity > 16 << 10 { output = [] }
    }

    private func finish() {
        phase = .closing
        stream.close()
    }

    private func pause() {
        guard !isPaused else { return }
        isPaused = true
        stream.pauseReading()
    }

    private func resume() {
        guard isPaused else { return }
        isPaused = false
        stream.resumeReading()
    }

    // MARK: Ends

    func streamEnded() {
        hasEnded = true
        switch phase {
        case .idle, .reading: finish()
        case .working, .closing: break  // The client may still read its answer.
        }
    }

    func streamDrained() {
        switch phase {
        case .idle, .reading:
            resume()
            advance()
        case .working, .closing: break
        }
    }

    func streamClosed(_ error: TransportError?) {
        phase = .closing
        front.closed(self)
    }

    // MARK: Time

    func isLate(at now: Duration) -> Bool {
        let passed = now - since
        switch phase {
        case .idle where reader.isMidRequest: return passed >= front.limits.headerTimeout
        case .idle: return passed >= front.limits.idleTimeout
        case .reading: return passed >= front.limits.bodyTimeout
        case .working: return passed >= front.limits.answerTimeout
        case .closing: return false  // The stream has a bound of its own.
        }
    }

    func timedOut() {
        let ended = phase
        phase = .closing
        switch ended {
        case .working:
            // What the request asked for may still happen: its answer comes too late for anybody.
            write(
                Response(
                    status: 500, text: "no answer in time: a write may or may not have been applied"
                ),
                for: .closing)
        case .idle where reader.isMidRequest, .reading:
            write(Response(status: 408, text: "The request did not arrive in time"), for: .closing)
        case .idle, .closing:
            break
        }
        stream.close()
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// One client's connection: requests in, one at a time, answers out in their order.
///
/// ```
///          head           let in          body            answer
///   idle ───────▶ deciding ──────▶ reading ─────▶ working ────────▶ idle
///    ▲               └─ refused: answer ──▶ skipping                 │
///    └────────────────────── body over ────────┘                    │
///     any ── violation, timeout ──▶ closing ◀──────── no keep-alive ─┘
/// ```
///
/// A request that follows while one is worked on waits in the reader, and beyond its bound in the
/// kernel: a client that sends faster than it reads stops itself. One that sends many requests ahead
/// rests when it has had its share of the loop's turn.
final class HTTPConnection: StreamHandler {
    private enum Phase {
        /// No request has begun, or its header is not complete.
        case idle
        /// The header is complete; whether its request is let in is being decided.
        case deciding(Exchange)
        /// The request is let in; its body is not complete.
        case reading(Exchange)
        /// The answer is being made.
        case working
        /// The request is refused and answered; what is left of its body is thrown away.
        case skipping
        /// Nothing more is read; what is queued leaves.
        case closing
    }

    /// A request under way: an object, so that a change of phase copies no head and no call.
    private final class Exchange {
        let head: RequestHead
        /// Once it is let in.
        var call: Call?

        init(_ head: RequestHead) { self.head = head }
    }

    private let stream: any ByteStream
    let number: UInt64
    let client: HTTPClient
    private unowned let front: HTTPFront
    private var reader: RequestReader
    private var phase = Phase.idle
    /// When the present phase began; for `idle`, when the first byte of a header came, if one did.
    private var since: Duration
    private var hasEnded = false
    private var isPaused = false
    private var isDraining = false
    /// More answers are queued than the client may leave there.
    private var awaitsClient = false
    /// The rest of its requests is for another turn.
    private var isResting = false
    private var share = Share()
    /// Whether a request ever came.
    private var isFresh = true
    /// Bytes of the body under way, as the front counts them.
    private var bodyBytes = 0
    private var output: [UInt8] = []
    /// Made once, so that a request costs none.
    private var decided: (RequestVerdict) -> Void = { _ in }

    init(
        _ stream: any ByteStream, number: UInt64, client: HTTPClient, front: HTTPFront,
        now: Duration
    ) {
        self.stream = stream
        self.number = number
        self.client = client
        self.front = front
        reader = RequestReader(limits: front.readerLimits)
        since = now
        decided = { [weak self] in self?.decide($0) }
    }

    func start() {
        stream.handler = self
        stream.resumeReading()
    }

    func close() {
        phase = .closing
        stream.close()
    }

    // MARK: Reading

    func streamReceived(_ bytes: Span<UInt8>) {
        if case .closing = phase { return }
        if case .idle = phase, !reader.isMidRequest { since = front.loop.now }
        reader.receive(bytes)
        advance()
        switch phase {
        case .deciding, .working: if reader.bufferedBytes > 0 { pause() }
        case .reading: countBody()
        case .idle, .skipping, .closing: break
        }
    }

    /// Bodies that are not complete share a bound: many that come slowly must not fill the memory.
    private func countBody() {
        let more = reader.bufferedBytes - bodyBytes
        bodyBytes += more
        guard !front.holdsBody(more) else { return }
        front.server.counters.bodiesRefused += 1
        var response = APIResponse.text(503, "Too many bodies at once: try again in a second")
        response.retryAfter = 1
        end(with: Response(response))
    }

    private func forgetBody() {
        guard bodyBytes > 0 else { return }
        _ = front.holdsBody(-bodyBytes)
        bodyBytes = 0
    }

    /// The last that is said here.
    private func end(with response: Response) {
        forgetBody()
        phase = .closing
        write(response, for: .closing)
        stream.close()
    }

    /// Takes requests out of the reader until one has to be waited for.
    private func advance() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while !awaitsClient, !isResting {
            switch phase {
            case .deciding, .working, .closing: return
            case .idle where reader.bufferedBytes > 0 && !front.budget.allows(client, share):
                return rest()
            case .idle, .reading, .skipping: break
            }
            switch reader.next() {
            case .needsMore:
                if hasEnded || reader.mustClose { finish() }
                return
            case .head(let head): begin(head)
            case .body(let body): carryOut(body)
            case .skipped: phase = .idle
            case .violation(let violation): refuse(violation)
            }
        }
    }

    private func rest() {
        isResting = true
        pause()
        front.rest(self)
    }

    /// Its turn has come.
    func goOn() {
        isResting = false
        resume()
        advance()
    }

    /// Nothing of the body is read before it is decided what becomes of the request, and nobody is
    /// told to send one.
    private func begin(_ head: RequestHead) {
        since = front.loop.now
        isFresh = false
        front.budget.take(client, &share)
        phase = .deciding(Exchange(head))
        let caller = Caller(address: stream.remoteAddress)
        if let refusal = front.refusal(of: head, for: client) {
            return decide(.refuse(refusal, caller))
        }
        front.admit(head, caller, decided)
    }

    private func decide(_ verdict: RequestVerdict) {
        guard case .deciding(let exchange) = phase else { return }  // It took too long.
        switch verdict {
        case .proceed(let call):
            let bytesMax = call.endpoint.bodyBytesMax
            if let length = exchange.head.contentLength, length > bytesMax {
                let response = APIResponse.text(413, "the body is longer than \(bytesMax) bytes")
                refuse(response, exchange, of: call.caller)
            } else {
                exchange.call = call
                if !call.isRead {
                    exchange.call?.caller.userAgent = exchange.head.header("user-agent")
                }
                proceed(exchange, bytesMax)
            }
        case .refuse(let response, let caller):
            refuse(response, exchange, of: caller)
        }
        guard !isDraining else { return }
        resume()
        advance()
    }

    private func proceed(_ exchange: Exchange, _ bodyBytesMax: Int) {
        phase = .reading(exchange)
        reader.limitBody(to: bodyBytesMax)
        if exchange.head.expectsContinue {
            let interim = Response.continueBytes
            stream.write(interim.span)
        }
    }

    /// The answer leaves at once. A short body is then read and thrown away, so that the connection
    /// lives on; a long one, or one that may never come, ends it.
    private func refuse(_ response: APIResponse, _ exchange: Exchange, of caller: Caller) {
        front.server.counters.requestsRefused += 1
        front.server.auditRefusal(response, of: exchange.head, caller)
        reader.discardBody()
        phase = .working
        answer(response, to: exchange.head, as: .refused, then: .skipping)
    }

    private func carryOut(_ body: [UInt8]) {
        guard case .reading(let exchange) = phase, let call = exchange.call else { return }
        forgetBody()
        phase = .working
        front.began(for: client)
        // The connection lives until its answer is written.
        front.server.serve(call, body: body) { [self] response in
            front.ended(for: client)
            answer(response, to: exchange.head, as: call.timedAs, then: .idle)
        }
    }

    private func refuse(_ violation: HTTPViolation) {
        front.server.counters.requestsMalformed += 1
        end(with: Response(violation))
    }

    // MARK: Answering

    private func answer(
        _ response: APIResponse, to head: RequestHead, as kind: ServerTimings.RequestKind,
        then next: Phase
    ) {
        guard case .working = phase else { return }
        var framing = head.framing
        framing.keepsAlive = framing.keepsAlive && !hasEnded && !reader.mustClose
        var answer = Response(response)
        if head.acceptsGzip, !answer.body.isEmpty, response.content != .archive,
            let compressed = front.server.compress(answer.body)
        {
            answer.body = compressed
            answer.contentEncodingGzip = true
        }
        write(answer, for: framing)
        let now = front.loop.now
        front.server.timings.observeRequest(now - since, kind)
        since = now
        guard framing.keepsAlive else {
            phase = .closing
            return stream.close()
        }
        phase = next
        guard stream.queuedBytes <= front.limits.queuedBytesMax else { return waitForClient() }
        resume()
        advance()
    }

    /// The client does not fetch its answers: nothing more of it is read until it does. What was
    /// queued in this turn may all leave at its end, of which the stream says nothing.
    private func waitForClient() {
        awaitsClient = true
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
        guard isPaused, !isResting, !awaitsClient else { return }
        isPaused = false
        stream.resumeReading()
    }

    // MARK: Ends

    func streamEnded() {
        hasEnded = true
        switch phase {
        case .idle, .reading, .skipping: finish()
        case .deciding, .working, .closing: break  // The client may still read its answer.
        }
    }

    func streamDrained() {
        awaitsClient = false
        switch phase {
        case .idle, .reading, .skipping:
            resume()
            advance()
        case .deciding, .working, .closing: break
        }
    }

    func streamClosed(_ error: TransportError?) {
        forgetBody()
        phase = .closing
        front.closed(self)
    }

    // MARK: Time

    func isLate(at now: Duration) -> Bool {
        let limits = front.limits
        let passed = now - since
        switch phase {
        case .idle where awaitsClient: return passed >= limits.fetchTimeout
        case .idle where isResting: return false
        case .idle where reader.isMidRequest: return passed >= limits.headerTimeout
        case .idle where isFresh || front.isCrowded: return passed >= limits.firstTimeout
        case .idle: return passed >= limits.idleTimeout
        case .reading, .skipping:
            return passed >= limits.bodyTimeout || isBodySlow(after: passed, limits)
        case .deciding, .working: return passed >= limits.answerTimeout
        case .closing: return false  // The stream has a bound of its own.
        }
    }

    /// Of a body there must have come so much a second, once a moment has passed.
    private func isBodySlow(after passed: Duration, _ limits: HTTPServiceLimits) -> Bool {
        guard passed >= limits.bodyGrace, case .reading = phase else { return false }
        return bodyBytes < limits.bodyBytesPerSecondMin * Int(passed.components.seconds)
    }

    func timedOut() {
        switch phase {
        case .idle where !reader.isMidRequest && !awaitsClient, .closing: break
        case .idle, .deciding, .reading, .working, .skipping:
            front.server.counters.requestsTimedOut += 1
        }
        switch phase {
        case .deciding:
            end(with: Response(status: 503, text: "no decision in time: nothing was done"))
        case .working:
            // What the request asked for may still happen: its answer comes too late for anybody.
            end(
                with: Response(
                    status: 500, text: "no answer in time: a write may or may not have been applied"
                ))
        case .idle where reader.isMidRequest && !awaitsClient, .reading:
            end(with: Response(status: 408, text: "The request did not arrive in time"))
        case .idle where awaitsClient:
            stream.reset()
        case .idle, .skipping, .closing:
            finish()
        }
    }
}

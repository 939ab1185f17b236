// SPDX-License-Identifier: Apache-2.0
import MartletHTTP
import MartletTransport

/// One client's connection: requests in, one at a time, answers out in their order.
///
/// ```
///          head           let in          body            answer
///   idle ───────▶ deciding ──────▶ reading ─────▶ working ────────▶ idle
///    ▲               │ └─ in pieces: taking ────────┘ └─ in pieces: streaming ─▶ idle
///    │               └─ refused: answer ──▶ skipping                 │
///    └────────────────────── body over ────────┘                    │
///     any ── violation, timeout ──▶ closing ◀──────── no keep-alive ─┘
/// ```
///
/// A body that is taken, and an answer that is streamed, goes piece by piece at the pace of the slower
/// end: ``IncomingBody``, ``BodyPump``.
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
        /// The request is let in, and its body goes piece by piece to who works on it.
        case taking(IncomingBody)
        /// The answer is being made.
        case working
        /// The answer has begun, and its body is made as the client fetches it.
        case streaming(BodyPump)
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
    /// Its body came, or its answer goes, in pieces: what follows from it may take long.
    private var isLongWork = false
    /// Of the request in progress, if it waits for news; and how long that may take beside reading.
    private var queryWait: QueryWait?
    private var queryLongest: Duration = .zero
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
        leave()
        stream.close()
    }

    /// Whoever makes a body for this client, or takes one from it, is told at once.
    private func leave() {
        let left = phase
        phase = .closing
        forgetBody()
        switch left {
        case .taking(let body):
            body.give(.failed("the client is gone"), at: now)
            body.detach()
        case .streaming(let answer): endStream(answer)
        case .working: queryWait?.end(isGone: true)
        case .idle, .deciding, .reading, .skipping, .closing: break
        }
    }

    var now: Duration { front.loop.now }

    // MARK: Reading

    func streamReceived(_ bytes: Span<UInt8>) {
        if case .closing = phase { return }
        if case .idle = phase, !reader.isMidRequest { since = front.loop.now }
        reader.receive(bytes)
        advance()
        switch phase {
        case .streaming(let answer) where answer.isLive: if reader.bufferedBytes > 0 { finish() }
        case .deciding, .working, .streaming: if reader.bufferedBytes > 0 { pause() }
        case .taking(let body): if !body.isAwaited, reader.bufferedBytes > 0 { pause() }
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
        leave()
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
            case .deciding, .working, .streaming, .closing: return
            case .taking(let body) where !body.isAwaited: return
            case .idle where reader.bufferedBytes > 0 && !front.budget.allows(client, share):
                return rest()
            case .idle, .reading, .taking, .skipping: break
            }
            switch reader.next() {
            case .needsMore:
                if hasEnded || reader.mustClose { finish() } else { resume() }
                return
            case .head(let head): begin(head)
            case .body(let body): carryOut(body)
            case .piece(let bytes): give(bytes)
            case .bodyEnd: endBody()
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
        let front = front
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
            if call.endpoint.takesBodyInPieces, let refusal = front.streamRefusal(for: client) {
                refuse(refusal, exchange, of: call.caller)
            } else if let length = exchange.head.contentLength, length > bytesMax {
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
        if let call = exchange.call, call.endpoint.takesBodyInPieces {
            return take(exchange, call)
        }
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

    // MARK: A body in pieces

    /// Works on the request from here on, while its body comes.
    private func take(_ exchange: Exchange, _ call: Call) {
        let body = IncomingBody(self, bytesMax: call.endpoint.bodyBytesMax)
        var call = call
        call.request.stream = StreamedBody(source: body, length: exchange.head.contentLength)
        phase = .taking(body)
        front.began(for: client)
        front.streamBegan(for: client)
        front.serve(call, []) { [self] response in
            front.ended(for: client)
            front.streamEnded(for: client)
            answerTaken(response, exchange, body)
        }
    }

    /// What was not asked for is thrown away: a long rest ends the connection.
    private func answerTaken(
        _ response: APIResponse, _ exchange: Exchange, _ body: IncomingBody
    ) {
        body.detach()
        var next = Phase.idle
        if case .taking = phase {
            reader.discardBody()
            phase = .working
            next = .skipping
        }
        answer(
            response, to: exchange.head, as: exchange.call?.timedAs ?? .write, then: next)
    }

    /// More of the body is asked for.
    func bringMore(of body: IncomingBody) {
        guard case .taking(let own) = phase, own === body else { return }
        if reader.isBodyHeldBack {
            if reader.awaitsContinue {
                let interim = Response.continueBytes
                stream.write(interim.span)
            }
            reader.streamBody(upTo: body.bytesMax)
        }
        guard !isDraining else { return }
        resume()
        advance()
    }

    private func give(_ bytes: [UInt8]) {
        guard case .taking(let body) = phase else {
            preconditionFailure("a piece of a body that nobody takes")
        }
        body.give(.bytes(bytes), at: now)
    }

    private func endBody() {
        guard case .taking(let body) = phase else {
            preconditionFailure("the end of a body that nobody takes")
        }
        phase = .working
        since = now
        isLongWork = true
        body.give(.end, at: now)
    }

    // MARK: Working

    private func carryOut(_ body: [UInt8]) {
        guard case .reading(let exchange) = phase, let call = exchange.call else { return }
        forgetBody()
        phase = .working
        isLongWork = call.endpoint.isLongWork
        front.began(for: client)
        // The connection lives until its answer is written.
        front.serve(parking(call), body) { [self] response in
            front.ended(for: client)
            queryWait = nil
            answer(response, to: exchange.head, as: call.timedAs, then: .idle)
        }
    }

    /// A query that waits for news: it ends with its client, and is no work in progress meanwhile.
    private func parking(_ call: Call) -> Call {
        guard let blocking = call.blocking else { return call }
        let wait = QueryWait()
        wait.parked = { [self] in front.ended(for: client) }
        wait.resumed = { [self] in
            front.began(for: client)
            since = now  // How long it waited is no matter of this server's speed.
        }
        queryWait = wait
        queryLongest = blocking.longest
        var parking = call
        parking.queryWait = wait
        return parking
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
        guard case .working = phase else {
            response.stream?.source.cancel()  // It comes too late.
            return
        }
        let front = front
        isLongWork = false
        if let body = response.stream {
            guard case .idle = next else {
                preconditionFailure("an answer in pieces before the request's body is over")
            }
            return begin(body, response, to: head, as: kind)
        }
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

    /// Sends the head, and then the body as it is made.
    private func begin(
        _ body: StreamedBody, _ response: APIResponse, to head: RequestHead,
        as kind: ServerTimings.RequestKind
    ) {
        if let refusal = crowding(body) ?? front.streamRefusal(for: client) {
            body.source.cancel()
            return answer(refusal, to: head, as: .refused, then: .idle)
        }
        var framing = head.framing
        framing.keepsAlive = framing.keepsAlive && !hasEnded && !reader.mustClose
        output.removeAll(keepingCapacity: true)
        var writer = Response(response).writeHead(
            to: &output, for: &framing, length: body.length, dateHeader: front.dateHeader())
        let bytes = output
        stream.write(bytes.span)
        front.server.timings.observeRequest(now - since, kind)
        since = now
        let keepsAlive = framing.keepsAlive
        let answer = BodyPump(
            body, on: stream, loop: front.loop,
            encode: { piece, output in
                switch piece {
                case .bytes(let bytes): writer.write(bytes, to: &output)
                case .end: writer.end(to: &output)
                case .failed: false
                }
            },
            finished: { [weak self] isWhole in
                self?.streamed(isWhole: isWhole, keepsAlive: keepsAlive)
            })
        phase = .streaming(answer)
        front.streamBegan(for: client)
        guard !framing.isHead, !(hasEnded && body.isLive) else {
            endStream(answer)
            return takeNext(keepsAlive: keepsAlive)
        }
        answer.start()
    }

    /// What follows a request without an end would never be read, nor that its client has left.
    private func crowding(_ body: StreamedBody) -> APIResponse? {
        guard body.isLive, reader.bufferedBytes > 0 else { return nil }
        return .text(400, "nothing may follow a request whose answer has no end")
    }

    private func endStream(_ answer: BodyPump) {
        answer.cancel()
        front.streamEnded(for: client)
    }

    /// A body that is not whole ends without its last chunk: the client knows.
    private func streamed(isWhole: Bool, keepsAlive: Bool) {
        guard case .streaming = phase else { return }
        front.streamEnded(for: client)
        guard isWhole else {
            front.server.counters.streamsBroken += 1
            phase = .closing
            return stream.reset()
        }
        takeNext(keepsAlive: keepsAlive && !hasEnded)
    }

    /// With the next request, or not at all.
    private func takeNext(keepsAlive: Bool) {
        since = now
        phase = .idle
        guard keepsAlive else { return finish() }
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
        leave()
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
        case .taking(let body): if body.isAwaited { advance() }
        case .streaming(let answer): if answer.isLive { finish() }
        case .working: queryWait?.end(isGone: false)  // It may still read its answer.
        case .deciding, .closing: break
        }
    }

    func streamDrained() {
        awaitsClient = false
        switch phase {
        case .idle, .reading, .taking, .skipping:
            resume()
            advance()
        case .streaming(let answer): answer.drained()
        case .deciding, .working, .closing: break
        }
    }

    func streamClosed(_ error: TransportError?) {
        leave()
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
        case .taking(let body): return body.isLate(at: now, limits)
        case .deciding: return passed >= limits.answerTimeout
        case .working:
            let limit = isLongWork ? limits.longAnswerTimeout : limits.answerTimeout
            return passed >= limit + (queryWait == nil ? .zero : queryLongest)
        case .streaming(let answer): return answer.isStuck(at: now, for: limits.fetchTimeout)
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
        case .streaming: front.server.counters.streamsStuck += 1
        case .idle, .deciding, .reading, .taking, .working, .skipping:
            front.server.counters.requestsTimedOut += 1
        }
        switch phase {
        case .deciding:
            end(with: Response(status: 503, text: "no decision in time: nothing was done"))
        case .working: endUnanswered()
        case .taking(let body) where !body.isAwaited: endUnanswered()
        case .idle where reader.isMidRequest && !awaitsClient, .reading, .taking:
            end(with: Response(status: 408, text: "The request did not arrive in time"))
        case .idle where awaitsClient, .streaming:
            leave()
            stream.reset()
        case .idle, .skipping, .closing:
            finish()
        }
    }

    /// What the request asked for may still happen: its answer comes too late for anybody.
    private func endUnanswered() {
        end(
            with: Response(
                status: 500, text: "no answer in time: a write may or may not have been applied"))
    }
}

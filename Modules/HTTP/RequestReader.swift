// SPDX-License-Identifier: Apache-2.0

/// What a connection's bytes turned out to be.
package enum RequestEvent: Sendable {
    case needsMore
    /// Once per request, before its body is looked at: the place to authorise.
    case head(RequestHead)
    /// The complete body, without chunk framing; empty if there is none. Follows each ``head``.
    case body([UInt8])
    /// A part of the body, without chunk framing, in the place of ``body`` after
    /// ``RequestReader/streamBody(upTo:)``; not empty.
    case piece([UInt8])
    /// The last ``piece`` of the body has come.
    case bodyEnd
    /// In the place of ``body``, after ``RequestReader/discardBody()``: the next request may come.
    case skipped
    /// Answer with its status and text, then close. Only ``needsMore`` follows.
    case violation(HTTPViolation)
}

/// Reads the requests of one connection (RFC 9112): a core without I/O. Accepts a strict subset;
/// whatever two readers could understand differently is refused.
///
///     head ──head──▶ body ──.body──▶ head
///                     ├──streamBody()──▶ streaming ──.piece…, .bodyEnd──▶ head
///                     └──discardBody()──▶ skipping ──.skipped──▶ head
///     any ──.violation──▶ closed        skipping ──over the bound──▶ closed
///
/// Usage: ``receive(_:)`` what was read, at most some 64 KiB at a time, then ``next()`` until it
/// says ``RequestEvent/needsMore``. A shell that works on a request may put off calling ``next()``;
/// it pauses reading then, and the buffer is bounded in any case. How the bytes were split on their
/// way makes no difference to what comes out.
package struct RequestReader: Sendable {
    private enum State {
        case head(HeadScanner)
        case fixedBody(length: Int)
        case chunkedBody(ChunkedDecoder)
        case streamingFixed(remaining: Int)
        case streamingChunked(ChunkedDecoder)
        /// Its last piece was given out.
        case streamingEnd
        case skippingFixed(remaining: Int)
        case skippingChunked(ChunkedDecoder)
        case closed
    }

    private let limits: HTTPLimits
    private let bufferedBytesMax: Int
    /// Of the request under way.
    private var bodyBytesMax: Int
    private var state = State.head(HeadScanner())
    private var buffer = InputBuffer()
    private var body: [UInt8] = []
    /// The body of the last head may never come: its client waits for ``Response/continueBytes``.
    package private(set) var awaitsContinue = false
    /// More came than is ever held; what was dropped makes the rest unreadable.
    private var hasOverflowed = false

    package init(limits: HTTPLimits) {
        self.limits = limits
        bufferedBytesMax = limits.bufferedBytesMax
        bodyBytesMax = limits.bodyBytesMax
    }

    /// True once nothing more can be read: after a violation, or when a body to be discarded is
    /// too long for that. Answers written from then on say `Connection: close`.
    package private(set) var mustClose = false

    /// Whether a request has started and is not complete: for the choice between time-outs.
    package var isMidRequest: Bool {
        switch state {
        case .head: buffer.count > 0
        case .fixedBody, .chunkedBody, .streamingFixed, .streamingChunked, .streamingEnd,
            .skippingFixed, .skippingChunked:
            true
        case .closed: false
        }
    }

    /// Whether a head was given out, and what becomes of its body is not decided or not begun.
    package var isBodyHeldBack: Bool {
        switch state {
        case .fixedBody, .chunkedBody: body.isEmpty
        case .head, .streamingFixed, .streamingChunked, .streamingEnd, .skippingFixed,
            .skippingChunked, .closed:
            false
        }
    }

    /// Bytes held that no event has given out yet.
    package var bufferedBytes: Int { buffer.count + body.count }

    /// Takes bytes in. What exceeds the bounds is dropped, and ends the connection when its turn
    /// comes.
    package mutating func receive(_ bytes: Span<UInt8>) {
        if case .closed = state { return }
        if hasOverflowed { return }
        let room = bufferedBytesMax - min(bufferedBytes, bufferedBytesMax)
        hasOverflowed = bytes.count > room
        buffer.append(bytes.extracting(first: room))
    }

    /// The next event. Call until ``RequestEvent/needsMore``.
    package mutating func next() -> RequestEvent {
        let event = step()
        guard hasOverflowed, case .needsMore = event else { return event }
        switch state {
        case .head, .fixedBody, .chunkedBody, .streamingFixed, .streamingChunked, .streamingEnd:
            return refuse(.badRequest("too many requests sent ahead"))
        case .skippingFixed, .skippingChunked, .closed:
            // An answer has gone out, or was refused: no other follows.
            close()
            return event
        }
    }

    /// Says, right after ``RequestEvent/head(_:)``, that the answer does not depend on the body.
    /// The body is skipped up to ``HTTPLimits/discardedBytesMax``, and ``RequestEvent/skipped`` comes
    /// in its place; if it is longer, or may not come at all since its client waits to be told to
    /// continue, ``mustClose`` turns true: for a known length at once, else while skipping.
    package mutating func discardBody() {
        switch state {
        case .fixedBody(let length):
            let remaining = length - body.count
            body = []
            if awaitsContinue || remaining > limits.discardedBytesMax {
                close()
            } else {
                state = .skippingFixed(remaining: remaining)
            }
        case .chunkedBody(let decoder):
            body = []
            if awaitsContinue { close() } else { state = .skippingChunked(decoder) }
        case .streamingFixed(let remaining):
            if remaining > limits.discardedBytesMax {
                close()
            } else {
                state = .skippingFixed(remaining: remaining)
            }
        case .streamingChunked(let decoder):
            body = []
            state = .skippingChunked(decoder)
        case .streamingEnd:
            state = .skippingFixed(remaining: 0)
        case .head, .skippingFixed, .skippingChunked, .closed:
            break  // Late or twice: there is no body to discard.
        }
    }

    /// Says, right after ``RequestEvent/head(_:)``, how long the body of this one request may be;
    /// ``HTTPLimits/bodyBytesMax`` stays the bound of all. Beyond: 413.
    package mutating func limitBody(to bytes: Int) {
        bodyBytesMax = min(bytes, limits.bodyBytesMax)
    }

    /// Says, after ``RequestEvent/head(_:)`` and before the next event is taken, that the body is
    /// wanted piece by piece, as it comes: from here on its client is not waiting to be told to send
    /// it. Nothing of it is held but what was received since the last ``next()``.
    ///
    /// - Parameter bytes: how long it may be, whatever ``HTTPLimits/bodyBytesMax`` says. Beyond: 413.
    package mutating func streamBody(upTo bytes: Int) {
        switch state {
        case .fixedBody(let length): state = .streamingFixed(remaining: length)
        case .chunkedBody(let decoder): state = .streamingChunked(decoder)
        case .head, .streamingFixed, .streamingChunked, .streamingEnd, .skippingFixed,
            .skippingChunked, .closed:
            return  // Late or twice: there is no body to come.
        }
        bodyBytesMax = bytes
        awaitsContinue = false
    }

    private mutating func step() -> RequestEvent {
        switch state {
        case .head(let scanner): readHead(scanner)
        case .fixedBody(let length): readFixedBody(length)
        case .chunkedBody(let decoder): readChunkedBody(decoder)
        case .streamingFixed(let remaining): streamFixedBody(remaining)
        case .streamingChunked(let decoder): streamChunkedBody(decoder)
        case .streamingEnd: endStreaming()
        case .skippingFixed(let remaining): skipFixedBody(remaining)
        case .skippingChunked(let decoder): skipChunkedBody(decoder)
        case .closed: .needsMore
        }
    }

    private mutating func readHead(_ scanner: HeadScanner) -> RequestEvent {
        var scanner = scanner
        switch scanner.scan(&buffer, limits: limits) {
        case .needsMore:
            state = .head(scanner)
            return .needsMore
        case .violation(let violation):
            return refuse(violation)
        case .complete(let length):
            do {
                let head = try RequestHead(buffer.take(length), limits: limits)
                state =
                    head.isChunked
                    ? .chunkedBody(ChunkedDecoder()) : .fixedBody(length: head.contentLength ?? 0)
                awaitsContinue = head.expectsContinue
                bodyBytesMax = limits.bodyBytesMax
                return .head(head)
            } catch {
                return refuse(error)
            }
        }
    }

    private mutating func readFixedBody(_ length: Int) -> RequestEvent {
        if length > bodyBytesMax { return refuse(.bodyTooLarge) }
        // The announced length reserves nothing: memory follows what really came.
        buffer.move(min(length - body.count, buffer.count), to: &body)
        return body.count == length ? finishBody() : .needsMore
    }

    private mutating func readChunkedBody(_ decoder: ChunkedDecoder) -> RequestEvent {
        var decoder = decoder
        switch decoder.decode(
            &buffer, into: &body, bodyBytesMax: bodyBytesMax, limits: limits)
        {
        case .needsMore:
            state = .chunkedBody(decoder)
            return .needsMore
        case .complete:
            return finishBody()
        case .violation(let violation):
            return refuse(violation)
        }
    }

    private mutating func finishBody() -> RequestEvent {
        let complete = body
        body = []
        state = .head(HeadScanner())
        return .body(complete)
    }

    private mutating func streamFixedBody(_ remaining: Int) -> RequestEvent {
        if remaining > bodyBytesMax { return refuse(.bodyTooLarge) }
        if remaining == 0 { return endStreaming() }
        guard buffer.count > 0 else { return .needsMore }
        let piece = buffer.take(min(remaining, buffer.count))
        state = .streamingFixed(remaining: remaining - piece.count)
        return .piece(piece)
    }

    private mutating func streamChunkedBody(_ decoder: ChunkedDecoder) -> RequestEvent {
        var decoder = decoder
        switch decoder.decode(
            &buffer, into: &body, bodyBytesMax: bodyBytesMax, limits: limits)
        {
        case .needsMore: state = .streamingChunked(decoder)
        case .complete: state = .streamingEnd
        case .violation(let violation): return refuse(violation)
        }
        if body.isEmpty {
            if case .streamingEnd = state { return endStreaming() }
            return .needsMore
        }
        let piece = body
        body = []
        return .piece(piece)
    }

    private mutating func endStreaming() -> RequestEvent {
        state = .head(HeadScanner())
        return .bodyEnd
    }

    private mutating func skipFixedBody(_ remaining: Int) -> RequestEvent {
        let available = min(remaining, buffer.count)
        buffer.drop(available)
        if available < remaining {
            state = .skippingFixed(remaining: remaining - available)
            return .needsMore
        }
        state = .head(HeadScanner())
        return .skipped
    }

    private mutating func skipChunkedBody(_ decoder: ChunkedDecoder) -> RequestEvent {
        var decoder = decoder
        var nothing: [UInt8] = []
        switch decoder.decode(
            &buffer, into: &nothing, keepsBytes: false, bodyBytesMax: limits.discardedBytesMax,
            limits: limits)
        {
        case .needsMore:
            state = .skippingChunked(decoder)
            return .needsMore
        case .complete:
            state = .head(HeadScanner())
            return .skipped
        case .violation:
            // The answer has gone out already: no other can follow it.
            close()
            return .needsMore
        }
    }

    private mutating func refuse(_ violation: HTTPViolation) -> RequestEvent {
        close()
        return .violation(violation)
    }

    private mutating func close() {
        state = .closed
        mustClose = true
        buffer.removeAll()
        body = []
    }
}

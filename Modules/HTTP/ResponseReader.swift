// SPDX-License-Identifier: Apache-2.0

/// A response without its body.
package struct ResponseHead: Sendable {
    /// 200 to 599.
    package let status: Int
    /// Whether the connection can carry another request.
    package let keepsAlive: Bool

    fileprivate enum Body { case none, fixed(Int), chunked, untilEnd }
    fileprivate let body: Body
    private let fields: HeaderFields

    /// The value of the first field of that name, without blanks around it.
    package func header(_ lowercasedName: StaticString) -> String? { fields.first(lowercasedName) }

    /// All fields in the order they came.
    package var headers: [HeaderField] {
        fields.fields.map {
            HeaderField(fields.bytes.text(in: $0.name), fields.bytes.text(in: $0.value))
        }
    }

    /// Reads a complete head, its empty line included (RFC 9112 §4, §6.3).
    fileprivate init(
        _ bytes: [UInt8], answersHead: Bool, bodyBytesMax: Int
    ) throws(HTTPViolation) {
        guard bytes.count >= 14, bytes.equals("HTTP/1.", in: 0..<7),
            bytes[7] == UInt8(ascii: "0") || bytes[7] == UInt8(ascii: "1"),
            bytes[8] == UInt8(ascii: " "), (0x31...0x35).contains(bytes[9]), bytes[10].isDigit,
            bytes[11].isDigit
        else { throw .badResponse("malformed status line") }
        status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        var position = 12
        // The phrase is optional, and so, with many a server, is the space before it.
        if bytes[position] == UInt8(ascii: " ") {
            while position < bytes.count, bytes[position].isFieldValueCharacter { position += 1 }
        }
        guard position + 2 <= bytes.count, bytes.equals("\r\n", in: position..<position + 2) else {
            throw .badResponse("malformed status line")
        }
        let fields: HeaderFields
        do {
            fields = try HeaderFields(bytes, in: position + 2..<bytes.count - 2)
        } catch {
            throw .badResponse(error.reason)
        }
        var framing = Framing()
        for field in fields.fields { framing.note(field, of: fields) }
        let isVersion1_0 = bytes[7] == UInt8(ascii: "0")
        if framing.hasBadLength { throw .badResponse("invalid Content-Length") }
        switch framing.coding {
        case .unknown, .malformed: throw .badResponse("unsupported Transfer-Encoding")
        case .chunked where framing.contentLength != nil || isVersion1_0:
            throw .badResponse("ambiguous body length")
        case .none, .chunked: break
        }
        let hasNone = answersHead || status < 200 || status == 204 || status == 304
        if !hasNone, framing.contentLength ?? 0 > bodyBytesMax {
            throw .badResponse("body too large")
        }
        body =
            if hasNone { .none } else if framing.coding == .chunked { .chunked } else {
                framing.contentLength.map { .fixed($0) } ?? .untilEnd
            }
        let endsWithConnection = if case .untilEnd = body { true } else { false }
        keepsAlive =
            !framing.closes && !endsWithConnection && (framing.keepsAlive || !isVersion1_0)
        self.fields = fields
    }
}

extension HTTPViolation {
    fileprivate static func badResponse(_ reason: String) -> Self {
        Self(status: 502, reason: reason)
    }
}

package enum ResponseEvent: Sendable {
    case needsMore
    case response(ResponseHead, body: [UInt8])
    /// Of a response that is read piece by piece: once, before its body.
    case head(ResponseHead)
    /// A part of its body, without chunk framing; not empty.
    case piece([UInt8])
    /// The last ``piece`` has come.
    case end
    /// The connection cannot be used any more; only ``needsMore`` follows.
    case failed(HTTPViolation)
}

/// Reads the responses of one connection: a core without I/O, one response at a time.
///
///     idle ──expectResponse()──▶ head ──▶ body ──.response──▶ idle, or closed without keep-alive
///     idle ──expectStream()──▶ head ──.head──▶ body ──.piece…, .end──▶ closed
///     any ──.failed──▶ closed
///
/// Interim responses (1xx) are skipped.
package struct ResponseReader: Sendable {
    private enum State {
        case idle
        case head(HeadScanner)
        case fixedBody(ResponseHead, length: Int)
        case chunkedBody(ResponseHead, ChunkedDecoder)
        case bodyUntilEnd(ResponseHead)
        case closed
    }

    /// More would be a server that keeps its client busy for ever.
    private static let interimMax = 16

    private let limits: HTTPLimits
    private var state = State.idle
    private var buffer = InputBuffer()
    private var body: [UInt8] = []
    private var answersHead = false
    /// The body is given out as it comes.
    private var isStreamed = false
    /// The last piece was given out.
    private var isAtEnd = false
    private var interimCount = 0
    private var hasEnded = false
    private var hasOverflowed = false

    package init(limits: HTTPLimits) { self.limits = limits }

    /// Whether a request can be sent now.
    package var isIdle: Bool { if case .idle = state { !hasEnded } else { false } }

    /// Says that a request was sent.
    ///
    /// - Precondition: The response before has come: ``isIdle``.
    package mutating func expectResponse(toHead: Bool) {
        precondition(isIdle, "a response is awaited already, or none can come")
        state = .head(HeadScanner())
        answersHead = toHead
        interimCount = 0
    }

    /// The same for a response that is read piece by piece, the last on its connection. Nothing of
    /// its body is held but what was received since the last ``next()``, and it may have any length.
    package mutating func expectStream(toHead: Bool) {
        expectResponse(toHead: toHead)
        isStreamed = true
    }

    package mutating func receive(_ bytes: Span<UInt8>) {
        if case .closed = state { return }
        if hasOverflowed { return }
        let held = buffer.count + body.count
        let room = limits.bufferedBytesMax - min(held, limits.bufferedBytesMax)
        hasOverflowed = bytes.count > room
        buffer.append(bytes.extracting(first: room))
    }

    /// The peer sends no more.
    package mutating func receiveEnd() { hasEnded = true }

    /// The next event. Call until ``ResponseEvent/needsMore``.
    package mutating func next() -> ResponseEvent {
        let event = isStreamed ? stepStreamed() : step()
        guard case .needsMore = event else { return event }
        switch state {
        case .closed: return event
        case .bodyUntilEnd where isStreamed && hasEnded && !hasOverflowed:
            close()
            return .end
        case .bodyUntilEnd(let head) where hasEnded && !hasOverflowed: return finish(head)
        case .idle where hasEnded && buffer.count == 0:
            close()
            return .needsMore
        case .idle, .head, .fixedBody, .chunkedBody, .bodyUntilEnd:
            if hasOverflowed { return fail("response too large") }
            return hasEnded ? fail("connection closed within a response") : event
        }
    }

    private mutating func step() -> ResponseEvent {
        switch state {
        case .idle:
            return buffer.count > 0 ? fail("response without a request") : .needsMore
        case .head(var scanner):
            switch scanner.scan(&buffer, limits: limits) {
            case .needsMore:
                state = .head(scanner)
                return .needsMore
            case .violation(let violation): return fail(violation.reason)
            case .complete(let length): return readHead(buffer.take(length))
            }
        case .fixedBody(let head, let length):
            buffer.move(min(length - body.count, buffer.count), to: &body)
            return body.count == length ? finish(head) : .needsMore
        case .chunkedBody(let head, var decoder):
            switch decoder.decode(
                &buffer, into: &body, bodyBytesMax: limits.bodyBytesMax, limits: limits)
            {
            case .needsMore:
                state = .chunkedBody(head, decoder)
                return .needsMore
            case .complete: return finish(head)
            case .violation(let violation): return fail(violation.reason)
            }
        case .bodyUntilEnd:
            buffer.move(buffer.count, to: &body)
            return body.count > limits.bodyBytesMax ? fail("body too large") : .needsMore
        case .closed: return .needsMore
        }
    }

    /// The body's part of ``step()``, without holding it.
    private mutating func stepStreamed() -> ResponseEvent {
        switch state {
        case .fixedBody(_, 0): return endStream()
        case .fixedBody(let head, let remaining):
            guard buffer.count > 0 else { return .needsMore }
            let piece = buffer.take(min(remaining, buffer.count))
            state = .fixedBody(head, length: remaining - piece.count)
            return .piece(piece)
        case .chunkedBody where isAtEnd: return endStream()
        case .chunkedBody(let head, var decoder):
            switch decoder.decode(&buffer, into: &body, bodyBytesMax: .max, limits: limits) {
            case .needsMore: state = .chunkedBody(head, decoder)
            case .complete: isAtEnd = true
            case .violation(let violation): return fail(violation.reason)
            }
            if body.isEmpty { return isAtEnd ? endStream() : .needsMore }
            return .piece(takeBody())
        case .bodyUntilEnd:
            return buffer.count > 0 ? .piece(buffer.take(buffer.count)) : .needsMore
        case .idle, .head, .closed: return step()
        }
    }

    private mutating func takeBody() -> [UInt8] {
        let piece = body
        body = []
        return piece
    }

    private mutating func endStream() -> ResponseEvent {
        close()
        return .end
    }

    private mutating func readHead(_ bytes: [UInt8]) -> ResponseEvent {
        do {
            let head = try ResponseHead(
                bytes, answersHead: answersHead,
                bodyBytesMax: isStreamed ? .max : limits.bodyBytesMax)
            if head.status < 200 {
                interimCount += 1
                // Nobody asked for 101, another protocol.
                if head.status == 101 || interimCount > Self.interimMax {
                    return fail("unexpected interim response")
                }
                state = .head(HeadScanner())
                return step()
            }
            switch head.body {
            case .none where isStreamed: state = .fixedBody(head, length: 0)
            case .none: return finish(head)
            case .fixed(let length): state = .fixedBody(head, length: length)
            case .chunked: state = .chunkedBody(head, ChunkedDecoder())
            case .untilEnd: state = .bodyUntilEnd(head)
            }
            return isStreamed ? .head(head) : step()
        } catch {
            return fail(error.reason)
        }
    }

    private mutating func finish(_ head: ResponseHead) -> ResponseEvent {
        let complete = body
        body = []
        if head.keepsAlive { state = .idle } else { close() }
        return .response(head, body: complete)
    }

    private mutating func fail(_ reason: String) -> ResponseEvent {
        close()
        return .failed(.badResponse(reason))
    }

    private mutating func close() {
        state = .closed
        buffer.removeAll()
        body = []
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletTransport

/// Passes one request on to the leader, over a connection of its own: bodies go piece by piece, in
/// bounded memory, at the pace of the slower end.
///
/// ```
///   hello ──▶ helloReply, request ──▶ [bodyWanted ──▶ bodyPiece… bodyEnd ──▶] reply ──▶ bodyPiece… bodyEnd
/// ```
///
/// The request's body stays with its client until the leader wants it: one that is not the leader any
/// more, or refuses, has taken nothing of it.
final class PeerRequestSender: StreamHandler {
    private enum Stage {
        case connecting
        case greeting
        /// The request has left.
        case asked
        /// The head of the answer has come.
        case answered(PeerBody)
        case over
    }

    /// How long nothing may move before the leader has the request, or while the body of its answer
    /// is waited for.
    private static let silenceMax: Duration = .seconds(5)
    private static let bodySilenceMax: Duration = .seconds(60)
    /// How long the head of the answer is waited for while nothing moves: a whole state may be read,
    /// or taken in.
    private static let answerTimeout: Duration = .seconds(600)

    private let request: APIRequest
    private let credential: Credential
    private let hello: Hello
    private let loop: any Loop
    private let refused: (ByteError, _ isOversized: Bool) -> Void
    private var done: ((ForwardResult) -> Void)?
    private var ended: (() -> Void)?
    private var stage = Stage.connecting
    private var stream: (any ByteStream)?
    private var reader = FrameReader()
    private var pump: BodyPump?
    private var timer: (any LoopTimer)?

    /// - Parameters:
    ///   - refused: told of what came that cannot be taken.
    ///   - ended: called once, when its connection is of no use any more.
    ///   - done: called once.
    init(
        _ request: APIRequest, of credential: Credential, hello: Hello, loop: any Loop,
        refused: @escaping (ByteError, _ isOversized: Bool) -> Void,
        ended: @escaping () -> Void, done: @escaping (ForwardResult) -> Void
    ) {
        self.request = request
        self.credential = credential
        self.hello = hello
        self.loop = loop
        self.refused = refused
        self.ended = ended
        self.done = done
    }

    func start(to address: SocketAddress, streams: any Streams) {
        timer = loop.makeTimer { [weak self] in self?.fail("the leader is silent") }
        moved()
        streams.connect(to: address, timeout: Self.silenceMax) { [weak self] result in
            guard let self, case .success(let stream) = result else {
                if case .success(let stream) = result { stream.reset() }
                self?.fail("no connection to the leader")
                return
            }
            self.connected(stream)
        }
    }

    /// Nobody waits for the answer, or the leader is gone.
    func fail(_ reason: String) {
        let (stream, stage, done) = (stream, stage, done)
        let pump = pump
        end()
        pump?.cancel()
        stream?.reset()
        switch stage {
        case .connecting, .greeting: done?(.notSent)
        case .asked: done?(.lost)
        case .answered(let body): body.fail(reason)
        case .over: break
        }
    }

    private func connected(_ stream: any ByteStream) {
        guard case .connecting = stage else { return stream.reset() }
        stage = .greeting
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
        write(.hello) { hello.write(to: &$0) }
        moved()
    }

    private func write(_ kind: FrameKind, body: (inout ByteWriter) -> Void) {
        var frame = ByteWriter()
        Frame.write(kind, to: &frame, body: body)
        stream?.write(frame.span)
    }

    private func moved() {
        let limit: Duration
        switch stage {
        case .connecting, .greeting: limit = Self.silenceMax
        case .asked: limit = Self.answerTimeout
        case .answered(let body):
            guard body.isAwaited, !isLive else {
                timer?.disarm()
                return
            }
            limit = Self.bodySilenceMax
        case .over: return
        }
        timer?.arm(at: loop.now + limit)
    }

    // MARK: What comes

    func streamReceived(_ bytes: Span<UInt8>) {
        if case .over = stage { return }
        reader.receive(bytes)
        drain()
        moved()
    }

    /// Someone waits for the next piece of the answer's body.
    private func goOn() {
        drain()
        if case .answered(let body) = stage, body.isAwaited { stream?.resumeReading() }
        moved()
    }

    private var isDraining = false
    private var isLive = false

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        do {
            while isReadyForFrame, let (kind, rest) = try reader.next() {
                var payload = rest
                try received(kind, &payload)
            }
        } catch {
            refused(error, reader.isOversized)
            return fail("the leader's answer cannot be read")
        }
        if case .answered(let body) = stage, !body.isAwaited { stream?.pauseReading() }
    }

    private var isReadyForFrame: Bool {
        switch stage {
        case .connecting, .over: false
        case .greeting, .asked: true
        case .answered(let body): body.isAwaited
        }
    }

    private func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch (stage, kind) {
        case (.greeting, .helloReply):
            let reply = try HelloReply(reading: &payload)
            guard reply.verdict == .welcome else { return fail("not welcome") }
            reader.payloadBytesMax = Frame.payloadBytesMax
            stage = .asked
            write(.request) { PeerRequest(request, credential).write(to: &$0) }
        case (.asked, .bodyWanted) where pump == nil: sendBody()
        case (.asked, .reply): try replied(PeerReply(reading: &payload))
        case (.answered(let body), _):
            try body.received(kind, &payload)
            if kind != .bodyPiece { close() }
        default: throw ByteError(offset: 0, reason: "\(kind) on a request's connection")
        }
    }

    private func sendBody() {
        guard let stream, let body = request.stream else {
            return fail("a body is wanted that there is not")
        }
        let pump = BodyPump(body, on: stream, loop: loop, encode: PeerBody.encode) { _ in }
        self.pump = pump
        pump.start()
    }

    private func replied(_ reply: PeerReply) {
        pump?.cancel()
        pump = nil
        let done = done
        self.done = nil
        guard reply.hasBody, case .answered(var response) = reply.reply else {
            close()
            done?(.replied(reply.reply))
            return
        }
        let body = PeerBody(
            wanted: { [self] in goOn() }, dropped: { [weak self] in self?.fail("cancelled") })
        stage = .answered(body)
        isLive = reply.isLive
        response.stream = StreamedBody(
            source: body, length: reply.bodyBytes.map { Int($0) }, isLive: isLive)
        done?(.replied(.answered(response)))
    }

    // MARK: Ends

    func streamEnded() { fail("the leader ended the connection") }

    func streamDrained() {
        pump?.drained()
        moved()
    }

    func streamClosed(_ error: TransportError?) { fail("the connection to the leader broke") }

    private func close() {
        let stream = stream
        end()
        stream?.close()
    }

    private func end() {
        stage = .over
        timer?.disarm()
        timer = nil
        stream?.handler = nil
        stream = nil
        pump = nil
        done = nil
        let ended = ended
        self.ended = nil
        ended?()
    }
}

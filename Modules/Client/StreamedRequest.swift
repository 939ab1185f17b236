// SPDX-License-Identifier: Apache-2.0

internal import MartletHTTP
internal import MartletTransport

/// One request whose bodies go piece by piece, and its connection.
///
/// ```
///   connecting ──▶ sending, awaiting the head ──head──▶ taking ──end──▶ over
///        └──────────────── silence, failure, cancel() ───────────────────▲
/// ```
///
/// Confined to the loop. It lives as long as its connection, and longer only while its answer is held.
public final class StreamedRequest {
    private enum Phase {
        case connecting
        case awaitingHead
        case taking
        case over
    }

    /// What may wait in the connection before more of the body is asked for.
    private static let queuedBytesMax = 256 << 10

    private let loop: any Loop
    private let upload: ClientUpload?
    private let silenceMax: Duration
    private var completion: ((Result<ClientStream, ClientError>) -> Void)?
    private var phase = Phase.connecting
    private var stream: (any ByteStream)?
    private var reader: ResponseReader
    private var writer: BodyWriter?
    private var timer: (any LoopTimer)?
    private var pumpTimer: (any LoopTimer)?
    private var isAskingUpload = false
    private var isPumping = false
    private var hasEnded = false
    private var output: [UInt8] = []
    /// Who waits for the next piece of the answer.
    private var taken: ((SourcePiece) -> Void)?
    private var isPaused = false
    private var isDraining = false

    init(
        loop: any Loop, body: ClientUpload?, silenceMax: Duration,
        completion: @escaping (Result<ClientStream, ClientError>) -> Void
    ) {
        self.loop = loop
        upload = body
        self.silenceMax = silenceMax
        self.completion = completion
        reader = ResponseReader(limits: HTTPLimits())
    }

    func start(
        _ method: ClientMethod, _ target: String, to address: SocketAddress,
        streams: any Streams, writer: RequestWriter
    ) {
        // Timer and connection hold it until it is over.
        timer = loop.makeTimer { [self] in fail(.timedOut, "", mayHaveBeenSent: stream != nil) }
        moved()
        streams.connect(to: address, timeout: silenceMax) { [self] result in
            switch result {
            case .success(let stream):
                guard case .connecting = phase else { return stream.close() }
                connected(stream, method, target, writer)
            case .failure(let error):
                fail(
                    error == .timedOut ? .timedOut : .cannotConnect, "\(address): \(error)",
                    mayHaveBeenSent: false)
            }
        }
    }

    /// Nobody waits for the answer any more: the connection ends at once.
    public func cancel() {
        completion = nil
        taken = nil
        end()
    }

    private func moved() { timer?.arm(at: loop.now + silenceMax) }

    // MARK: The request

    private func connected(
        _ stream: any ByteStream, _ method: ClientMethod, _ target: String, _ writer: RequestWriter
    ) {
        phase = .awaitingHead
        self.stream = stream
        stream.handler = Handler(self)
        stream.resumeReading()
        reader.expectStream(toHead: method == .head)
        var head: [UInt8] = []
        if let upload {
            self.writer = writer.writeHead(
                method.method, target, length: upload.length, to: &head)
            pumpTimer = loop.makeTimer { [weak self] in self?.pump() }
        } else {
            writer.writeHead(method.method, target, to: &head)
        }
        stream.write(head.span)
        moved()
        pump()
    }

    private func pump() {
        guard let upload, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while case .awaitingHead = phase, writer != nil, !isAskingUpload, let stream {
            guard stream.queuedBytes < Self.queuedBytesMax else { return waitForRoom(in: stream) }
            isAskingUpload = true
            upload.source.next { [weak self] in self?.took($0) }
        }
    }

    /// What was queued in this turn may all leave at its end, of which the stream says nothing.
    private func waitForRoom(in stream: any ByteStream) {
        loop.atEndOfTurn { [weak self] in
            guard let self, stream.queuedBytes == 0 else { return }
            self.pumpTimer?.arm(at: .zero)
        }
    }

    private func took(_ piece: SourcePiece) {
        isAskingUpload = false
        guard case .awaitingHead = phase, var writer else { return }
        moved()
        output.removeAll(keepingCapacity: true)
        var isWhole = true
        switch piece {
        case .bytes(let bytes): isWhole = writer.write(bytes, to: &output)
        case .end: isWhole = writer.end(to: &output)
        case .failed(let reason):
            return fail(.bodyFailed, reason, mayHaveBeenSent: true)
        }
        guard isWhole else {
            return fail(
                .bodyFailed, "its length is not what was announced", mayHaveBeenSent: true)
        }
        self.writer = piece == .end ? nil : writer
        let bytes = output
        stream?.write(bytes.span)
        pump()
    }

    // MARK: The answer

    fileprivate func received(_ bytes: Span<UInt8>) {
        if case .over = phase { return }
        moved()
        reader.receive(bytes)
        drain()
        if case .taking = phase, taken == nil { pause() }
    }

    /// Gives out what came, as far as somebody waits for it.
    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while true {
            switch phase {
            case .connecting, .over: return
            case .taking where taken == nil: return
            case .awaitingHead, .taking: break
            }
            switch reader.next() {
            case .needsMore:
                if case .taking = phase { resume() }
                return
            case .head(let head): begin(head)
            case .piece(let bytes): give(.bytes(bytes))
            case .end:
                let taken = taken
                self.taken = nil
                end(politely: true)
                taken?(.end)
            case .response:
                preconditionFailure("a whole answer that was asked for in pieces")
            case .failed(let violation):
                fail(
                    hasEnded ? .connectionLost : .badResponse, violation.reason,
                    mayHaveBeenSent: true)
            }
        }
    }

    private func begin(_ head: ResponseHead) {
        phase = .taking
        timer?.disarm()
        timer = nil
        stopUpload()
        let headers = head.headers.map {
            ClientResponse.Header(name: $0.name, value: $0.value)
        }
        let response = ClientResponse(status: head.status, headers: headers, body: [])
        let completion = completion
        self.completion = nil
        completion?(.success(ClientStream(head: response, body: Body(self))))
    }

    private func stopUpload() {
        guard writer != nil else { return }
        writer = nil
        upload?.source.cancel()
    }

    private func give(_ piece: SourcePiece) {
        let taken = taken
        self.taken = nil
        taken?(piece)
    }

    fileprivate func next(_ taken: @escaping (SourcePiece) -> Void) {
        precondition(self.taken == nil, "a piece is awaited already")
        guard case .taking = phase else { return taken(.failed("it is over")) }
        self.taken = taken
        drain()
    }

    private func pause() {
        guard !isPaused else { return }
        isPaused = true
        stream?.pauseReading()
    }

    private func resume() {
        guard isPaused else { return }
        isPaused = false
        stream?.resumeReading()
    }

    // MARK: Ends

    fileprivate func ended() {
        hasEnded = true
        reader.receiveEnd()
        drain()
    }

    fileprivate func drained() {
        moved()
        pump()
    }

    fileprivate func closed(_ error: TransportError?) {
        stream = nil
        if case .over = phase { return }
        fail(.connectionLost, error?.description ?? "closed", mayHaveBeenSent: true)
    }

    private func fail(_ code: ClientError.Code, _ detail: String, mayHaveBeenSent: Bool) {
        let (completion, taken) = (completion, taken)
        self.completion = nil
        self.taken = nil
        end()
        let error = ClientError(code, detail, mayHaveBeenSent: mayHaveBeenSent)
        completion?(.failure(error))
        taken?(.failed("\(error)"))
    }

    private func end(politely: Bool = false) {
        phase = .over
        timer?.disarm()
        timer = nil
        pumpTimer?.disarm()
        pumpTimer = nil
        stopUpload()
        let stream = stream
        self.stream = nil
        if politely { stream?.close() } else { stream?.reset() }
    }
}

/// What the connection says goes to its request.
private final class Handler: StreamHandler {
    private let request: StreamedRequest

    init(_ request: StreamedRequest) { self.request = request }

    func streamReceived(_ bytes: Span<UInt8>) { request.received(bytes) }
    func streamEnded() { request.ended() }
    func streamDrained() { request.drained() }
    func streamClosed(_ error: TransportError?) { request.closed(error) }
}

/// The answer's body; its release ends the request.
private final class Body: ByteSource {
    private let request: StreamedRequest

    init(_ request: StreamedRequest) { self.request = request }

    deinit { request.cancel() }

    func next(_ taken: @escaping (SourcePiece) -> Void) { request.next(taken) }
    func cancel() { request.cancel() }
}

// SPDX-License-Identifier: Apache-2.0
internal import MartletTransport

/// One connection, secured: plaintext for its user, TLS on the stream below.
///
/// ```
/// accepted ─▶ sniffing ──▶ shaking hands ──▶ open ──close(), reset(), failure──▶ over
/// connected ──────│───────────▲     │                                             ▲
///                 ├──▶ plain ───────│─────────────────────────────────────────────┤
///                 └─────────────────┴─────────────────────────────────────────────┘
/// ```
///
/// What is written gathers as plaintext until the end of the turn, and is secured in whole records, a
/// window of them at a time: a large answer neither waits in memory twice nor holds up the loop. What
/// came is secured text of the stream below and lent to OpenSSL; only what is left when reading
/// pauses is kept.
@safe
final class TLSStream: ByteStream, StreamHandler {
    enum Phase {
        /// Accepted; what its first bytes are is not known.
        case sniffing
        case shakingHands
        case open
        /// Taken as it is.
        case plain
        /// The stream below is closing; nothing counts any more but its last word.
        case over
    }

    private enum Ending {
        case open
        /// The write side ends once everything is secured.
        case finishing
        case finished
        /// Closes once everything is secured.
        case closing
    }

    /// Secured bytes that wait below before more are made.
    private static let windowBytes = 1 << 20
    private static let sliceBytes = 8 * TLSSession.recordBytesMax
    /// How long a peer may take to accept what was queued before ``close()``.
    private static let flushMax = Duration.seconds(5)
    /// What a peer may send without any content in it.
    private static let emptyBytesMax = 64 << 10

    let inner: any ByteStream
    let streams: TLSStreams
    let context: TLSContext
    let isOutgoing: Bool
    var handler: (any StreamHandler)?

    var phase = Phase.sniffing
    private var ending = Ending.open
    var session: TLSSession?
    /// What came and was not read yet: nearly always nothing.
    var input: [UInt8] = []
    private var output: [UInt8] = []
    /// So much of ``output`` is secured.
    private var outputStart = 0
    private var isFlushScheduled = false
    private var isCheckScheduled = false
    private var isReadScheduled = false
    /// Something that was written did not leave at once.
    private var owesDrained = false
    private var isReading = false
    /// The peer ended in good order; its user may not know yet.
    private var hasEnded = false
    private var owesEnd = false
    /// The stream below ended.
    private var isInnerOver = false
    /// ``TLSSession/bytesRead`` when content came last.
    private var bytesReadAtContent = 0
    private var timer: (any LoopTimer)?
    private let deadline: Duration
    private var isCounted: Bool
    /// See ``TLSStreams/postpone(_:)``.
    private var isWaiting = false
    private var hasTurn = false
    private var closeError: TransportError?
    /// While connecting: told how it went, once.
    private var connected: ((Result<any ByteStream, ConnectFailure>) -> Void)?

    init(accepting inner: any ByteStream, for streams: TLSStreams, _ context: TLSContext) {
        self.inner = inner
        self.streams = streams
        self.context = context
        isOutgoing = false
        isCounted = true
        deadline = streams.loop.now + context.policy.handshakeTimeout
    }

    init(
        connecting inner: any ByteStream, for streams: TLSStreams, _ context: TLSContext,
        deadline: Duration,
        connected: @escaping (Result<any ByteStream, ConnectFailure>) -> Void
    ) {
        self.inner = inner
        self.streams = streams
        self.context = context
        isOutgoing = true
        isCounted = false
        self.connected = connected
        self.deadline = min(deadline, streams.loop.now + context.policy.handshakeTimeout)
    }

    /// Once. From here on the stream below holds this, until it has closed.
    func begin() {
        inner.handler = self
        let timer = streams.loop.makeTimer { [unowned self] in timedOut() }
        timer.arm(at: deadline)
        self.timer = timer
        inner.resumeReading()
        if isOutgoing { beginSession() }
    }

    var remoteAddress: SocketAddress { inner.remoteAddress }
    var localAddress: SocketAddress { inner.localAddress }

    // MARK: Handshake

    /// The accepted side's first bytes: what they are decides what becomes of the connection.
    private func sniff() {
        let isStrict = context.policy.plaintext != .taken
        let greeting: Greeting
        if isStrict, input.first == 22 {
            greeting = .secured
        } else if let known = Greeting(input) {
            greeting = known
        } else {
            return
        }
        switch (greeting, context.policy.plaintext) {
        case (.secured, _), (.other, .refused), (.other, .answered): beginSession()
        case (_, .taken):
            streams.notePlaintext()
            handshakeEnded()
            phase = .plain
            becomeUsable()
            read()
        case (.http, .answered(let answer)):
            inner.write(answer.span)
            fail(TLSFailure(.plaintext, "it sends an HTTP request"))
        case (.http, .refused):
            fail(TLSFailure(.plaintext, "it sends an HTTP request"))
        }
    }

    private func beginSession() {
        session = TLSSession(
            context, isServer: !isOutgoing, output: inner, at: streams.loop.unixSeconds)
        guard session != nil else { return breakOff(.exhausted) }
        phase = .shakingHands
        read()
    }

    /// - Returns: whether it is done.
    private func shakeHands(_ session: TLSSession) -> Bool {
        switch session.shakeHands() {
        case .needsMore:
            if session.bytesRead > context.policy.handshakeBytesMax {
                fail(TLSFailure(.oversized, "a handshake of more than \(session.bytesRead) bytes"))
            }
            return false
        case .failed(let failure):
            fail(failure)
            return false
        case .done:
            phase = .open
            bytesReadAtContent = session.bytesRead
            streams.noteSuccess(isOutgoing: isOutgoing)
            handshakeEnded()
            becomeUsable()
            return phase == .open
        }
    }

    /// Whether the next step of an accepted connection's handshake has to wait for its turn.
    private func isPostponed() -> Bool {
        if isWaiting { return true }
        guard !isOutgoing, !hasTurn, !streams.mayStep() else { return false }
        isWaiting = true
        inner.pauseReading()
        streams.postpone(self)
        return true
    }

    /// It is its turn.
    func goOn() {
        isWaiting = false
        guard phase == .shakingHands else { return }
        inner.resumeReading()
        hasTurn = true
        read()
        hasTurn = false
    }

    private func handshakeEnded() {
        timer = nil
        guard isCounted else { return }
        isCounted = false
        streams.handshakeEnded(from: inner.remoteAddress)
    }

    private func becomeUsable() {
        if !isReading { inner.pauseReading() }
        if outputStart < output.count || !isOpenEnded { scheduleFlush() }
        if let connected {
            self.connected = nil
            connected(.success(self))
        }
    }

    /// OpenSSL's buffers are there, and were used since they were looked at.
    private var isWarm = false
    private var wasUsed = false

    private func use() {
        wasUsed = true
        guard !isWarm else { return }
        isWarm = true
        streams.warmed(self)
    }

    /// Lets go of the buffers if nothing was read or written since the last time.
    ///
    /// - Returns: whether there are none.
    func cool() -> Bool {
        guard wasUsed, phase != .over else {
            isWarm = false
            session?.freeBuffers()
            return true
        }
        wasUsed = false
        return false
    }

    private var isOpenEnded: Bool { if case .open = ending { true } else { false } }

    private func timedOut() {
        switch phase {
        case .sniffing, .shakingHands:
            let wasSilent = phase == .sniffing && input.isEmpty
            note(
                TLSFailure(.timedOut, wasSilent ? "it said nothing" : "the handshake took too long")
            )
            breakOff(.timedOut)
        case .open, .plain, .over: breakOff(.timedOut)
        }
    }

    // MARK: Reading

    func resumeReading() {
        guard !isReading, isUsable else { return }
        isReading = true
        guard phase == .open || phase == .plain else { return }
        if !input.isEmpty || owesEnd || isInnerOver { scheduleRead() }
        inner.resumeReading()
    }

    func pauseReading() {
        isReading = false
        if phase == .open || phase == .plain { inner.pauseReading() }
    }

    private func scheduleRead() {
        guard !isReadScheduled else { return }
        isReadScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isReadScheduled = false
            read()
        }
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        if phase == .over || hasEnded { return }
        if !input.isEmpty || phase == .sniffing {
            unsafe bytes.withUnsafeBufferPointer { unsafe input.append(contentsOf: $0) }
            return phase == .sniffing ? sniff() : read()
        }
        if phase == .plain, isReading {
            handler?.streamReceived(bytes)
            return
        }
        // SAFETY: lent for the call; what is left of it is copied.
        unsafe bytes.withUnsafeBytes { unsafe read($0) }
    }

    /// Reads what was kept, and tells the end that waited for it.
    private func read() {
        if phase == .over { return }
        let kept = input
        input = []
        unsafe kept.withUnsafeBytes { unsafe read($0) }
        if owesEnd, isReading { return tellEnd() }
        if isInnerOver, input.isEmpty { innerEnded() }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) {
        guard phase != .plain else { return unsafe readPlainly(bytes) }
        guard let session else { return }
        if phase == .shakingHands, isPostponed() { return unsafe input = Array(bytes) }
        use()
        unsafe session.input = bytes
        if phase == .open || phase == .shakingHands && shakeHands(session) {
            readContent(session)
        }
        let left = unsafe session.input
        unsafe session.input = UnsafeRawBufferPointer(start: nil, count: 0)
        if phase != .over, !hasEnded, unsafe !left.isEmpty { unsafe input = Array(left) }
    }

    private func readPlainly(_ bytes: UnsafeRawBufferPointer) {
        guard isReading else { return unsafe input = Array(bytes) }
        guard unsafe !bytes.isEmpty else { return }
        unsafe handler?.streamReceived(bytes.bindMemory(to: UInt8.self).span)
    }

    /// Hands out what was lent to the session, for as long as its user reads.
    private func readContent(_ session: TLSSession) {
        while phase == .open, isReading, !hasEnded {
            var filled = 0
            var last = TLSSession.Piece.bytes(0)
            reading: while unsafe filled + TLSSession.recordBytesMax <= streams.readBuffer.count {
                last = unsafe session.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: streams.readBuffer[filled...]))
                guard case .bytes(let count) = last else { break reading }
                filled += count
                // OpenSSL reads no further than the record that it gives: nothing is left in it.
                guard unsafe !session.input.isEmpty else {
                    last = .needsMore
                    break reading
                }
            }
            if filled > 0 {
                bytesReadAtContent = session.bytesRead
                // SAFETY: so many bytes of the buffer were written; nobody else uses it in the call.
                let content = unsafe UnsafeRawBufferPointer(
                    rebasing: streams.readBuffer[..<filled])
                unsafe handler?.streamReceived(content.bindMemory(to: UInt8.self).span)
            }
            if phase != .open { return }
            switch last {
            case .bytes: break
            case .needsMore: return checkContent(session)
            case .ended: end()
            case .failed(let failure): fail(failure)
            }
        }
    }

    /// Records without content cost work and bring nothing: only so many are taken.
    private func checkContent(_ session: TLSSession) {
        guard session.bytesRead - bytesReadAtContent > Self.emptyBytesMax else { return }
        fail(TLSFailure(.oversized, "\(Self.emptyBytesMax) bytes without content"))
    }

    /// The peer said that it sends no more.
    private func end() {
        hasEnded = true
        tellEnd()
    }

    private func tellEnd() {
        owesEnd = !isReading
        if isReading { handler?.streamEnded() }
    }

    func streamEnded() {
        isInnerOver = true
        if phase != .over, input.isEmpty || phase == .sniffing || phase == .shakingHands {
            innerEnded()
        }
    }

    private func innerEnded() {
        switch phase {
        case .over: break
        case .plain:
            guard !hasEnded || owesEnd else { return }
            hasEnded = true
            tellEnd()
        case .open:
            guard hasEnded else { return breakOff(.reset) }  // Cut short.
            if owesEnd { tellEnd() }
        case .sniffing, .shakingHands:
            // Who looks whether somebody listens is nobody to be told of.
            if phase == .shakingHands || !input.isEmpty {
                note(TLSFailure(.brokenOff, "it ended the connection in the handshake"))
            }
            breakOff(.reset)
        }
    }

    // MARK: Writing

    var queuedBytes: Int {
        phase == .over ? inner.queuedBytes : output.count - outputStart + inner.queuedBytes
    }

    func write(_ bytes: Span<UInt8>) {
        guard case .open = ending, phase != .over, !bytes.isEmpty else { return }
        if phase == .plain, output.isEmpty { return inner.write(bytes) }
        if output.capacity == 0 { output = streams.takeBuffer() }
        unsafe bytes.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
        scheduleFlush()
    }

    func finishWriting() {
        guard case .open = ending, phase != .over else { return }
        ending = .finishing
        scheduleFlush()
    }

    func close() {
        guard isUsable else { return }
        isReading = false
        ending = .closing
        switch phase {
        case .sniffing, .shakingHands:
            // Nobody waits for the end of a handshake that nothing comes after.
            if output.isEmpty { return closeInner() }
        case .open, .plain:
            inner.pauseReading()
            scheduleFlush()
        case .over: break
        }
    }

    func reset() {
        guard phase != .over else { return inner.reset() }
        closeError = nil
        conclude()
        inner.reset()
    }

    /// Neither over nor about to be.
    private var isUsable: Bool {
        if case .closing = ending { false } else { phase != .over }
    }

    private func scheduleFlush() {
        guard !isFlushScheduled, phase == .open || phase == .plain else { return }
        isFlushScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    /// Secures what it may, and takes the step that waited for the end.
    private func flush() {
        guard phase == .open || phase == .plain else { return }
        if outputStart < output.count { secure() }
        guard phase != .over else { return }
        guard outputStart == output.count else {
            owesDrained = true
            if isClosing { limitClosing() }
            return scheduleCheck()
        }
        if owesDrained { scheduleCheck() }
        switch ending {
        case .open, .finished: break
        case .finishing:
            ending = .finished
            session?.sayEnd()
            inner.finishWriting()
        case .closing:
            session?.sayEnd()
            closeInner()
        }
    }

    private func secure() {
        while outputStart < output.count, inner.queuedBytes < Self.windowBytes {
            let end = min(outputStart + Self.sliceBytes, output.count)
            if let session {
                use()
                let failure = unsafe output.withUnsafeBytes { bytes in
                    unsafe session.write(UnsafeRawBufferPointer(rebasing: bytes[outputStart..<end]))
                }
                if let failure { return fail(failure) }
            } else {
                inner.write(output.span.extracting(outputStart..<end))
            }
            outputStart = end
        }
        guard outputStart == output.count else { return }
        streams.giveBack(&output)
        outputStart = 0
    }

    private func limitClosing() {
        guard timer == nil else { return }
        let timer = streams.loop.makeTimer { [unowned self] in timedOut() }
        timer.arm(at: streams.loop.now + Self.flushMax)
        self.timer = timer
    }

    private func scheduleCheck() {
        guard !isCheckScheduled else { return }
        isCheckScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isCheckScheduled = false
            if inner.queuedBytes == 0 { drained() }
        }
    }

    /// Of what left at once the stream below says nothing; of the rest it does.
    func streamDrained() {
        guard phase == .open || phase == .plain else { return }
        owesDrained = true
        drained()
    }

    private func drained() {
        guard phase == .open || phase == .plain else { return }
        if outputStart < output.count { return flush() }
        guard owesDrained, inner.queuedBytes == 0 else { return }
        owesDrained = false
        if isUsable { handler?.streamDrained() }
    }

    // MARK: The end

    private func note(_ failure: TLSFailure) {
        streams.note(
            failure.reason, inner.remoteAddress, isOutgoing: isOutgoing, failure.detail)
    }

    /// Closes after what OpenSSL had to say of it (an alert) has left.
    private func fail(_ failure: TLSFailure) {
        note(failure)
        let mayBePlaintext = failure.reason == .plaintext
        if !isClosing { closeError = .other("TLS: \(failure.detail)") }
        closeInner(mayBePlaintext: mayBePlaintext)
    }

    private var isClosing: Bool { if case .closing = ending { true } else { false } }

    /// Closes without sending anything more.
    private func breakOff(_ error: TransportError) {
        closeError = error
        conclude(mayBePlaintext: phase == .shakingHands && session?.bytesRead == 0)
        inner.reset()
    }

    private func closeInner(mayBePlaintext: Bool = false) {
        conclude(mayBePlaintext: mayBePlaintext)
        inner.close()
    }

    private func conclude(mayBePlaintext: Bool = false) {
        phase = .over
        timer = nil
        handshakeEnded()
        input = []
        output = []
        outputStart = 0
        isReading = false
        guard let connected else { return }
        self.connected = nil
        connected(
            .failure(
                ConnectFailure(error: closeError ?? .reset, mayBePlaintext: mayBePlaintext)))
    }

    func streamClosed(_ error: TransportError?) {
        if phase == .sniffing || phase == .shakingHands {
            if phase == .shakingHands || !input.isEmpty {
                note(TLSFailure(.brokenOff, "it broke the connection in the handshake"))
            }
            closeError = error
            conclude(mayBePlaintext: session?.bytesRead == 0)
        }
        phase = .over
        timer = nil
        session = nil
        let told = handler
        handler = nil
        told?.streamClosed(closeError ?? error)
    }
}

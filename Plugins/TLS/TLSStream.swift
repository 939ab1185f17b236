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

    enum Ending {
        case open
        /// The write side ends once everything is secured.
        case finishing
        case finished
        /// Closes once everything is secured.
        case closing
    }

    let inner: any ByteStream
    let streams: TLSStreams
    let context: TLSContext
    let isOutgoing: Bool
    var handler: (any StreamHandler)?

    var phase = Phase.sniffing
    var ending = Ending.open
    var session: TLSSession?
    /// What came and was not read yet: nearly always nothing.
    var input: [UInt8] = []
    var output: [UInt8] = []
    /// So much of ``output`` is secured.
    var outputStart = 0
    var isFlushScheduled = false
    var isCheckScheduled = false
    var isReadScheduled = false
    /// Something that was written did not leave at once.
    var owesDrained = false
    var isReading = false
    /// The peer ended in good order; its user may not know yet.
    var hasEnded = false
    var owesEnd = false
    /// The stream below ended.
    var isInnerOver = false
    /// ``TLSSession/bytesRead`` when content came last.
    var bytesReadAtContent = 0
    var timer: (any LoopTimer)?
    let deadline: Duration
    var isCounted: Bool
    /// See ``TLSStreams/postpone(_:)``.
    var isWaiting = false
    var hasTurn = false
    /// OpenSSL's buffers are there, and were used since they were looked at.
    var isWarm = false
    var wasUsed = false
    var closeError: TransportError?
    /// While connecting: told how it went, once.
    var connected: ((Result<any ByteStream, ConnectFailure>) -> Void)?

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

    // MARK: The end

    func note(_ failure: TLSFailure) {
        streams.note(
            failure.reason, inner.remoteAddress, isOutgoing: isOutgoing, failure.detail)
    }

    /// Closes after what OpenSSL had to say of it (an alert) has left.
    func fail(_ failure: TLSFailure) {
        note(failure)
        let mayBePlaintext = failure.reason == .plaintext
        if !isClosing { closeError = .other("TLS: \(failure.detail)") }
        closeInner(mayBePlaintext: mayBePlaintext)
    }

    var isClosing: Bool { if case .closing = ending { true } else { false } }

    /// Closes without sending anything more.
    func breakOff(_ error: TransportError) {
        closeError = error
        conclude(mayBePlaintext: phase == .shakingHands && session?.bytesRead == 0)
        inner.reset()
    }

    func closeInner(mayBePlaintext: Bool = false) {
        conclude(mayBePlaintext: mayBePlaintext)
        inner.close()
    }

    func conclude(mayBePlaintext: Bool = false) {
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

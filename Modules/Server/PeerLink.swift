// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletTransport

/// What a link tells its owner. Always from the loop, never from within a call to the link.
protocol PeerLinkOwner: AnyObject {
    /// What to say first.
    func helloForPeer() -> Hello
    /// The peer answered; false closes the link.
    func link(_ link: PeerLink, greeted reply: HelloReply) -> Bool
    func linkOpened(_ link: PeerLink)
    func linkClosed(_ link: PeerLink, wasOpen: Bool)
    func link(_ link: PeerLink, received kind: FrameKind, _ payload: inout ByteReader)
        throws(ByteError)
    /// Something came that cannot be read; the connection is reset.
    func link(_ link: PeerLink, refused error: ByteError, isOversized: Bool)
}

/// This server's connection to one other: its messages go out here, answers to its forwards and
/// pings come back. Connects again by itself until it is closed.
///
/// ```
///            connected          welcomed
/// connecting ─────────▶ greeting ───────▶ open
///     ▲                    │               │
///     └────── waiting ◀────┴───────────────┘
///       backoff      refused, lost, failed
/// ```
final class PeerLink: StreamHandler {
    private enum State {
        case waiting
        case connecting
        case greeting(any ByteStream)
        case open(any ByteStream)
        case closed
    }

    /// Whom this leads to; a reply from anybody else is refused.
    let id: ServerID
    private(set) var address: SocketAddress
    /// As whoever told of it wrote it.
    private(set) var addressText: String
    private let loop: any Loop
    private let streams: any Streams
    private weak var owner: (any PeerLinkOwner)?

    private var state = State.waiting
    private var reader = FrameReader()
    /// With room for a greeting.
    private var writer = ByteWriter(reservingBytes: 512)
    /// What both ends speak, or spoke when it was open last; nil before that.
    private(set) var agreedProtocol: UInt16?
    private var timer: (any LoopTimer)?
    private var backoff = PeerLink.backoffMin
    /// Counts connections, so that a late completion of an earlier one is known.
    private var attempt: UInt64 = 0

    private static let backoffMin: Duration = .milliseconds(50)
    private static let backoffMax: Duration = .seconds(1)
    private static let connectTimeout: Duration = .seconds(2)
    private static let greetingTimeout: Duration = .seconds(3)
    /// A peer that takes nothing for this long a queue gets nothing more: Raft sends it again.
    private static let queuedBytesMax = 32 << 20

    init(
        to id: ServerID, at address: SocketAddress, named addressText: String, loop: any Loop,
        streams: any Streams, owner: any PeerLinkOwner
    ) {
        self.id = id
        self.address = address
        self.addressText = addressText
        self.loop = loop
        self.streams = streams
        self.owner = owner
    }

    var isOpen: Bool { if case .open = state { true } else { false } }
    var isWaiting: Bool { if case .waiting = state { true } else { false } }

    func start() {
        timer = loop.makeTimer { [unowned self] in timedOut() }
        connect()
    }

    /// The peer moved: connects to where it is now.
    func move(to newAddress: SocketAddress, named text: String) {
        addressText = text
        guard newAddress != address else { return }
        address = newAddress
        reconnect()
    }

    /// Drops the present connection, if any, and connects anew at once.
    func reconnect() {
        if case .closed = state { return }
        let stream = currentStream
        let wasOpen = isOpen
        stream?.handler = nil
        stream?.close()
        state = .waiting
        backoff = Self.backoffMin
        if wasOpen { owner?.linkClosed(self, wasOpen: true) }
        connect()
    }

    func close() {
        let stream = currentStream
        state = .closed
        timer?.disarm()
        stream?.handler = nil
        stream?.close()
    }

    /// Sends a message of Raft if the link is open and the peer understands it: false if it was
    /// dropped for want of room.
    func send(_ message: Message) -> Bool {
        guard case .open(let stream) = state, let version = agreedProtocol,
            RaftCodec.isKnown(message, in: version)
        else { return true }
        guard stream.queuedBytes < Self.queuedBytesMax else { return false }
        write(.raft, to: stream) { RaftCodec.write(message, protocol: version, to: &$0) }
        return true
    }

    /// Sends a frame if the link is open; false if it was dropped.
    @discardableResult
    func send(_ kind: FrameKind, body: (inout ByteWriter) -> Void) -> Bool {
        guard case .open(let stream) = state, stream.queuedBytes < Self.queuedBytesMax else {
            return false
        }
        write(kind, to: stream, body: body)
        return true
    }

    @inline(__always)
    private func write(
        _ kind: FrameKind, to stream: any ByteStream, body: (inout ByteWriter) -> Void
    ) {
        // Out of the property, whose memory it keeps, so that its bytes can be lent.
        var frame = ByteWriter()
        swap(&frame, &writer)
        frame.clear()
        Frame.write(kind, to: &frame, body: body)
        stream.write(frame.span)
        swap(&frame, &writer)
    }

    private var currentStream: (any ByteStream)? {
        switch state {
        case .greeting(let stream), .open(let stream): stream
        case .waiting, .connecting, .closed: nil
        }
    }

    private func connect() {
        state = .connecting
        attempt += 1
        let attempt = attempt
        streams.connect(to: address, timeout: Self.connectTimeout) { [self] result in
            guard self.attempt == attempt, case .connecting = state else {
                if case .success(let stream) = result { stream.reset() }
                return
            }
            switch result {
            case .success(let stream): connected(stream)
            case .failure: wait()
            }
        }
    }

    private func connected(_ stream: any ByteStream) {
        guard let hello = owner?.helloForPeer() else { return stream.reset() }
        state = .greeting(stream)
        reader = FrameReader()
        stream.handler = self
        stream.resumeReading()
        write(.hello, to: stream) { hello.write(to: &$0) }
        timer?.arm(at: loop.now + Self.greetingTimeout)
    }

    private func wait() {
        state = .waiting
        timer?.arm(at: loop.now + backoff)
        backoff = min(backoff * 2, Self.backoffMax)
    }

    private func timedOut() {
        switch state {
        case .waiting: connect()
        case .greeting(let stream): stream.reset()
        case .connecting, .open, .closed: break
        }
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        reader.receive(bytes)
        do {
            while let (kind, rest) = try reader.next() {
                var payload = rest
                try received(kind, &payload)
                if currentStream == nil { return }
            }
        } catch {
            owner?.link(self, refused: error, isOversized: reader.isOversized)
            currentStream?.reset()
        }
    }

    private func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch state {
        case .greeting(let stream):
            guard kind == .helloReply else {
                throw ByteError(offset: 0, reason: "\(kind) before the greeting")
            }
            let reply = try HelloReply(reading: &payload)
            let mine = attempt
            let isWelcome = owner?.link(self, greeted: reply) == true
            // The answer may have told of another address: then this stream is history.
            guard mine == attempt, case .greeting = state else { return }
            guard isWelcome else { return stream.close() }
            agreedProtocol = reply.agreedProtocol
            state = .open(stream)
            reader.payloadBytesMax = Frame.payloadBytesMax
            backoff = Self.backoffMin
            timer?.disarm()
            owner?.linkOpened(self)
        case .open:
            try owner?.link(self, received: kind, &payload)
        case .waiting, .connecting, .closed:
            break  // It was closed while its last bytes were read.
        }
    }

    /// The peer never ends this direction on purpose: it is stopping.
    func streamEnded() { currentStream?.reset() }

    func streamDrained() {}

    func streamClosed(_ error: TransportError?) {
        if case .closed = state { return }
        let wasOpen = isOpen
        wait()
        owner?.linkClosed(self, wasOpen: wasOpen)
    }
}

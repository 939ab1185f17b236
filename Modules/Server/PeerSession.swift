// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletTransport

/// What an accepted connection tells its owner.
protocol PeerSessionOwner: AnyObject {
    /// The highest protocol that this server speaks.
    var protocolMax: UInt16 { get }
    func greet(_ hello: Hello, from session: PeerSession) -> HelloReply
    /// A stranger's only message, for the gossip port.
    func gossip(_ bytes: [UInt8], from session: PeerSession) -> GossipReply
    /// A peer's connection stands; its messages follow.
    func sessionOpened(_ session: PeerSession)
    func session(_ session: PeerSession, received kind: FrameKind, _ payload: inout ByteReader)
        throws(ByteError)
    /// Something came that cannot be read; the connection is reset.
    func session(_ session: PeerSession, refused error: ByteError, isOversized: Bool)
    /// The connection is gone, whoever ended it.
    func sessionClosed(_ session: PeerSession)
    /// A snapshot stream begins; nil refuses it.
    func receiver(for hello: Hello, session: PeerSession) -> SnapshotReceiver?
    /// A connection for one request begins.
    func requestReceiver(for hello: Hello, session: PeerSession) -> PeerRequestReceiver
    /// Such a one is gone.
    func requestEnded()
}

/// The other end of a peer's link, of its snapshot stream, of one request that it passes on, or of a
/// question of its gossip.
///
/// ```
///            hello              ┌▶ peer ─────┐
///  stranger ────────────────────┼▶ snapshot ─┼▶ closed
///            gossip,            ├▶ request ──┤
///            or refused         └▶ answered ─┘
/// ```
final class PeerSession: StreamHandler {
    private enum State {
        case stranger
        /// It has its answer, and nothing else is wanted of it.
        case answered
        case peer
        case snapshot(SnapshotReceiver)
        case request(PeerRequestReceiver)
        case closed
    }

    let stream: any ByteStream
    /// Its place in the order of acceptance.
    let number: UInt64
    /// Held until ``letGo()``: it is asked with each message, for which a weak reference is dear.
    private var owner: (any PeerSessionOwner)?
    private var state = State.stranger
    private var reader = FrameReader()
    /// With room for a greeting.
    private var writer = ByteWriter(reservingBytes: 512)
    /// What both ends speak.
    private(set) var agreedProtocol: UInt16 = 1
    /// When it was accepted: a stranger is given a bounded time.
    let since: Duration

    private static let queuedBytesMax = 64 << 20

    init(
        _ stream: any ByteStream, number: UInt64, owner: any PeerSessionOwner, now: Duration
    ) {
        self.stream = stream
        self.number = number
        self.owner = owner
        since = now
    }

    /// It has to be gone in a bounded time, unless it becomes more than that.
    var isStranger: Bool {
        switch state {
        case .stranger, .answered: true
        case .peer, .snapshot, .request, .closed: false
        }
    }

    var hasGreeted: Bool { if case .stranger = state { false } else { true } }

    /// The id of ``peer``, without what else is known of it: for each message.
    private(set) var peerID: ServerID?

    /// Who is at the other end; nil for strangers and snapshot streams.
    var peer: MemberInfo? { if case .peer = state { greeter } else { nil } }

    /// Beside the state, which is looked at with each message, for it is large.
    private var greeter: MemberInfo?

    func start() {
        stream.handler = self
        stream.resumeReading()
    }

    func close() {
        stream.close()
    }

    /// Its owner, who holds it, ends without having closed it.
    func letGo() { owner = nil }

    func send(_ kind: FrameKind, body: (inout ByteWriter) -> Void) {
        if case .closed = state { return }
        guard stream.queuedBytes < Self.queuedBytesMax else { return stream.reset() }
        // Out of the property, whose memory it keeps, so that its bytes can be lent.
        var frame = ByteWriter()
        swap(&frame, &writer)
        frame.clear()
        Frame.write(kind, to: &frame, body: body)
        stream.write(frame.span)
        swap(&frame, &writer)
    }

    /// What came whole, and is not what it should be.
    func refuse(_ reason: String) {
        owner?.session(self, refused: ByteError(offset: 0, reason: reason), isOversized: false)
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        reader.receive(bytes)
        drain()
    }

    /// Goes on after the receiver of a snapshot or a request was busy.
    func resume() {
        drain()
        if !isBusy { stream.resumeReading() }
    }

    private var isBusy: Bool {
        switch state {
        case .snapshot(let receiver): receiver.isBusy
        case .request(let receiver): receiver.isBusy
        case .stranger, .answered, .peer, .closed: false
        }
    }

    private var isOver: Bool {
        switch state {
        case .answered, .closed: true
        case .stranger, .peer, .snapshot, .request: false
        }
    }

    /// Within ``drain()``: whoever is given a frame may ask for the next.
    private var isDraining = false

    private func drain() {
        if isOver || isDraining { return }
        isDraining = true
        defer { isDraining = false }
        do {
            while !isBusy, let (kind, rest) = try reader.next() {
                var payload = rest
                try received(kind, &payload)
                if isOver { return }
            }
        } catch {
            owner?.session(self, refused: error, isOversized: reader.isOversized)
            stream.reset()
        }
    }

    private func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch state {
        case .stranger:
            if kind == .gossip {
                return gossiped(Array(try payload.readRaw(count: payload.remaining)))
            }
            guard kind == .hello else {
                throw ByteError(offset: 0, reason: "\(kind) before the greeting")
            }
            let ownMax = owner?.protocolMax ?? Hello.protocolMax
            greeted(by: try Hello(reading: &payload, ownMax: ownMax))
        case .peer:
            try owner?.session(self, received: kind, &payload)
        case .snapshot(let receiver):
            try receiver.received(kind, &payload)
        case .request(let receiver):
            try receiver.received(kind, &payload)
        case .answered, .closed:
            break
        }
    }

    private func gossiped(_ bytes: [UInt8]) {
        guard let owner else { return stream.reset() }
        switch owner.gossip(bytes, from: self) {
        case .answered(let answer): send(.gossipAnswer) { $0.write(raw: answer) }
        case .refused(let reason):
            send(.gossipRefusal) {
                $0.write(string: String(reason.prefix(GossipCall.reasonBytesMax / 4)))
            }
        }
        state = .answered
        stream.close()
    }

    private func greeted(by hello: Hello) {
        guard let owner else { return stream.reset() }
        let reply = owner.greet(hello, from: self)
        agreedProtocol = reply.agreedProtocol
        let isWelcome = reply.verdict == .welcome
        var receiver: SnapshotReceiver?
        if isWelcome, hello.purpose == .snapshot {
            receiver = owner.receiver(for: hello, session: self)
        }
        send(.helloReply) { reply.write(to: &$0) }
        switch hello.purpose {
        case .peer where isWelcome:
            state = .peer
            greeter = hello.sender
            peerID = hello.sender.id
            reader.payloadBytesMax = Frame.payloadBytesMax
            owner.sessionOpened(self)
        case .snapshot where isWelcome && receiver != nil:
            guard let receiver else { return }
            state = .snapshot(receiver)
            reader.payloadBytesMax = Frame.payloadBytesMax
        case .request where isWelcome:
            state = .request(owner.requestReceiver(for: hello, session: self))
            reader.payloadBytesMax = Frame.payloadBytesMax
        case .peer, .snapshot, .request:
            state = .answered
            stream.close()
        }
    }

    func streamEnded() {
        // Nothing is owed to a peer that has closed its side.
        stream.close()
    }

    func streamDrained() {
        if case .request(let receiver) = state { receiver.drained() }
    }

    func streamClosed(_ error: TransportError?) {
        switch state {
        case .snapshot(let receiver): receiver.closed()
        case .request(let receiver):
            receiver.closed()
            owner?.requestEnded()
        case .stranger, .answered, .peer, .closed: break
        }
        owner?.sessionClosed(self)
        state = .closed
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// One side of a simulated connection. Bytes go into its pipe at once; how
/// many of them are queued, in flight (bounded), or in the peer's inbox is counted.
final class SimulatedStream: ByteStream {
    enum Segment {
        /// So many bytes of the pipe.
        case data(Int)
        case end
        case reset
    }

    /// Bytes that may be under way or unread at the peer.
    static let windowBytes = 256 * 1024

    let host: SimulatedHost
    let localAddress: SocketAddress
    let remoteAddress: SocketAddress
    /// Kept until both sides have closed, so that a late write finds a side that refuses it.
    var peer: SimulatedStream?
    /// Its place in the order of making.
    var number: UInt64 = 0
    /// Segments to this side arrive in order: none before this.
    var lastArrival: Int64 = 0

    private var listener: (any StreamHandler)?
    /// What goes to this side, and to the other.
    private let incoming: SimulatedPipe
    private var outgoing: SimulatedPipe?
    /// Written, and not on its way.
    private var pendingBytes = 0
    private var flightBytes = 0
    /// Of them, what the peer has read, and when this side learns it: the newest, and those before.
    private var acknowledgedLast: (time: Int64, count: Int) = (0, 0)
    private var acknowledged: [(time: Int64, count: Int)] = []
    private var hasAcknowledged = false
    private var isAwaitingAcknowledgement = false
    private var isReading = false
    private var isFinishing = false
    private var hasSentEnd = false
    private var isClosing = false
    private var isClosed = false
    private var isFlushDue = false
    private var owesDrained = false
    private var inbox: [Segment] = [] {
        didSet { hasInbox = !inbox.isEmpty }
    }
    private var hasInbox = false
    private var isDelivering = false
    private var held: [Segment] = [] {
        didSet { isHolding = !held.isEmpty }
    }
    private var isHolding = false
    /// How often held segments were let go.
    private var holdCount = 0
    /// Of the life that it belongs to.
    let loop: SimulatedLoop
    private let timeline: Timeline
    private let network: SimulatedNetwork

    private var now: Int64 { timeline.nanoseconds }

    init(host: SimulatedHost, local: SocketAddress, remote: SocketAddress) {
        self.host = host
        localAddress = local
        remoteAddress = remote
        loop = host.loop
        timeline = loop.timeline
        network = host.world.network
        incoming = SimulatedPipe(network.pipes)
    }

    /// Makes the two ends of one connection of them.
    func join(_ other: SimulatedStream) {
        peer = other
        other.peer = self
        outgoing = other.incoming
        other.outgoing = incoming
    }

    var handler: (any StreamHandler)? {
        get { listener }
        set { listener = newValue }
    }

    var queuedBytes: Int { pendingBytes }

    func resumeReading() {
        guard !isReading, !isClosing, !isClosed else { return }
        isReading = true
        if !inbox.isEmpty { schedule(.segment, at: now) { $0.deliver() } }
    }

    func pauseReading() { isReading = false }

    func write(_ bytes: Span<UInt8>) {
        guard !isFinishing, !isClosing, !isClosed, !bytes.isEmpty else { return }
        outgoing?.append(bytes)
        pendingBytes += bytes.count
        flushLater()
    }

    func finishWriting() {
        guard !isFinishing, !isClosed else { return }
        isFinishing = true
        flushLater()
    }

    func close() {
        guard !isClosing, !isClosed else { return }
        isClosing = true
        isFinishing = true
        isReading = false
        inbox = []
        flushLater()
    }

    func reset() {
        guard !isClosed else { return }
        sendReset()
        conclude(nil)
    }

    /// The peer hears of a reset after the latency.
    func sendReset() { transmit(.reset) }

    /// Nothing more will be told of it.
    var isGone: Bool { isClosed }

    /// Gone with its host: no more calls.
    func vanish() {
        isClosed = true
        dropAll()
        listener = nil
        network.closed(self)
    }

    /// The connection breaks under this side.
    func fail(_ error: TransportError) {
        guard !isClosed else { return }
        isClosed = true
        dropAll()
        network.closed(self)
        let told = listener
        listener = nil
        told?.streamClosed(isClosing ? nil : error)
    }

    func releaseHeld() {
        guard !held.isEmpty else { return }
        schedule(.unblock, at: now) { stream in
            if let from = stream.peer?.host, stream.network.isBlocked(from: from, to: stream.host) {
                return
            }
            // Until here later segments have queued behind the held ones.
            let segments = stream.held
            stream.held = []
            stream.holdCount += 1
            for segment in segments { stream.arrive(segment) }
        }
    }

    /// The peer's host began a new life, which knows nothing of what is still unacknowledged.
    func retransmit() {
        collectAcknowledged()
        if flightBytes > 0 || hasSentEnd, let peer, peer.loop.isOver {
            schedule(.segment, at: network.arrival()) { $0.fail(.reset) }
        }
    }

    private func schedule(
        _ kind: Timeline.Kind, at time: Int64, _ body: @escaping (SimulatedStream) -> Void
    ) {
        loop.schedule(kind, at: time) { body(self) }
    }

    private func flushLater() {
        guard !isFlushDue else { return }
        isFlushDue = true
        loop.flushAtEndOfTurn(self)
    }

    func flushAtEndOfTurn() {
        isFlushDue = false
        flush()
        if pendingBytes > 0 { owesDrained = true }
    }

    private func flush() {
        guard !isClosed else { return }
        // Room for a whole segment, or none: crumbs would breed crumbs (RFC 9293 §3.8.6.2.1).
        var segmentMax = network.pieceBytesMax
        var pieces = 0
        while pendingBytes > 0, hasRoom(for: segmentMax) {
            if pieces == SimulatedNetwork.smallPiecesMax {
                segmentMax = max(segmentMax, SimulatedNetwork.wholeBytesMax)
            }
            pieces += 1
            var count = min(pendingBytes, segmentMax)
            if timeline.chance(network.cutChance) {
                let most = count
                count = timeline.withGenerator { Int.random(in: 1...most, using: &$0) }
            }
            transmit(.data(count), size: count)
            flightBytes += count
            pendingBytes -= count
        }
        guard pendingBytes == 0, isFinishing else { return }
        if !hasSentEnd {
            hasSentEnd = true
            transmit(.end)
        }
        if isClosing { conclude(nil) }
    }

    /// An acknowledgement that nothing waits for is only noted; the first that is waited for gets
    /// an event.
    private func hasRoom(for count: Int) -> Bool {
        if Self.windowBytes - flightBytes >= count { return true }
        collectAcknowledged()
        if Self.windowBytes - flightBytes >= count { return true }
        awaitAcknowledgement()
        return false
    }

    private func collectAcknowledged() {
        if hasAcknowledged {
            let due = acknowledged.prefix { $0.time <= now }
            for (_, count) in due { flightBytes -= count }
            acknowledged.removeFirst(due.count)
            hasAcknowledged = !acknowledged.isEmpty
        }
        guard acknowledgedLast.time <= now else { return }
        flightBytes -= acknowledgedLast.count
        acknowledgedLast.count = 0
    }

    private func awaitAcknowledgement() {
        guard !isAwaitingAcknowledgement, acknowledgedLast.count > 0 else { return }
        let first = acknowledged.first ?? acknowledgedLast
        isAwaitingAcknowledgement = true
        schedule(.credit, at: first.time) { sender in
            sender.isAwaitingAcknowledgement = false
            sender.collectAcknowledged()
            sender.flush()
            guard sender.owesDrained, sender.pendingBytes == 0, !sender.isClosed else { return }
            sender.owesDrained = false
            sender.listener?.streamDrained()
        }
    }

    private func transmit(_ segment: Segment, size: Int = 0) {
        guard let peer else { return }
        let due = max(network.segmentArrival(), peer.lastArrival)
        peer.lastArrival = due
        if peer.loop.isOver {
            // That life is over; a host that is back answers what it does not know by a reset.
            if peer.host.isRunning { schedule(.segment, at: due) { $0.fail(.reset) } }
            return
        }
        timeline.insert(.segment(peer, segment), .segment, at: due, detail: size)
    }

    func arriveUnlessBlocked(_ segment: Segment) {
        guard let from = peer?.host else { return arrive(segment) }
        guard !isHolding, !network.isBlocked(from: from, to: host) else {
            held.append(segment)
            if held.count == 1, let limit = network.blockedStreamTimeout {
                let hold = holdCount
                schedule(.timeout, at: Timeline.after(now, limit)) { stream in
                    guard stream.holdCount == hold, !stream.held.isEmpty else { return }
                    if let peer = stream.peer {
                        peer.schedule(.timeout, at: stream.now) { $0.fail(.timedOut) }
                    }
                    stream.fail(.timedOut)
                }
            }
            return
        }
        arrive(segment)
    }

    private func arrive(_ segment: Segment) {
        switch segment {
        case .reset: fail(.reset)
        case .data where isClosed || isClosing: sendReset()
        case .data, .end:
            guard !isClosed, !isClosing else { return }
            if case .data(let count) = segment, isReading, !hasInbox, !isDelivering {
                isDelivering = true
                defer { isDelivering = false }
                hand(count)
                if !hasInbox { return }
            } else {
                inbox.append(segment)
            }
            deliver()
        }
    }

    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        while isReading, !isClosed, !inbox.isEmpty {
            switch inbox.removeFirst() {
            case .data(let count): hand(count)
            case .end: listener?.streamEnded()
            case .reset: fail(.reset)
            }
        }
    }

    private func hand(_ count: Int) {
        credit(count)
        guard let listener else { return incoming.skip(count) }
        incoming.take(count) { listener.streamReceived($0) }
    }

    private func credit(_ count: Int) {
        guard let peer else { return }
        peer.acknowledge(count, at: network.acknowledgementArrival())
    }

    private func acknowledge(_ count: Int, at time: Int64) {
        let last = acknowledgedLast
        if last.count == 0 || last.time <= now {
            // Learnt by now, and all before it.
            collectAcknowledged()
        } else {
            acknowledged.append(last)
            hasAcknowledged = true
        }
        acknowledgedLast = (max(time, last.time), count)
        if pendingBytes > 0 || owesDrained { awaitAcknowledgement() }
    }

    /// Closed by this side: its handler is told in an event of its own.
    private func conclude(_ error: TransportError?) {
        isClosed = true
        dropAll()
        schedule(.closed, at: now) { stream in
            stream.network.closed(stream)
            let told = stream.listener
            stream.listener = nil
            told?.streamClosed(error)
        }
    }

    private func dropAll() {
        isReading = false
        pendingBytes = 0
        if hasInbox { inbox = [] }
        if isHolding { held = [] }
        guard let other = peer, other.isClosed else { return }
        other.peer = nil
        peer = nil
    }
}

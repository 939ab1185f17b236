// SPDX-License-Identifier: Apache-2.0
public import MartletTransport

/// What lies between the hosts: latency, loss and partitions, all by the world's seed.
public final class SimulatedNetwork {
    /// One way, per segment or datagram.
    public var latency: ClosedRange<Duration> = .microseconds(100)...(.milliseconds(2)) {
        didSet { latencyNanoseconds = latency.wholeNanoseconds }
    }
    /// The largest piece that a stream's bytes travel in: of what is written in one turn the first
    /// `smallPiecesMax`, those behind them are of any size.
    public var segmentBytesMax = 65_536 {
        didSet { pieceBytesMax = min(max(1, segmentBytesMax), SimulatedStream.windowBytes) }
    }
    /// Enough to cut every head of a message everywhere; a long body in crumbs is events without end.
    static let smallPiecesMax = 32
    static let wholeBytesMax = 65_536
    /// Probability that a piece is cut at a drawn place, 0...1.
    public var fragmentation = 0.1 {
        didSet { cutChance = fragmentation }
    }
    /// Probability that a segment of a stream is lost once, or is overtaken by those behind it,
    /// 0...1: either way TCP hides it, and what is seen is that it and all behind it come later.
    public var segmentLoss = 0.0 {
        didSet { lossChance = segmentLoss }
    }
    /// What the sender's kernel waits before it sends a lost segment again.
    public var retransmission: ClosedRange<Duration> = .milliseconds(200)...(.milliseconds(400))
    /// Probabilities for datagrams, 0...1.
    public var datagramLoss = 0.0
    public var datagramDuplication = 0.0
    /// A delayed datagram takes up to ten times the latency, and so is overtaken.
    public var datagramDelay = 0.0
    /// A stream that a block has held up for so long is reset on both sides; nil waits for ever.
    public var blockedStreamTimeout: Duration?

    // As above, for what looks at them with each segment.
    private var latencyNanoseconds: ClosedRange<Int64> = 100_000...2_000_000
    private(set) var pieceBytesMax = 65_536
    private(set) var cutChance = 0.1
    private var lossChance = 0.0

    /// Set once, by the world that makes it.
    unowned var world: SimulatedWorld!
    private let timeline: Timeline
    let pipes = PipeMemory()
    var listeners = Ports<ListenerState>()
    var sockets = Ports<SimulatedDatagramSocket.State>()
    /// Open streams, in order of making, which their numbers grow with: they live without a reference.
    private(set) var open: [SimulatedStream] = []
    private var streamsMade: UInt64 = 0
    private var blocked = Paths()
    private var nextPort: UInt16 = 32_768

    final class ListenerState {
        let host: SimulatedHost
        let accept: (any ByteStream) -> Void

        init(host: SimulatedHost, accept: @escaping (any ByteStream) -> Void) {
            self.host = host
            self.accept = accept
        }
    }

    init(timeline: Timeline) { self.timeline = timeline }

    /// Holds up all that goes this way; the other way stays open.
    public func block(from: SimulatedHost, to: SimulatedHost) {
        blocked.insert(from: from.number, to: to.number)
    }

    /// Holds up both ways.
    public func partition(_ one: SimulatedHost, _ other: SimulatedHost) {
        block(from: one, to: other)
        block(from: other, to: one)
    }

    /// Opens this way again; what its streams held arrives, datagrams are gone.
    public func unblock(from: SimulatedHost, to: SimulatedHost) {
        guard blocked.remove(from: from.number, to: to.number) else { return }
        for stream in open where stream.host === to && stream.peer?.host === from {
            stream.releaseHeld()
        }
    }

    /// Opens every way; what streams held arrives, datagrams are gone.
    public func heal() {
        blocked = Paths()
        for stream in open { stream.releaseHeld() }
    }

    /// Resets every connection between two hosts.
    public func resetConnections(between one: SimulatedHost, and other: SimulatedHost) {
        for stream in open {
            guard let far = stream.peer?.host else { continue }
            if (stream.host === one && far === other) || (stream.host === other && far === one) {
                stream.host.schedule(.closed, at: timeline.nanoseconds) { stream.fail(.reset) }
            }
        }
    }

    func isBlocked(from: SimulatedHost, to: SimulatedHost) -> Bool {
        blocked.contains(from: from.number, to: to.number)
    }

    /// When something sent at this moment arrives, if nothing holds it up.
    func arrival() -> Int64 {
        timeline.nanoseconds &+ timeline.draw(latencyNanoseconds)
    }

    func segmentArrival() -> Int64 {
        let due = arrival()
        guard timeline.chance(lossChance) else { return due }
        return Timeline.after(due, .nanoseconds(timeline.draw(retransmission)))
    }

    /// Acknowledgements are cumulative, so that their loss does not show.
    func acknowledgementArrival() -> Int64 {
        timeline.nanoseconds &+ latencyNanoseconds.upperBound
    }

    func host(at address: SocketAddress, from host: SimulatedHost) -> SimulatedHost? {
        switch address {
        case .ipv4(let number, _):
            if number == 0x7F00_0001 || number == 0 { return host }
            let index = Int(number & 0xFFFF) - 1
            let hosts = world.hosts
            guard number >> 16 == 0x0A00, hosts.indices.contains(index) else { return nil }
            return hosts[index]
        case .ipv6, .unix: return nil
        }
    }

    /// The address as the network knows it: a host's own, with a free port for 0.
    func claim(
        _ address: SocketAddress, on host: SimulatedHost, isTaken: (SocketAddress) -> Bool
    ) throws(TransportError) -> SocketAddress {
        guard self.host(at: address, from: host) === host, let port = address.port else {
            throw .addressNotAvailable
        }
        if port != 0 {
            let own = host.address(port: port)
            guard !isTaken(own) else { throw .addressInUse }
            return own
        }
        for _ in 0..<32_000 {
            let own = ephemeral(on: host)
            if !isTaken(own) { return own }
        }
        throw .exhausted
    }

    func ephemeral(on host: SimulatedHost) -> SocketAddress {
        nextPort = nextPort == .max ? 32_768 : nextPort + 1
        return host.address(port: nextPort)
    }

    fileprivate func opened(_ stream: SimulatedStream) {
        streamsMade += 1
        stream.number = streamsMade
        open.append(stream)
    }

    /// Nothing more happens to it; does nothing for one that is not open.
    func closed(_ stream: SimulatedStream) {
        var (low, high) = (0, open.count)
        while low < high {
            let middle = (low + high) / 2
            if open[middle].number < stream.number { low = middle + 1 } else { high = middle }
        }
        if low < open.count, open[low] === stream { open.remove(at: low) }
    }

    /// Who still waits for an acknowledgement from an earlier life is reset by the new one.
    func restart(_ host: SimulatedHost) {
        for stream in open where stream.peer?.host === host { stream.retransmit() }
    }

    deinit { for stream in open { stream.peer = nil } }

    func crash(_ host: SimulatedHost, _ ending: SimulatedHost.Ending) {
        listeners.closeAll(on: host.number)
        sockets.closeAll(on: host.number)
        for stream in open.filter({ $0.host === host }) {
            if ending == .resetsPeers { stream.sendReset() }
            stream.vanish()
        }
    }
}

/// The streams of one life of a host.
public final class SimulatedStreams: Streams {
    private unowned let host: SimulatedHost
    private let life: UInt64

    init(host: SimulatedHost) {
        self.host = host
        life = host.life
    }

    private var isDead: Bool { isDead(host) }

    private func isDead(_ host: SimulatedHost) -> Bool { !host.isRunning || host.life != life }

    public func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener {
        guard !isDead else { throw .unreachable }
        let network = host.world.network
        let own = try network.claim(address, on: host) { network.listeners[$0] != nil }
        let state = SimulatedNetwork.ListenerState(host: host, accept: accept)
        network.listeners[own] = state
        return SimulatedListener(network: network, address: own, state: state)
    }

    public func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        let host = host
        guard !isDead(host) else { return }
        let (network, life) = (host.world.network, life)
        var isAnswered = false
        let answer = { (result: Result<any ByteStream, TransportError>) in
            guard !isAnswered else { return }
            isAnswered = true
            completion(result)
        }
        let deadline = host.loop.now + timeout
        host.schedule(.timeout, at: host.loop.worldTime(of: deadline)) {
            answer(.failure(.timedOut))
        }
        guard let target = network.host(at: address, from: host), target.isRunning else { return }
        let remote = target.address(port: address.port ?? 0)
        target.schedule(.syn, at: network.arrival()) {
            guard !network.isBlocked(from: host, to: target), host.isRunning, host.life == life
            else { return }
            guard let listener = network.listeners[remote] else {
                guard !network.isBlocked(from: target, to: host) else { return }
                host.schedule(.refused, at: network.arrival()) { answer(.failure(.refused)) }
                return
            }
            let client = SimulatedStream(
                host: host, local: network.ephemeral(on: host), remote: remote)
            let server = SimulatedStream(
                host: target, local: remote, remote: client.localAddress)
            client.join(server)
            network.opened(client)
            network.opened(server)
            let back = network.arrival()
            client.lastArrival = back
            host.schedule(.accepted, at: back) {
                guard !isAnswered, !network.isBlocked(from: target, to: host) else {
                    client.sendReset()
                    client.vanish()
                    return
                }
                // It may have been reset before this side knew of it.
                answer(client.isGone ? .failure(.reset) : .success(client))
            }
            listener.accept(server)
        }
    }

    public func resolve(
        host name: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        guard !isDead else { return }
        let found =
            SocketAddress(host: name, port: port)
            ?? host.world.hosts.first { $0.name == name }?.address(port: port)
        host.schedule(.resolved, at: host.world.network.arrival()) {
            completion(found.map { .success([$0]) } ?? .failure(.unknownHost(name)))
        }
    }
}

final class SimulatedListener: Listener {
    let address: SocketAddress
    private let network: SimulatedNetwork
    private let state: SimulatedNetwork.ListenerState

    init(
        network: SimulatedNetwork, address: SocketAddress, state: SimulatedNetwork.ListenerState
    ) {
        self.network = network
        self.address = address
        self.state = state
    }

    deinit { close() }

    func close() {
        if network.listeners[address] === state { network.listeners[address] = nil }
    }
}

/// The datagrams of one life of a host.
public final class SimulatedDatagrams: Datagrams {
    private unowned let host: SimulatedHost
    private let life: UInt64

    init(host: SimulatedHost) {
        self.host = host
        life = host.life
    }

    public func bind(
        to address: SocketAddress,
        received: @escaping (_ bytes: Span<UInt8>, _ sender: SocketAddress) -> Void
    ) throws(TransportError) -> any DatagramSocket {
        guard host.isRunning, host.life == life else { throw .unreachable }
        let network = host.world.network
        let own = try network.claim(address, on: host) { network.sockets[$0] != nil }
        let state = SimulatedDatagramSocket.State(host: host, received: received)
        network.sockets[own] = state
        return SimulatedDatagramSocket(network: network, address: own, state: state)
    }
}

final class SimulatedDatagramSocket: DatagramSocket {
    final class State {
        let host: SimulatedHost
        let received: (Span<UInt8>, SocketAddress) -> Void

        init(host: SimulatedHost, received: @escaping (Span<UInt8>, SocketAddress) -> Void) {
            self.host = host
            self.received = received
        }
    }

    let address: SocketAddress
    private let network: SimulatedNetwork
    private let state: State

    init(network: SimulatedNetwork, address: SocketAddress, state: State) {
        self.network = network
        self.address = address
        self.state = state
    }

    deinit { close() }

    func close() {
        if network.sockets[address] === state { network.sockets[address] = nil }
    }

    func send(_ bytes: Span<UInt8>, to receiver: SocketAddress) {
        guard bytes.count <= 65_507, network.sockets[address] === state,
            let target = network.host(at: receiver, from: state.host), target.isRunning
        else { return }
        let (timeline, from, source) = (state.host.loop.timeline, state.host, address)
        let copy = bytes.copied
        if timeline.chance(network.datagramLoss) { return }
        let copies = timeline.chance(network.datagramDuplication) ? 2 : 1
        let to = target.address(port: receiver.port ?? 0)
        for _ in 0..<copies {
            var due = network.arrival()
            if timeline.chance(network.datagramDelay) {
                let most = network.latency.upperBound * 10
                due = Timeline.after(due, .nanoseconds(timeline.draw(.zero...most)))
            }
            target.schedule(.datagram, at: due, detail: copy.count) { [network] in
                guard !network.isBlocked(from: from, to: target) else { return }
                network.sockets[to]?.received(copy.span, source)
            }
        }
    }
}

extension Span<UInt8> {
    var copied: [UInt8] {
        // SAFETY: the array is made before the buffer ends.
        unsafe withUnsafeBufferPointer { unsafe Array($0) }
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import MartletTransport

/// Streams over others, secured by TLS.
@safe
final class TLSStreams: SecuredStreams {
    let loop: any Loop
    private let inner: any Streams
    /// For connections that begin from here on.
    private(set) var context: TLSContext
    private let notice: (SecurityNotice) -> Void
    private(set) var counts = SecurityCounts()

    /// Of accepted connections: those in their handshakes, in all and by address without its port.
    private var handshakes = 0
    private var handshakesByAddress: [SocketAddress: Int] = [:]

    private var stepsOfTurn = 0
    private var postponed: [TLSStream] = []
    private var stepper: (any LoopTimer)?
    /// Time enough for the loop to look at its sockets.
    private static let betweenSteps = Duration.milliseconds(1)

    /// Plaintext on its way from OpenSSL to a handler: one for all, as one thread reads.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 4 * TLSSession.recordBytesMax, alignment: 16)
    private var spareBuffers: [[UInt8]] = []
    /// Connections whose buffers are there.
    private var warm: [TLSStream] = []
    private var cooler: (any LoopTimer)?
    private var isCooling = false
    private static let coolingTime = Duration.seconds(1)
    private static let spareBuffersMax = 64
    private static let spareBufferBytesMax = 64 << 10

    init(
        over inner: any Streams, on loop: any Loop, _ context: TLSContext,
        notice: @escaping (SecurityNotice) -> Void
    ) {
        self.inner = inner
        self.loop = loop
        self.context = context
        self.notice = notice
    }

    // SAFETY: streams hold this; none is reading any more.
    deinit { unsafe readBuffer.deallocate() }

    var facts: SecurityFacts { context.facts }

    func prepare(
        _ policy: SecurityPolicy, _ material: SecurityMaterial
    ) throws(SecurityError) -> SecurityReplacement {
        let next = try TLSContext(
            policy, material, at: loop.unixSeconds, replacing: context)
        return SecurityReplacement(facts: next.facts) { [self] in context = next }
    }

    // MARK: Streams

    func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener {
        try inner.listen(on: address) { [weak self] stream in
            guard let self else { return stream.reset() }
            self.accepted(stream, accept)
        }
    }

    private func accepted(_ stream: any ByteStream, _ accept: (any ByteStream) -> Void) {
        let policy = context.policy
        let address = Self.host(of: stream.remoteAddress)
        guard handshakes < policy.handshakesMax,
            handshakesByAddress[address, default: 0] < policy.handshakesPerAddressMax
        else {
            note(.crowded, stream.remoteAddress, isOutgoing: false, "\(handshakes) in all")
            return stream.reset()
        }
        handshakes += 1
        handshakesByAddress[address, default: 0] += 1
        let secured = TLSStream(accepting: stream, for: self, context)
        secured.begin()
        accept(secured)
    }

    /// An accepted connection is through with its handshake, in one way or another.
    func handshakeEnded(from address: SocketAddress) {
        let address = Self.host(of: address)
        handshakes -= 1
        let left = handshakesByAddress[address, default: 1] - 1
        handshakesByAddress[address] = left > 0 ? left : nil
    }

    private static func host(of address: SocketAddress) -> SocketAddress {
        switch address {
        case .ipv4(let number, _): .ipv4(number, port: 0)
        case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: 0)
        case .unix: address
        }
    }

    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        let deadline = loop.now + max(timeout, .zero)
        let context = context
        let isPatient = context.policy.plaintext != .taken
        inner.connect(to: address, timeout: timeout) { [self] result in
            switch result {
            case .failure(let error): completion(.failure(error))
            case .success(let stream):
                TLSStream(
                    connecting: stream, for: self, context,
                    deadline: isPatient ? deadline : loop.now + (deadline - loop.now) / 2
                ) { [self] outcome in
                    guard case .failure(let failure) = outcome, failure.mayBePlaintext,
                        context.policy.plaintext == .taken
                    else { return completion(outcome.mapError(\.error)) }
                    connectPlainly(to: address, until: deadline, completion)
                }.begin()
            }
        }
    }

    /// The peer does not speak TLS, and need not yet.
    private func connectPlainly(
        to address: SocketAddress, until deadline: Duration,
        _ completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        inner.connect(to: address, timeout: max(deadline - loop.now, .zero)) { [self] result in
            if case .success = result { counts.plaintext &+= 1 }
            completion(result)
        }
    }

    func resolve(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        inner.resolve(host: host, port: port, completion: completion)
    }

    // MARK: What streams tell

    func note(
        _ reason: SecurityNotice.Reason, _ peer: SocketAddress, isOutgoing: Bool, _ detail: String
    ) {
        counts.note(reason)
        notice(
            SecurityNotice(reason: reason, peer: peer, isOutgoing: isOutgoing, detail: detail))
    }

    func noteSuccess(isOutgoing: Bool) {
        if isOutgoing { counts.connected &+= 1 } else { counts.accepted &+= 1 }
    }

    func notePlaintext() { counts.plaintext &+= 1 }

    // MARK: Handshakes, a few at a time

    /// Whether a handshake may go on in this turn. If not, it is to be put off.
    func mayStep() -> Bool {
        guard postponed.isEmpty, stepsOfTurn < context.policy.handshakeStepsPerTurnMax else {
            return false
        }
        if stepsOfTurn == 0 { loop.atEndOfTurn { [self] in stepsOfTurn = 0 } }
        stepsOfTurn += 1
        return true
    }

    /// Goes on with it in a turn to come, after those that wait already.
    func postpone(_ stream: TLSStream) {
        postponed.append(stream)
        if postponed.count == 1 { armStepper() }
    }

    private func armStepper() {
        let timer = stepper ?? loop.makeTimer { [unowned self] in stepPostponed() }
        stepper = timer
        timer.arm(at: loop.now + Self.betweenSteps)
    }

    private func stepPostponed() {
        let count = min(postponed.count, max(1, context.policy.handshakeStepsPerTurnMax))
        let next = postponed[..<count]
        postponed.removeFirst(count)
        if !postponed.isEmpty { armStepper() }
        for stream in next { stream.goOn() }
    }

    // MARK: Buffers

    /// An empty buffer for output; streams own one only while they have output.
    func takeBuffer() -> [UInt8] { spareBuffers.popLast() ?? [] }

    func giveBack(_ buffer: inout [UInt8]) {
        var spare: [UInt8] = []
        swap(&spare, &buffer)
        guard spareBuffers.count < Self.spareBuffersMax,
            spare.capacity <= Self.spareBufferBytesMax
        else { return }
        spare.removeAll(keepingCapacity: true)
        spareBuffers.append(spare)
    }

    /// A connection in use keeps OpenSSL's buffers, some 34 KB; one that has been idle for a while has none.
    func warmed(_ stream: TLSStream) {
        warm.append(stream)
        guard !isCooling else { return }
        isCooling = true
        let timer = cooler ?? loop.makeTimer { [unowned self] in cool() }
        cooler = timer
        timer.arm(at: loop.now + Self.coolingTime)
    }

    private func cool() {
        var left: [TLSStream] = []
        for stream in warm where !stream.cool() { left.append(stream) }
        warm = left
        isCooling = !warm.isEmpty
        if isCooling { cooler?.arm(at: loop.now + Self.coolingTime) }
    }
}

/// How connecting failed.
struct ConnectFailure: Error {
    let error: TransportError
    /// The peer ended the connection, or answered, as one that does not speak TLS.
    let mayBePlaintext: Bool
}

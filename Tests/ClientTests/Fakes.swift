// SPDX-License-Identifier: Apache-2.0

import MartletTransport

/// A loop whose time is a number: what is due runs in order of time, then of arming.
// SAFETY: a test uses its loop from one thread alone.
final class FakeLoop: Loop, @unchecked Sendable {
    private(set) var now: Duration = .zero
    private var due: [(time: Duration, number: Int, body: () -> Void)] = []
    private var endOfTurn: [() -> Void] = []
    private var nextNumber = 0

    var wallClockNanoseconds: Int64 { 0 }

    func makeTimer(_ fire: @escaping () -> Void) -> any LoopTimer { FakeTimer(self, fire) }

    func atEndOfTurn(_ body: @escaping () -> Void) { endOfTurn.append(body) }

    func enter(_ body: @escaping @Sendable () -> Void) { soon(body) }

    func makeLane(named name: String) -> any Lane { preconditionFailure("a client has no lanes") }

    func makeSeed() -> UInt64 { 1 }

    func enqueue(_ job: consuming ExecutorJob) {
        preconditionFailure("a client runs no jobs")
    }

    /// Runs `body` in the next turn.
    func soon(_ body: @escaping () -> Void) { schedule(at: now, body) }

    func schedule(at time: Duration, _ body: @escaping () -> Void) {
        due.append((max(time, now), nextNumber, body))
        nextNumber += 1
    }

    /// Runs turns until nothing is due up to `time`, and stays there.
    func run(until time: Duration) {
        endTurn()
        while let next = due.indices.min(by: {
            (due[$0].time, due[$0].number) < (due[$1].time, due[$1].number)
        }),
            due[next].time <= time
        {
            let item = due.remove(at: next)
            now = item.time
            item.body()
            endTurn()
        }
        now = time
    }

    /// Runs all that is due without time going on.
    func runTurns() { run(until: now) }

    private func endTurn() {
        while !endOfTurn.isEmpty {
            let bodies = endOfTurn
            endOfTurn = []
            for body in bodies { body() }
        }
    }
}

private final class FakeTimer: LoopTimer {
    private let loop: FakeLoop
    private let fire: () -> Void
    private var arming = 0

    init(_ loop: FakeLoop, _ fire: @escaping () -> Void) {
        self.loop = loop
        self.fire = fire
    }

    func arm(at deadline: Duration) {
        arming += 1
        loop.schedule(at: deadline) { [weak self, arming] in
            guard let self, self.arming == arming else { return }
            fire()
        }
    }

    func disarm() { arming += 1 }
}

/// A network of one server, which the test scripts.
final class FakeStreams: Streams {
    enum Answer {
        case accept
        case fail(TransportError)
        /// The attempt lasts until its time is over.
        case silence
    }

    private let loop: FakeLoop
    /// What happens to the attempts to connect, in order; after the last, all are accepted.
    var answers: [Answer] = []
    private(set) var attempts: [(address: SocketAddress, timeout: Duration)] = []
    /// The connections made, in order.
    private(set) var opened: [FakeStream] = []
    /// Whether the kernels of connections to come take what is written: ``FakeStream/takes``.
    var takes = true
    /// What the server does with each request.
    var serve: (FakeStream, String) -> Void = { _, _ in }

    init(_ loop: FakeLoop) { self.loop = loop }

    func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener {
        throw .other("a client does not listen")
    }

    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        attempts.append((address, timeout))
        switch answers.isEmpty ? .accept : answers.removeFirst() {
        case .accept:
            loop.soon { [self] in
                let stream = FakeStream(
                    loop, address, serve: { [weak self] in self?.serve($0, $1) })
                stream.takes = takes
                opened.append(stream)
                completion(.success(stream))
            }
        case .fail(let error): loop.soon { completion(.failure(error)) }
        case .silence:
            loop.schedule(at: loop.now + timeout) { completion(.failure(.timedOut)) }
        }
    }

    func resolve(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        preconditionFailure("a client has an address")
    }
}

/// A connection, seen from both ends.
final class FakeStream: ByteStream {
    enum End { case open, closed, reset }

    let remoteAddress: SocketAddress
    let localAddress = SocketAddress.ipv4(0x7F00_0001, port: 1)
    var handler: (any StreamHandler)?
    private(set) var end = End.open
    private(set) var isReading = false
    /// All that the client wrote, one write each.
    private(set) var requests: [String] = []
    private let loop: FakeLoop
    private let serve: (FakeStream, String) -> Void

    init(
        _ loop: FakeLoop, _ address: SocketAddress,
        serve: @escaping (FakeStream, String) -> Void
    ) {
        self.loop = loop
        remoteAddress = address
        self.serve = serve
    }

    /// The slow reader's half of its kernel: what the server sent and the client has not read.
    private var held: [String] = []
    /// What the kernel has not taken of the client's writes; see ``takes``.
    private(set) var queuedBytes = 0
    /// False for a kernel that takes nothing until ``take()``.
    var takes = true

    func take() {
        guard queuedBytes > 0 else { return }
        queuedBytes = 0
        loop.soon { [self] in if end == .open { handler?.streamDrained() } }
    }

    func resumeReading() {
        isReading = true
        let texts = held
        held = []
        for text in texts { deliver(text) }
    }
    func pauseReading() { isReading = false }

    func write(_ bytes: Span<UInt8>) {
        precondition(end == .open, "written to a closed stream")
        let text = String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        requests.append(text)
        if !takes { queuedBytes += bytes.count }
        loop.soon { [self] in if end == .open { serve(self, text) } }
    }

    func finishWriting() { preconditionFailure("a client goes on writing") }

    func close() { close(.closed, nil) }

    func reset() { close(.reset, nil) }

    /// The server sends bytes.
    func deliver(_ text: String) {
        loop.soon { [self] in
            guard end == .open else { return }
            guard isReading else { return held.append(text) }
            handler?.streamReceived(Array(text.utf8).span)
        }
    }

    /// The server sends no more.
    func deliverEnd() {
        loop.soon { [self] in if end == .open { handler?.streamEnded() } }
    }

    /// The connection breaks.
    func fail(_ error: TransportError) { close(.reset, error) }

    private func close(_ how: End, _ error: TransportError?) {
        guard end == .open else { return }
        end = how
        loop.soon { [self] in
            let last = handler
            handler = nil
            last?.streamClosed(error)
        }
    }
}

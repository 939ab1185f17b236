// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletTransport

/// The leader's end of a ``PeerRequestSender``: takes one request of another server, with its body as
/// somebody here wants it, and sends the answer as it is made.
final class PeerRequestReceiver {
    private enum Stage {
        case expectingRequest
        /// The answer is being made, of a body that may still be coming.
        case working(PeerBody?)
        /// What still comes is dropped.
        case replying(BodyPump?)
        case over
    }

    /// How long the request may take that a connection was made for.
    private static let requestMax: Duration = .seconds(5)
    /// How long a piece that is wanted may take.
    private static let silenceMax: Duration = .seconds(60)
    /// How long nothing of an answer may be fetched, and the other end may take to close: it waits for
    /// its client, and what lies on the way to a slow one takes minutes.
    private static let fetchMax: Duration = .seconds(600)

    private unowned let session: PeerSession
    private let loop: any Loop
    private var serve:
        ((APIRequest, Credential, _ reply: @escaping (ForwardReply) -> Void) -> Void)?
    private var stage = Stage.expectingRequest
    private var hasAskedForBody = false
    private var timer: (any LoopTimer)?

    /// - Parameter serve: carries the request out; called at most once.
    init(
        session: PeerSession, loop: any Loop,
        serve: @escaping (APIRequest, Credential, @escaping (ForwardReply) -> Void) -> Void
    ) {
        self.session = session
        self.loop = loop
        self.serve = serve
        timer = loop.makeTimer { [weak self] in self?.timerFired() }
        armTimer()
    }

    /// Nobody waits for a piece: no further frame is taken.
    var isBusy: Bool {
        if case .working(let body?) = stage { !body.isAwaited } else { false }
    }

    func received(_ kind: FrameKind, _ payload: inout ByteReader) throws(ByteError) {
        switch (stage, kind) {
        case (.expectingRequest, .request): begin(try PeerRequest(reading: &payload))
        case (.working(let body?), _):
            try body.received(kind, &payload)
            if case .working = stage { armTimer() }
            if isBusy { session.stream.pauseReading() }
        case (.replying, _), (.over, _): break  // What was still on the way.
        case (.expectingRequest, _), (.working(nil), _):
            throw ByteError(offset: 0, reason: "\(kind) on a request's connection")
        }
    }

    private func begin(_ asked: PeerRequest) {
        var request = asked.request
        var body: PeerBody?
        if asked.hasBody {
            let incoming = PeerBody(
                wanted: { [weak self] in self?.wantMore() },
                dropped: {})
            body = incoming
            request.stream = StreamedBody(
                source: incoming, length: asked.bodyBytes.map { Int($0) })
        }
        stage = .working(body)
        armTimer()
        if body != nil { session.stream.pauseReading() }
        let serve = serve
        self.serve = nil
        serve?(request, asked.credential) { [self] in reply($0) }
    }

    private func wantMore() {
        guard case .working = stage else { return }
        if !hasAskedForBody {
            hasAskedForBody = true
            session.send(.bodyWanted) { _ in }
        }
        armTimer()
        session.resume()
    }

    /// For what is waited for of the other end, if anything is.
    private func armTimer() {
        let limit: Duration
        switch stage {
        case .expectingRequest: limit = Self.requestMax
        case .working(let body?) where body.isAwaited: limit = Self.silenceMax
        case .working, .over:
            timer?.disarm()
            return
        case .replying(nil): limit = Self.fetchMax
        case .replying: limit = Self.silenceMax
        }
        timer?.arm(at: loop.now + limit)
    }

    /// A peer that hangs must not hold its connection, and what is made for it, for good.
    private func timerFired() {
        if case .replying(let pump?) = stage, !pump.isStuck(at: loop.now, for: Self.fetchMax) {
            return armTimer()
        }
        session.stream.reset()
    }

    private func reply(_ reply: ForwardReply) {
        guard case .working(let body) = stage else {
            if case .answered(let response) = reply { response.stream?.source.cancel() }
            return
        }
        body?.cancel()
        let reply = reply.fitting
        session.send(.reply) { PeerReply(reply).write(to: &$0) }
        guard case .answered(let response) = reply, let answer = response.stream else {
            // The other end closes: a reset of what it still sends must not overtake the answer.
            stage = .replying(nil)
            armTimer()
            return session.resume()
        }
        let pump = BodyPump(
            answer, on: session.stream, loop: loop, encode: PeerBody.encode,
            finished: { [weak self] _ in self?.replied() })
        stage = .replying(pump)
        armTimer()
        pump.start()
        session.resume()
    }

    private func replied() {
        guard case .replying = stage else { return }
        stage = .replying(nil)
        armTimer()
    }

    func drained() {
        if case .replying(let pump?) = stage { pump.drained() }
    }

    /// The connection is gone.
    func closed() {
        let last = stage
        stage = .over
        timer?.disarm()
        timer = nil
        switch last {
        case .working(let body): body?.fail("the other server is gone")
        case .replying(let pump): pump?.cancel()
        case .expectingRequest, .over: break
        }
    }
}

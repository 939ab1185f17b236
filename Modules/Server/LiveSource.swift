// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// A body without an end: what there is when its client is ready for more, a heartbeat now and then so
/// that both ends know of each other, and the end when the client may not see it any more.
final class LiveSource: ByteSource {
    /// How long there may be nothing before a heartbeat is sent.
    static let heartbeatInterval: Duration = .seconds(10)
    /// How often it is looked for what has come, where nobody says so.
    private static let pollInterval: Duration = .milliseconds(50)
    /// How often a client is judged again: a token that was revoked ends its streams so soon.
    private static let judgeInterval: Duration = .seconds(1)

    private let loop: any Loop
    private let heartbeat: [UInt8]
    private let poll: () -> [UInt8]
    private let refusal: () -> String?
    private var closed: (() -> Void)?
    private var taken: ((SourcePiece) -> Void)?
    private var timer: (any LoopTimer)?
    private var saidAt: Duration
    private var judgedAt: Duration

    /// - Parameters:
    ///   - heartbeat: empty for a form that has none.
    ///   - poll: takes what has come; empty for nothing.
    ///   - refusal: why the client may not go on, if so.
    ///   - closed: called once, at the end.
    init(
        loop: any Loop, heartbeat: [UInt8], poll: @escaping () -> [UInt8],
        refusal: @escaping () -> String?, closed: @escaping () -> Void
    ) {
        self.loop = loop
        self.heartbeat = heartbeat
        self.poll = poll
        self.refusal = refusal
        self.closed = closed
        saidAt = loop.now
        judgedAt = loop.now
        timer = loop.makeTimer { [weak self] in self?.look() }
    }

    func next(_ taken: @escaping (SourcePiece) -> Void) {
        precondition(self.taken == nil, "a piece is awaited already")
        guard closed != nil else { return taken(.failed("it is over")) }
        self.taken = taken
        look()
    }

    func cancel() {
        guard let closed else { return }
        self.closed = nil
        taken = nil
        timer?.disarm()
        timer = nil
        closed()
    }

    private func look() {
        guard taken != nil else { return }
        let now = loop.now
        if now - judgedAt >= Self.judgeInterval {
            judgedAt = now
            if let reason = refusal() {
                let taken = taken
                cancel()
                taken?(.failed(reason))
                return
            }
        }
        var bytes = poll()
        if bytes.isEmpty, now - saidAt >= Self.heartbeatInterval { bytes = heartbeat }
        guard !bytes.isEmpty else {
            timer?.arm(at: now + Self.pollInterval)
            return
        }
        saidAt = now
        let taken = taken
        self.taken = nil
        taken?(.bytes(bytes))
    }
}

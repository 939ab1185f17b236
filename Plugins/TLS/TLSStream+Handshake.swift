// SPDX-License-Identifier: Apache-2.0
internal import MartletTransport

/// What a connection is, and its handshake.
extension TLSStream {
    /// The accepted side's first bytes: what they are decides what becomes of the connection.
    func sniff() {
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

    func beginSession() {
        session = TLSSession(
            context, isServer: !isOutgoing, output: inner, at: streams.loop.unixSeconds)
        guard session != nil else { return breakOff(.exhausted) }
        phase = .shakingHands
        read()
    }

    /// - Returns: whether it is done.
    func shakeHands(_ session: TLSSession) -> Bool {
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
    func isPostponed() -> Bool {
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

    func handshakeEnded() {
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

    func use() {
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

    func timedOut() {
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
}

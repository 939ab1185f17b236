// SPDX-License-Identifier: Apache-2.0
internal import MartletTransport

/// Secured bytes in, plaintext out to the handler.
extension TLSStream {
    /// What a peer may send without any content in it.
    private static let emptyBytesMax = 64 << 10

    func resumeReading() {
        guard !isReading, isUsable else { return }
        isReading = true
        guard phase == .open || phase == .plain else { return }
        if !input.isEmpty || owesEnd || isInnerOver { scheduleRead() }
        inner.resumeReading()
    }

    func pauseReading() {
        isReading = false
        if phase == .open || phase == .plain { inner.pauseReading() }
    }

    private func scheduleRead() {
        guard !isReadScheduled else { return }
        isReadScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isReadScheduled = false
            read()
        }
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        if phase == .over || hasEnded { return }
        if !input.isEmpty || phase == .sniffing {
            unsafe bytes.withUnsafeBufferPointer { unsafe input.append(contentsOf: $0) }
            return phase == .sniffing ? sniff() : read()
        }
        if phase == .plain, isReading {
            handler?.streamReceived(bytes)
            return
        }
        // SAFETY: lent for the call; what is left of it is copied.
        unsafe bytes.withUnsafeBytes { unsafe read($0) }
    }

    /// Reads what was kept, and tells the end that waited for it.
    func read() {
        if phase == .over { return }
        let kept = input
        input = []
        unsafe kept.withUnsafeBytes { unsafe read($0) }
        if owesEnd, isReading { return tellEnd() }
        if isInnerOver, input.isEmpty { innerEnded() }
    }

    func read(_ bytes: UnsafeRawBufferPointer) {
        guard phase != .plain else { return unsafe readPlainly(bytes) }
        guard let session else { return }
        if phase == .shakingHands, isPostponed() { return unsafe input = Array(bytes) }
        use()
        unsafe session.input = bytes
        if phase == .open || phase == .shakingHands && shakeHands(session) {
            readContent(session)
        }
        let left = unsafe session.input
        unsafe session.input = UnsafeRawBufferPointer(start: nil, count: 0)
        if phase != .over, !hasEnded, unsafe !left.isEmpty { unsafe input = Array(left) }
    }

    private func readPlainly(_ bytes: UnsafeRawBufferPointer) {
        guard isReading else { return unsafe input = Array(bytes) }
        guard unsafe !bytes.isEmpty else { return }
        unsafe handler?.streamReceived(bytes.bindMemory(to: UInt8.self).span)
    }

    /// Hands out what was lent to the session, for as long as its user reads.
    private func readContent(_ session: TLSSession) {
        while phase == .open, isReading, !hasEnded {
            var filled = 0
            var last = TLSSession.Piece.bytes(0)
            reading: while unsafe filled + TLSSession.recordBytesMax <= streams.readBuffer.count {
                last = unsafe session.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: streams.readBuffer[filled...]))
                guard case .bytes(let count) = last else { break reading }
                filled += count
                // OpenSSL reads no further than the record that it gives: nothing is left in it.
                guard unsafe !session.input.isEmpty else {
                    last = .needsMore
                    break reading
                }
            }
            if filled > 0 {
                bytesReadAtContent = session.bytesRead
                // SAFETY: so many bytes of the buffer were written; nobody else uses it in the call.
                let content = unsafe UnsafeRawBufferPointer(
                    rebasing: streams.readBuffer[..<filled])
                unsafe handler?.streamReceived(content.bindMemory(to: UInt8.self).span)
            }
            if phase != .open { return }
            switch last {
            case .bytes: break
            case .needsMore: return checkContent(session)
            case .ended: end()
            case .failed(let failure): fail(failure)
            }
        }
    }

    /// Records without content cost work and bring nothing: only so many are taken.
    private func checkContent(_ session: TLSSession) {
        guard session.bytesRead - bytesReadAtContent > Self.emptyBytesMax else { return }
        fail(TLSFailure(.oversized, "\(Self.emptyBytesMax) bytes without content"))
    }

    /// The peer said that it sends no more.
    func end() {
        hasEnded = true
        tellEnd()
    }

    private func tellEnd() {
        owesEnd = !isReading
        if isReading { handler?.streamEnded() }
    }

    func streamEnded() {
        isInnerOver = true
        if phase != .over, input.isEmpty || phase == .sniffing || phase == .shakingHands {
            innerEnded()
        }
    }

    private func innerEnded() {
        switch phase {
        case .over: break
        case .plain:
            guard !hasEnded || owesEnd else { return }
            hasEnded = true
            tellEnd()
        case .open:
            guard hasEnded else { return breakOff(.reset) }  // Cut short.
            if owesEnd { tellEnd() }
        case .sniffing, .shakingHands:
            // Who looks whether somebody listens is nobody to be told of.
            if phase == .shakingHands || !input.isEmpty {
                note(TLSFailure(.brokenOff, "it ended the connection in the handshake"))
            }
            breakOff(.reset)
        }
    }
}

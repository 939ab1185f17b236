// SPDX-License-Identifier: Apache-2.0
internal import MartletTransport

/// Plaintext in, secured bytes out to the stream below.
extension TLSStream {
    /// Secured bytes that wait below before more are made.
    private static let windowBytes = 1 << 20
    private static let sliceBytes = 8 * TLSSession.recordBytesMax
    /// How long a peer may take to accept what was queued before ``close()``.
    private static let flushMax = Duration.seconds(5)

    var queuedBytes: Int {
        phase == .over ? inner.queuedBytes : output.count - outputStart + inner.queuedBytes
    }

    func write(_ bytes: Span<UInt8>) {
        guard case .open = ending, phase != .over, !bytes.isEmpty else { return }
        if phase == .plain, output.isEmpty { return inner.write(bytes) }
        if output.capacity == 0 { output = streams.takeBuffer() }
        unsafe bytes.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
        scheduleFlush()
    }

    func finishWriting() {
        guard case .open = ending, phase != .over else { return }
        ending = .finishing
        scheduleFlush()
    }

    func close() {
        guard isUsable else { return }
        isReading = false
        ending = .closing
        switch phase {
        case .sniffing, .shakingHands:
            // Nobody waits for the end of a handshake that nothing comes after.
            if output.isEmpty { return closeInner() }
        case .open, .plain:
            inner.pauseReading()
            scheduleFlush()
        case .over: break
        }
    }

    func reset() {
        guard phase != .over else { return inner.reset() }
        closeError = nil
        conclude()
        inner.reset()
    }

    /// Neither over nor about to be.
    var isUsable: Bool {
        if case .closing = ending { false } else { phase != .over }
    }

    func scheduleFlush() {
        guard !isFlushScheduled, phase == .open || phase == .plain else { return }
        isFlushScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    /// Secures what it may, and takes the step that waited for the end.
    private func flush() {
        guard phase == .open || phase == .plain else { return }
        if outputStart < output.count { secure() }
        guard phase != .over else { return }
        guard outputStart == output.count else {
            owesDrained = true
            if isClosing { limitClosing() }
            return scheduleCheck()
        }
        if owesDrained { scheduleCheck() }
        switch ending {
        case .open, .finished: break
        case .finishing:
            ending = .finished
            session?.sayEnd()
            inner.finishWriting()
        case .closing:
            session?.sayEnd()
            closeInner()
        }
    }

    private func secure() {
        while outputStart < output.count, inner.queuedBytes < Self.windowBytes {
            let end = min(outputStart + Self.sliceBytes, output.count)
            if let session {
                use()
                let failure = unsafe output.withUnsafeBytes { bytes in
                    unsafe session.write(UnsafeRawBufferPointer(rebasing: bytes[outputStart..<end]))
                }
                if let failure { return fail(failure) }
            } else {
                inner.write(output.span.extracting(outputStart..<end))
            }
            outputStart = end
        }
        guard outputStart == output.count else { return }
        streams.giveBack(&output)
        outputStart = 0
    }

    private func limitClosing() {
        guard timer == nil else { return }
        let timer = streams.loop.makeTimer { [unowned self] in timedOut() }
        timer.arm(at: streams.loop.now + Self.flushMax)
        self.timer = timer
    }

    private func scheduleCheck() {
        guard !isCheckScheduled else { return }
        isCheckScheduled = true
        streams.loop.atEndOfTurn { [self] in
            isCheckScheduled = false
            if inner.queuedBytes == 0 { drained() }
        }
    }

    /// Of what left at once the stream below says nothing; of the rest it does.
    func streamDrained() {
        guard phase == .open || phase == .plain else { return }
        owesDrained = true
        drained()
    }

    private func drained() {
        guard phase == .open || phase == .plain else { return }
        if outputStart < output.count { return flush() }
        guard owesDrained, inner.queuedBytes == 0 else { return }
        owesDrained = false
        if isUsable { handler?.streamDrained() }
    }
}

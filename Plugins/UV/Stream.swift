// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
internal import MartletTransport

/// A TCP connection or a Unix socket.
///
/// Writes gather in `output` and leave at the end of the turn: first by a direct attempt, which
/// nearly always takes everything, then by one libuv request that owns the buffer while further
/// writes gather in a new one. With nothing to send a stream owns no buffer, and it reads into one
/// that the loop lends: an idle connection costs its handle and this object.
///
///     open ──close()──▶ flushing ──sent──▶ (lingering) ──▶ closing ──libuv──▶ closed
///       └──reset(), error, 5 s after close()────────────────▲
@safe
final class UVStream: Handle, ByteStream {
    enum Medium {
        case tcp
        case unix
    }

    private enum Ending {
        case open
        /// The write side ends once everything is sent.
        case finishing
        case finished
        /// Closes once everything is sent.
        case flushing
        /// Everything is sent, but unread input waits: to close now would make the kernel reset
        /// the connection, and lose what the peer has not read (RFC 1122 §4.2.2.13). So the input
        /// is thrown away until the peer ends.
        case lingering
    }

    /// How long a peer may take to accept what was queued before ``close()``.
    private static let flushMax = Duration.seconds(5)
    /// How long its input is then thrown away, for it to read what was sent.
    private static let lingerMax = Duration.seconds(1)

    let medium: Medium
    fileprivate(set) var remoteAddress: SocketAddress
    private var knownLocalAddress: SocketAddress?
    var handler: (any StreamHandler)?

    private var output = OutputBuffer()
    private var inFlight: OutputBuffer?
    private var isFlushScheduled = false
    private var isReading = false
    private var hasEnded = false
    private var hasShutDown = false
    private var ending = Ending.open
    private var flushLimit: UVTimer?
    private var closeError: TransportError?
    /// While connecting: told how it went, once.
    private var connected: ((Result<any ByteStream, TransportError>) -> Void)?
    private var connectLimit: UVTimer?

    init(loop: UVLoop, remote: SocketAddress) {
        if case .unix = remote { medium = .unix } else { medium = .tcp }
        remoteAddress = remote
        super.init(loop: loop, kind: medium == .unix ? UV_NAMED_PIPE : UV_TCP)
        switch medium {
        case .tcp: unsafe UVLoop.succeed(uv_tcp_init(loop.uv, tcp))
        case .unix: unsafe UVLoop.succeed(uv_pipe_init(loop.uv, pipe, 0))
        }
        retainForLibUV()
    }

    deinit {
        output.free()
        inFlight?.free()
    }

    var stream: UnsafeMutablePointer<uv_stream_t> {
        unsafe memory.assumingMemoryBound(to: uv_stream_t.self)
    }
    private var tcp: UnsafeMutablePointer<uv_tcp_t> {
        unsafe memory.assumingMemoryBound(to: uv_tcp_t.self)
    }
    private var pipe: UnsafeMutablePointer<uv_pipe_t> {
        unsafe memory.assumingMemoryBound(to: uv_pipe_t.self)
    }

    private static func of(_ handle: UnsafeMutablePointer<uv_stream_t>?) -> UVStream {
        unsafe Handle.of(UnsafeRawPointer(handle), as: UVStream.self)
    }

    // MARK: Opening

    /// Once, on a new stream.
    func connect(
        timeout: Duration, completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        connected = completion
        let limit = UVTimer(loop: loop) { [unowned self] in finishConnecting(.timedOut) }
        limit.arm(at: loop.now + max(timeout, .zero))
        connectLimit = limit
        let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
        let done: uv_connect_cb = { request, status in
            guard let request = unsafe request else { return }
            let stream = unsafe UVStream.of(request.pointee.handle)
            unsafe request.deallocate()
            stream.finishConnecting(status == 0 ? nil : TransportError(uv: status))
        }
        let code: Int32
        if case .unix(let path) = remoteAddress {
            unsafe uv_pipe_connect(request, pipe, path, done)
            code = 0
        } else {
            code =
                unsafe remoteAddress.withSocketAddress { address in
                    unsafe uv_tcp_connect(request, tcp, address, done)
                } ?? UV_EINVAL.rawValue
        }
        guard code != 0 else { return }
        unsafe request.deallocate()
        let stream = Carried(self)
        loop.enter { stream.value.finishConnecting(TransportError(uv: code)) }
    }

    private func finishConnecting(_ error: TransportError?) {
        guard let connected else { return }
        self.connected = nil
        connectLimit = nil
        if let error {
            closeHandle()
            connected(.failure(error))
        } else {
            prepareSocket()
            connected(.success(self))
        }
    }

    /// After a connection was accepted into this stream.
    func adoptAccepted() {
        if medium == .tcp {
            let found = unsafe SocketAddress.reading { unsafe uv_tcp_getpeername(tcp, $0, $1) }
            remoteAddress = found ?? .unspecified
        }
        prepareSocket()
    }

    private func prepareSocket() {
        guard medium == .tcp else { return }
        // A connection that is already broken refuses these; reading or writing will tell.
        unsafe _ = uv_tcp_nodelay(tcp, 1)
        unsafe _ = uv_tcp_keepalive(tcp, 1, 60)
    }

    var localAddress: SocketAddress {
        if let knownLocalAddress { return knownLocalAddress }
        if medium == .unix { return remoteAddress }
        if isClosing { return .unspecified }
        let found = unsafe SocketAddress.reading { unsafe uv_tcp_getsockname(tcp, $0, $1) }
        knownLocalAddress = found
        return found ?? .unspecified
    }

    // MARK: Reading

    func resumeReading() {
        loop.preconditionOnLoop()
        guard !isReading, !hasEnded, isUsable else { return }
        startReading()
    }

    private func startReading() {
        isReading = true
        let code = unsafe uv_read_start(
            stream,
            { handle, _, buffer in
                guard let loop = unsafe handle.map({ unsafe Handle.of($0, as: Handle.self).loop })
                else { return }
                unsafe buffer?.pointee = uv_buf_init(
                    loop.readBuffer, UInt32(UVLoop.readBufferBytes))
            },
            { handle, count, buffer in
                unsafe UVStream.of(handle).read(count, buffer?.pointee.base)
            })
        if code != 0 { fail(TransportError(uv: code)) }
    }

    func pauseReading() {
        loop.preconditionOnLoop()
        guard isReading else { return }
        isReading = false
        if !isClosing { unsafe _ = uv_read_stop(stream) }
    }

    private func read(_ count: Int, _ bytes: UnsafeMutablePointer<CChar>?) {
        if case .lingering = ending {
            if count == Int(UV_EOF.rawValue) { return closeHandle() }
            if count < 0 { fail(TransportError(uv: Int32(truncatingIfNeeded: count))) }
        } else if count > 0, let bytes = unsafe bytes {
            let span = unsafe Span<UInt8>(
                _unsafeStart: UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self),
                count: count)
            handler?.streamReceived(span)
        } else if count == Int(UV_EOF.rawValue) {
            pauseReading()
            hasEnded = true
            handler?.streamEnded()
        } else if count < 0 {
            fail(TransportError(uv: Int32(truncatingIfNeeded: count)))
        }
    }

    // MARK: Writing

    var queuedBytes: Int {
        loop.preconditionOnLoop()
        return output.count + (unsafe isClosing ? 0 : uv_stream_get_write_queue_size(stream))
    }

    func write(_ bytes: Span<UInt8>) {
        loop.preconditionOnLoop()
        guard case .open = ending, !isClosing, !bytes.isEmpty else { return }
        if output.capacity == 0 { output = loop.takeBuffer() }
        output.append(bytes)
        scheduleFlush()
    }

    func finishWriting() {
        loop.preconditionOnLoop()
        guard case .open = ending, !isClosing else { return }
        ending = .finishing
        scheduleFlush()
    }

    func close() {
        loop.preconditionOnLoop()
        guard isUsable else { return }
        pauseReading()
        ending = .flushing
        let limit = UVTimer(loop: loop) { [unowned self] in fail(.timedOut) }
        limit.arm(at: loop.now + Self.flushMax)
        flushLimit = limit
        scheduleFlush()
    }

    func reset() {
        loop.preconditionOnLoop()
        breakOff(nil)
    }

    override func abandon() { breakOff(nil) }

    /// Neither closing nor about to.
    private var isUsable: Bool {
        switch ending {
        case .open, .finishing, .finished: !isClosing
        case .flushing, .lingering: false
        }
    }

    private func scheduleFlush() {
        guard !isFlushScheduled, inFlight == nil else { return }
        isFlushScheduled = true
        loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    /// Sends what it can, hands the rest to libuv, and takes the step that waited for the end.
    private func flush() {
        guard !isClosing, inFlight == nil else { return }
        if output.count > 0 {
            var buffer = unsafe uv_buf_init(output.bytes, UInt32(clamping: output.count))
            let sent = unsafe Int(uv_try_write(stream, &buffer, 1))
            if sent < 0, sent != Int(UV_EAGAIN.rawValue) {
                return fail(TransportError(uv: Int32(truncatingIfNeeded: sent)))
            }
            if max(sent, 0) < output.count { return send(from: max(sent, 0)) }
            loop.giveBack(output)
            output = OutputBuffer()
        }
        switch ending {
        case .open, .finished, .lingering: break
        case .finishing: shutDownWriting(then: .finished)
        case .flushing:
            guard hasUnreadInput else { return closeHandle() }
            shutDownWriting(then: .lingering)
            if !isClosing { linger() }
        }
    }

    private func send(from offset: Int) {
        let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
        // At most 4 GiB go into one libuv buffer; several cover any length.
        var buffers = unsafe [uv_buf_t]()
        var position = offset
        while position < output.count {
            let length = min(output.count - position, 1 << 30)
            unsafe buffers.append(
                uv_buf_init(output.bytes.map { unsafe $0 + position }, UInt32(length)))
            position += length
        }
        inFlight = output
        output = OutputBuffer()
        let code = unsafe uv_write(request, stream, buffers, UInt32(buffers.count)) {
            request, status in
            guard let request = unsafe request else { return }
            let stream = unsafe UVStream.of(request.pointee.handle)
            unsafe request.deallocate()
            stream.sent(status)
        }
        guard code != 0 else { return }
        unsafe request.deallocate()
        fail(TransportError(uv: code))
    }

    private func sent(_ status: Int32) {
        if let buffer = inFlight {
            inFlight = nil
            loop.giveBack(buffer)
        }
        guard !isClosing else { return }
        if status < 0 { return fail(TransportError(uv: status)) }
        flush()
        if inFlight == nil, isUsable { handler?.streamDrained() }
    }

    private func linger() {
        let limit = UVTimer(loop: loop) { [unowned self] in breakOff(nil) }
        limit.arm(at: loop.now + Self.lingerMax)
        flushLimit = limit
        startReading()
    }

    private var hasUnreadInput: Bool {
        var descriptor: Int32 = -1
        guard medium == .tcp, !hasEnded, unsafe uv_fileno(base, &descriptor) == 0 else {
            return false
        }
        return cuv_unread_bytes(descriptor) > 0
    }

    private func shutDownWriting(then next: Ending) {
        ending = next
        guard !hasShutDown else { return }
        hasShutDown = true
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        let code = unsafe uv_shutdown(request, stream) { request, _ in
            // A failure means that the connection is gone, which reading or closing tells.
            unsafe request?.deallocate()
        }
        guard code != 0 else { return }
        unsafe request.deallocate()
        fail(TransportError(uv: code))
    }

    // MARK: The end

    private func fail(_ error: TransportError) { breakOff(error) }

    /// Closes without sending: the kernel drops what it holds and resets the connection.
    private func breakOff(_ error: TransportError?) {
        guard !isClosing else { return }
        closeError = error
        isReading = false
        var descriptor: Int32 = -1
        if medium == .tcp, unsafe uv_fileno(base, &descriptor) == 0 {
            var immediately = Glibc.linger(l_onoff: 1, l_linger: 0)
            // Refused by a socket that is already gone.
            unsafe _ = setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &immediately,
                socklen_t(MemoryLayout<Glibc.linger>.size))
        }
        closeHandle()
    }

    override func handleClosed() {
        flushLimit = nil
        connectLimit = nil
        let told = handler
        handler = nil
        told?.streamClosed(closeError)
    }
}

// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
internal import MartletTransport

/// A listener as its user holds it: the acceptor's owner.
final class UVListener: Listener {
    let address: SocketAddress
    private let acceptor: Acceptor

    init(_ acceptor: Acceptor) throws(TransportError) {
        self.acceptor = acceptor
        address = try acceptor.open()
    }

    deinit {
        let acceptor = Carried(acceptor)
        acceptor.value.loop.onLoop { _ in acceptor.value.close() }
    }

    func close() { acceptor.close() }
}

/// Accepts connections, also through a shortage of descriptors.
///
/// libuv keeps one descriptor in reserve, with which it takes and drops connections that this
/// process has no descriptor for. When even that is gone it would call back without end: then the
/// socket is closed, and bound again a moment later.
final class Acceptor {
    /// Longer queues are cut by the system (`net.core.somaxconn`).
    private static let backlog: Int32 = 1024
    private static let pauseAfterExhaustion = Duration.milliseconds(100)

    let loop: UVLoop
    private var address: SocketAddress
    private let accept: (any ByteStream) -> Void
    private var socket: ListeningSocket?
    private var retry: UVTimer?
    private var isClosed = false

    init(loop: UVLoop, address: SocketAddress, accept: @escaping (any ByteStream) -> Void) {
        self.loop = loop
        self.address = address
        self.accept = accept
    }

    /// Binds and listens, and gives the address with its port.
    func open() throws(TransportError) -> SocketAddress {
        let socket = ListeningSocket(loop: loop, address: address)
        do throws(TransportError) {
            address = try socket.listen(backlog: Self.backlog) { [weak self] result in
                self?.handle(result)
            }
        } catch {
            socket.closeHandle()
            throw error
        }
        self.socket = socket
        return address
    }

    func close() {
        loop.preconditionOnLoop()
        isClosed = true
        retry = nil
        socket?.closeHandle()
        socket = nil
    }

    private func handle(_ result: Result<UVStream, TransportError>) {
        guard !isClosed else { return }
        switch result {
        case .success(let stream):
            accept(stream)
        case .failure(.exhausted):
            socket?.closeHandle()
            socket = nil
            retryLater()
        case .failure:
            break  // A connection that was gone before it was accepted.
        }
    }

    private func retryLater() {
        let timer = UVTimer(loop: loop) { [weak self] in self?.reopen() }
        timer.arm(at: loop.now + Self.pauseAfterExhaustion)
        retry = timer
    }

    private func reopen() {
        guard !isClosed else { return }
        do throws(TransportError) {
            _ = try open()
        } catch {
            retryLater()
        }
    }
}

/// The listening handle.
@safe
private final class ListeningSocket: Handle {
    private let address: SocketAddress
    private let isUnix: Bool
    private var accepted: ((Result<UVStream, TransportError>) -> Void)?

    init(loop: UVLoop, address: SocketAddress) {
        self.address = address
        if case .unix = address { isUnix = true } else { isUnix = false }
        super.init(loop: loop, kind: isUnix ? UV_NAMED_PIPE : UV_TCP)
        if isUnix {
            unsafe UVLoop.succeed(uv_pipe_init(loop.uv, pipe, 0))
        } else {
            unsafe UVLoop.succeed(uv_tcp_init(loop.uv, tcp))
        }
        retainForLibUV()
    }

    private var stream: UnsafeMutablePointer<uv_stream_t> {
        unsafe memory.assumingMemoryBound(to: uv_stream_t.self)
    }
    private var tcp: UnsafeMutablePointer<uv_tcp_t> {
        unsafe memory.assumingMemoryBound(to: uv_tcp_t.self)
    }
    private var pipe: UnsafeMutablePointer<uv_pipe_t> {
        unsafe memory.assumingMemoryBound(to: uv_pipe_t.self)
    }

    func listen(
        backlog: Int32, accepted: @escaping (Result<UVStream, TransportError>) -> Void
    ) throws(TransportError) -> SocketAddress {
        if case .unix(let path) = address {
            try unsafe uv_pipe_bind(pipe, path).throwingTransportError()
        } else {
            let code = unsafe address.withSocketAddress { unsafe uv_tcp_bind(tcp, $0, 0) }
            try (code ?? UV_EINVAL.rawValue).throwingTransportError()
        }
        self.accepted = accepted
        // An address that is taken shows here.
        try unsafe uv_listen(stream, backlog) { handle, status in
            unsafe Handle.of(UnsafeRawPointer(handle), as: ListeningSocket.self).accept(status)
        }.throwingTransportError()
        if isUnix { return address }
        return unsafe SocketAddress.reading { unsafe uv_tcp_getsockname(tcp, $0, $1) } ?? address
    }

    private func accept(_ status: Int32) {
        guard !isClosing else { return }
        if status < 0 {
            accepted?(.failure(TransportError(uv: status)))
            return
        }
        let connection = UVStream(
            loop: loop, remote: isUnix ? address : .unspecified)
        let code = unsafe uv_accept(stream, connection.stream)
        if code != 0 {
            connection.closeHandle()
            accepted?(.failure(TransportError(uv: code)))
            return
        }
        connection.adoptAccepted()
        accepted?(.success(connection))
    }

    /// A child of this process that has not reached its program yet shares the socket: without the
    /// shutdown it would go on taking connections that nobody accepts.
    override func handleCloses() {
        var descriptor: uv_os_fd_t = -1
        guard unsafe uv_fileno(base, &descriptor) == 0 else { return }
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    override func handleClosed() { accepted = nil }
}

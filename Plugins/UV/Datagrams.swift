// SPDX-License-Identifier: Apache-2.0
internal import CUV
package import MartletTransport

/// UDP sockets on a loop.
package final class UVDatagrams: Datagrams {
    private let loop: UVLoop

    package init(loop: UVLoop) { self.loop = loop }

    package func bind(
        to address: SocketAddress,
        received: @escaping (_ bytes: Span<UInt8>, _ sender: SocketAddress) -> Void
    ) throws(TransportError) -> any DatagramSocket {
        try UVDatagramSocket(
            UDPHandle(loop: loop, received: received), boundTo: address)
    }
}

/// A socket as its user holds it: the handle's owner.
private final class UVDatagramSocket: DatagramSocket {
    let address: SocketAddress
    private let handle: UDPHandle

    init(_ handle: UDPHandle, boundTo address: SocketAddress) throws(TransportError) {
        self.handle = handle
        do throws(TransportError) {
            self.address = try handle.bind(to: address)
        } catch {
            handle.closeHandle()
            throw error
        }
    }

    deinit {
        let handle = Carried(handle)
        handle.value.loop.onLoop { _ in handle.value.closeHandle() }
    }

    func send(_ bytes: Span<UInt8>, to receiver: SocketAddress) {
        handle.send(bytes, to: receiver)
    }

    func close() {
        handle.loop.preconditionOnLoop()
        handle.closeHandle()
    }
}

@safe
private final class UDPHandle: Handle {
    /// What fits into one datagram over IPv4 (RFC 791, RFC 768): 65,535 less both headers.
    private static let payloadMax = 65_507

    private var received: ((Span<UInt8>, SocketAddress) -> Void)?

    init(loop: UVLoop, received: @escaping (Span<UInt8>, SocketAddress) -> Void) {
        self.received = received
        super.init(loop: loop, kind: UV_UDP)
        unsafe UVLoop.succeed(uv_udp_init(loop.uv, udp))
        retainForLibUV()
    }

    private var udp: UnsafeMutablePointer<uv_udp_t> {
        unsafe memory.assumingMemoryBound(to: uv_udp_t.self)
    }

    func bind(to address: SocketAddress) throws(TransportError) -> SocketAddress {
        let code = unsafe address.withSocketAddress { unsafe uv_udp_bind(udp, $0, 0) }
        try (code ?? UV_EINVAL.rawValue).throwingTransportError()
        try unsafe uv_udp_recv_start(
            udp,
            { handle, _, buffer in
                guard let loop = unsafe handle.map({ unsafe Handle.of($0, as: Handle.self).loop })
                else { return }
                unsafe buffer?.pointee = uv_buf_init(
                    loop.readBuffer, UInt32(UVLoop.readBufferBytes))
            },
            { handle, count, buffer, sender, flags in
                // No sender: nothing was there. Partial: it did not fit, which UDP cannot exceed.
                guard count >= 0, let sender = unsafe sender.flatMap({ unsafe SocketAddress($0) }),
                    flags & UV_UDP_PARTIAL.rawValue == 0
                else { return }
                unsafe Handle.of(UnsafeRawPointer(handle), as: UDPHandle.self)
                    .receive(count, buffer?.pointee.base, sender)
            }
        ).throwingTransportError()
        return unsafe SocketAddress.reading { unsafe uv_udp_getsockname(udp, $0, $1) } ?? address
    }

    private func receive(
        _ count: Int, _ bytes: UnsafeMutablePointer<CChar>?, _ sender: SocketAddress
    ) {
        guard !isClosing, let bytes = unsafe bytes else { return }
        let span = unsafe Span<UInt8>(
            _unsafeStart: UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: count)
        received?(span, sender)
    }

    func send(_ bytes: Span<UInt8>, to receiver: SocketAddress) {
        loop.preconditionOnLoop()
        guard !isClosing, bytes.count <= Self.payloadMax else { return }
        unsafe bytes.withUnsafeBytes { source in
            // libuv does not write through this pointer.
            let start = unsafe UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: CChar.self))
            var buffer = unsafe uv_buf_init(start, UInt32(source.count))
            // A full socket or an unreachable host loses it, as the network may.
            unsafe _ = receiver.withSocketAddress { unsafe uv_udp_try_send(udp, &buffer, 1, $0) }
        }
    }

    override func handleClosed() { received = nil }
}

// SPDX-License-Identifier: Apache-2.0

/// Byte streams: TCP, Unix sockets, or what a simulator makes of them. Everything here is called
/// on the loop's thread and calls back on it, never from within the call that caused it.
public protocol Streams: AnyObject {
    /// Listens at once. Port 0 takes a free one, told by ``Listener/address``.
    func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener

    /// Connects, and calls `completion` exactly once: at `timeout` with ``TransportError/timedOut``.
    func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void)

    /// Resolves a host name to addresses, each with `port`. Numeric addresses come back as they are.
    func resolve(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void)
}

public protocol Listener: AnyObject {
    var address: SocketAddress { get }
    /// Refuses new connections from now on; accepted ones live on. Also when released.
    func close()
}

/// One connection. Nothing is read before ``resumeReading()``. It lives until it is closed, also
/// without a reference to it, and says nothing after that.
public protocol ByteStream: AnyObject {
    var remoteAddress: SocketAddress { get }
    var localAddress: SocketAddress { get }

    /// Told what happens. Held weakly by nobody: released when the stream has closed.
    var handler: (any StreamHandler)? { get set }

    func resumeReading()
    /// Back-pressure: the kernel's buffer fills and the peer stops.
    func pauseReading()

    /// Queues a copy of the bytes; what a turn queues leaves in one call at its end.
    func write(_ bytes: Span<UInt8>)

    /// Bytes queued and not yet taken by the kernel.
    var queuedBytes: Int { get }

    /// Sends what is queued, then tells the peer that no more will come. Reading goes on.
    func finishWriting()

    /// Sends what is queued, then closes. Nothing more is read.
    func close()

    /// Closes at once, and tells the peer by a reset where the medium can.
    func reset()
}

public protocol StreamHandler: AnyObject {
    /// Bytes came. They are only valid during the call.
    func streamReceived(_ bytes: Span<UInt8>)
    /// The peer sends no more (a clean end). Writing may go on.
    func streamEnded()
    /// ``ByteStream/queuedBytes`` has come down to zero after a write did not leave at once.
    func streamDrained()
    /// The stream is gone: nil after ``ByteStream/close()`` of this side. The last call.
    func streamClosed(_ error: TransportError?)
}

/// What can go wrong on the way to another process.
public enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody listens there.
    case refused
    /// The connection was reset, or broke.
    case reset
    case timedOut
    case unreachable
    case addressInUse
    case addressNotAvailable
    case denied
    /// No descriptor or memory is left.
    case exhausted
    case unknownHost(String)
    case other(String)

    public var description: String {
        switch self {
        case .refused: "connection refused"
        case .reset: "connection reset"
        case .timedOut: "timed out"
        case .unreachable: "unreachable"
        case .addressInUse: "address already in use"
        case .addressNotAvailable: "address not available on this host"
        case .denied: "permission denied"
        case .exhausted: "out of descriptors or memory"
        case .unknownHost(let host): "unknown host \(host)"
        case .other(let detail): detail
        }
    }
}

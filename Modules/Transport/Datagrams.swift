// SPDX-License-Identifier: Apache-2.0

/// Datagrams: UDP, or what a simulator makes of it. Called on the loop's thread.
public protocol Datagrams: AnyObject {
    /// Binds at once; `received` gets each datagram with its sender. Bytes are valid in the call.
    func bind(
        to address: SocketAddress,
        received: @escaping (_ bytes: Span<UInt8>, _ sender: SocketAddress) -> Void
    ) throws(TransportError) -> any DatagramSocket
}

public protocol DatagramSocket: AnyObject {
    var address: SocketAddress { get }
    /// Sends, or loses, one datagram: delivery is nobody's promise. At most 65,507 bytes; a longer
    /// one is dropped.
    func send(_ bytes: Span<UInt8>, to receiver: SocketAddress)
    /// Also when released.
    func close()
}

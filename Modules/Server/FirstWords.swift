// SPDX-License-Identifier: Apache-2.0
import MartletBytes
package import MartletTransport

/// The beginning of a connection between servers, read by one that only passes it on: whoever opens
/// a connection says first who it is, on the peer port and on the gossip port alike. Not of servers
/// with TLS or sealed gossip, whose words only they can read.
package enum FirstWords {
    /// Where others reach the server that says this: its advertised peer address.
    ///
    /// - Returns: nil while more bytes are needed, of at most ``bytesMax``.
    /// - Throws: for what no server of this kind says.
    package static func speaker(
        of bytes: [UInt8]
    ) throws(TransportError) -> SocketAddress? {
        var reader = FrameReader()
        reader.receive(bytes.span)
        do throws(ByteError) {
            guard let (kind, payload) = try reader.next() else { return nil }
            let text = try sender(of: kind, payload).peerAddress
            guard let address = SocketAddress(text) else {
                throw ByteError(offset: 0, reason: "no address: \(text)")
            }
            return address
        } catch {
            throw .other(error.reason)
        }
    }

    /// No first words are longer.
    package static let bytesMax = Frame.headerBytes + Frame.strangerBytesMax

    private static func sender(
        of kind: FrameKind, _ payload: ByteReader
    ) throws(ByteError) -> MemberInfo {
        var rest = payload
        switch kind {
        case .hello: return try Hello(reading: &rest).sender
        case .gossip:
            guard let plain = GossipSeal.plain(Array(try rest.readRaw(count: rest.remaining)))
            else { throw ByteError(offset: 0, reason: "sealed gossip") }
            return try GossipMessage(plain).sender
        default: throw ByteError(offset: 0, reason: "\(kind) before a greeting")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletServer
package import MartletTransport

/// What a program knows of connections between servers that only passes them on.
package enum PeerConnections {
    /// The advertised peer address of the server that opened a connection, from its first bytes.
    ///
    /// - Returns: nil while more bytes are needed.
    /// - Throws: for what no server says, or says in TLS.
    package static func speaker(of bytes: [UInt8]) throws(TransportError) -> SocketAddress? {
        try FirstWords.speaker(of: bytes)
    }

    /// No server needs more to say who it is.
    package static var firstBytesMax: Int { FirstWords.bytesMax }
}

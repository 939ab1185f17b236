// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// Which of a server's ports could not be opened, and why.
package struct PortFailure: Error, CustomStringConvertible {
    /// As the configuration calls it: `http`, `rpc` or `serf`.
    package let port: String
    package let address: SocketAddress
    package let cause: TransportError

    package var description: String { "port \(port) (\(address)) cannot be opened: \(cause)" }

    /// Opens one.
    static func opening<Opened>(
        _ port: String, at address: SocketAddress,
        _ open: () throws(TransportError) -> Opened
    ) throws(PortFailure) -> Opened {
        do throws(TransportError) {
            return try open()
        } catch {
            throw PortFailure(port: port, address: address, cause: error)
        }
    }
}

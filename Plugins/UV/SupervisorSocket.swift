// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc

/// The socket on which systemd is told how its service does (sd_notify(3)). Any thread.
// SAFETY: the descriptor never changes and is closed by nobody; sending is one system call.
package final class SupervisorSocket: Sendable {
    private let descriptor: Int32
    private let address: [UInt8]

    /// - Parameter path: of a datagram socket: absolute, or abstract with `@` in front.
    /// - Returns: nil for a path that no such socket has, or where there are no sockets to be had.
    package init?(path: String) {
        var bytes = Array(path.utf8)
        let pathBytesMax = 107
        guard let first = bytes.first, bytes.count > 1, bytes.count <= pathBytesMax,
            !bytes.contains(0)
        else { return nil }
        switch first {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): bytes[0] = 0
        default: return nil
        }
        address = bytes
        let kind =
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | Int32(SOCK_NONBLOCK.rawValue)
        descriptor = Glibc.socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { return nil }
    }

    /// Sends, or loses, one message: nobody waits for a supervisor that does not listen.
    package func send(_ text: String) {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: address) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count)
        let bytes = Array(text.utf8)
        // SAFETY: both pointers are valid in the call, for the lengths that go with them.
        unsafe withUnsafePointer(to: &name) { name in
            unsafe name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bytes.withUnsafeBytes { bytes in
                    _ = unsafe sendto(
                        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL),
                        name, length)
                }
            }
        }
    }
}

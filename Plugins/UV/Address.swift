// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
internal import MartletTransport

extension SocketAddress {
    /// Calls `body` with the kernel's form of an IP address; nil for a Unix path.
    func withSocketAddress<Result>(
        _ body: (UnsafePointer<sockaddr>) -> Result
    ) -> Result? {
        switch self {
        case .ipv4(let number, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = number.bigEndian
            return unsafe withUnsafePointer(to: &address) {
                unsafe body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self))
            }
        case .ipv6(let high, let low, let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                unsafe bytes.storeBytes(of: high.bigEndian, as: UInt64.self)
                unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return unsafe withUnsafePointer(to: &address) {
                unsafe body(UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self))
            }
        case .unix:
            return nil
        }
    }

    /// Reads an IP address from the kernel's form; nil for another family.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = unsafe UnsafeRawPointer(address)
        switch Int32(unsafe address.pointee.sa_family) {
        case AF_INET:
            let found = unsafe raw.loadUnaligned(as: sockaddr_in.self)
            self = .ipv4(
                UInt32(bigEndian: found.sin_addr.s_addr), port: UInt16(bigEndian: found.sin_port))
        case AF_INET6:
            let found = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
            let (high, low) = unsafe withUnsafeBytes(of: found.sin6_addr) { bytes in
                unsafe (
                    bytes.loadUnaligned(as: UInt64.self),
                    bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
            self = .ipv6(
                high: UInt64(bigEndian: high), low: UInt64(bigEndian: low),
                port: UInt16(bigEndian: found.sin6_port))
        default:
            return nil
        }
    }

    /// What stands for an address that the kernel no longer tells.
    static let unspecified = SocketAddress.ipv4(0, port: 0)

    /// Calls one of libuv's "which address" functions.
    static func reading(
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<Int32>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = Int32(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            let address = unsafe UnsafeMutableRawPointer(pointer)
                .assumingMemoryBound(to: sockaddr.self)
            guard unsafe call(address, &length) == 0 else { return nil }
            return unsafe SocketAddress(UnsafePointer(address))
        }
    }
}

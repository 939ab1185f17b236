// SPDX-License-Identifier: Apache-2.0
package import MartletRaft
package import MartletTransport

extension ServerID {
    /// A new random id: UUID version 4 (RFC 9562 §5.4).
    package static func make(from crypto: any Crypto) throws(CryptoError) -> ServerID {
        let bytes = try crypto.secureRandomBytes(16)
        var words: (UInt64, UInt64) = (0, 0)
        for byte in bytes[0..<8] { words.0 = words.0 << 8 | UInt64(byte) }
        for byte in bytes[8..<16] { words.1 = words.1 << 8 | UInt64(byte) }
        words.0 = words.0 & ~0xF000 | 0x4000
        words.1 = words.1 & ~(0b11 << 62) | 0b10 << 62
        return ServerID(high: words.0, low: words.1)
    }
}

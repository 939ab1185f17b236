// SPDX-License-Identifier: Apache-2.0

/// The Castagnoli checksum (RFC 3720 §12.1): polynomial 0x1EDC6F41, reflected, all ones before and
/// after. Finds every burst of up to 32 wrong bits; it is no defence against a forger.
///
/// Eight bytes are folded per step through eight tables ("slicing by 8"): table k holds the effect
/// of a byte that k more bytes follow.
package enum CRC32C {
    package static func checksum(_ bytes: [UInt8]) -> UInt32 { update(0, with: bytes.span) }

    package static func checksum(_ bytes: Span<UInt8>) -> UInt32 { update(0, with: bytes) }

    package static func update(_ checksum: UInt32, with bytes: [UInt8]) -> UInt32 {
        update(checksum, with: bytes.span)
    }

    /// The checksum of everything that made `checksum`, followed by `bytes`; 0 for a start.
    package static func update(_ checksum: UInt32, with bytes: Span<UInt8>) -> UInt32 {
        let raw = unsafe bytes.bytes  // Any bytes may be seen as raw ones.
        // SAFETY: each index below is one byte plus a table's start, below the 2,048 elements.
        return unsafe tables.withUnsafeBufferPointer { tables in
            var state = ~checksum
            var offset = 0
            while raw.byteCount - offset >= 8 {
                // SAFETY: every pattern of bits is an integer; the load checks its bounds.
                let loaded = unsafe raw.unsafeLoadUnaligned(
                    fromByteOffset: offset, as: UInt64.self)
                let word = UInt64(littleEndian: loaded) ^ UInt64(state)
                let low =
                    unsafe tables[1792 + byte(word, 0)] ^ tables[1536 + byte(word, 1)]
                    ^ tables[1280 + byte(word, 2)] ^ tables[1024 + byte(word, 3)]
                let high =
                    unsafe tables[768 + byte(word, 4)] ^ tables[512 + byte(word, 5)]
                    ^ tables[256 + byte(word, 6)] ^ tables[byte(word, 7)]
                state = low ^ high
                offset += 8
            }
            if raw.byteCount - offset >= 4 {
                // SAFETY: as above.
                let loaded = unsafe raw.unsafeLoadUnaligned(
                    fromByteOffset: offset, as: UInt32.self)
                let word = UInt64(UInt32(littleEndian: loaded) ^ state)
                state =
                    unsafe tables[768 + byte(word, 0)] ^ tables[512 + byte(word, 1)]
                    ^ tables[256 + byte(word, 2)] ^ tables[byte(word, 3)]
                offset += 4
            }
            while offset < raw.byteCount {
                let index = Int((state ^ UInt32(bytes[offset])) & 0xFF)
                state = unsafe tables[index] ^ state >> 8
                offset += 1
            }
            return ~state
        }
    }

    private static func byte(_ word: UInt64, _ place: UInt64) -> Int {
        Int(truncatingIfNeeded: word >> (8 * place) & 0xFF)
    }

    private static let tables: [UInt32] = {
        let reflectedPolynomial: UInt32 = 0x82F6_3B78
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 {
                value = value & 1 == 1 ? value >> 1 ^ reflectedPolynomial : value >> 1
            }
            tables[index] = value
        }
        for index in 256..<tables.count {
            let previous = tables[index - 256]
            tables[index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
        }
        return tables
    }()
}

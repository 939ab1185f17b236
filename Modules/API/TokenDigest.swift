// SPDX-License-Identifier: Apache-2.0

/// SHA-256 of a token's secret: all that is kept of it.
///
/// Whoever holds a digest cannot present it: a request brings the secret, 122 bits of chance, and
/// nobody finds one to a digest.
package struct TokenDigest: Sendable {
    /// The digest's bytes, the first of them in the highest places of the first word.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    package static let bytesCount = 32

    /// nil unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.bytesCount else { return nil }
        words = (
            Self.word(bytes, 0), Self.word(bytes, 8), Self.word(bytes, 16), Self.word(bytes, 24)
        )
    }

    private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        var word: UInt64 = 0
        for position in start..<start + 8 { word = word << 8 | UInt64(bytes[position]) }
        return word
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.bytesCount)
        for word in [words.0, words.1, words.2, words.3] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return bytes
    }
}

extension TokenDigest: Hashable, Comparable {
    /// Takes as long for the first differing bit as for the last: no branch looks at the words.
    package static func == (left: Self, right: Self) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
            | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3)
        return difference == 0
    }

    /// The order of the bytes. What its time tells is of digests only, of which nothing leads back to
    /// a secret.
    package static func < (left: Self, right: Self) -> Bool {
        left.words < right.words
    }

    /// A digest is evenly spread already; the rest of it is compared.
    package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension TokenDigest: CustomStringConvertible {
    /// Says nothing of the digest, so that no log does.
    package var description: String { "TokenDigest" }
}

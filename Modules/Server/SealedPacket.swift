// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// What gossip looks like on the wire when it is encrypted:
///
/// | offset | width | meaning                                                          |
/// |--------|-------|------------------------------------------------------------------|
/// | 0      | 1     | version, 1                                                       |
/// | 1      | 12    | nonce, random                                                    |
/// | 13     | n     | ciphertext, as long as the plaintext                             |
/// | 13 + n | 16    | tag, over version and purpose too                                |
///
/// The purpose is not sent: both ends know it, and what was sealed for one opens for no other, so that
/// a recorded question cannot be played back as an answer.
///
/// With random nonces a key is good for 2^32 packets (NIST SP 800-38D §8.3): a hundred a second are
/// as many in 16 months.
package enum SealedPacket {
    package enum Purpose: UInt8, CaseIterable, Sendable {
        /// A datagram.
        case packet = 1
        /// A question on a stream…
        case question = 2
        /// …and what is answered to it.
        case answer = 3
    }

    package enum Refusal: String, Error, Equatable, Sendable {
        case tooShort
        case unknownVersion
        /// No key of the ring opens it: sealed with another, for another purpose, or changed since.
        case noKeyFits
    }

    package struct Opened: Equatable, Sendable {
        package let plaintext: [UInt8]
        /// Place of the key in the ring; beyond 0 while the sender is behind, or ahead, in a change
        /// of keys.
        package let keyIndex: Int
    }

    package static let version: UInt8 = 1
    /// How much longer than its plaintext a sealed packet is.
    package static let overheadBytes = 1 + nonceBytes + tagBytes

    fileprivate static let nonceBytes = 12
    fileprivate static let tagBytes = 16
}

extension Keyring {
    /// - Throws: ``CryptoError`` when there are no random bytes: nothing must be sent then.
    package func seal(
        _ plaintext: [UInt8], for purpose: SealedPacket.Purpose, by crypto: any Crypto
    ) throws(CryptoError) -> [UInt8] {
        let nonce = try crypto.secureRandomBytes(SealedPacket.nonceBytes)
        let sealed = try crypto.seal(
            plaintext, key: primary.bytes, nonce: nonce,
            additionalData: [SealedPacket.version, purpose.rawValue])
        return [SealedPacket.version] + nonce + sealed
    }

    /// Opens bytes of any origin.
    package func open(
        _ bytes: [UInt8], for purpose: SealedPacket.Purpose, by crypto: any Crypto
    ) throws(SealedPacket.Refusal) -> SealedPacket.Opened {
        guard bytes.count >= SealedPacket.overheadBytes else { throw .tooShort }
        guard bytes[0] == SealedPacket.version else { throw .unknownVersion }
        let nonce = Array(bytes.dropFirst().prefix(SealedPacket.nonceBytes))
        let sealed = Array(bytes.dropFirst(1 + SealedPacket.nonceBytes))
        for (index, key) in keys.enumerated() {
            do throws(CryptoError) {
                let plaintext = try crypto.open(
                    sealed, key: key.bytes, nonce: nonce,
                    additionalData: [SealedPacket.version, purpose.rawValue])
                return SealedPacket.Opened(plaintext: plaintext, keyIndex: index)
            } catch {
                continue  // Not this key, as far as anybody can tell.
            }
        }
        throw .noKeyFits
    }
}

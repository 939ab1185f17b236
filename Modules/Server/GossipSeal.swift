// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Seals what gossip sends and opens what comes, where the pool has keys. What is not sealed is
/// marked as such, so that neither kind of server mistakes the other's bytes for its own.
final class GossipSeal {
    /// nil for a pool that does not encrypt.
    var keyring: Keyring?
    private let crypto: any Crypto

    private static let plainMark: UInt8 = 0
    static let overheadBytes = SealedPacket.overheadBytes

    /// Why bytes are not of this pool; in words that help the operator of either server.
    enum Failure: Error, CustomStringConvertible {
        case notSealed
        case noKeys
        case refused(SealedPacket.Refusal)

        var description: String {
            switch self {
            case .notSealed: "its gossip is not encrypted, and that of the pool is (server.encrypt)"
            case .noKeys: "its gossip is encrypted, and that of the pool is not (server.encrypt)"
            case .refused(.noKeyFits):
                "its gossip is encrypted with a key that the pool does not have"
            case .refused(.tooShort), .refused(.unknownVersion): "that is not gossip"
            }
        }
    }

    init(keyring: Keyring?, crypto: any Crypto) {
        self.keyring = keyring
        self.crypto = crypto
    }

    func close(
        _ plain: [UInt8], for purpose: SealedPacket.Purpose
    ) throws(CryptoError) -> [UInt8] {
        guard let keyring else { return [Self.plainMark] + plain }
        return try keyring.seal(plain, for: purpose, by: crypto)
    }

    /// What is marked as not sealed; nil for what is sealed.
    static func plain(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.first == plainMark ? Array(bytes.dropFirst()) : nil
    }

    func open(
        _ bytes: [UInt8], for purpose: SealedPacket.Purpose
    ) throws(Failure) -> [UInt8] {
        let plain = Self.plain(bytes)
        guard let keyring else {
            guard let plain else { throw .noKeys }
            return plain
        }
        guard plain == nil else { throw .notSealed }
        do throws(SealedPacket.Refusal) {
            return try keyring.open(bytes, for: purpose, by: crypto).plaintext
        } catch {
            throw .refused(error)
        }
    }
}

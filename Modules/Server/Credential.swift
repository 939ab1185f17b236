// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHTTP
import MartletTransport

/// Who a request says it is from.
enum Credential: Equatable {
    /// Nothing was presented.
    case anonymous
    /// A token, by the digest of its secret. The secret itself is not kept, nor passed on.
    case token(TokenDigest)
    /// What cannot be a secret: nobody's.
    case malformed
    /// A node, by the digest of its secret.
    case node(TokenDigest)
    /// Another server of the cluster, that asks for itself.
    case server
}

extension Credential {
    /// The secret that a request presents: `X-Nomad-Token` first, then `Authorization: Bearer`
    /// (RFC 6750 §2.1); nil for none.
    static func secret(in head: RequestHead) -> String? {
        if let secret = head.header("x-nomad-token"), !secret.isEmpty { return secret }
        guard let text = head.header("authorization") else { return nil }
        let scheme = "bearer "
        guard text.utf8.count > scheme.utf8.count,
            text.prefix(scheme.utf8.count).lowercased() == scheme
        else { return nil }
        let secret = text.dropFirst(scheme.utf8.count).drop { $0 == " " }
        return secret.isEmpty ? nil : String(secret)
    }

    /// - Throws: ``CryptoError`` when no digest can be made.
    init(secret: String?, crypto: any Crypto) throws(CryptoError) {
        guard let secret else {
            self = .anonymous
            return
        }
        self =
            ACLBounds.isUUID(secret) ? .token(try TokenDigest(secret, by: crypto)) : .malformed
    }

    // MARK: Between servers

    /// | bytes | meaning                                            |
    /// |-------|----------------------------------------------------|
    /// | 1     | 0: anonymous, 1: a token, 2: malformed, 3: a       |
    /// |       | server, 4: a node                                  |
    /// | 32    | of a token or a node: its digest                   |
    func write(to writer: inout ByteWriter) {
        switch self {
        case .anonymous: writer.write(UInt8(0))
        case .token(let digest):
            writer.write(UInt8(1))
            writer.write(raw: digest.bytes)
        case .malformed: writer.write(UInt8(2))
        case .server: writer.write(UInt8(3))
        case .node(let digest):
            writer.write(UInt8(4))
            writer.write(raw: digest.bytes)
        }
    }

    init(reading reader: inout ByteReader) throws(ByteError) {
        switch try reader.readUInt8() {
        case 0: self = .anonymous
        case 1: self = .token(try Self.digest(reading: &reader))
        case 2: self = .malformed
        case 3: self = .server
        case 4: self = .node(try Self.digest(reading: &reader))
        case let kind: throw ByteError(offset: 0, reason: "unknown credential \(kind)")
        }
    }

    private static func digest(
        reading reader: inout ByteReader
    ) throws(ByteError) -> TokenDigest {
        guard
            let digest = TokenDigest(Array(try reader.readRaw(count: TokenDigest.bytesCount)))
        else { throw ByteError(offset: 0, reason: "a digest of another size") }
        return digest
    }
}

extension TokenDigest {
    /// What is kept of a token's secret.
    ///
    /// - Throws: ``CryptoError`` when no digest can be made.
    init(_ secret: String, by crypto: any Crypto) throws(CryptoError) {
        guard let digest = TokenDigest(try crypto.sha256(Array(secret.utf8))) else {
            throw CryptoError("a digest of another size")
        }
        self = digest
    }
}

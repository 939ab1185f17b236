// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletHTTP
import MartletState
import MartletTransport

// A node proves itself by its secret, which it chooses and tells with its first registration. It is
// asked for whether or not access control is on, and only its digest is passed on.

extension Credential {
    static let nodeSecretHeader: StaticString = "x-martlet-node-secret"

    /// What a node presents.
    ///
    /// - Throws: ``APIError`` 403 for none, and for what cannot be a secret.
    init(nodeSecretIn head: RequestHead, crypto: any Crypto) throws(APIError) {
        guard let text = head.header(Self.nodeSecretHeader), let secret = UniqueID(text) else {
            throw APIError(status: 403, message: "X-Martlet-Node-Secret is missing or no UUID")
        }
        self = .node(try TokenDigest(nodeSecret: secret, by: crypto))
    }
}

extension TokenDigest {
    init(nodeSecret: UniqueID, by crypto: any Crypto) throws(APIError) {
        do throws(CryptoError) {
            try self.init(nodeSecret.description, by: crypto)
        } catch {
            throw APIError(status: 500, message: "no digest of a node's secret: \(error)")
        }
    }
}

/// Whether nodes are a caller's own. Of nodes with one secret the digest is made once.
struct NodeProof {
    /// nil for none.
    let presented: TokenDigest?
    private let crypto: any Crypto
    private var last: (secret: UniqueID, isRight: Bool)?

    init(_ credential: Credential, crypto: any Crypto) {
        presented = if case .node(let digest) = credential { digest } else { nil }
        self.crypto = crypto
    }

    /// Digests are compared, and in the same time for any of them.
    mutating func isRight(_ secret: UniqueID) throws(APIError) -> Bool {
        if let last, last.secret == secret { return last.isRight }
        let isRight = try TokenDigest(nodeSecret: secret, by: crypto) == presented
        last = (secret, isRight)
        return isRight
    }

    /// - Throws: ``APIError`` 403 for one with another secret.
    mutating func check(_ node: Node) throws(APIError) {
        if let digest = node.secretDigest {
            guard digest == presented else { throw Self.wrong }
            return
        }
        guard try isRight(node.secretID) else { throw Self.wrong }
    }

    /// - Throws: ``APIError`` 404 for one that is not there, 403 for one with another secret.
    mutating func check(_ ids: [UniqueID], in tables: SchedulerTables) throws(APIError) {
        for id in ids {
            guard let node = tables.node(id)?.value else {
                throw APIError(status: 404, message: "node \(id) not found")
            }
            try check(node)
        }
    }

    static var wrong: APIError {
        APIError(status: 403, message: "node secret ID does not match")
    }
}

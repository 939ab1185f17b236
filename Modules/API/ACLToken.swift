// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// Who may call: a token of the replicated state. Its secret is not part of it.
package struct ACLToken: Equatable, Sendable {
    package enum Kind: String, Equatable, Sendable {
        /// May do what its policies and those of its roles say.
        case client
        /// May do everything.
        case management
    }

    /// A UUID in lower case: what the token is called. It opens nothing.
    package let accessorID: String
    package let digest: TokenDigest
    package var name: String
    package var kind: Kind
    /// Names; policies that are not there count as empty ones.
    package var policies: [String]
    /// Ids; roles that are not there count as empty ones.
    package var roles: [String]
    /// For all regions; never changes.
    package let isGlobal: Bool
    /// By the clock of the leader that made it, since the start of 1970.
    package let createUnixNanoseconds: Int64
    /// From then on it opens nothing; nil for never.
    package let expirationUnixNanoseconds: Int64?
    /// SHA-256 of ``hashInput``: 32 bytes, or none where nobody made it.
    package var hash: [UInt8] = []
    /// Log index of the write that made it; given by the log.
    package var createIndex: UInt64 = 0
    /// Log index of the last write to it; given by the log.
    package var modifyIndex: UInt64 = 0

    package init(
        accessorID: String, digest: TokenDigest, name: String, kind: Kind,
        policies: [String] = [], roles: [String] = [], isGlobal: Bool = false,
        createUnixNanoseconds: Int64, expirationUnixNanoseconds: Int64? = nil
    ) {
        self.accessorID = accessorID
        self.digest = digest
        self.name = name
        self.kind = kind
        self.policies = policies
        self.roles = roles
        self.isGlobal = isGlobal
        self.createUnixNanoseconds = createUnixNanoseconds
        self.expirationUnixNanoseconds = expirationUnixNanoseconds
    }

    /// The clock is looked at only for a token that expires.
    package func isExpired(at unixNanoseconds: @autoclosure () -> Int64) -> Bool {
        guard let expirationUnixNanoseconds else { return false }
        return expirationUnixNanoseconds <= unixNanoseconds()
    }

    /// What ``hash`` is the digest of: all that a write can change.
    package var hashInput: [UInt8] {
        HashInput.bytes(
            [accessorID, name, kind.rawValue, isGlobal ? "global" : "local"], policies, roles)
    }
}

/// Texts joined so that no two lists of them give the same bytes: each with its length before it.
enum HashInput {
    static func bytes(_ lists: [String]...) -> [UInt8] {
        var bytes: [UInt8] = []
        for list in lists {
            append(list.count, to: &bytes)
            for text in list {
                append(text.utf8.count, to: &bytes)
                bytes += text.utf8
            }
        }
        return bytes
    }

    private static func append(_ count: Int, to bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: count >> shift))
        }
    }
}

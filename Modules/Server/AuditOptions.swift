// SPDX-License-Identifier: Apache-2.0

/// The log of who asked for what, and what became of it.
package struct AuditOptions: Equatable, Sendable {
    package enum Guarantee: Equatable, Sendable {
        /// No change is begun before its first line is durable; what cannot be written is refused.
        case enforced
        /// What cannot be written is counted, and the request goes on.
        case bestEffort
    }

    /// The file that is written; rotated ones stand beside it, `audit-000000000042.log` for
    /// `audit.log`.
    package var path: String
    package var guarantee = Guarantee.enforced
    /// A file that is longer is rotated; 0 for ``rotateBytesMax``, which bounds every setting.
    package var rotateBytes = 0
    /// A file that this server has written to for longer is rotated; zero for never.
    package var rotateDuration: Duration = .zero
    /// Rotated files that are kept; the oldest are removed. 0 keeps all.
    package var rotatedFilesMax = 0

    /// What `martlet audit verify` still reads at once.
    package static let rotateBytesMax = 256 << 20

    package init(path: String) { self.path = path }
}

/// Whose token a request came with. No secret is part of it.
struct AuditIdentity: Equatable, Sendable {
    var accessorID = ""
    var name = ""
    var policies: [String] = []
    var isGlobal = false
    /// RFC 3339; empty without a token.
    var createTime = ""
}

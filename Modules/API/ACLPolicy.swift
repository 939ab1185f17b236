// SPDX-License-Identifier: Apache-2.0

/// A named set of rules, as text: an object of the replicated state.
package struct ACLPolicy: Equatable, Sendable {
    /// As ``ACLBounds/isName(_:)`` says.
    package let name: String
    package var description: String
    /// In HCL or JSON.
    package var rules: String
    /// SHA-256 of ``hashInput``: 32 bytes, or none where nobody made it.
    package var hash: [UInt8] = []
    /// Log index of the write that made it; given by the log.
    package var createIndex: UInt64 = 0
    /// Log index of the last write to it; given by the log.
    package var modifyIndex: UInt64 = 0

    package init(name: String, description: String = "", rules: String) {
        self.name = name
        self.description = description
        self.rules = rules
    }

    /// What ``hash`` is the digest of: all that a write can change.
    package var hashInput: [UInt8] { HashInput.bytes([name, description, rules]) }

    /// The policy whose rules hold for requests without a token.
    package static let anonymousName = "anonymous"
}

/// A named set of policies: an object of the replicated state.
package struct ACLRole: Equatable, Sendable {
    /// A UUID in lower case. Never changes: tokens name it.
    package let id: String
    /// As ``ACLBounds/isName(_:)`` says; no two roles have the same.
    package var name: String
    package var description: String
    /// Names; policies that are not there count as empty ones.
    package var policies: [String]
    /// SHA-256 of ``hashInput``: 32 bytes, or none where nobody made it.
    package var hash: [UInt8] = []
    /// Log index of the write that made it; given by the log.
    package var createIndex: UInt64 = 0
    /// Log index of the last write to it; given by the log.
    package var modifyIndex: UInt64 = 0

    package init(id: String, name: String, description: String = "", policies: [String]) {
        self.id = id
        self.name = name
        self.description = description
        self.policies = policies
    }

    /// What ``hash`` is the digest of: all that a write can change.
    package var hashInput: [UInt8] { HashInput.bytes([id, name, description], policies) }
}

/// Bounds of what tokens, policies and roles hold, in bytes of UTF-8. A request beyond them is
/// refused, and so is a command.
package enum ACLBounds {
    /// Of a policy's or a role's name.
    package static let nameBytesMax = 128
    package static let tokenNameBytesMax = 256
    package static let descriptionBytesMax = 256
    package static let rulesBytesMax = 64 << 10
    /// Policies of one token, roles of one token, policies of one role.
    package static let linksMax = 64

    /// 1 to 128 letters, digits and hyphens of ASCII.
    package static func isName(_ text: String) -> Bool {
        (1...nameBytesMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
    }

    /// 36 characters: hexadecimal digits in lower case, in groups of 8, 4, 4, 4 and 12.
    package static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        return text.utf8.enumerated().allSatisfy { position, byte in
            switch position {
            case 8, 13, 18, 23: byte == UInt8(ascii: "-")
            default:
                UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
                    || UInt8(ascii: "a") <= byte && byte <= UInt8(ascii: "f")
            }
        }
    }
}

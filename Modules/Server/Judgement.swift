// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI

/// What the tables of one instant say of a call.
enum Judgement {
    /// By what its caller may do, and why; both nil where nothing had to be decided.
    case allowed(Access?, reason: Decision.Reason?)
    case refused(AccessRefusal)
}

/// Why a caller is not listened to. What it is told helps the honest and says nothing of what is
/// there: ``reason`` is for the audit log, and for the owner of a token who asks about it.
struct AccessRefusal {
    enum Kind: Equatable {
        /// What was presented cannot be a secret.
        case malformed
        /// Of a form that a secret has, and nobody's.
        case unknown
        case expired
        /// The owner of a token was to be told of it, and nothing was presented.
        case missing
        /// The policies do not allow it.
        case denied
    }

    let kind: Kind
    /// What the refused may do; nil where it is not known.
    var access: Access?
    var reason: Decision.Reason?

    /// - Parameter isExplained: the owner of the token wants to know why.
    func response(of endpoint: Endpoint, isExplained: Bool) -> APIResponse {
        switch kind {
        case .malformed, .expired: return .text(403, "Permission denied")
        case .unknown:
            return .text(endpoint == .aclOwnToken ? 404 : 403, "ACL token not found")
        case .missing: return .text(500, "acl token lookup failed: missing secret id")
        case .denied:
            guard isExplained, access?.token != nil, let reason else {
                return .text(403, "Permission denied")
            }
            return .text(403, "Permission denied: \(reason)")
        }
    }

    var auditText: String {
        switch kind {
        case .malformed: "what was presented is no token"
        case .unknown: "the token is not known"
        case .expired: "the token has expired"
        case .missing: "no token was presented"
        case .denied: reason.map { "\($0)" } ?? "denied"
        }
    }
}

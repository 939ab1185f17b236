// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// Why a secured connection failed.
struct TLSFailure {
    let reason: SecurityNotice.Reason
    let detail: String

    init(_ reason: SecurityNotice.Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    /// What OpenSSL says of a call that has just failed; forgets what it noted.
    init(of ssl: OpaquePointer) {
        let error = OpenSSLError.takeLast()
        let verified = unsafe SSL_get_verify_result(ssl)
        if verified != Int(X509_V_OK), error.reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            self.init(
                Self.reason(ofVerifyResult: verified),
                "its certificate: " + Self.text(ofVerifyResult: verified)
                    + (unsafe Self.subject(of: ssl)))
        } else {
            self.init(Self.reason(of: error), Self.text(of: error))
        }
    }

    private static func subject(of ssl: OpaquePointer) -> String {
        guard let pointer = unsafe SSL_get1_peer_certificate(ssl) else { return "" }
        let facts = unsafe Certificate(owning: pointer).facts
        return " (\(facts.subject.prefix(200)); for \(facts.dnsNames.prefix(4)))"
    }

    private static func reason(ofVerifyResult result: Int) -> SecurityNotice.Reason {
        switch Int32(truncatingIfNeeded: result) {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID: .expired
        case X509_V_ERR_HOSTNAME_MISMATCH: .wrongName
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            .otherAuthority
        default: .wrongCertificate
        }
    }

    static func text(ofVerifyResult result: Int) -> String {
        unsafe X509_verify_cert_error_string(result).map { unsafe String(cString: $0) }
            ?? "error \(result)"
    }

    /// What an alert of the peer makes of its number (RFC 8446 §6).
    private static let firstAlert: Int32 = 1000

    private static func reason(of error: OpenSSLError) -> SecurityNotice.Reason {
        switch error.reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: .noCertificate
        case SSL_R_NO_SHARED_CIPHER, SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION,
            SSL_R_VERSION_TOO_LOW, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            .nothingInCommon
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: .plaintext
        case firstAlert...(firstAlert + 255): .refusedByPeer
        default: .malformed
        }
    }

    private static func text(of error: OpenSSLError) -> String {
        switch reason(of: error) {
        case .noCertificate: "it shows no certificate"
        case .plaintext: "what it sends is not TLS"
        case .refusedByPeer: "it refused: \(error.text)"
        default: error.text
        }
    }
}

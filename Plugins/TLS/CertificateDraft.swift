// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// A certificate that is being made (RFC 5280).
@safe
final class CertificateDraft {
    private let pointer: OpaquePointer
    private var issuer: OpaquePointer?

    // SAFETY: nobody else has it.
    deinit { unsafe X509_free(pointer) }

    /// For the public half of `key`, with a random serial number.
    init(
        commonName: String, organization: String?, notBefore: Int64, notAfter: Int64,
        key: PrivateKey
    ) throws(SecurityError) {
        guard let pointer = unsafe X509_new() else { throw SecurityError(nil, "out of memory") }
        unsafe self.pointer = pointer  // From here on, `deinit` frees it.
        guard notBefore < notAfter else {
            throw SecurityError(.certificate, "it would be valid for no time")
        }
        let name = unsafe X509_get_subject_name(pointer)
        try unsafe Self.add("CN", commonName, to: name)
        if let organization { try unsafe Self.add("O", organization, to: name) }
        guard unsafe X509_set_version(pointer, 2) == 1,
            try unsafe Self.randomize(X509_get_serialNumber(pointer)),
            unsafe ASN1_TIME_set(X509_getm_notBefore(pointer), Int(notBefore)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(pointer), Int(notAfter)) != nil,
            unsafe X509_set_pubkey(pointer, key.pointer) == 1
        else { throw Self.failure() }
    }

    private static func failure() -> SecurityError {
        SecurityError(.certificate, "it cannot be made: \(OpenSSLError.takeLast().text)")
    }

    private static func add(
        _ field: String, _ value: String, to name: OpaquePointer?
    ) throws(SecurityError) {
        guard (1...64).contains(value.utf8.count) else {
            throw SecurityError(.certificate, "\(field) must have 1 to 64 bytes")
        }
        let bytes = Array(value.utf8)
        guard
            unsafe X509_NAME_add_entry_by_txt(
                name, field, MBSTRING_FLAG, bytes, Int32(bytes.count), -1, 0) == 1
        else { throw failure() }
    }

    /// 159 bits: positive, and as long as is allowed (RFC 5280 §4.1.2.2).
    private static func randomize(
        _ serial: UnsafeMutablePointer<ASN1_INTEGER>?
    ) throws(SecurityError) -> Bool {
        guard let number = unsafe BN_new() else { throw failure() }
        defer { unsafe BN_free(number) }
        return unsafe BN_rand(number, 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1
            && BN_to_ASN1_INTEGER(number, serial) != nil
    }

    /// It certifies itself.
    func setIssuer(to other: CertificateDraft) throws(SecurityError) {
        try unsafe setIssuer(other.pointer)
    }

    /// - Precondition: the authority is held until it is signed.
    func setIssuer(to authority: Certificate) throws(SecurityError) {
        try unsafe setIssuer(authority.pointer)
    }

    private func setIssuer(_ other: OpaquePointer) throws(SecurityError) {
        unsafe issuer = other
        guard unsafe X509_set_issuer_name(pointer, X509_get_subject_name(other)) == 1 else {
            throw Self.failure()
        }
    }

    /// Adds an extension, in OpenSSL's words (x509v3_config(5)).
    func add(_ kind: Int32, _ value: String) throws(SecurityError) {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(&context, issuer, pointer, nil, nil, 0)
        guard let part = unsafe X509V3_EXT_conf_nid(nil, &context, kind, value) else {
            throw Self.failure()
        }
        defer { unsafe X509_EXTENSION_free(part) }
        guard unsafe X509_add_ext(pointer, part, -1) == 1 else { throw Self.failure() }
    }

    func add(names: [String], addresses: [SocketAddress]) throws(SecurityError) {
        var parts = try names.map { (name) throws(SecurityError) in
            "DNS:" + (try Self.checked(name))
        }
        for address in addresses {
            switch address {
            case .ipv4: parts.append("IP:\(address.host)")
            case .ipv6: parts.append("IP:\(address.host.dropFirst().dropLast())")
            case .unix: throw SecurityError(.certificate, "\(address) is no address for it")
            }
        }
        if !parts.isEmpty { try add(NID_subject_alt_name, parts.joined(separator: ",")) }
    }

    /// A DNS name, perhaps with a `*` for its first label: nothing that means more to OpenSSL.
    static func checked(_ name: String) throws(SecurityError) -> String {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        let isName =
            name.utf8.count <= 253
            && labels.enumerated().allSatisfy { place, label in
                place == 0 && label == "*" && labels.count > 1
                    || (1...63).contains(label.utf8.count)
                        && label.utf8.allSatisfy { byte in
                            switch byte {
                            case UInt8(ascii: "a")...UInt8(ascii: "z"),
                                UInt8(ascii: "A")...UInt8(ascii: "Z"),
                                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                                UInt8(ascii: "_"):
                                true
                            default: false
                            }
                        }
            }
        guard isName else {
            throw SecurityError(.certificate, "\"\(name.prefix(64))\" is no DNS name")
        }
        return name
    }

    /// In PEM.
    func signed(by key: PrivateKey) throws(SecurityError) -> [UInt8] {
        guard unsafe X509_sign(pointer, key.pointer, EVP_sha256()) > 0 else {
            throw Self.failure()
        }
        let output = try MemoryFile()
        guard unsafe PEM_write_bio_X509(output.bio, pointer) == 1 else { throw Self.failure() }
        return output.bytes
    }
}

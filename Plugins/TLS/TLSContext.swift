// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
internal import MartletTransport

/// What secures connections from one moment to the next: certificates, key and policy, checked.
/// Connections that began with it keep it.
@safe
final class TLSContext {
    let policy: SecurityPolicy
    let facts: SecurityFacts
    /// Shared by both directions; which one it is, each connection says.
    let pointer: OpaquePointer

    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - former: what this is to replace.
    /// - Throws: ``SecurityError``, as ``SecuredStreams/prepare(_:_:)`` says.
    init(
        _ policy: SecurityPolicy, _ material: SecurityMaterial, at now: Int64,
        replacing former: TLSContext? = nil
    ) throws(SecurityError) {
        let isPeer = policy.use == .peer
        let certificates =
            !isPeer && material.certificates.isEmpty && material.key.isEmpty
            ? [] : try Certificate.all(in: material.certificates, as: .certificate)
        let authorities =
            !isPeer && material.authorities.isEmpty
            ? [] : try Certificate.all(in: material.authorities, as: .authorities)
        let key = certificates.isEmpty ? nil : try PrivateKey(reading: material.key)
        facts = SecurityFacts(
            certificate: certificates.first?.facts ?? CertificateFacts(),
            authorities: authorities.map(\.facts))
        self.policy = policy
        guard let pointer = unsafe SSL_CTX_new(TLS_method()) else {
            throw SecurityError(nil, "out of memory")
        }
        unsafe self.pointer = pointer  // From here on, `deinit` frees it.
        try use(policy)
        if let key { try use(certificates, key) }
        try trust(authorities)
        guard isPeer else { return }
        // Time makes nothing worse that is in use already; it must not keep a new authority out.
        let isInUse = former.map { $0.facts.certificate == facts.certificate } ?? false
        try check(certificates, at: isInUse ? nil : now)
    }

    // SAFETY: connections hold references of their own.
    deinit { unsafe SSL_CTX_free(pointer) }

    private func use(_ policy: SecurityPolicy) throws(SecurityError) {
        func number(_ version: SecurityPolicy.Version) -> Int32 {
            switch version {
            case .tls12: TLS1_2_VERSION
            case .tls13: TLS1_3_VERSION
            }
        }
        let (min, max) = (number(policy.versionMin), number(policy.versionMax))
        guard unsafe cssl_set_versions(pointer, min, max) == 1 else {
            throw SecurityError(nil, "no such version of TLS: \(OpenSSLError.takeLast().text)")
        }
        unsafe cssl_set_habits(pointer)
        let suites = try CipherSuites(policy.cipherSuites)
        guard unsafe SSL_CTX_set_cipher_list(pointer, suites.upTo12) == 1,
            unsafe suites.of13.isEmpty || SSL_CTX_set_ciphersuites(pointer, suites.of13) == 1
        else {
            throw SecurityError(nil, "the cipher suites: \(OpenSSLError.takeLast().text)")
        }
        // Of what a client offers, HTTP/1.1 is taken; whoever offers only other protocols gets none,
        // as one that offers nothing (RFC 7301 §3.2 allows to go on).
        unsafe SSL_CTX_set_alpn_select_cb(
            pointer,
            { _, chosen, chosenCount, offered, offeredCount, _ in
                unsafe TLSContext.choose(chosen, chosenCount, offered, Int(offeredCount))
            }, nil)
    }

    private static let http = Array("http/1.1".utf8)

    /// `offered` is a list of names, a byte of length before each. What is chosen points into it.
    private static func choose(
        _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offered: UnsafePointer<UInt8>?, _ count: Int
    ) -> Int32 {
        guard let chosen = unsafe chosen, let chosenCount = unsafe chosenCount,
            let offered = unsafe offered
        else { return SSL_TLSEXT_ERR_NOACK }
        let names = unsafe UnsafeBufferPointer(start: offered, count: count)
        var place = 0
        while place < names.count {
            let length = unsafe Int(names[place])
            let end = place + 1 + length
            guard end <= names.count else { break }
            if unsafe names[(place + 1)..<end].elementsEqual(http) {
                unsafe chosen.pointee = offered + place + 1
                unsafe chosenCount.pointee = UInt8(length)
                return SSL_TLSEXT_ERR_OK
            }
            place = end
        }
        return SSL_TLSEXT_ERR_NOACK
    }

    private func use(_ certificates: [Certificate], _ key: PrivateKey) throws(SecurityError) {
        guard unsafe SSL_CTX_use_certificate(pointer, certificates[0].pointer) == 1 else {
            throw SecurityError(
                .certificate, "it cannot be used: \(OpenSSLError.takeLast().text)")
        }
        for certificate in certificates.dropFirst() {
            guard unsafe cssl_add_chain(pointer, certificate.pointer) == 1 else {
                throw SecurityError(
                    .certificate,
                    "a further certificate of it cannot be used: "
                        + OpenSSLError.takeLast().text)
            }
        }
        guard unsafe SSL_CTX_use_PrivateKey(pointer, key.pointer) == 1,
            unsafe SSL_CTX_check_private_key(pointer) == 1
        else {
            throw SecurityError(
                .key, "it is not the key of the certificate: \(OpenSSLError.takeLast().text)")
        }
    }

    private func trust(_ authorities: [Certificate]) throws(SecurityError) {
        let store = unsafe SSL_CTX_get_cert_store(pointer)
        for authority in authorities {
            guard unsafe X509_STORE_add_cert(store, authority.pointer) == 1,
                unsafe SSL_CTX_add_client_CA(pointer, authority.pointer) == 1
            else {
                throw SecurityError(
                    .authorities, "one cannot be used: \(OpenSSLError.takeLast().text)")
            }
        }
        let parameters = unsafe SSL_CTX_get0_param(pointer)
        // An authority of the file is believed even if another has certified it.
        unsafe _ = X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        if authorities.isEmpty, unsafe SSL_CTX_set_default_verify_paths(pointer) != 1 {
            throw SecurityError(.authorities, "those of the system cannot be read")
        }
        guard let name = policy.peerName else { return }
        // An address is looked for among the certificate's addresses, not among its names.
        if policy.use != .peer, unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 {
            return
        }
        unsafe X509_VERIFY_PARAM_set_hostflags(parameters, Certificate.hostFlags)
        guard unsafe X509_VERIFY_PARAM_set1_host(parameters, name, name.utf8.count) == 1 else {
            throw SecurityError(nil, "no name for a server: \(name)")
        }
    }

    /// What others would refuse is refused here, where somebody sees it.
    ///
    /// - Parameter now: nil if no date matters.
    private func check(_ certificates: [Certificate], at now: Int64?) throws(SecurityError) {
        let own = facts.certificate
        if let now { try checkDates(of: own, at: now) }
        if let name = policy.peerName, !certificates[0].isFor(name) {
            throw SecurityError(
                .certificate,
                "it is not for \"\(name)\", as tls.verify_server_hostname asks of every "
                    + "server, but for \(own.dnsNames.joined(separator: ", "))")
        }
        try checkPurpose(of: certificates[0])
        try checkChain(of: certificates, at: now)
    }

    private func checkDates(of own: CertificateFacts, at now: Int64) throws(SecurityError) {
        guard own.notBefore <= now else {
            throw SecurityError(
                .certificate,
                "it is not valid before \(UTC.text(own.notBefore)): is the clock right?")
        }
        guard now <= own.notAfter else {
            throw SecurityError(.certificate, "it has expired at \(UTC.text(own.notAfter))")
        }
    }

    private func checkPurpose(of certificate: Certificate) throws(SecurityError) {
        let needs = [
            (policy.listens, X509_PURPOSE_SSL_SERVER, "a server (serverAuth)"),
            (policy.connects, X509_PURPOSE_SSL_CLIENT, "a client (clientAuth), as servers are too"),
        ]
        for (isNeeded, purpose, name) in needs where isNeeded {
            guard unsafe X509_check_purpose(certificate.pointer, purpose, 0) == 1 else {
                throw SecurityError(
                    .certificate,
                    "it is not good for \(name): its purposes are "
                        + facts.certificate.purposes.joined(separator: ", "))
            }
        }
    }

    private func checkChain(of certificates: [Certificate], at now: Int64?) throws(SecurityError) {
        guard let chain = unsafe cssl_stack(), let check = unsafe X509_STORE_CTX_new() else {
            throw SecurityError(nil, "out of memory")
        }
        defer {
            unsafe X509_STORE_CTX_free(check)
            unsafe cssl_free_stack(chain)
        }
        for certificate in certificates { unsafe _ = cssl_push(chain, certificate.pointer) }
        // SAFETY: the store, the certificates and the stack live until after the check is freed.
        guard
            unsafe X509_STORE_CTX_init(
                check, SSL_CTX_get_cert_store(pointer), certificates[0].pointer, chain) == 1
        else { throw SecurityError(nil, "out of memory") }
        unsafe X509_STORE_CTX_set_flags(check, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        if let now {
            unsafe X509_STORE_CTX_set_time(check, 0, Int(now))
        } else {
            unsafe X509_STORE_CTX_set_flags(check, UInt(X509_V_FLAG_NO_CHECK_TIME))
        }
        guard unsafe X509_verify_cert(check) != 1 else { return }
        let code = unsafe X509_STORE_CTX_get_error(check)
        ERR_clear_error()
        throw SecurityError(
            .certificate,
            "it does not lead to an authority of ca_file: "
                + TLSFailure.text(ofVerifyResult: Int(code)))
    }
}

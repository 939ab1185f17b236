// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL
package import MartletTransport

/// Certificates by OpenSSL 3: ECDSA on P-256, signed with SHA-256.
package struct OpenSSLCertificates: Certificates {
    package init() {}

    package func makeAuthority(_ wish: AuthorityWish) throws(SecurityError) -> CertificateAndKey {
        let key = try PrivateKey.make()
        let draft = try CertificateDraft(
            commonName: wish.commonName, organization: wish.organization,
            notBefore: wish.notBefore, notAfter: wish.notAfter, key: key)
        try draft.setIssuer(to: draft)
        try draft.add(NID_basic_constraints, "critical,CA:TRUE")
        try draft.add(NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign")
        try draft.add(NID_subject_key_identifier, "hash")
        try draft.add(NID_authority_key_identifier, "keyid:always")
        if !wish.permittedDomains.isEmpty {
            let names = try wish.permittedDomains.map { (name) throws(SecurityError) in
                "permitted;DNS:" + (try CertificateDraft.checked(name))
            }
            try draft.add(NID_name_constraints, "critical," + names.joined(separator: ","))
        }
        return CertificateAndKey(certificate: try draft.signed(by: key), key: try key.text())
    }

    package func makeCertificate(
        _ wish: CertificateWish, by authority: CertificateAndKey
    ) throws(SecurityError) -> CertificateAndKey {
        let signer = try Certificate.all(in: authority.certificate, as: .authorities)[0]
        let signerKey = try PrivateKey(reading: authority.key)
        guard unsafe X509_check_private_key(signer.pointer, signerKey.pointer) == 1 else {
            ERR_clear_error()
            throw SecurityError(.key, "it is not the key of the authority's certificate")
        }
        guard signer.facts.isAuthority else {
            throw SecurityError(.authorities, "the certificate is not an authority's")
        }
        let key = try PrivateKey.make()
        let draft = try CertificateDraft(
            commonName: wish.commonName, organization: nil, notBefore: wish.notBefore,
            notAfter: wish.notAfter, key: key)
        try draft.setIssuer(to: signer)
        try draft.add(NID_basic_constraints, "critical,CA:FALSE")
        try draft.add(NID_key_usage, "critical,digitalSignature,keyEncipherment")
        let purposes =
            (wish.isForServers ? ["serverAuth"] : []) + (wish.isForClients ? ["clientAuth"] : [])
        if !purposes.isEmpty {
            try draft.add(NID_ext_key_usage, purposes.joined(separator: ","))
        }
        try draft.add(NID_subject_key_identifier, "hash")
        try draft.add(NID_authority_key_identifier, "keyid:always")
        try draft.add(names: wish.dnsNames, addresses: wish.addresses)
        return CertificateAndKey(certificate: try draft.signed(by: signerKey), key: try key.text())
    }

    package func read(_ file: [UInt8]) throws(SecurityError) -> [CertificateFacts] {
        try Certificate.all(in: file, as: .certificate).map(\.facts)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

/// Makes the files of `martlet tls`, and reads them.
struct TLSMaker {
    let files: any Files
    let certificates: any Certificates
    /// Seconds since 1970.
    let now: Int64

    private static let day: Int64 = 86_400
    private static let fileBytesMax = 1 << 20
    /// Clocks of other hosts may be behind this one's.
    private static let clockSkew: Int64 = 60

    private static let serverWarning = """
        ==> WARNING: Server Certificates grants authority to become a
            server and access all state in the cluster including root keys
            and all ACL tokens. Do not distribute them to production hosts
            that are not server nodes. Store them as securely as CA keys.

        """

    func makeAuthority(_ wish: TLSAuthorityWish) throws(ConfigurationFailure) -> String {
        try refuseExisting(wish.certificatePath, wish.keyPath)
        var request = AuthorityWish(
            // Two authorities of one cluster, while one follows the other, have two names.
            commonName: wish.commonName ?? "Nomad Agent CA \(now)", organization: wish.organization,
            notBefore: now - Self.clockSkew, notAfter: now + Int64(wish.days) * Self.day)
        if wish.isConstrained {
            request.permittedDomains = wish.additionalDomains + [wish.domain, "localhost"]
        }
        let made: CertificateAndKey
        do throws(SecurityError) {
            made = try certificates.makeAuthority(request)
        } catch {
            throw ConfigurationFailure(text: "no CA certificate was made: \(error)", exitCode: 1)
        }
        try write(made, wish.certificatePath, wish.keyPath)
        return "==> CA certificate saved to: \(wish.certificatePath)\n"
            + "==> CA certificate key saved to: \(wish.keyPath)\n"
    }

    func makeCertificate(_ wish: TLSCertificateWish) throws(ConfigurationFailure) -> String {
        try refuseExisting(wish.certificatePath, wish.keyPath)
        let authority = CertificateAndKey(
            certificate: try read(wish.authorityPath), key: try read(wish.authorityKeyPath))
        let made: CertificateAndKey
        do throws(SecurityError) {
            made = try certificates.makeCertificate(request(for: wish), by: authority)
        } catch {
            let path =
                switch error.subject {
                case .key: "\(wish.authorityKeyPath): "
                case .authorities: "\(wish.authorityPath): "
                case .certificate, nil: ""
                }
            throw ConfigurationFailure(
                text: "no certificate was made: \(path)\(error)", exitCode: 1)
        }
        try write(made, wish.certificatePath, wish.keyPath)
        let kind = wish.role.rawValue.prefix(1).uppercased() + wish.role.rawValue.dropFirst()
        return (wish.role == .server ? Self.serverWarning : "")
            + "==> Using CA file \(wish.authorityPath) and CA key \(wish.authorityKeyPath)\n"
            + "==> \(kind) Certificate saved to \(wish.certificatePath)\n"
            + "==> \(kind) Certificate key saved to \(wish.keyPath)\n"
    }

    private func request(for wish: TLSCertificateWish) -> CertificateWish {
        // A node's client is connected to by servers as well; the command line only connects.
        let isForServers = wish.role != .cli
        return CertificateWish(
            commonName: wish.name, dnsNames: [wish.name, "localhost"] + wish.names,
            addresses: wish.addresses
                + (isForServers ? [.ipv4(0x7F00_0001, port: 0)] : []),
            isForServers: isForServers, isForClients: true, notBefore: now - Self.clockSkew,
            notAfter: now + Int64(wish.days) * Self.day)
    }

    // MARK: Showing

    func show(_ path: String) throws(ConfigurationFailure) -> String {
        let file = try read(path)
        do throws(SecurityError) {
            return try certificates.read(file).map { describe($0) }.joined(separator: "\n")
        } catch {
            throw ConfigurationFailure(text: "\(path): \(error)", exitCode: 1)
        }
    }

    private func describe(_ facts: CertificateFacts) -> String {
        let rows: [(String, String)] = [
            ("Serial Number", facts.serialNumber), ("Subject", facts.subject),
            ("Issuer", facts.issuer), ("Common Name", facts.commonName),
            ("DNS Names", facts.dnsNames.joined(separator: ", ")),
            ("IP Addresses", facts.addresses.joined(separator: ", ")),
            ("Is CA", "\(facts.isAuthority)"),
            ("Key Usage", facts.usages.joined(separator: ", ")),
            ("Extended Key Usage", facts.purposes.joined(separator: ", ")),
            ("Valid From", Self.time(facts.notBefore)),
            (
                "Expiry Date",
                Self.time(facts.notAfter)
                    + (facts.notAfter < now ? " (expired)" : " (in \(facts.timeLeft(at: now)))")
            ),
            (
                "SHA-256",
                facts.fingerprint.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
            ),
        ]
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count) + " = "
                + (value.isEmpty ? "<none>" : value) + "\n"
        }.joined()
    }

    private static func time(_ seconds: Int64) -> String {
        let (nanoseconds, isFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isFar ? "beyond the year 2262" : Timestamp.rfc3339(unixNanoseconds: nanoseconds)
    }

    // MARK: Files

    private func refuseExisting(_ paths: String...) throws(ConfigurationFailure) {
        for path in paths where files.exists(path) {
            throw ConfigurationFailure(
                text: "\(path) already exists: it is not written over", exitCode: 1)
        }
    }

    private func read(_ path: String) throws(ConfigurationFailure) -> [UInt8] {
        do throws(FileError) {
            return try files.read(path, limitBytes: Self.fileBytesMax)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
    }

    /// The key first: a certificate that is there has its key beside it.
    private func write(
        _ made: CertificateAndKey, _ certificatePath: String, _ keyPath: String
    ) throws(ConfigurationFailure) {
        do throws(FileError) {
            try files.replace(keyPath, with: made.key)
            try files.replace(certificatePath, with: made.certificate)
        } catch {
            throw ConfigurationFailure(text: "\(error)", exitCode: 1)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletTLS
import MartletTransport

/// Makes the certificates of a test.
struct Issuer {
    static let day: Int64 = 86_400
    private let certificates = OpenSSLCertificates()
    let authority: CertificateAndKey
    let now: Int64

    /// - Parameter seconds: how long its authority is valid.
    init(
        _ name: String = "Nomad Agent CA", at now: Int64, for seconds: Int64 = 1_825 * day
    ) throws {
        self.now = now
        authority = try certificates.makeAuthority(
            AuthorityWish(
                commonName: name, notBefore: now - 30 * Self.day, notAfter: now + seconds))
    }

    /// A server's certificate, good for a year; `days` moves its end.
    func server(_ name: String = "server.global.nomad", days: Int64 = 365) throws
        -> SecurityMaterial
    {
        try material(
            CertificateWish(
                commonName: name, dnsNames: [name, "localhost"],
                addresses: [.ipv4(0x7F00_0001, port: 0)], isForServers: true, isForClients: true,
                notBefore: now - 20 * Self.day, notAfter: now + days * Self.day))
    }

    func client(days: Int64 = 365) throws -> SecurityMaterial {
        try material(
            CertificateWish(
                commonName: "cli.global.nomad", dnsNames: ["cli.global.nomad"],
                isForServers: false, isForClients: true, notBefore: now - 20 * Self.day,
                notAfter: now + days * Self.day))
    }

    func material(_ wish: CertificateWish) throws -> SecurityMaterial {
        let made = try certificates.makeCertificate(wish, by: authority)
        return SecurityMaterial(
            certificates: made.certificate, key: made.key, authorities: authority.certificate)
    }
}

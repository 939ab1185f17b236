// SPDX-License-Identifier: Apache-2.0
import MartletTLS
import MartletTransport
import Testing

@Suite("Certificates as they are made") struct CertificateTests {
    private let certificates = OpenSSLCertificates()
    /// 2026-01-01 and 2036-01-01.
    private let start: Int64 = 1_767_225_600
    private let end: Int64 = 2_082_758_400

    @Test("An authority is one, for what it may certify and as long as it was wished")
    func authority() throws {
        let made = try certificates.makeAuthority(
            AuthorityWish(
                commonName: "Nomad Agent CA 1", organization: "HashiCorp Inc.", notBefore: start,
                notAfter: end))
        let facts = try #require(try certificates.read(made.certificate).first)
        #expect(facts.subject == "CN = Nomad Agent CA 1, O = HashiCorp Inc.")
        #expect(facts.issuer == facts.subject)
        #expect(facts.commonName == "Nomad Agent CA 1")
        #expect(facts.isAuthority)
        #expect(facts.usages == ["Digital Signature", "Certificate Sign", "CRL Sign"])
        #expect(facts.purposes.isEmpty)
        #expect((facts.notBefore, facts.notAfter) == (start, end))
        #expect(facts.serialNumber.utf8.count > 30)
        #expect(facts.fingerprint.count == 32)
        #expect(String(decoding: made.key, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test("A certificate says what was wished, and no more")
    func certificate() throws {
        let authority = try certificates.makeAuthority(
            AuthorityWish(commonName: "CA", notBefore: start, notAfter: end))
        let made = try certificates.makeCertificate(
            CertificateWish(
                commonName: "server.global.nomad",
                dnsNames: ["server.global.nomad", "localhost", "*.example"],
                addresses: [.ipv4(0x7F00_0001, port: 0), .ipv6(high: 0, low: 1, port: 0)],
                isForServers: true, isForClients: true, notBefore: start, notAfter: start + 86_400),
            by: authority)
        let facts = try #require(try certificates.read(made.certificate).first)
        #expect(facts.issuer == "CN = CA")
        #expect(!facts.isAuthority)
        #expect(facts.dnsNames == ["server.global.nomad", "localhost", "*.example"])
        #expect(facts.addresses == ["127.0.0.1", "::1"])
        #expect(facts.usages == ["Digital Signature", "Key Encipherment"])
        #expect(
            facts.purposes
                == ["TLS Web Server Authentication", "TLS Web Client Authentication"])
        let again = try certificates.makeCertificate(
            CertificateWish(
                commonName: "a", dnsNames: [], isForServers: false, isForClients: true,
                notBefore: start, notAfter: end), by: authority)
        let other = try #require(try certificates.read(again.certificate).first)
        #expect(other.purposes == ["TLS Web Client Authentication"])
        #expect(other.serialNumber != facts.serialNumber)
    }

    @Test(
        "Names that would mean more than a name are refused",
        arguments: [
            "a,IP:1.2.3.4", "", "a..b", "a b", "*", "a.*", "DNS:x", "ä",
            String(repeating: "a", count: 64),
        ])
    func names(_ name: String) throws {
        let authority = try certificates.makeAuthority(
            AuthorityWish(commonName: "CA", notBefore: start, notAfter: end))
        #expect(throws: SecurityError.self) {
            _ = try certificates.makeCertificate(
                CertificateWish(
                    commonName: "a", dnsNames: [name], isForServers: true, isForClients: true,
                    notBefore: start, notAfter: end), by: authority)
        }
    }

    @Test("Only an authority with its own key certifies")
    func signers() throws {
        let authority = try certificates.makeAuthority(
            AuthorityWish(commonName: "CA", notBefore: start, notAfter: end))
        let wish = CertificateWish(
            commonName: "a", dnsNames: ["a"], isForServers: true, isForClients: true,
            notBefore: start, notAfter: end)
        let leaf = try certificates.makeCertificate(wish, by: authority)
        #expect(throws: SecurityError.self) {
            _ = try certificates.makeCertificate(wish, by: leaf)
        }
        #expect(throws: SecurityError.self) {
            _ = try certificates.makeCertificate(
                wish, by: CertificateAndKey(certificate: authority.certificate, key: leaf.key))
        }
    }
}

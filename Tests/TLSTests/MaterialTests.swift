// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

@Suite("What secures connections is checked before it is used") struct MaterialTests {
    private let network: TestNetwork

    init() throws { network = try TestNetwork() }

    @Test("New certificates are for new connections; those that are open live on")
    func replacement() throws {
        try network.listen()
        let first = try network.connect().get()
        #expect(network.turn { network.accepted.count == 1 })
        let other = try Issuer("Other CA", at: network.issuer.now)
        let streams = try #require(network.serverStreams)
        let next = try streams.prepare(TestNetwork.mutual, other.server())
        #expect(streams.facts.authorities[0].commonName == "Nomad Agent CA")
        next.commit()
        #expect(streams.facts == next.facts)
        #expect(streams.facts.authorities[0].commonName == "Other CA")

        first.write([1])
        #expect(network.turn { network.accepted[0].bytes == [1] })
        guard case .failure = try network.connect() else {
            Issue.record("the old authority is still believed")
            return
        }
        let second = try network.connect(TestNetwork.mutual, other.server()).get()
        second.write([2])
        #expect(network.turn { network.accepted.last?.bytes == [2] })
    }

    @Test(
        "A replacement that is wrong is refused with what is wrong, and changes nothing",
        arguments: Mistake.allCases)
    func mistakes(_ mistake: Mistake) throws {
        try network.listen()
        let streams = try #require(network.serverStreams)
        let (before, material) = (streams.facts, try mistake.material(network.issuer))
        #expect(throws: SecurityError.self) {
            _ = try streams.prepare(TestNetwork.mutual, material)
        }
        do {
            _ = try streams.prepare(TestNetwork.mutual, material)
        } catch {
            #expect(error.subject == mistake.subject)
            #expect(error.description.contains(mistake.words), "\(error)")
        }
        #expect(streams.facts == before)
        _ = try network.connect().get()
    }

    @Test("Where the authority has expired a new one is taken in, before certificates of it")
    func expiredAuthority() throws {
        let old = try Issuer("Old CA", at: network.issuer.now, for: 60)
        let new = try Issuer("New CA", at: network.issuer.now)
        var material = try old.server()
        try network.listen(TestNetwork.mutual, material)
        network.pass(.seconds(120))
        let streams = try #require(network.serverStreams)
        func refusal(_ material: SecurityMaterial) -> String {
            do {
                _ = try streams.prepare(TestNetwork.mutual, material)
                return "none"
            } catch {
                return error.description
            }
        }
        // Another certificate of the expired authority is worse than none.
        #expect(try refusal(old.server()).contains("does not lead to an authority"))
        // That which is in use has to lead to some authority.
        material.authorities = new.authority.certificate
        #expect(refusal(material).contains("does not lead to an authority"))

        material.authorities = old.authority.certificate + new.authority.certificate
        try streams.prepare(TestNetwork.mutual, material).commit()
        #expect(streams.facts.authorities.map(\.commonName) == ["Old CA", "New CA"])
        var next = try new.server()
        next.authorities = material.authorities
        try streams.prepare(TestNetwork.mutual, next).commit()
        _ = try network.connect(TestNetwork.mutual, new.server()).get()
    }

    @Test("A certificate that has expired in use keeps no new authority out")
    func expiredCertificate() throws {
        func short() throws -> SecurityMaterial {
            try network.issuer.material(
                CertificateWish(
                    commonName: "server.global.nomad", dnsNames: ["server.global.nomad"],
                    isForServers: true, isForClients: true, notBefore: network.issuer.now - 10,
                    notAfter: network.issuer.now + 60))
        }
        let certificate = try short()
        try network.listen(TestNetwork.mutual, certificate)
        network.pass(.seconds(120))
        let streams = try #require(network.serverStreams)
        var material = certificate
        material.authorities += try Issuer("New CA", at: network.issuer.now).authority.certificate
        try streams.prepare(TestNetwork.mutual, material).commit()
        #expect(streams.facts.authorities.count == 2)
        #expect(throws: SecurityError.self) {
            _ = try streams.prepare(TestNetwork.mutual, short())
        }
    }

    enum Mistake: String, CaseIterable, Sendable {
        case noCertificate, brokenCertificate, noKey, otherKey, encryptedKey, noAuthority
        case otherAuthority, expired, notYetValid, otherName, otherPurpose

        var subject: SecurityError.Subject {
            switch self {
            case .noKey, .otherKey, .encryptedKey: .key
            case .noAuthority: .authorities
            default: .certificate
            }
        }

        var words: String {
            switch self {
            case .noCertificate, .noAuthority: "BEGIN CERTIFICATE"
            case .brokenCertificate: "cannot be read"
            case .noKey: "PRIVATE KEY"
            case .otherKey: "not the key of the certificate"
            case .encryptedKey: "encrypted"
            case .otherAuthority: "does not lead to an authority"
            case .expired: "has expired at 20"
            case .notYetValid: "not valid before"
            case .otherName: "verify_server_hostname"
            case .otherPurpose: "not good for a server"
            }
        }

        func material(_ issuer: Issuer) throws -> SecurityMaterial {
            var material = try issuer.server()
            switch self {
            case .noCertificate: material.certificates = Array("nothing here".utf8)
            case .brokenCertificate: material.certificates.removeSubrange(60..<90)
            case .noKey: material.key = material.certificates
            case .otherKey: material.key = try issuer.server().key
            case .encryptedKey: material.key = Array(Self.encrypted.utf8)
            case .noAuthority: material.authorities = material.key
            case .otherAuthority:
                material.authorities = try Issuer("Other", at: issuer.now).authority.certificate
            case .expired: material = try issuer.server(days: -1)
            case .notYetValid:
                material = try issuer.material(
                    CertificateWish(
                        commonName: "server.global.nomad", dnsNames: ["server.global.nomad"],
                        isForServers: true, isForClients: true, notBefore: issuer.now + 1000,
                        notAfter: issuer.now + 2000))
            case .otherName: material = try issuer.server("server.elsewhere.nomad")
            case .otherPurpose:
                material = try issuer.material(
                    CertificateWish(
                        commonName: "server.global.nomad", dnsNames: ["server.global.nomad"],
                        isForServers: false, isForClients: true, notBefore: issuer.now - 10,
                        notAfter: issuer.now + 2000))
            }
            return material
        }

        /// As OpenSSL asks a terminal for a password of; here it must not.
        private static let encrypted = """
            -----BEGIN EC PRIVATE KEY-----
            Proc-Type: 4,ENCRYPTED
            DEK-Info: AES-128-CBC,2B0F3F6A5C7E4D1B8A9C0D1E2F304152

            q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJ
            q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJ
            -----END EC PRIVATE KEY-----
            """
    }

    @Test(
        "Suites by both their names are known, and those that secure nothing are none",
        arguments: [
            ("ECDHE-RSA-AES128-GCM-SHA256", true), ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", true),
            ("TLS_AES_128_GCM_SHA256", true), ("TLS_RSA_WITH_RC4_128_SHA", false),
            ("TLS_RSA_WITH_NULL_SHA256", false), ("ALL", false), ("", false),
            ("@SECLEVEL=0", false),
            ("ECDHE-NOT-A-SUITE", false), ("HIGH:!aNULL", false),
        ])
    func suites(_ name: String, _ isGood: Bool) throws {
        try network.listen()
        let streams = try #require(network.serverStreams)
        var policy = TestNetwork.mutual
        policy.cipherSuites = [name]
        let material = try network.issuer.server()
        do {
            _ = try streams.prepare(policy, material)
            #expect(isGood)
        } catch {
            #expect(!isGood, "\(error)")
        }
    }
}

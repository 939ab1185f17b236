// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

@Suite("Who is let in, and who is believed") struct PeerTests {
    private let network: TestNetwork

    init() throws { network = try TestNetwork() }

    @Test("Two servers with certificates of one authority talk, in both directions")
    func mutual() throws {
        try network.listen()
        let client = try network.connect().get()
        client.write([1, 2, 3])
        #expect(network.turn { network.accepted.first?.bytes == [1, 2, 3] })
        network.accepted[0].write([4])
        #expect(network.turn { client.bytes == [4] })
        #expect(network.serverStreams?.counts.accepted == 1)
        #expect(network.clientStreams?.counts.connected == 1)
        #expect(network.serverNotices.isEmpty && network.clientNotices.isEmpty)
    }

    /// With TLS 1.3 a client learns only afterwards that it was refused: it has to be told then.
    @Test(
        "A client that should not come in is told, counted by reason, and brings no byte in",
        arguments: [SecurityPolicy.Version.tls12, .tls13], Stranger.allCases)
    func strangers(_ version: SecurityPolicy.Version, _ stranger: Stranger) throws {
        try network.listen()
        var policy = SecurityPolicy()
        policy.versionMin = version
        policy.versionMax = version
        let raw = try stranger.connection(network, policy)
        #expect(network.turn { network.serverNotices.count == 1 })
        #expect(network.serverNotices.map(\.reason) == [stranger.reason])
        #expect(network.serverStreams?.counts[stranger.reason] == 1)
        network.pass()
        #expect(network.accepted.map(\.bytes) == [[]])
        #expect(network.accepted.map(\.closings.count) == [1])
        #expect(network.accepted[0].closings[0] != nil)
        #expect(raw.wasTold, "the client learns it from an alert")
    }

    enum Stranger: String, CaseIterable, Sendable {
        case withoutCertificate, ofOtherAuthority, expired, withOtherName

        var reason: SecurityNotice.Reason {
            switch self {
            case .withoutCertificate: .noCertificate
            case .ofOtherAuthority: .otherAuthority
            case .expired: .expired
            case .withOtherName: .wrongName
            }
        }

        struct Outcome {
            let wasTold: Bool
        }

        /// What the client makes of it: its own view of its certificate does not stop it.
        func connection(
            _ network: TestNetwork, _ policy: SecurityPolicy
        ) throws -> Outcome {
            let issuer = network.issuer
            let raw: SecurityMaterial?
            switch self {
            case .withoutCertificate: raw = nil
            case .ofOtherAuthority:
                let other = try Issuer("Other CA", at: issuer.now)
                raw = try other.server()
            case .expired: raw = try issuer.server(days: -1)
            case .withOtherName: raw = try issuer.client()
            }
            let client = try RawClient(network, policy, raw, believing: issuer.authority)
            let wasTold = network.turn { client.alert != nil }
            return Outcome(wasTold: wasTold)
        }
    }

    @Test(
        "A server that shows another name, another authority's certificate or none in time is refused"
    )
    func wrongServers() throws {
        var lenient = SecurityPolicy()
        lenient.asksClients = false
        let other = try Issuer("Other CA", at: network.issuer.now)
        let cases: [(SecurityMaterial, SecurityNotice.Reason)] = [
            (try network.issuer.server("server.elsewhere.nomad"), .wrongName),
            (try other.server(), .otherAuthority),
        ]
        for (material, reason) in cases {
            let network = try TestNetwork()
            try network.listen(lenient, material)
            // The client's authority, and its own certificate.
            let outcome = try network.connect(TestNetwork.mutual, self.network.issuer.server())
            guard case .failure(let error) = outcome else {
                Issue.record("connected")
                continue
            }
            #expect("\(error)".hasPrefix("TLS: "))
            #expect(network.clientNotices.map(\.reason) == [reason])
            network.pass()
            #expect(network.serverNotices.map(\.reason) == [.refusedByPeer])
        }
    }

    @Test("Names are of the alternative names: a common name alone does not count")
    func commonName() throws {
        let wish = CertificateWish(
            commonName: "server.global.nomad", dnsNames: ["localhost"], isForServers: true,
            isForClients: true, notBefore: network.issuer.now - 10,
            notAfter: network.issuer.now + 1000)
        var lenient = SecurityPolicy()
        lenient.asksClients = false
        try network.listen(lenient, network.issuer.material(wish))
        guard case .failure = try network.connect() else {
            Issue.record("believed")
            return
        }
        #expect(network.clientNotices.map(\.reason) == [.wrongName])
    }

    @Test(
        "Without a required name any certificate of the authority is enough; without asking, none")
    func lenient() throws {
        var policy = SecurityPolicy()
        try network.listen(policy)
        var connecting = policy
        connecting.listens = false
        let first = try network.connect(connecting, network.issuer.client()).get()
        first.write([1])
        #expect(network.turn { network.accepted.first?.bytes == [1] })

        let open = try TestNetwork()
        policy.asksClients = false
        try open.listen(policy)
        let raw = try RawClient(open, SecurityPolicy(), nil, believing: open.issuer.authority)
        raw.write([7])
        #expect(open.turn { open.accepted.first?.bytes == [7] })
    }

    @Test("A version too old for one side is refused by name")
    func version() throws {
        var strict = TestNetwork.mutual
        strict.versionMin = .tls13
        try network.listen(strict)
        var old = TestNetwork.mutual
        old.versionMax = .tls12
        guard case .failure = try network.connect(old) else {
            Issue.record("connected")
            return
        }
        network.pass()
        #expect(network.serverNotices.map(\.reason) == [.nothingInCommon])
    }

    @Test("A suite that only one side has is refused by name")
    func suites() throws {
        var one = TestNetwork.mutual
        one.versionMax = .tls12
        one.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
        try network.listen(one)
        var other = one
        other.cipherSuites = ["ECDHE-ECDSA-AES256-GCM-SHA384"]
        guard case .failure = try network.connect(other) else {
            Issue.record("connected")
            return
        }
        network.pass()
        #expect(network.serverNotices.map(\.reason) == [.nothingInCommon])
    }
}

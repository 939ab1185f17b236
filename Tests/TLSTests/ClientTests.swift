// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

/// Sides that only connect, as an operator's command line.
@Suite("Clients without a certificate") struct ClientTests {
    private let network: TestNetwork
    private var open: SecurityPolicy {
        var policy = SecurityPolicy()
        policy.asksClients = false
        return policy
    }

    init() throws { network = try TestNetwork() }

    private func client(
        _ use: SecurityPolicy.Use = .client, for name: String?,
        believing authorities: [UInt8]? = nil
    ) throws -> Result<Notes, TransportError> {
        var policy = SecurityPolicy()
        policy.use = use
        policy.peerName = name
        return try network.connect(
            policy,
            SecurityMaterial(
                certificates: [], key: [],
                authorities: authorities ?? network.issuer.authority.certificate))
    }

    @Test(
        "One talks to a server whose certificate has the name or the address",
        arguments: ["server.global.nomad", "localhost", "127.0.0.1"])
    func believes(name: String) throws {
        try network.listen(open)
        let client = try client(for: name).get()
        client.write([1])
        #expect(network.turn { network.accepted.first?.bytes == [1] })
    }

    @Test(
        "A server of another name, address or authority is not believed",
        arguments: ["other.example", "10.0.0.9", "::1"])
    func doubts(name: String) throws {
        try network.listen(open)
        #expect(throws: TransportError.self) { try client(for: name).get() }
        let other = try Issuer("Other CA", at: network.issuer.now)
        #expect(throws: TransportError.self) {
            try client(for: "localhost", believing: other.authority.certificate).get()
        }
        #expect(network.clientNotices.map(\.reason).contains(.otherAuthority))
    }

    @Test("Without authorities those of the system count: not one of ours")
    func systemAuthorities() throws {
        try network.listen(open)
        #expect(throws: TransportError.self) {
            try client(for: "localhost", believing: []).get()
        }
    }

    @Test("Without verification any certificate will do")
    func anyCertificate() throws {
        try network.listen(open)
        let client = try client(.clientWithoutVerification, for: nil, believing: []).get()
        client.write([1])
        #expect(network.turn { network.accepted.first?.bytes == [1] })
    }

    @Test("A certificate for clients need not have the server's name")
    func ownCertificate() throws {
        var asking = open
        asking.asksClients = true
        try network.listen(asking)
        var policy = SecurityPolicy()
        policy.use = .client
        policy.peerName = "server.global.nomad"
        let client = try network.connect(policy, try network.issuer.client()).get()
        client.write([1])
        #expect(network.turn { network.accepted.first?.bytes == [1] })
    }

    @Test("Servers among themselves still need all three")
    func peers() throws {
        #expect(throws: SecurityError.self) {
            try network.listen(
                TestNetwork.mutual,
                SecurityMaterial(
                    certificates: [], key: [], authorities: network.issuer.authority.certificate))
        }
    }
}

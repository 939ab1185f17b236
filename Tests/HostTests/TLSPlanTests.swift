// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

@testable import MartletHost

@Suite("What the tls block comes to") struct TLSPlanTests {
    private func configuration(
        _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) -> AgentConfiguration {
        var configuration = AgentConfiguration()
        configuration.region = "eu"
        configuration.tls.http = true
        configuration.tls.rpc = true
        configuration.tls.caFile = "/ca"
        configuration.tls.certFile = "/cert"
        configuration.tls.keyFile = "/key"
        change(&configuration)
        return configuration
    }

    private let files = FakeFiles(texts: ["/ca": "A", "/cert": "C", "/key": "K", "/key-open": "K"])

    private func plan(
        _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) throws -> TLSPlan? {
        try TLSPlan.read(for: configuration(change), from: files)
    }

    @Test("Without TLS nothing is read")
    func none() throws {
        #expect(try TLSPlan.read(for: AgentConfiguration(), from: FakeFiles()) == nil)
    }

    @Test("Each port asks what the block says of it")
    func policies() throws {
        let plain = try #require(try plan())
        #expect(
            plain.material
                == SecurityMaterial(certificates: [67], key: [75], authorities: [65]))
        let (http, peer) = (try #require(plain.http), try #require(plain.peer))
        #expect(!http.asksClients && http.peerName == nil)
        #expect(peer.asksClients && peer.peerName == nil && peer.plaintext == .refused)
        #expect(http.handshakeTimeout == .seconds(5) && peer.handshakeTimeout == .seconds(5))
        guard case .answered(let answer) = http.plaintext else {
            Issue.record("a request in plaintext is not answered")
            return
        }
        #expect(
            String(decoding: answer, as: UTF8.self).hasPrefix(
                "HTTP/1.0 400 Bad Request\r\n\r\nClient sent"))

        let strict = try #require(
            try plan {
                $0.tls.verifyServerHostname = true
                $0.tls.verifyHTTPSClient = true
                $0.tls.rpcUpgradeMode = true
                $0.tls.minimumVersion = .tls13
                $0.tls.cipherSuites = ["X"]
                $0.limits.httpsHandshakeTimeout = .seconds(1)
                $0.limits.rpcHandshakeTimeout = .zero
            })
        #expect(strict.http?.asksClients == true)
        #expect(strict.http?.peerName == nil)
        #expect(strict.peer?.peerName == "server.eu.nomad")
        #expect(strict.peer?.plaintext == .taken)
        #expect(strict.peer?.versionMin == .tls13)
        #expect(strict.http?.cipherSuites == ["X"])
        #expect(strict.http?.handshakeTimeout == .seconds(1))
        #expect(strict.peer?.handshakeTimeout == .seconds(86_400))
    }

    @Test("A port without TLS has no policy")
    func one() throws {
        let plan = try plan { $0.tls.http = false }
        #expect(plan?.http == nil && plan?.peer != nil)
    }

    @Test("A file that cannot be read is named with its key")
    func missing() {
        #expect(throws: TLSProblem("tls.key_file cannot be read: /none: no such file or folder")) {
            _ = try plan { $0.tls.keyFile = "/none" }
        }
    }

    @Test("A key that everybody may read is warned of")
    func open() throws {
        #expect(try plan()?.warnings == [])
        #expect(try plan { $0.tls.keyFile = "/key-open" }?.warnings.count == 1)
    }

    @Test("What is wrong with the material is told by the name of its file")
    func problems() throws {
        let plan = try #require(try plan())
        #expect(plan.problem(SecurityError(.key, "x")).text == "tls.key_file /key: x")
        #expect(plan.problem(SecurityError(.certificate, "x")).text == "tls.cert_file /cert: x")
        #expect(plan.problem(SecurityError(.authorities, "x")).text == "tls.ca_file /ca: x")
        #expect(plan.problem(SecurityError(nil, "x")).text == "tls: x")
    }
}

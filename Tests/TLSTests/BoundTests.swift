// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

@Suite("Handshakes are bounded, plaintext is answered or taken as configured") struct BoundTests {
    private let network: TestNetwork
    private static let answer =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"

    init() throws { network = try TestNetwork() }

    @Test(
        "Who says nothing, or not enough, is out after the handshake's time", arguments: [0, 1, 60])
    func silence(_ count: Int) throws {
        var policy = TestNetwork.mutual
        policy.handshakeTimeout = .seconds(3)
        try network.listen(policy)
        let client = try network.connectPlainly()
        client.write(Array([22, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3].prefix(count)) + [])
        network.pass(.milliseconds(2_900))
        #expect(client.closings.isEmpty)
        network.pass(.milliseconds(300))
        #expect(client.closings == [.reset])
        #expect(network.serverNotices.map(\.reason) == [.timedOut])
        #expect(network.accepted.map(\.closings) == [[.timedOut]])
    }

    @Test("A handshake has a bound in bytes")
    func bytes() throws {
        var policy = TestNetwork.mutual
        policy.handshakeBytesMax = 2_000
        try network.listen(policy)
        let client = try network.connectPlainly()
        // A ClientHello of 16,000 bytes, whose end never comes.
        client.write(
            [22, 3, 1, 0x3E, 0x84, 1, 0, 0x3E, 0x80, 3, 3] + [UInt8](repeating: 1, count: 8_000))
        #expect(network.turn { !network.serverNotices.isEmpty })
        #expect(network.serverNotices.map(\.reason) == [.oversized])
        #expect(network.turn { !client.closings.isEmpty || client.ends == 1 })
    }

    @Test("Only so many handshakes go on at once, and those that are through make room")
    func crowd() throws {
        var policy = TestNetwork.mutual
        policy.handshakesMax = 3
        try network.listen(policy)
        let idlers = try (0..<5).map { _ in try network.connectPlainly() }
        #expect(network.turn { network.serverNotices.count == 2 })
        #expect(network.serverNotices.allSatisfy { $0.reason == .crowded })
        #expect(network.accepted.count == 3)
        for idler in idlers { idler.stream.reset() }
        network.pass()
        let client = try network.connect().get()
        client.write([1])
        #expect(network.turn { network.accepted.last?.bytes == [1] })
    }

    @Test("Handshakes that have to wait for their turns come through all the same")
    func turns() throws {
        var policy = TestNetwork.mutual
        policy.handshakeStepsPerTurnMax = 0
        try network.listen(policy)
        let raws = try (0..<20).map { _ in
            try RawClient(
                network, TestNetwork.mutual, network.issuer.server(),
                believing: network.issuer.authority)
        }
        for raw in raws { raw.write([5]) }
        #expect(network.turn { network.serverStreams?.counts.accepted == 20 })
        #expect(network.turn { network.accepted.allSatisfy { $0.bytes == [5] } })
        #expect(network.serverNotices.isEmpty)
        // One that goes away while it waits is nobody's turn.
        let gone = try network.connectPlainly()
        gone.write([22, 3, 1, 2, 0, 1])
        #expect(network.turn { network.accepted.count == 21 })
        gone.stream.reset()
        #expect(network.turn { network.accepted[20].closings.count == 1 })
    }

    @Test("An address has only so many handshakes of all")
    func crowdOfOne() throws {
        var policy = TestNetwork.mutual
        policy.handshakesPerAddressMax = 2
        try network.listen(policy)
        _ = try (0..<3).map { _ in try network.connectPlainly() }
        #expect(network.turn { network.serverNotices.map(\.reason) == [.crowded] })
        #expect(network.accepted.count == 2)
    }

    @Test(
        "A request in plaintext is told what it did",
        arguments: ["GET / HTTP/1.1\r\n\r\n", "PUT /v1/x HTTP/1.1\r\n"])
    func http(_ request: String) throws {
        var policy = TestNetwork.mutual
        policy.plaintext = .answered(Array(Self.answer.utf8))
        try network.listen(policy)
        let client = try network.connectPlainly()
        client.write(Array(request.utf8))
        #expect(network.turn { client.ends == 1 })
        #expect(client.text == Self.answer)
        #expect(network.serverNotices.map(\.reason) == [.plaintext])
        client.stream.close()
        #expect(network.turn { network.accepted[0].closings.count == 1 })
        #expect(network.accepted[0].bytes.isEmpty)
    }

    @Test("A port that takes both takes both, whatever pieces the first bytes come in")
    func both() throws {
        var policy = TestNetwork.mutual
        policy.plaintext = .taken
        try network.listen(policy)
        let secured = try network.connect().get()
        secured.write([1])
        #expect(network.turn { network.accepted.first?.bytes == [1] })
        for message: [UInt8] in [
            [9], [22, 0, 0, 0], [22, 3, 1, 0, 0, 0, 0, 0], Array("GET / ".utf8),
        ] {
            let client = try network.connectPlainly()
            for byte in message {
                client.write([byte])
                network.pass(.milliseconds(50))
            }
            #expect(network.accepted.last?.bytes == message)
            network.accepted.last?.write([4])
            #expect(network.turn { client.bytes == [4] })
            network.accepted.last?.stream.close()
            #expect(network.turn { client.ends == 1 })
        }
        #expect(network.serverStreams?.counts.plaintext == 4)
        #expect(network.serverNotices.isEmpty)
    }

    @Test("What was written to a connection before it turned out plain leaves first")
    func order() throws {
        var policy = TestNetwork.mutual
        policy.plaintext = .taken
        try network.listen(policy)
        let client = try network.connectPlainly()
        #expect(network.turn { network.accepted.count == 1 })
        let server = network.accepted[0]
        server.onBytes = { server.write([2]) }
        server.write([1])
        client.write([9])
        #expect(network.turn { client.bytes.count == 2 })
        #expect(client.bytes == [1, 2])
    }

    @Test(
        "Who may fall back does where nobody speaks TLS, however that shows",
        arguments: ["resets", "ends", "answers", "says nothing"])
    func fallBack(_ habit: String) throws {
        var accepted: [Notes] = []
        let listener = try network.server.streams.listen(on: network.server.address(port: 4647)) {
            let notes = Notes($0)
            accepted.append(notes)
            guard accepted.count == 1 else { return }
            switch habit {
            case "resets": notes.stream.reset()
            case "ends": notes.stream.close()
            case "answers": notes.write(Array("what is this? I do not understand".utf8))
            default: break
            }
        }
        var policy = TestNetwork.mutual
        policy.plaintext = .taken
        let client = try network.connect(policy).get()
        client.write([1, 2])
        #expect(network.turn { accepted.last?.bytes == [1, 2] })
        #expect(accepted.count == 2)
        #expect(network.clientStreams?.counts.plaintext == 1)
        listener.close()
    }

    @Test("Whoever refuses by an alert speaks TLS: nothing is sent to it in plaintext")
    func noFallBack() throws {
        let other = try Issuer("Other CA", at: network.issuer.now)
        var policy = SecurityPolicy()
        policy.versionMax = .tls12
        try network.listen(policy, other.server())
        var lenient = policy
        lenient.plaintext = .taken
        guard case .failure = try network.connect(lenient) else {
            Issue.record("connected")
            return
        }
        network.pass()
        #expect(network.accepted.count == 1)
        #expect(network.clientStreams?.counts.plaintext == 0)
    }

    @Test("Without leave to fall back nothing is sent in plaintext")
    func strict() throws {
        var connections = 0
        let listener = try network.server.streams.listen(on: network.server.address(port: 4647)) {
            connections += 1
            $0.reset()
        }
        #expect(throws: TransportError.reset) { _ = try network.connect().get() }
        network.pass()
        #expect(connections == 1)
        #expect(network.clientNotices.map(\.reason) == [.brokenOff])
        listener.close()
    }
}

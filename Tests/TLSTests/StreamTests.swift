// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

@Suite("What is sent over secured streams, and how they end") struct StreamTests {
    private let network: TestNetwork

    init() throws { network = try TestNetwork() }

    /// A client of OpenSSL's own, and what the server has of it.
    private func rawPair(
        _ policy: SecurityPolicy = TestNetwork.mutual, isSlow: Bool = false
    ) throws -> (RawClient, Notes) {
        try network.listen(TestNetwork.mutual)
        let raw = try RawClient(
            network, policy, network.issuer.server(), believing: network.issuer.authority,
            isSlow: isSlow)
        try #require(network.turn { raw.isReady && network.serverStreams?.counts.accepted == 1 })
        return (raw, network.accepted[0])
    }

    @Test("A connection that is cut without a word is cut short, not ended")
    func truncation() throws {
        let (raw, server) = try rawPair()
        raw.write([1, 2, 3])
        #expect(network.turn { server.bytes == [1, 2, 3] })
        raw.cut()
        #expect(network.turn { !server.closings.isEmpty })
        #expect(server.ends == 0)
        #expect(server.closings == [.reset])
    }

    @Test("An end that is said is an end; the other direction goes on")
    func halfClose() throws {
        try network.listen()
        let client = try network.connect().get()
        client.write([1])
        client.stream.finishWriting()
        #expect(network.turn { network.accepted.first?.ends == 1 })
        let server = network.accepted[0]
        #expect(server.bytes == [1] && server.closings.isEmpty)
        server.write([UInt8](repeating: 9, count: 100_000))
        server.stream.close()
        #expect(network.turn { client.ends == 1 })
        #expect(client.bytes.count == 100_000)
        #expect(network.turn { server.closings == [nil] })
    }

    @Test("Handshake and content come through a byte at a time", arguments: [true, false])
    func slow(isNew: Bool) throws {
        var policy = TestNetwork.mutual
        if !isNew { policy.versionMax = .tls12 }
        let (raw, server) = try rawPair(policy, isSlow: true)
        raw.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(network.turn { server.text == "GET / HTTP/1.1\r\n\r\n" })
        server.write(Array("answer".utf8))
        #expect(network.turn { raw.received == Array("answer".utf8) })
    }

    @Test("Of what a client offers, HTTP/1.1 is chosen, and no session outlives its connection")
    func offers() throws {
        let (raw, server) = try rawPair()
        server.write([1])
        #expect(network.turn { raw.received == [1] })
        #expect(raw.chosenProtocol == "http/1.1")
        #expect(!raw.isResumable)
    }

    @Test("A client of TLS 1.2 cannot begin another handshake in its connection")
    func renegotiation() throws {
        var policy = TestNetwork.mutual
        policy.versionMax = .tls12
        let (raw, server) = try rawPair(policy)
        raw.renegotiate()
        network.pass()
        // It is told no, by a warning; the connection is as it was.
        #expect(network.serverStreams?.counts.accepted == 1)
        #expect(server.bytes.isEmpty)
    }

    @Test("Records without content are taken up to a bound")
    func empty() throws {
        let (raw, server) = try rawPair()
        raw.updateKeys(10)
        raw.write([5])
        #expect(network.turn { server.bytes == [5] })
        raw.updateKeys(5_000)
        #expect(network.turn { !server.closings.isEmpty })
        #expect(network.serverNotices.map(\.reason) == [.oversized])
    }

    @Test("Bytes that are not what they should be end an open connection with an alert")
    func damage() throws {
        let (raw, server) = try rawPair()
        raw.sendRaw([23, 3, 3, 0, 32] + [UInt8](repeating: 7, count: 32))
        #expect(network.turn { !server.closings.isEmpty })
        #expect(network.serverNotices.map(\.reason) == [.malformed])
        #expect(network.turn { raw.alert != nil })
        #expect(server.bytes.isEmpty)
    }

    @Test("A huge write waits as plaintext and as ciphertext, is counted whole, and drains once")
    func pressure() throws {
        try network.listen()
        let client = try network.connect().get()
        #expect(network.turn { network.accepted.count == 1 && client.stream.queuedBytes == 0 })
        let server = network.accepted[0]
        server.stream.pauseReading()
        let part = (0..<10_007).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 5) }
        let sent = [[UInt8]](repeating: part, count: 2_400).flatMap { $0 }
        client.write(sent)
        #expect(client.stream.queuedBytes == sent.count)
        network.pass()
        let waiting = client.stream.queuedBytes
        #expect(waiting > sent.count - (2 << 20) && waiting <= sent.count + (1 << 20))
        #expect(client.drains == 0)
        server.stream.resumeReading()
        #expect(network.turn { server.bytes.count == sent.count })
        #expect(server.bytes == sent)
        #expect(network.turn { client.drains == 1 })
        #expect(client.stream.queuedBytes == 0)
    }

    @Test("A connection that was idle for long goes on as if it had not been")
    func idle() throws {
        try network.listen()
        let client = try network.connect().get()
        for round in 1...3 {
            client.write([UInt8](repeating: UInt8(round), count: 40_000))
            #expect(network.turn { network.accepted.first?.bytes.count == round * 40_000 })
            network.accepted[0].write([UInt8(round)])
            #expect(network.turn { client.bytes.count == round })
            network.pass(.seconds(5))
        }
        #expect(client.bytes == [1, 2, 3])
        #expect(network.accepted[0].bytes.last == 3)
    }

    @Test("What is written before the handshake is through leaves after it")
    func early() throws {
        try network.listen()
        let raw = try RawClient(
            network, TestNetwork.mutual, network.issuer.server(),
            believing: network.issuer.authority)
        #expect(network.turn { network.accepted.count == 1 })
        network.accepted[0].write(Array("429".utf8))
        network.accepted[0].stream.close()
        #expect(network.turn { raw.hasEnded })
        #expect(raw.received == Array("429".utf8))
    }

    @Test(
        "Any bytes at all in place of a handshake trap nothing and are refused", arguments: 0..<40)
    func noise(seed: Int) throws {
        try network.listen()
        var state = UInt32(seed) &* 2_654_435_761 &+ 1
        let length = 1 + seed * 37
        var bytes: [UInt8] = (0..<length).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
        // Half of them look like TLS at first.
        if seed % 2 == 0 { bytes = [22, 3, 1, UInt8(seed % 3), UInt8(seed), 1] + bytes }
        let client = try network.connectPlainly()
        client.write(bytes)
        client.stream.finishWriting()
        #expect(network.turn { network.accepted.first?.closings.count == 1 })
        #expect(network.accepted[0].bytes.isEmpty)
        #expect(network.serverNotices.count == 1)
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletSimulation
import MartletTLS
import MartletTransport
import Testing

/// A server that takes secured connections and a client that makes them, on a simulated network.
final class TestNetwork {
    let world = SimulatedWorld(seed: 7)
    let server: SimulatedHost
    let client: SimulatedHost
    /// Certifies both, unless a test says otherwise.
    let issuer: Issuer
    private(set) var accepted: [Notes] = []
    private(set) var serverNotices: [SecurityNotice] = []
    private(set) var clientNotices: [SecurityNotice] = []
    private(set) var serverStreams: (any SecuredStreams)?
    private(set) var clientStreams: (any SecuredStreams)?
    private var listener: (any Listener)?

    init() throws {
        server = world.makeHost("server")
        client = world.makeHost("client")
        issuer = try Issuer(at: server.loop.wallClockNanoseconds / 1_000_000_000)
    }

    /// Policy of servers among themselves.
    static var mutual: SecurityPolicy {
        var policy = SecurityPolicy()
        policy.peerName = "server.global.nomad"
        return policy
    }

    func listen(_ policy: SecurityPolicy = mutual, _ material: SecurityMaterial? = nil) throws {
        let material = try material ?? issuer.server()
        let streams = try OpenSSLSecurity().secure(
            server.streams, on: server.loop, policy: policy, material: material
        ) { [unowned self] in serverNotices.append($0) }
        serverStreams = streams
        listener = try streams.listen(on: server.address(port: 4647)) { [unowned self] stream in
            accepted.append(Notes(stream))
        }
    }

    /// Connects, and lets what follows from it happen.
    func connect(
        _ policy: SecurityPolicy = mutual, _ material: SecurityMaterial? = nil
    ) throws -> Result<Notes, TransportError> {
        let material = try material ?? issuer.server()
        let streams = try OpenSSLSecurity().secure(
            client.streams, on: client.loop, policy: policy, material: material
        ) { [unowned self] in clientNotices.append($0) }
        clientStreams = streams
        return try outcome(of: streams)
    }

    /// Connects without TLS.
    func connectPlainly() throws -> Notes { try outcome(of: client.streams).get() }

    private func outcome(of streams: any Streams) throws -> Result<Notes, TransportError> {
        var outcome: Result<Notes, TransportError>?
        streams.connect(to: server.address(port: 4647), timeout: .seconds(2)) { result in
            outcome = result.map { Notes($0) }
        }
        try #require(world.run { outcome != nil })
        return try #require(outcome)
    }

    /// Lets everything happen that will within so long.
    func pass(_ time: Duration = .seconds(1)) {
        var isOver = false
        let timer = server.loop.makeTimer { isOver = true }
        timer.arm(at: server.loop.now + time)
        _ = world.run { isOver }
    }

    func turn(until condition: () -> Bool) -> Bool { world.run(until: condition) }
}

/// A stream and what it told.
final class Notes: StreamHandler {
    let stream: any ByteStream
    private(set) var bytes: [UInt8] = []
    private(set) var ends = 0
    private(set) var drains = 0
    private(set) var closings: [TransportError?] = []
    var onBytes: () -> Void = {}

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func write(_ bytes: [UInt8]) { stream.write(bytes.span) }

    func streamReceived(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe self.bytes.append(contentsOf: $0) }
        onBytes()
    }
    func streamEnded() { ends += 1 }
    func streamDrained() { drains += 1 }
    func streamClosed(_ error: TransportError?) { closings.append(error) }
}

// SPDX-License-Identifier: Apache-2.0
public import MartletTransport
public import Testing

/// What every transport must do, real or simulated: one check per promise of the seam.
///
/// A suite runs all of them, each in a fresh world:
///
///     @Test("The contract", arguments: TransportContract.checks)
///     func contract(_ check: TransportContract.Check) throws {
///         try check.run(in: makeWorld())
///     }
///
/// Checks run on the loop's thread. They neither sleep nor look at a clock of their own: the world
/// turns until what is expected has happened, or until it gives up.
public enum TransportContract {
    /// A transport under test and the way to let it go on.
    public struct World {
        public let loop: any Loop
        public let streams: any Streams
        public let datagrams: any Datagrams
        /// Where a socket may listen: port 0 of an address of this world.
        public let listening: SocketAddress
        /// Where nobody ever answers, if this world has such a place.
        public let silent: SocketAddress?
        /// Lets the loop turn until the condition holds; false when it gave up.
        public let turnUntil: (_ condition: () -> Bool) -> Bool

        public init(
            loop: any Loop, streams: any Streams, datagrams: any Datagrams,
            listening: SocketAddress, silent: SocketAddress?,
            turnUntil: @escaping (_ condition: () -> Bool) -> Bool
        ) {
            self.loop = loop
            self.streams = streams
            self.datagrams = datagrams
            self.listening = listening
            self.silent = silent
            self.turnUntil = turnUntil
        }
    }

    public struct Check: Sendable, CustomTestStringConvertible {
        public let testDescription: String
        private let body: @Sendable (World) throws -> Void

        init(_ promise: String, _ body: @escaping @Sendable (World) throws -> Void) {
            testDescription = promise
            self.body = body
        }

        public func run(in world: World) throws { try body(world) }
    }

    public static let checks: [Check] = loopChecks + streamChecks + endingChecks + datagramChecks
}

/// Notes what a stream tells.
final class Recorder: StreamHandler {
    private(set) var bytes: [UInt8] = []
    private(set) var calls = 0
    private(set) var ends = 0
    private(set) var drains = 0
    private(set) var closings: [TransportError?] = []
    /// Called with each chunk's size after it was noted.
    var onBytes: (Int) -> Void = { _ in }
    var onEnd: () -> Void = {}

    func streamReceived(_ bytes: Span<UInt8>) {
        calls += 1
        unsafe bytes.withUnsafeBufferPointer { unsafe self.bytes.append(contentsOf: $0) }
        onBytes(bytes.count)
    }

    func streamEnded() {
        calls += 1
        ends += 1
        onEnd()
    }

    func streamDrained() {
        calls += 1
        drains += 1
    }

    func streamClosed(_ error: TransportError?) {
        calls += 1
        closings.append(error)
    }
}

/// One side of a connection and its notes.
final class Side {
    let stream: any ByteStream
    let recorder = Recorder()

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = recorder
        stream.resumeReading()
    }

    func write(_ bytes: [UInt8]) { stream.write(bytes.span) }
}

extension TransportContract.World {
    func expectEventually(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () -> Bool
    ) {
        let happened = turnUntil(condition)
        #expect(happened, what, sourceLocation: sourceLocation)
    }

    func requireEventually(
        _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: () -> Bool
    ) throws {
        let happened = turnUntil(condition)
        try #require(happened, what, sourceLocation: sourceLocation)
    }

    /// A connection to a listener of its own.
    func connectedPair() throws -> (client: Side, server: Side) {
        var accepted: Side?
        let listener = try streams.listen(on: listening) { accepted = Side($0) }
        let client = try connect(to: listener.address)
        try requireEventually("the connection is accepted") { accepted != nil }
        listener.close()
        return (client, try #require(accepted))
    }

    func connect(to address: SocketAddress) throws -> Side {
        Side(try outcome(ofConnectingTo: address, timeout: .seconds(10)).get())
    }

    func outcome(
        ofConnectingTo address: SocketAddress, timeout: Duration
    ) throws -> Result<any ByteStream, TransportError> {
        var outcomes: [Result<any ByteStream, TransportError>] = []
        streams.connect(to: address, timeout: timeout) { outcomes.append($0) }
        #expect(outcomes.isEmpty, "the answer does not come from within the call")
        try requireEventually("connecting gives an answer") { !outcomes.isEmpty }
        #expect(outcomes.count == 1)
        return outcomes[0]
    }

    /// A round trip over a connection of its own: afterwards, what could have happened has.
    func settle() throws {
        let (client, server) = try connectedPair()
        for _ in 0..<3 {
            let (sent, answered) = (server.recorder.bytes.count, client.recorder.bytes.count)
            client.write([1])
            try requireEventually("a byte arrives") { server.recorder.bytes.count > sent }
            server.write([2])
            try requireEventually("a byte returns") { client.recorder.bytes.count > answered }
        }
        client.stream.reset()
        server.stream.reset()
    }
}

/// Bytes in which what is lost, doubled or swapped shows: noise of an odd length, repeated.
func pattern(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
    var state = seed &* 2 &+ 1
    let noise = (0..<min(count, 10_007)).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 24)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + noise.count)
    while bytes.count < count { bytes += noise }
    bytes.removeLast(bytes.count - count)
    return bytes
}

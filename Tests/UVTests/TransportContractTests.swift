// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletContracts
import MartletTransport
import MartletUV
import Testing

@Suite("The transport contract, kept by libuv") struct TransportContractTests {
    private static let loopback = SocketAddress.ipv4(0x7F00_0001, port: 0)

    @Test("TCP over IPv4", arguments: TransportContract.checks)
    func ipv4(_ check: TransportContract.Check) throws {
        let test = TestLoop()
        let silent = try FullListener()
        try check.run(in: test.world(on: Self.loopback, silent: silent.address))
    }

    @Test("TCP over IPv6", arguments: TransportContract.checks)
    func ipv6(_ check: TransportContract.Check) throws {
        let test = TestLoop()
        try check.run(in: test.world(on: .ipv6(high: 0, low: 1, port: 0)))
    }

    @Test("Unix sockets carry bytes both ways, and end as TCP does")
    func unixSockets() throws {
        let folder = TestFolder()
        let test = TestLoop()
        let address = SocketAddress.unix(path: "\(folder.path)/socket")
        var accepted: (any ByteStream)?
        let listener = try test.streams.listen(on: address) { accepted = $0 }
        #expect(throws: TransportError.addressInUse) {
            _ = try test.streams.listen(on: address) { _ in }
        }
        let (client, server) = (Notes(), Notes())
        test.streams.connect(to: address, timeout: .seconds(10)) { outcome in
            if case .success(let stream) = outcome { client.take(stream) }
        }
        try #require(test.turn { accepted != nil && client.stream != nil })
        server.take(try #require(accepted))
        client.stream?.write(([1, 2] as [UInt8]).span)
        #expect(test.turn { server.bytes == [1, 2] })
        server.stream?.write(([3] as [UInt8]).span)
        server.stream?.close()
        #expect(test.turn { client.bytes == [3] && client.hasEnded })
        listener.close()
        var refused: TransportError?
        test.streams.connect(to: address, timeout: .seconds(10)) { outcome in
            if case .failure(let error) = outcome { refused = error }
        }
        #expect(test.turn { refused != nil })
        #expect(refused == .refused)
    }

    @Test("A reset cuts short a close that waits for a peer that does not read")
    func resetOfClosing() throws {
        let test = TestLoop()
        var accepted: (any ByteStream)?
        let listener = try test.streams.listen(on: Self.loopback) { accepted = $0 }
        let client = Notes()
        test.streams.connect(to: listener.address, timeout: .seconds(10)) { outcome in
            if case .success(let stream) = outcome { client.take(stream) }
        }
        try #require(test.turn { accepted != nil && client.stream != nil })
        client.stream?.write([UInt8](repeating: 1, count: 32 << 20).span)
        client.stream?.close()
        test.loop.turn(waitingAtMost: .zero)
        #expect(client.closings == 0)
        client.stream?.reset()
        #expect(test.turn { client.closings == 1 })
    }

    @Test("The name localhost resolves to loopback; a name that is none does not")
    func resolution() throws {
        let test = TestLoop()
        var found: Result<[SocketAddress], TransportError>?
        test.streams.resolve(host: "localhost", port: 4646) { found = $0 }
        try #require(test.turn { found != nil })
        let addresses = try #require(found).get()
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { ["127.0.0.1", "[::1]"].contains($0.host) })
        #expect(addresses.allSatisfy { $0.port == 4646 })

        var missing: Result<[SocketAddress], TransportError>?
        test.streams.resolve(host: "a name with spaces", port: 1) { missing = $0 }
        try #require(test.turn { missing != nil })
        #expect(missing == .failure(.unknownHost("a name with spaces")))
    }
}

/// A listening socket whose queue is full: further connection attempts get no answer.
private final class FullListener {
    let address: SocketAddress
    private var descriptors: [Int32] = []

    init() throws {
        func makeSocket() -> Int32 {
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        let listener = makeSocket()
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = unsafe withUnsafeMutableBytes(of: &name) { bytes in
            let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            guard unsafe bind(listener, pointer, length) == 0, listen(listener, 0) == 0 else {
                return Int32(-1)
            }
            return unsafe getsockname(listener, pointer, &length)
        }
        try #require(code == 0)
        address = .ipv4(0x7F00_0001, port: UInt16(bigEndian: name.sin_port))
        descriptors = [listener]
        for _ in 0..<4 {
            let client = makeSocket()
            _ = unsafe withUnsafeBytes(of: name) { bytes in
                unsafe connect(
                    client, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), length)
            }
            descriptors.append(client)
        }
    }

    deinit { for descriptor in descriptors { Glibc.close(descriptor) } }
}

private final class Notes: StreamHandler {
    var stream: (any ByteStream)?
    var bytes: [UInt8] = []
    var hasEnded = false
    var closings = 0

    func take(_ stream: any ByteStream) {
        self.stream = stream
        stream.handler = self
        stream.resumeReading()
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        self.bytes += bytes.indices.map { bytes[$0] }
    }
    func streamEnded() { hasEnded = true }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) { closings += 1 }
}

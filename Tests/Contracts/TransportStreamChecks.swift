// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

extension TransportContract {
    private static let manyBytes = 12 * 1024 * 1024

    static let streamChecks: [Check] = [
        Check("Port 0 listens on a free port, and both sides know both addresses") { world in
            var accepted: Side?
            let listener = try world.streams.listen(on: world.listening) { accepted = Side($0) }
            #expect(listener.address.port.map { $0 > 0 } ?? true)
            let client = try world.connect(to: listener.address)
            try world.requireEventually("accepted") { accepted != nil }
            #expect(client.stream.remoteAddress == listener.address)
            #expect(accepted?.stream.localAddress == listener.address)
            #expect(accepted?.stream.remoteAddress == client.stream.localAddress)
        },
        Check("Bytes arrive on both sides, in order and complete") { world in
            let (client, server) = try world.connectedPair()
            server.recorder.onBytes = { count in
                server.write(Array(server.recorder.bytes.suffix(count)))
            }
            var sent: [UInt8] = []
            for round in 1...20 {
                let chunk = pattern(round * 37, seed: UInt32(round))
                sent += chunk
                client.write(chunk)
            }
            world.expectEventually("the echo is complete") {
                client.recorder.bytes.count == sent.count
            }
            #expect(client.recorder.bytes == sent)
        },
        Check("A peer that does not read stops the writer; reading drains it") { world in
            let (client, server) = try world.connectedPair()
            let sent = pattern(manyBytes)
            server.stream.pauseReading()
            client.write(sent)
            #expect(client.stream.queuedBytes == sent.count)
            try world.settle()
            #expect(client.stream.queuedBytes > 0)
            #expect(client.recorder.drains == 0)
            #expect(server.recorder.bytes.isEmpty)

            server.stream.resumeReading()
            world.expectEventually("all arrives") { server.recorder.bytes.count == sent.count }
            world.expectEventually("the writer is told") { client.recorder.drains == 1 }
            #expect(server.recorder.bytes == sent)
            #expect(client.stream.queuedBytes == 0)
        },
        Check("A side that has finished writing and closes is told that it is closed") { world in
            let (client, server) = try world.connectedPair()
            client.write(pattern(100))
            client.stream.finishWriting()
            world.expectEventually("the end comes") { server.recorder.ends == 1 }
            server.stream.close()
            world.expectEventually("the other side's end comes") { client.recorder.ends == 1 }
            client.stream.close()
            world.expectEventually("it is told") { client.recorder.closings == [nil] }
        },
        Check("What is written while bytes queue comes after them") { world in
            let (client, server) = try world.connectedPair()
            let (first, second) = (pattern(manyBytes, seed: 3), pattern(100_000, seed: 4))
            server.stream.pauseReading()
            client.write(first)
            try world.settle()
            client.write(second)
            client.stream.finishWriting()
            server.stream.resumeReading()
            world.expectEventually("the end comes") { server.recorder.ends == 1 }
            #expect(server.recorder.bytes == first + second)
        },
        Check("Nothing is delivered from the moment reading pauses") { world in
            let (client, server) = try world.connectedPair()
            server.recorder.onBytes = { _ in server.stream.pauseReading() }
            let sent = pattern(1_000_000)
            client.write(sent)
            try world.requireEventually("the first bytes come") { server.recorder.calls > 0 }
            try world.settle()
            #expect(server.recorder.calls == 1)

            server.recorder.onBytes = { _ in }
            server.stream.resumeReading()
            world.expectEventually("the rest comes") { server.recorder.bytes.count == sent.count }
            #expect(server.recorder.bytes == sent)
        },
        Check("Nothing is read before reading is asked for") { world in
            var accepted: (any ByteStream)?
            let listener = try world.streams.listen(on: world.listening) { accepted = $0 }
            let client = try world.connect(to: listener.address)
            client.write([1, 2, 3])
            try world.requireEventually("accepted") { accepted != nil }
            let stream = try #require(accepted)
            let recorder = Recorder()
            stream.handler = recorder
            try world.settle()
            #expect(recorder.calls == 0)
            stream.resumeReading()
            world.expectEventually("the bytes come") { recorder.bytes == [1, 2, 3] }
        },
        Check("Two hundred connections echo side by side") { world in
            var servers: [Side] = []
            let listener = try world.streams.listen(on: world.listening) { stream in
                let side = Side(stream)
                side.recorder.onBytes = { [unowned side] count in
                    side.write(Array(side.recorder.bytes.suffix(count)))
                }
                servers.append(side)
            }
            var clients: [Side] = []
            for _ in 0..<200 {
                world.streams.connect(to: listener.address, timeout: .seconds(10)) { outcome in
                    if case .success(let stream) = outcome { clients.append(Side(stream)) }
                }
            }
            try world.requireEventually("all connect") {
                clients.count == 200 && servers.count == 200
            }
            for (index, client) in clients.enumerated() {
                client.write(pattern(500, seed: UInt32(index)))
            }
            world.expectEventually("all are answered") {
                clients.allSatisfy { $0.recorder.bytes.count == 500 }
            }
            let areEqual = clients.enumerated().allSatisfy { index, client in
                client.recorder.bytes == pattern(500, seed: UInt32(index))
            }
            #expect(areEqual)
        },
        Check("An address that is listened on is in use") { world in
            let listener = try world.streams.listen(on: world.listening) { _ in }
            #expect(throws: TransportError.addressInUse) {
                _ = try world.streams.listen(on: listener.address) { _ in }
            }
        },
        Check("Where nobody listens, connecting is refused") { world in
            let listener = try world.streams.listen(on: world.listening) { _ in }
            listener.close()
            listener.close()
            let outcome = try world.outcome(
                ofConnectingTo: listener.address, timeout: .seconds(10))
            #expect(throws: TransportError.refused) { try outcome.get() }
        },
        Check("A released listener refuses; what it accepted lives on") { world in
            var accepted: Side?
            var listener: (any Listener)? = try world.streams.listen(on: world.listening) {
                accepted = Side($0)
            }
            let address = try #require(listener?.address)
            let client = try world.connect(to: address)
            try world.requireEventually("accepted") { accepted != nil }
            listener = nil
            let outcome = try world.outcome(ofConnectingTo: address, timeout: .seconds(10))
            #expect(throws: TransportError.refused) { try outcome.get() }
            client.write([7])
            world.expectEventually("the old connection works") { accepted?.recorder.bytes == [7] }
        },
        Check("Where nobody answers, connecting times out") { world in
            guard let silent = world.silent else { return }
            let start = world.loop.now
            let outcome = try world.outcome(
                ofConnectingTo: silent, timeout: .milliseconds(30))
            #expect(throws: TransportError.timedOut) { try outcome.get() }
            #expect(world.loop.now - start >= .milliseconds(30))
        },
        Check("A numeric host resolves to itself, later; an empty one to nothing") { world in
            var answers: [Result<[SocketAddress], TransportError>] = []
            world.streams.resolve(host: "10.1.2.3", port: 80) { answers.append($0) }
            world.streams.resolve(host: "", port: 80) { answers.append($0) }
            #expect(answers.isEmpty)
            world.expectEventually("both answers come") { answers.count == 2 }
            #expect(answers.first == .success([.ipv4(0x0A01_0203, port: 80)]))
            #expect(answers.last == .failure(.unknownHost("")))
        },
    ]

    static let datagramChecks: [Check] = [
        Check("Datagrams travel both ways and tell their sender") { world in
            var (atFirst, atSecond): ([[UInt8]], [[UInt8]]) = ([], [])
            var senders: [SocketAddress] = []
            let first = try world.datagrams.bind(to: world.listening) { bytes, sender in
                atFirst.append(bytes.indices.map { bytes[$0] })
                senders.append(sender)
            }
            let second = try world.datagrams.bind(to: world.listening) { bytes, sender in
                atSecond.append(bytes.indices.map { bytes[$0] })
            }
            first.send(([1, 2, 3] as [UInt8]).span, to: second.address)
            world.expectEventually("there") { atSecond == [[1, 2, 3]] }
            second.send(pattern(60_000).span, to: first.address)
            world.expectEventually("and back") { atFirst == [pattern(60_000)] }
            #expect(senders == [second.address])
        },
        Check("A datagram too long is dropped, and nothing arrives after closing") { world in
            var received: [Int] = []
            let first = try world.datagrams.bind(to: world.listening) { _, _ in }
            let second = try world.datagrams.bind(to: world.listening) { bytes, _ in
                received.append(bytes.count)
            }
            first.send(pattern(65_508).span, to: second.address)
            first.send(([9] as [UInt8]).span, to: second.address)
            world.expectEventually("the short one arrives") { !received.isEmpty }
            first.send(([9, 9] as [UInt8]).span, to: second.address)
            second.close()
            second.close()
            try world.settle()
            #expect(received == [1])
        },
        Check("A datagram address in use is refused") { world in
            let first = try world.datagrams.bind(to: world.listening) { _, _ in }
            #expect(throws: TransportError.addressInUse) {
                _ = try world.datagrams.bind(to: first.address) { _, _ in }
            }
        },
    ]
}

// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

extension TransportContract {
    /// How connections end: the part of the seam that Raft's liveness leans on.
    static let endingChecks: [Check] = [
        Check("A side that finished writing still reads") { world in
            for clientFinishes in [true, false] {
                let (client, server) = try world.connectedPair()
                let (finisher, other) = clientFinishes ? (client, server) : (server, client)
                finisher.write([1, 2])
                finisher.stream.finishWriting()
                finisher.stream.finishWriting()
                finisher.write([3])
                try world.requireEventually("the end comes") { other.recorder.ends == 1 }
                #expect(other.recorder.bytes == [1, 2])

                let answer = pattern(300_000)
                other.write(answer)
                world.expectEventually("the answer comes") {
                    finisher.recorder.bytes.count == answer.count
                }
                #expect(finisher.recorder.bytes == answer)
                #expect(finisher.recorder.closings.isEmpty && other.recorder.closings.isEmpty)

                other.stream.close()
                world.expectEventually("then it ends as well") { finisher.recorder.ends == 1 }
                #expect(finisher.recorder.closings.isEmpty, "an end is not an error")
            }
        },
        Check("A reset is an error at the peer, not an end") { world in
            let (client, server) = try world.connectedPair()
            client.stream.reset()
            client.stream.reset()
            #expect(client.recorder.calls == 0, "nothing comes from within the call")
            world.expectEventually("both are told") {
                client.recorder.closings.count == 1 && server.recorder.closings.count == 1
            }
            #expect(client.recorder.closings == [nil])
            #expect(server.recorder.closings == [.reset])
            #expect(server.recorder.ends == 0)
        },
        Check("A close is an end at the peer, and told once to its own side") { world in
            let (client, server) = try world.connectedPair()
            client.stream.close()
            client.stream.close()
            #expect(client.recorder.calls == 0, "nothing comes from within the call")
            world.expectEventually("both are told") {
                client.recorder.closings.count == 1 && server.recorder.ends == 1
            }
            server.stream.close()
            world.expectEventually("the peer closes too") {
                server.recorder.closings.count == 1
            }
            client.stream.close()
            client.stream.reset()
            client.stream.finishWriting()
            client.stream.pauseReading()
            client.stream.resumeReading()
            client.write([1])
            #expect(client.stream.queuedBytes == 0)
            try world.settle()
            #expect(client.recorder.closings == [nil])
            #expect(server.recorder.closings == [nil])
            #expect(server.recorder.ends == 1)
        },
        Check("Closing sends what is queued first") { world in
            let (client, server) = try world.connectedPair()
            let sent = pattern(8 * 1024 * 1024)
            client.write(sent)
            client.stream.close()
            client.write([1, 2, 3])
            world.expectEventually("the end comes") { server.recorder.ends == 1 }
            #expect(server.recorder.bytes == sent)
            #expect(client.recorder.closings == [nil])
        },
        Check("Closing with input unread still delivers what was sent") { world in
            let (client, server) = try world.connectedPair()
            server.stream.pauseReading()
            client.write(pattern(100_000))
            try world.settle()
            let answer = pattern(300_000, seed: 2)
            server.write(answer)
            server.stream.close()
            world.expectEventually("the end comes") { client.recorder.ends == 1 }
            #expect(client.recorder.bytes == answer)
            #expect(client.recorder.closings.isEmpty)
            client.stream.close()
            world.expectEventually("both close") {
                client.recorder.closings == [nil] && server.recorder.closings == [nil]
            }
        },
        Check("A closing stream reads nothing more") { world in
            let (client, server) = try world.connectedPair()
            client.stream.close()
            server.write([1])
            world.expectEventually("closed") { client.recorder.closings.count == 1 }
            #expect(client.recorder.bytes.isEmpty)
        },
        Check("A stream may be closed or reset from its own callbacks") { world in
            let endings: [(Side) -> Void] = [{ $0.stream.close() }, { $0.stream.reset() }]
            for ending in endings {
                let (client, server) = try world.connectedPair()
                server.recorder.onBytes = { _ in ending(server) }
                client.recorder.onEnd = { client.stream.close() }
                client.write(pattern(200_000))
                world.expectEventually("closed") { server.recorder.closings.count == 1 }
                #expect(server.recorder.closings == [nil])
                #expect(server.recorder.calls == 2, "one chunk, and the closing")
                client.stream.reset()
            }
            let (client, server) = try world.connectedPair()
            server.recorder.onEnd = { server.stream.close() }
            client.stream.close()
            world.expectEventually("closed at the end") { server.recorder.closings == [nil] }
        },
        Check("A connection that its user forgot lives on") { world in
            let (client, server) = try world.connectedPair()
            weak var forgotten: (any ByteStream)?
            do {
                let (other, far) = try world.connectedPair()
                forgotten = other.stream
                far.write([1])
            }
            try world.settle()
            #expect(forgotten != nil)
            forgotten?.reset()
            client.stream.reset()
            server.stream.reset()
        },
        Check("A handler is released when its stream has closed, and not before") { world in
            let (client, server) = try world.connectedPair()
            weak var handler: Recorder?
            do {
                let recorder = Recorder()
                handler = recorder
                client.stream.handler = recorder
            }
            server.write([1])
            world.expectEventually("it is still told") { handler?.bytes == [1] }
            client.stream.close()
            world.expectEventually("it goes with the stream") { handler == nil }
            #expect(client.stream.handler == nil)
        },
        Check("Writing to a peer that has gone is an error in the end") { world in
            let (client, server) = try world.connectedPair()
            client.stream.pauseReading()
            server.stream.reset()
            world.expectEventually("the peer is gone") { server.recorder.closings.count == 1 }
            world.expectEventually("the writer is told") {
                client.write([1])
                return client.recorder.closings.count == 1
            }
            #expect(client.recorder.closings == [.reset])
        },
    ]
}

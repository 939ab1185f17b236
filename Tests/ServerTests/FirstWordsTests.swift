// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletRaft
import MartletTransport
import Testing

@testable import MartletServer

@Suite("Who speaks on a connection between servers, told from outside") struct FirstWordsTests {
    private static func member(at address: String = "127.0.0.1:4657") -> MemberInfo {
        MemberInfo(
            id: ServerID(high: 1, low: 2), name: "s2", region: "global", datacenter: "dc1",
            version: "1.0.0", peerAddress: address, gossipAddress: "127.0.0.1:4658",
            httpAddress: "127.0.0.1:4656", bootstrapExpect: 3, isNonVoter: false, clusterID: nil,
            recoveryEpoch: 0, hasLog: false, incarnation: 1)
    }

    private static func hello(at address: String = "127.0.0.1:4657") -> [UInt8] {
        frame(.hello) { Hello(purpose: .peer, sender: member(at: address)).write(to: &$0) }
    }

    private static func gossip(mark: UInt8) -> [UInt8] {
        let message = GossipMessage(sender: member(), core: [1, 2, 3])
        return frame(.gossip) { $0.write(raw: [mark] + message.encoded) }
    }

    private static func frame(_ kind: FrameKind, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        Frame.write(kind, to: &writer, body: body)
        return writer.bytes
    }

    @Test("The peer port's greeting and the gossip port's question name the sender")
    func speaker() throws {
        let expected = SocketAddress("127.0.0.1:4657")
        #expect(try FirstWords.speaker(of: Self.hello()) == expected)
        #expect(try FirstWords.speaker(of: Self.hello() + [1, 2, 3]) == expected)
        #expect(try FirstWords.speaker(of: Self.gossip(mark: 0)) == expected)
    }

    @Test("Every beginning of it asks for more")
    func beginnings() throws {
        for whole in [Self.hello(), Self.gossip(mark: 0)] {
            for count in 0..<whole.count {
                #expect(try FirstWords.speaker(of: Array(whole[..<count])) == nil)
            }
        }
    }

    @Test("What no server says first, and what is sealed, is refused")
    func refused() {
        var damaged = Self.hello()
        damaged[damaged.count - 1] ^= 1
        let wrong: [[UInt8]] = [
            damaged, Self.gossip(mark: 1), Self.hello(at: "nowhere"),
            Self.frame(.ping) { $0.write(UInt64(1)) }, Self.frame(.hello) { _ in },
            [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1], Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0x16, 0x03, 0x01, 0x02, 0, 1, 0, 1, 0xfc],
        ]
        for bytes in wrong {
            #expect(throws: TransportError.self) { try FirstWords.speaker(of: bytes) }
        }
    }
}

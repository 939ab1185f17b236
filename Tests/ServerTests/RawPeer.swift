// SPDX-License-Identifier: Apache-2.0
import MartletBytes
import MartletHTTP
import MartletHarness
import MartletRaft
import MartletSimulation
import MartletTransport

@testable import MartletServer

/// A machine in a simulated cluster's network that says to its servers whatever a test wants.
final class RawPeer {
    let cluster: SimulatedCluster
    private let host: SimulatedHost
    private var talks: [Talk] = []

    init(_ cluster: SimulatedCluster, named name: String = "raw") {
        self.cluster = cluster
        host = cluster.world.makeHost(name)
    }

    /// Ends a connection that was kept open.
    func end(_ talk: Talk) { host.perform { talk.end() } }

    /// One connection: sends these bytes, keeps what is answered, and ends after a while.
    @discardableResult
    func say(
        _ bytes: [UInt8], to node: SimulatedCluster.Node, port: UInt16 = 4647,
        for duration: Duration = .milliseconds(5), keepsOpen: Bool = false
    ) -> Talk {
        let talk = Talk()
        if keepsOpen { talks.append(talk) }
        let address = node.host.address(port: port)
        host.perform {
            host.streams.connect(to: address, timeout: .seconds(1)) { result in
                guard case .success(let stream) = result else { return }
                talk.begin(on: stream, saying: bytes)
            }
        }
        cluster.world.run(for: duration)
        if !keepsOpen { host.perform { talk.end() } }
        return talk
    }

    /// A connection that says this and reads nothing; it is open as long as it is held.
    func deaf(_ text: String, to node: SimulatedCluster.Node) -> Talk {
        let talk = Talk()
        talk.isDeaf = true
        talks.append(talk)
        host.perform {
            host.streams.connect(to: node.httpAddress, timeout: .seconds(1)) { result in
                guard case .success(let stream) = result else { return }
                talk.begin(on: stream, saying: Array(text.utf8))
            }
        }
        return talk
    }

    /// Sends more on a connection that was kept open.
    func say(_ bytes: [UInt8], on talk: Talk, for duration: Duration = .milliseconds(5)) {
        host.perform { talk.write(bytes) }
        cluster.world.run(for: duration)
    }

    /// Answers whoever connects to this machine's gossip port with these bytes.
    func answer(with bytes: [UInt8]) throws -> SocketAddress {
        let address = host.address(port: 4648)
        var failure: TransportError?
        host.perform {
            do throws(TransportError) {
                listener = try host.streams.listen(on: address) { stream in
                    let talk = Talk()
                    self.talks.append(talk)
                    talk.begin(on: stream, saying: bytes)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return address
    }

    private var listener: (any Listener)?

    /// One connection's other end.
    final class Talk: StreamHandler {
        private(set) var answer: [UInt8] = []
        private(set) var isClosed = false
        /// The other side says no more.
        private(set) var hasEnded = false
        fileprivate(set) var isDeaf = false
        private var stream: (any ByteStream)?

        func begin(on stream: any ByteStream, saying bytes: [UInt8]) {
            self.stream = stream
            stream.handler = self
            if !isDeaf { stream.resumeReading() }
            stream.write(bytes.span)
        }

        /// Goes on: to be called as a turn of the raw host.
        func write(_ bytes: [UInt8]) { stream?.write(bytes.span) }

        func end() {
            stream?.handler = nil
            stream?.close()
            stream = nil
        }

        func streamReceived(_ bytes: Span<UInt8>) { answer.append(copying: bytes) }
        func streamEnded() { hasEnded = true }
        func streamDrained() {}
        func streamClosed(_ error: TransportError?) {
            isClosed = true
            hasEnded = true
            stream = nil
        }
    }
}

/// Frames as bytes.
enum Raw {
    static func frame(_ kind: FrameKind, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        Frame.write(kind, to: &writer, body: body)
        return writer.bytes
    }

    static func hello(_ info: MemberInfo, _ purpose: Hello.Purpose = .peer) -> [UInt8] {
        frame(.hello) { Hello(purpose: purpose, sender: info).write(to: &$0) }
    }

    /// What a stranger asks a gossip port, and what it says to it.
    static func gossip(_ info: MemberInfo, _ core: [UInt8]) -> [UInt8] {
        frame(.gossip) { $0.write(raw: [0] + GossipMessage(sender: info, core: core).encoded) }
    }

    static func raft(_ message: Message) -> [UInt8] {
        frame(.raft) { RaftCodec.write(message, protocol: Hello.protocolMax, to: &$0) }
    }

    static func forward(_ number: UInt64, _ path: String) -> [UInt8] {
        frame(.forward) {
            $0.write(number)
            APIRequest(method: .get, path: path, queryText: "", body: []).write(to: &$0)
            Credential.anonymous.write(to: &$0)
            $0.write(string: "")
        }
    }

    static func request(_ path: String) -> [UInt8] {
        frame(.request) {
            let request = APIRequest(method: .get, path: path, queryText: "", body: [])
            PeerRequest(request, .anonymous).write(to: &$0)
        }
    }

    static func offer(_ offer: SnapshotOffer) -> [UInt8] {
        frame(.snapshotOffer) { RaftCodec.write(offer, to: &$0) }
    }

    /// Of a snapshot with this content, somewhat beyond what this server has committed.
    static func offer(of content: [UInt8], beyond overview: ServerOverview) -> [UInt8] {
        offer(
            SnapshotOffer(
                term: overview.status.term,
                metadata: SnapshotMetadata(
                    lastIndex: LogIndex(overview.commitIndex.number + 5),
                    lastTerm: overview.status.term, configuration: overview.configuration,
                    configurationIndex: LogIndex(1), sizeBytes: UInt64(content.count),
                    checksum: CRC32C.checksum(content)), session: .zero))
    }

    static func chunk(_ content: ArraySlice<UInt8>) -> [UInt8] {
        frame(.snapshotChunk) {
            $0.write(UInt64(content.startIndex))
            $0.write(bytes: Array(content))
        }
    }

    /// The frame's checksum made right again after its payload was changed.
    static func resealed(_ frame: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(frame.count - Frame.headerBytes))
        writer.write(CRC32C.checksum(Array(frame[8...])))
        return writer.bytes + frame[8...]
    }
}

extension SimulatedCluster {
    /// What a server of it says of itself.
    func info(of node: Node) -> MemberInfo? {
        guard let door = node.door else { return nil }
        var info: MemberInfo?
        node.host.perform { info = door.assumeIsolated { $0.server?.network.own } }
        return info
    }

    /// How often a server refused what came, by reason; zeros left out.
    func refusals(at node: Node) -> [String: UInt64] {
        guard let door = node.door else { return [:] }
        var counts: [(String, UInt64)] = []
        node.host.perform {
            counts = door.assumeIsolated { $0.server?.network.refusalCounts.byName ?? [] }
        }
        let prefix = "nomad.raft.messages_refused."
        return Dictionary(
            uniqueKeysWithValues: counts.filter { $0.1 > 0 }.map {
                (String($0.0.dropFirst(prefix.count)), $0.1)
            })
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHarness
import MartletRaft
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

/// All that the servers of a cluster said to each other, in the order of its sending.
private final class Recorder {
    struct Said {
        var from: ServerID
        var to: ServerID
        var message: Message
    }

    let monitor = RaftMonitor()
    private(set) var said: [Said] = []

    init(_ cluster: SimulatedCluster) {
        monitor.tellMessage = { [unowned self] from, to, message in
            said.append(Said(from: from, to: to, message: message))
        }
        cluster.observer = monitor
    }
}

private let path = "/v1/operator/autopilot/configuration"

extension SimulatedCluster {
    /// Whether this write is applied by this server, the leader, within a second.
    fileprivate func write(_ number: UInt64, at node: Node) -> Bool {
        var configuration = AutopilotConfiguration()
        configuration.maxTrailingLogs = number
        let command = Command.setAutopilot(configuration, cas: nil).encoded()
        guard let door = node.door else { return false }
        node.host.perform {
            door.assumeIsolated { $0.server?.replica.propose(command) { _ in } }
        }
        for _ in 0..<100 {
            world.run(for: .milliseconds(10))
            if applied(at: node) == number { return true }
        }
        return false
    }

    /// What a server has applied.
    fileprivate func applied(at node: Node) -> UInt64? {
        guard let door = node.door else { return nil }
        var number: UInt64?
        node.host.perform {
            number = door.assumeIsolated { $0.server?.replica.state.autopilot?.maxTrailingLogs }
        }
        return number
    }
}

@Suite("Streams from peers, as a whole") struct PeerStreamTests {
    @Test(
        "Peers' streams that are said again on other connections change nothing of what is safe",
        arguments: 1...4 as ClosedRange<UInt64>)
    func replayed(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        let recorder = Recorder(cluster)
        cluster.startAll()
        // Two failovers, so that votes and appends of several terms are in the record.
        var number: UInt64 = 300
        for _ in 1...3 {
            let leader = try #require(cluster.settle())
            for _ in 1...5 {
                number += 1
                #expect(cluster.write(number, at: leader))
            }
            cluster.kill(leader)
            _ = try #require(cluster.settle())
            cluster.start(leader)
            _ = try #require(cluster.settle())
            cluster.world.run(for: .seconds(1))
        }
        let record = recorder.said
        #expect(record.count > 200)
        let raw = RawPeer(cluster)
        for from in cluster.nodes {
            let info = try #require(cluster.info(of: from))
            for to in cluster.nodes where to !== from {
                let id = try #require(cluster.info(of: to)).id
                let frames = record.filter { $0.from == info.id && $0.to == id }
                    .map { Raw.raft($0.message) }
                raw.say(Raw.hello(info) + frames.joined(), to: to, for: .milliseconds(50))
                raw.say(
                    Raw.hello(info) + frames.reversed().joined(), to: to, for: .milliseconds(50))
                number += 1
                let leader = try #require(cluster.settle())
                #expect(cluster.write(number, at: leader))
            }
        }
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        #expect(recorder.monitor.violation == nil)
        for node in cluster.nodes {
            #expect(cluster.applied(at: node) == number)
            #expect(cluster.overview(of: node)?.failure == nil)
        }
        #expect(cluster.write(1, at: leader))
    }

    /// Bits that fall over on the way, and peers that lie: whatever comes, a server lives, answers, and
    /// counts what it does not take. Nothing is asked of what a liar within the cluster can make others
    /// believe.
    @Test(
        "Thousands of mutated streams, with checksums that fit and that do not, trap nothing",
        arguments: 1...4 as ClosedRange<UInt64>)
    func mutated(seed: UInt64) throws {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        let recorder = Recorder(cluster)
        cluster.startAll()
        let first = try #require(cluster.settle())
        for number in UInt64(1)...20 { #expect(cluster.write(number, at: first)) }
        let streams = try Streams(cluster, recorder.said)
        cluster.observer = nil
        let raw = RawPeer(cluster)
        var mutation = Mutation(seed: seed)
        for _ in 0..<600 {
            let stream = mutation.apply(to: streams.pick(&mutation))
            let node = cluster.nodes[mutation.below(3)]
            raw.say(
                stream, to: node, port: mutation.below(4) == 0 ? 4648 : 4647, for: .milliseconds(2))
        }
        cluster.world.run(for: .seconds(10))
        var counted: [String: UInt64] = [:]
        for node in cluster.nodes {
            #expect(cluster.overview(of: node)?.failure == nil)
            #expect(cluster.applied(at: node) != nil)
            counted.merge(cluster.refusals(at: node), uniquingKeysWith: +)
        }
        #expect(counted["malformed"] ?? 0 > 50)
        #expect(counted["oversized"] ?? 0 > 5)
    }
}

/// Whole streams, as peers send them, frame by frame.
private struct Streams {
    private var all: [[[UInt8]]] = []

    init(_ cluster: SimulatedCluster, _ said: [Recorder.Said]) throws {
        for node in cluster.nodes {
            let member = try #require(cluster.info(of: node))
            var stranger = member
            stranger.id = ServerID(high: 99, low: 99)
            stranger.name = "stranger"
            let words = said.filter { $0.from == member.id }.suffix(40).map { Raw.raft($0.message) }
            for info in [member, stranger] {
                all.append([Raw.hello(info)] + words)
                all.append([
                    Raw.hello(info), Raw.frame(.ping) { _ in }, Raw.forward(1, path),
                    Raw.frame(.member) { info.write(to: &$0) }, Raw.forward(2, path),
                ])
                all.append([Raw.gossip(info, [UInt8](repeating: 1, count: 60))])
                all.append([Raw.hello(info, .snapshot)] + Self.snapshot(cluster.overview(of: node)))
            }
        }
    }

    private static func snapshot(_ overview: ServerOverview?) -> [[UInt8]] {
        guard let overview else { return [] }
        let content = [UInt8](repeating: 7, count: 100)
        return [
            Raw.offer(of: content, beyond: overview), Raw.chunk(content[...]),
            Raw.frame(.snapshotEnd) { _ in },
        ]
    }

    func pick(_ mutation: inout Mutation) -> [[UInt8]] { all[mutation.below(all.count)] }
}

/// One to three changes of a stream.
private struct Mutation {
    private var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    mutating func below(_ limit: Int) -> Int { Int(generator.next() % UInt64(limit)) }

    mutating func apply(to stream: [[UInt8]]) -> [UInt8] {
        var frames = stream
        for _ in 0...below(3) where !frames.isEmpty { change(&frames) }
        var bytes = Array(frames.joined())
        if below(8) == 0 { bytes.removeLast(min(bytes.count, below(40))) }
        return bytes
    }

    private mutating func change(_ frames: inout [[UInt8]]) {
        let position = below(frames.count)
        let byte = below(frames[position].count)
        switch below(8) {
        case 0: frames[position][byte] ^= 1 << UInt8(below(8))
        case 1: frames.remove(at: position)
        case 2: frames.insert(frames[position], at: below(frames.count + 1))
        case 3: frames.swapAt(position, below(frames.count))
        case 4: frames[position][below(4)] = UInt8(below(256))
        case 5: frames[position].insert(UInt8(below(256)), at: byte)
        default:
            // Kind or payload, and a checksum that fits: what a liar sends.
            guard frames[position].count > 9 else { return }
            let place = below(6) == 0 ? 8 : 9 + below(frames[position].count - 9)
            frames[position][place] = [0, 1, 0xFF, 0x80, UInt8(below(256))][below(5)]
            frames[position] = Raw.resealed(frames[position])
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHarness
import MartletRaft
import MartletSimulation
import Testing

@testable import MartletServer

/// A cluster of three that runs, somebody who talks to it, and what its servers log of that.
private final class Visited {
    let cluster: SimulatedCluster
    let raw: RawPeer
    let leader: SimulatedCluster.Node
    let follower: SimulatedCluster.Node

    init(configure: (inout ServerOptions) -> Void = { _ in }) throws {
        cluster = SimulatedCluster(seed: 5, count: 3, configure: configure)
        raw = RawPeer(cluster)
        let box = Lines()
        cluster.tell = { box.lines.append("\($0) \($1)") }
        self.box = box
        cluster.startAll()
        leader = try #require(cluster.settle())
        let leads = leader
        follower = try #require(cluster.nodes.first { $0 !== leads })
        cluster.world.run(for: .seconds(2))
    }

    private let box: Lines

    private final class Lines { var lines: [String] = [] }

    func linesOfRefusals(_ reason: String) -> Int {
        box.lines.count {
            $0.contains("refused what a peer sent") && $0.contains("reason=\(reason)")
        }
    }

    /// A server that nobody knows, of the same region.
    func stranger(of clusterID: ServerID?) throws -> MemberInfo {
        var info = try #require(cluster.info(of: follower))
        info.id = ServerID(high: 99, low: 99)
        info.name = "stranger"
        info.peerAddress = "10.9.9.9:4647"
        info.clusterID = clusterID
        return info
    }

    func member() throws -> MemberInfo { try #require(cluster.info(of: follower)) }
}

private let lateVote = Message.voteResponse(
    VoteResponse(term: Term(1), isPreVote: false, isGranted: false))

@Suite("What a peer sends and is not taken") struct PeerRefusalTests {
    /// Says it three times, and wants three counts and one line.
    private func check(
        _ reason: String, port: UInt16 = 4647, _ bytes: (Visited) throws -> [UInt8]
    ) throws {
        let visited = try Visited()
        #expect(visited.cluster.refusals(at: visited.leader) == [:])
        let said = try bytes(visited)
        for _ in 1...3 { visited.raw.say(said, to: visited.leader, port: port) }
        #expect(visited.cluster.refusals(at: visited.leader) == [reason: 3])
        #expect(visited.linesOfRefusals(reason) == 1)
    }

    @Test("Bytes of another protocol", arguments: [4647, 4648] as [UInt16])
    func garbage(port: UInt16) throws {
        try check("oversized", port: port) { _ in Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8) }
    }

    @Test("A frame longer than any greeting, on either port", arguments: [4647, 4648] as [UInt16])
    func longGreeting(port: UInt16) throws {
        try check("oversized", port: port) { _ in [0, 0, 1, 1, 0, 0, 0, 0, 1] }
    }

    @Test("A frame longer than any frame, from a server that is known")
    func longFrame() throws {
        try check("oversized") { Raw.hello(try $0.member()) + [0, 0, 0, 1, 0, 0, 0, 0, 3] }
    }

    @Test("A frame that was damaged on its way")
    func damaged() throws {
        try check("malformed") { visited in
            var frame = Raw.raft(lateVote)
            frame[frame.count - 1] ^= 1
            return Raw.hello(try visited.member()) + frame
        }
    }

    @Test("A Raft message with something behind it")
    func trailing() throws {
        try check("malformed") {
            Raw.hello(try $0.member())
                + Raw.frame(.raft) {
                    RaftCodec.write(lateVote, protocol: Hello.protocolMax, to: &$0)
                    $0.write(UInt8(0))
                }
        }
    }

    @Test("A forward that ends early")
    func shortForward() throws {
        try check("malformed") {
            Raw.hello(try $0.member()) + Raw.frame(.forward) { $0.write(UInt64(1)) }
        }
    }

    @Test("Frames that have no place there", arguments: [2, 5, 7, 10, 14] as [UInt8])
    func misplaced(kind: UInt8) throws {
        let kind = try #require(FrameKind(rawValue: kind))
        try check("malformed") { Raw.hello(try $0.member()) + Raw.frame(kind) { _ in } }
    }

    @Test("Anything before the greeting")
    func noGreeting() throws {
        try check("malformed") { _ in Raw.raft(lateVote) }
    }

    @Test("A greeting from another cluster")
    func foreign() throws {
        try check("unwelcome") {
            Raw.hello(try $0.stranger(of: ServerID(high: 1, low: 2))) + Raw.raft(lateVote)
        }
    }

    @Test("Another process with the id of a server that is there: it has a copy of the data")
    func copy() throws {
        try check("unwelcome") { visited in
            var copy = try visited.member()
            copy.incarnation += 1
            copy.name = "copy"
            copy.peerAddress = "10.9.9.9:4647"
            return Raw.hello(copy) + Raw.raft(lateVote)
        }
    }

    @Test("A copy takes no place, neither of one that is there nor by being told of")
    func copyIsNoMove() throws {
        let visited = try Visited()
        let member = try visited.member()
        var copy = member
        copy.incarnation += 1
        copy.peerAddress = "10.9.9.9:4647"
        visited.raw.say(Raw.hello(copy), to: visited.leader)
        visited.cluster.world.run(for: .seconds(3))
        let configuration = visited.cluster.overview(of: visited.leader)?.configuration
        #expect(configuration?[member.id]?.address == member.peerAddress)
        #expect(configuration?.isVoter(member.id) == true)
    }

    @Test("A server that is started again is no copy of itself, at a new address neither")
    func movedIsNoCopy() throws {
        let visited = try Visited()
        let id = try visited.member().id
        visited.cluster.kill(visited.follower)
        visited.follower.options.peerAddress = visited.follower.host.address(port: 5647)
        visited.cluster.start(visited.follower)
        visited.cluster.world.run(for: .seconds(4))
        #expect(visited.linesOfRefusals("unwelcome") == 0)
        let configuration = visited.cluster.overview(of: visited.leader)?.configuration
        #expect(
            configuration?[id]?.address == "\(visited.follower.options.peerAddress)")
    }

    @Test("A host that greets as many servers is believed a few, and known servers are met")
    func manyAddresses() throws {
        let visited = try Visited()
        let start = visited.cluster.world.now
        for number: UInt64 in 1...40 {
            var info = try visited.stranger(of: nil)
            info.id = ServerID(high: 98, low: number)
            info.hasLog = false
            // Nobody answers there.
            info.gossipAddress = "10.9.9.\(number):4648"
            visited.raw.say(
                Raw.hello(info), to: visited.leader, for: .milliseconds(5), keepsOpen: true)
        }
        try #require(visited.cluster.world.now - start < .seconds(1), "before a call has failed")
        #expect(
            visited.cluster.refusals(at: visited.leader)["too_many_addresses"] == 36)
        // A server that restarts meanwhile is met by the one that holds the strangers.
        visited.cluster.kill(visited.follower)
        visited.cluster.start(visited.follower)
        visited.cluster.world.run(for: .seconds(2))
        let id = try #require(visited.cluster.info(of: visited.follower)?.id)
        var isAlive = false
        let door = try #require(visited.leader.door)
        visited.leader.host.perform {
            isAlive = door.assumeIsolated { $0.server?.network.gossip.status(of: id) == .alive }
        }
        #expect(isAlive)
    }

    @Test("A greeting from this life's cluster before it was recovered, or after")
    func otherEpoch() throws {
        try check("unwelcome") {
            var info = try $0.member()
            info.recoveryEpoch += 1
            return Raw.hello(info)
        }
    }

    @Test("A greeting with the receiver's own id")
    func ownID() throws {
        try check("unwelcome") { visited in
            var info = try #require(visited.cluster.info(of: visited.leader))
            info.incarnation += 1
            return Raw.hello(info)
        }
    }

    @Test("Raft's words from a server without a cluster")
    func noCluster() throws {
        try check("foreign_cluster") { Raw.hello(try $0.stranger(of: nil)) + Raw.raft(lateVote) }
    }

    @Test("A request passed on by a server without a cluster")
    func foreignForward() throws {
        try check("foreign_cluster") {
            Raw.hello(try $0.stranger(of: nil))
                + Raw.forward(1, "/v1/operator/autopilot/configuration")
        }
    }

    @Test("Raft's words from a server that had no log, and went over to another life")
    func otherLife() throws {
        try check("foreign_cluster") {
            var info = try $0.stranger(of: try $0.member().clusterID)
            info.hasLog = false
            var gone = info
            gone.recoveryEpoch += 1 << 32
            gone.hasLog = true
            gone.revision += 1
            return Raw.hello(info) + Raw.frame(.member) { gone.write(to: &$0) }
                + Raw.raft(lateVote)
        }
    }

    @Test("A snapshot from a server without a cluster")
    func foreignSnapshot() throws {
        try check("foreign_cluster") { Raw.hello(try $0.stranger(of: nil), .snapshot) }
    }

    @Test("A snapshot's chunk before the offer")
    func chunkFirst() throws {
        try check("malformed") {
            Raw.hello(try $0.member(), .snapshot)
                + Raw.frame(.snapshotChunk) {
                    $0.write(UInt64(0))
                    $0.write(bytes: [1, 2, 3])
                }
        }
    }

    @Test("A server that finds itself among those to join is no stranger")
    func itself() throws {
        let visited = try Visited()
        visited.cluster.world.run(for: .seconds(10))
        for node in visited.cluster.nodes { #expect(visited.cluster.refusals(at: node) == [:]) }
    }

    @Test("A connection that says nothing in its time")
    func silent() throws {
        let visited = try Visited { $0.greetingTimeout = .seconds(2) }
        let talk = visited.raw.say([], to: visited.leader, for: .seconds(3))
        #expect(talk.isClosed)
        #expect(visited.cluster.refusals(at: visited.leader) == ["no_greeting": 1])
        #expect(visited.linesOfRefusals("no_greeting") == 1)
    }

    @Test("More connections than an address may have")
    func crowd() throws {
        let visited = try Visited { $0.peerConnectionsPerAddressMax = 0 }
        #expect(visited.cluster.refusals(at: visited.leader) == [:])
        let crowded = try Visited { $0.peerConnectionsPerAddressMax = 4 }
        for _ in 1...6 {
            crowded.raw.say([], to: crowded.leader, for: .milliseconds(5), keepsOpen: true)
        }
        #expect(crowded.cluster.refusals(at: crowded.leader) == ["too_many_connections": 2])
        #expect(crowded.linesOfRefusals("too_many_connections") == 1)
    }

    @Test("An answer on a gossip port that cannot be read")
    func joinAnswer() throws {
        let cluster = SimulatedCluster(seed: 5, count: 1)
        let raw = RawPeer(cluster)
        let node = cluster.nodes[0]
        node.options.bootstrapExpect = 3
        node.options.join = ["\(try raw.answer(with: Raw.raft(lateVote)))"]
        cluster.startAll()
        cluster.world.run(for: .seconds(1))
        #expect(cluster.refusals(at: node)["malformed"] ?? 0 > 2)
    }

    @Test("A snapshot that is begun anew goes on where its former stream was, whatever that says")
    func snapshotBegunAnew() throws {
        let visited = try Visited()
        let cluster = visited.cluster
        let leader = try #require(cluster.info(of: visited.leader))
        let overview = try #require(cluster.overview(of: visited.leader))
        let content = [UInt8](repeating: 7, count: 100)
        let opening = Raw.hello(leader, .snapshot) + Raw.offer(of: content, beyond: overview)
        let former = visited.raw.say(
            opening + Raw.chunk(content[..<50]), to: visited.follower, keepsOpen: true)
        #expect(!former.isClosed)
        let later = visited.raw.say(opening, to: visited.follower, keepsOpen: true)
        #expect(later.answer.suffix(8) == [50, 0, 0, 0, 0, 0, 0, 0])
        visited.raw.say(Raw.chunk(content[50..<75]), on: former)
        #expect(former.isClosed)
        visited.raw.say(Raw.chunk(content[50..<75]), on: later)
        visited.raw.say(Raw.chunk(content[75..<90]), on: later)
        #expect(!later.isClosed)
        #expect(cluster.refusals(at: visited.follower) == [:])
        visited.raw.end(later)
    }

    @Test("A follower's answer to a snapshot that cannot be read")
    func snapshotAnswer() throws {
        let cluster = SimulatedCluster(seed: 5, count: 1)
        let raw = RawPeer(cluster)
        cluster.startAll()
        let node = try #require(cluster.settle())
        let address = try raw.answer(with: Raw.raft(lateVote))
        let hello = Hello(
            purpose: .snapshot, sender: try #require(cluster.info(of: node)))
        let offer = SnapshotOffer(
            term: Term(1),
            metadata: SnapshotMetadata(
                lastIndex: LogIndex(1), lastTerm: Term(1), configuration: .empty,
                configurationIndex: .zero, sizeBytes: 1, checksum: 0), session: .zero)
        var refusals = 0
        var isComplete: Bool?
        node.host.perform {
            SnapshotSender(
                offer, store: node.host.disk.openSnapshotStore(),
                lane: node.host.loop.makeLane(named: "snapshots"),
                loop: node.host.loop, hello: hello, refused: { _, _ in refusals += 1 },
                finished: { isComplete = $0 }
            ).start(to: address, streams: node.host.streams)
        }
        cluster.world.run(for: .seconds(1))
        #expect(refusals == 1)
        #expect(isComplete == false)
    }
}

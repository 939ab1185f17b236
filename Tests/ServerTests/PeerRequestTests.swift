// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHTTP
import MartletHarness
import MartletRaft
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletServer

/// A leader that does with requests of others what a test wants, and goes on with the rest.
private final class Answering: PeerNetworkDelegate {
    private let server: Server
    var request: APIRequest?
    var reply: ((ForwardReply) -> Void)?

    init(_ server: Server) {
        self.server = server
        server.network.delegate = self
    }

    func network(
        forwarded request: APIRequest, of credential: Credential, trace: String?,
        from peer: ServerID,
        reply: @escaping (ForwardReply) -> Void
    ) {
        self.request = request
        self.reply = reply
    }

    func network(received message: Message, from peer: ServerID) {
        server.network(received: message, from: peer)
    }
    func networkLostConnection(from peer: ServerID) { server.networkLostConnection(from: peer) }
    func networkUnreachable(_ peer: ServerID) { server.networkUnreachable(peer) }
    func networkConnected(to peer: ServerID) { server.networkConnected(to: peer) }
    func network(toldCluster clusterID: ServerID, by peer: MemberInfo) {
        server.network(toldCluster: clusterID, by: peer)
    }
    func network(member info: MemberInfo, became status: SerfStatus) {
        server.network(member: info, became: status)
    }
    func networkMembersChanged() { server.networkMembersChanged() }
    func network(
        founding kind: FrameKind, _ payload: inout ByteReader, from peer: MemberInfo,
        session: PeerSession?
    ) throws(ByteError) {
        try server.network(founding: kind, &payload, from: peer, session: session)
    }
    func network(
        lent kind: FrameKind, _ payload: inout ByteReader, by session: PeerSession
    ) throws(ByteError) {
        try server.network(lent: kind, &payload, by: session)
    }
    func network(look payload: inout ByteReader, from peer: ServerID) throws(ByteError) {
        try server.network(look: &payload, from: peer)
    }
    func networkEnded(_ session: PeerSession) { server.networkEnded(session) }
    func networkConfiguredServers() -> [ServerID] { server.networkConfiguredServers() }
    func networkReceiver(for peer: ServerID, session: PeerSession) -> SnapshotReceiver? {
        server.networkReceiver(for: peer, session: session)
    }
}

/// Takes a source, all at once or piece by piece.
private final class Taker {
    private(set) var bytes = 0
    private(set) var end: SourcePiece?
    private let source: any ByteSource

    init(_ source: any ByteSource) { self.source = source }

    func takeOne() {
        source.next { [self] piece in
            if case .bytes(let more) = piece { bytes += more.count } else { end = piece }
        }
    }

    func takeAll() {
        source.next { [self] piece in
            guard case .bytes(let more) = piece else {
                end = piece
                return
            }
            bytes += more.count
            takeAll()
        }
    }
}

private struct Stage {
    let cluster: SimulatedCluster
    let leader: SimulatedCluster.Node
    let follower: SimulatedCluster.Node
    let answering: Box<Answering>
    let outcome = Box<ForwardResult>()

    final class Box<Value> {
        var value: Value?
    }

    init(seed: UInt64) throws {
        cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.startAll()
        let leader = try #require(cluster.settle())
        self.leader = leader
        follower = try #require(cluster.nodes.first { $0 !== leader })
        answering = Box()
        cluster.world.run(for: .seconds(1))
        let box = answering
        try enter(leader) { box.value = Answering($0) }
    }

    func enter(_ node: SimulatedCluster.Node, _ body: @escaping (Server) -> Void) throws {
        let door = try #require(node.door)
        let boxed = Unsent(value: body)
        node.host.perform {
            door.assumeIsolated { door in
                if let server = door.server { boxed.value(server) }
            }
        }
    }

    /// The follower passes a request on.
    func pass(_ body: StreamedBody? = nil) throws {
        let outcome = outcome
        let leaderID = try #require(cluster.overview(of: leader)?.id)
        try enter(follower) { server in
            var request = APIRequest(
                method: .put, path: "/v1/operator/snapshot", queryText: "", body: [])
            request.stream = body
            server.network.passStream(request, of: .anonymous, to: leaderID) {
                outcome.value = $0
            }
        }
        run()
    }

    func run(_ duration: Duration = .milliseconds(300)) { cluster.world.run(for: duration) }

    func reply(_ reply: @escaping () -> ForwardReply) throws {
        let box = answering
        try enter(leader) { _ in box.value?.reply?(reply()) }
        run()
    }

    var answer: APIResponse? {
        guard case .replied(.answered(let response))? = outcome.value else { return nil }
        return response
    }

    /// Connections for requests: those that the follower has open, and those that the leader serves.
    func open() throws -> [Int] {
        var counts = [-1, -1]
        try enter(follower) { counts[0] = $0.network.requests.sentCount }
        try enter(leader) { counts[1] = $0.network.requests.served }
        return counts
    }
}

// SAFETY: a simulated world runs on the test's one thread.
private struct Unsent<Value>: @unchecked Sendable { let value: Value }

private let piece = SourcePiece.bytes([UInt8](repeating: 7, count: 64 << 10))

@Suite("Requests between servers, with bodies in pieces") struct PeerRequestTests {
    @Test("A long body gets to the leader, and a long answer back")
    func both() throws {
        let stage = try Stage(seed: 61)
        let (body, answer) = (Tap(), Tap())
        for tap in [body, answer] {
            for _ in 0..<144 { tap.give(piece) }  // 9 MB: more than any frame.
            tap.give(.end)
        }
        try stage.pass(StreamedBody(source: body, length: 9 << 20))
        let box = stage.answering
        let request = try #require(box.value?.request)
        #expect(request.stream?.length == 9 << 20)
        #expect(body.asked == 0)
        let taker = Taker(try #require(request.stream).source)
        try stage.enter(stage.leader) { _ in taker.takeAll() }
        stage.run(.seconds(10))
        #expect(taker.bytes == 9 << 20)
        #expect(taker.end == .end)
        try stage.reply {
            .answered(.stream(StreamedBody(source: answer, length: 9 << 20), as: .archive))
        }
        let response = try #require(stage.answer)
        #expect(response.content == .archive)
        let back = try #require(response.stream)
        #expect(back.length == 9 << 20)
        let receiver = Taker(back.source)
        try stage.enter(stage.follower) { _ in receiver.takeAll() }
        stage.run(.seconds(10))
        #expect(receiver.bytes == 9 << 20)
        #expect(receiver.end == .end)
        #expect(try stage.open() == [0, 0])
    }

    @Test("Whoever takes nothing stops whoever sends, in both directions")
    func pressure() throws {
        let stage = try Stage(seed: 62)
        let (body, answer) = (Tap(), Tap())
        body.refill = piece
        answer.refill = piece
        try stage.pass(StreamedBody(source: body))
        let box = stage.answering
        let taker = Taker(try #require(box.value?.request?.stream).source)
        try stage.enter(stage.leader) { _ in taker.takeOne() }
        stage.run(.seconds(5))
        let asked = body.asked
        #expect((1...200).contains(asked))
        stage.run(.seconds(5))
        #expect(body.asked == asked)
        try stage.reply { .answered(.stream(StreamedBody(source: answer), as: .text)) }
        #expect(body.isCancelled)
        stage.run(.seconds(5))
        let made = answer.asked
        #expect((1...200).contains(made))
        stage.run(.seconds(5))
        #expect(answer.asked == made)
        // It goes on, and ends with whoever wants no more of it.
        let back = Taker(try #require(stage.answer?.stream).source)
        for _ in 0..<100 {
            try stage.enter(stage.follower) { _ in back.takeOne() }
            stage.run(.milliseconds(50))
        }
        #expect(answer.asked > made)
        let source = try #require(stage.answer?.stream).source
        try stage.enter(stage.follower) { _ in source.cancel() }
        stage.run()
        #expect(answer.isCancelled)
        #expect(try stage.open() == [0, 0])
    }

    @Test("A whole answer that no frame can hold is refused, and says where it can be had")
    func tooLong() throws {
        let stage = try Stage(seed: 69)
        try stage.pass()
        try stage.reply {
            var answer = APIResponse.text(200, "")
            answer.body = [UInt8](repeating: 7, count: 9 << 20)
            return .answered(answer)
        }
        let response = try #require(stage.answer)
        #expect(response.status == 503)
        #expect(String(decoding: response.body, as: UTF8.self).hasSuffix("ask the leader"))
        #expect(try stage.open() == [0, 0])
    }

    @Test("Who does not lead has taken nothing of the body")
    func notLeader() throws {
        let stage = try Stage(seed: 63)
        let body = Tap()
        try stage.pass(StreamedBody(source: body))
        try stage.reply { .notLeader }
        guard case .replied(.notLeader)? = stage.outcome.value else {
            Issue.record("\(String(describing: stage.outcome.value))")
            return
        }
        #expect(body.asked == 0)
        #expect(!body.isCancelled)
        #expect(try stage.open() == [0, 0])
    }

    @Test("A body that fails on its way fails at the leader")
    func bodyFails() throws {
        let stage = try Stage(seed: 64)
        let body = Tap()
        try stage.pass(StreamedBody(source: body))
        let box = stage.answering
        let taker = Taker(try #require(box.value?.request?.stream).source)
        try stage.enter(stage.leader) { _ in taker.takeAll() }
        stage.run()
        try stage.enter(stage.follower) { _ in body.give(.failed("the client is gone")) }
        stage.run()
        #expect(taker.end == .failed("the client is gone"))
    }

    @Test("A leader that dies has lost the request, or broken its answer off")
    func leaderDies() throws {
        for hasAnswered in [false, true] {
            let stage = try Stage(seed: 65)
            try stage.pass()
            let answer = Tap()
            var back: Taker?
            if hasAnswered {
                try stage.reply { .answered(.stream(StreamedBody(source: answer), as: .text)) }
                let taker = Taker(try #require(stage.answer?.stream).source)
                try stage.enter(stage.follower) { _ in taker.takeAll() }
                back = taker
            }
            stage.cluster.kill(stage.leader)
            stage.run(.seconds(2))
            if let back {
                guard case .failed? = back.end else {
                    Issue.record("\(String(describing: back.end))")
                    return
                }
            } else {
                guard case .lost? = stage.outcome.value else {
                    Issue.record("\(String(describing: stage.outcome.value))")
                    return
                }
            }
            try stage.enter(stage.follower) { #expect($0.network.requests.sentCount == 0) }
        }
    }

    @Test("A follower that dies ends what its leader makes for it")
    func followerDies() throws {
        let stage = try Stage(seed: 66)
        let answer = Tap()
        try stage.pass()
        try stage.reply { .answered(.stream(StreamedBody(source: answer), as: .text)) }
        stage.cluster.kill(stage.follower)
        stage.run(.seconds(2))
        #expect(answer.isCancelled)
        try stage.enter(stage.leader) { #expect($0.network.requests.served == 0) }
    }

    /// A server that hangs after its greeting, or never takes its answer, held a connection for good.
    @Test("A peer that hangs holds its connection for a while", arguments: [false, true])
    func hangs(hasAsked: Bool) throws {
        let stage = try Stage(seed: 67)
        let raw = RawPeer(stage.cluster)
        let hello = Raw.hello(try #require(stage.cluster.info(of: stage.follower)), .request)
        let asked = hasAsked ? Raw.request("/v1/operator/snapshot") : []
        let talk = raw.say(
            hello + asked, to: stage.leader, for: .milliseconds(50), keepsOpen: true)
        #expect(try stage.open() == [0, 1])
        let answer = Tap()
        if hasAsked {
            answer.give(.end)
            try stage.reply { .answered(.stream(StreamedBody(source: answer), as: .text)) }
            stage.run(.seconds(300))
            #expect(try stage.open() == [0, 1])
        }
        stage.run(.seconds(hasAsked ? 400 : 6))
        #expect(try stage.open() == [0, 0])
        #expect(talk.isClosed)
    }

    @Test("A peer that takes nothing of its answer ends it for good")
    func deaf() throws {
        let stage = try Stage(seed: 68)
        let answer = Tap()
        answer.refill = piece
        try stage.pass()
        try stage.reply { .answered(.stream(StreamedBody(source: answer), as: .text)) }
        stage.run(.seconds(500))
        #expect(try stage.open() == [1, 1])
        stage.run(.seconds(300))
        #expect(answer.isCancelled)
        #expect(try stage.open() == [0, 0])
    }

    /// It was gathered up to its bound for whom nobody could reach any more.
    @Test("An answer without an end is none for who takes whole ones")
    func live() throws {
        let stage = try Stage(seed: 69)
        let raw = RawPeer(stage.cluster)
        let hello = Raw.hello(try #require(stage.cluster.info(of: stage.follower)))
        let talk = raw.say(
            hello + Raw.forward(7, "/v1/agent/monitor"), to: stage.leader, for: .milliseconds(50),
            keepsOpen: true)
        let answer = Tap()
        try stage.reply {
            .answered(.stream(StreamedBody(source: answer, isLive: true), as: .text))
        }
        #expect(answer.isCancelled)
        #expect(answer.asked == 0)
        #expect(String(decoding: talk.answer, as: UTF8.self).contains("the answer goes on"))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes
import MartletHarness
import MartletRaft
import MartletSimulation
import MartletState
import Testing

@testable import MartletServer

private func id(_ high: UInt64, _ low: UInt64) -> UniqueID { UniqueID(high: high, low: low) }

/// A cluster without lanes of its own, and somebody who says that it is a follower with some.
private final class Impostor {
    let cluster: SimulatedCluster
    let leader: SimulatedCluster.Node
    private let raw: RawPeer
    private let talk: RawPeer.Talk
    private let term: UInt64
    private var read = 0
    private var reader = FrameReader()

    init(lanes: Int = 1) throws {
        cluster = SimulatedCluster(seed: 9, count: 3) { $0.scheduling.workers = 0 }
        cluster.startAll()
        let leads = try #require(cluster.settle())
        leader = leads
        raw = RawPeer(cluster)
        cluster.world.run(for: .seconds(2))
        let follower = try #require(cluster.nodes.first { $0 !== leads })
        let info = try #require(cluster.info(of: follower))
        term = try #require(cluster.glance(at: leads)).status.term.number
        talk = raw.say(Raw.hello(info), to: leads, keepsOpen: true)
        reader.payloadBytesMax = Frame.payloadBytesMax
        offer(lanes)
    }

    func offer(_ lanes: Int) {
        say(.lanesOffered) { LanesOffer(term: self.term, lanes: lanes).write(to: &$0) }
    }

    func say(_ kind: FrameKind, _ body: (inout ByteWriter) -> Void) {
        raw.say(Raw.frame(kind, body), on: talk)
    }

    var isClosed: Bool { talk.isClosed }

    func register(_ jobs: Int) {
        var node = Node(
            id: id(1, 1), secretID: id(3, 1), name: "node",
            resources: NodeResources(cpu: 4000, memoryMB: 8192, diskMB: 100_000))
        node.attributes = ["kernel.name": "linux"]
        node.drivers = ["mock": DriverState()]
        node.status = .ready
        cluster.scheduleSurely(.registerNodes([node], evaluations: []))
        for number in 1...jobs {
            let task = JobTask(name: "t", driver: "mock")
            let job = Job(
                id: "job-\(number)", type: .service,
                groups: [TaskGroup(name: "g", count: 2, tasks: [task])])
            let evaluation = Evaluation(
                id: id(2, UInt64(number)), job: job.key, priority: 50, type: .service,
                trigger: .jobRegister)
            cluster.scheduleSurely(
                .registerJob(job, expected: nil, evaluations: [evaluation]))
        }
        cluster.world.run(for: .milliseconds(100))
    }

    /// Looks that it was asked for since the last time.
    func looks() throws -> [LookRequest] {
        let news = Array(talk.answer[read...])
        reader.receive(news.span)
        read = talk.answer.count
        var looks: [LookRequest] = []
        while let (kind, rest) = try reader.next() {
            var payload = rest
            if kind == .look { looks.append(try LookRequest(reading: &payload)) }
        }
        return looks
    }

    func answer(_ look: LookRequest, token: UniqueID? = nil, _ report: [UInt8]?) {
        let answer = LookAnswer(
            number: look.number, token: token ?? look.token, report: report)
        say(.lookAnswer) { answer.write(to: &$0) }
    }

    /// What an honest server finds.
    func honestly(_ look: LookRequest) throws -> [UInt8] {
        let tables = try #require(cluster.tables(of: leader))
        let evaluation = try #require(tables.evaluation(look.evaluation)).value
        let proposal = SchedulerLane().evaluate(
            SchedulerLane.Work(
                evaluation: evaluation, token: look.token, attempt: look.attempt,
                moment: SchedulerLane.Moment(
                    tables: tables, snapshotIndex: look.index,
                    configuration: SchedulerConfiguration(), ahead: [],
                    unixNanoseconds: look.unixNanoseconds)))
        return try #require(LookReport(proposal).encoded())
    }

    var counters: DispatchCounters? {
        var found: DispatchCounters?
        leader.host.perform {
            found = leader.door?.assumeIsolated { $0.server?.dispatcher.counters }
        }
        return found
    }

    var placed: Int { cluster.tables(of: leader)?.allocationCount ?? 0 }
}

@Suite("Looks that a peer is asked for") struct LendingTests {
    @Test("A peer is given as many as it has places, and what it finds is placed")
    func honest() throws {
        let peer = try Impostor(lanes: 1)
        peer.register(3)
        let first = try peer.looks()
        #expect(first.map(\.evaluation) == [id(2, 1), id(2, 2)])
        peer.answer(first[0], try peer.honestly(first[0]))
        peer.cluster.world.run(for: .milliseconds(100))
        #expect(peer.placed == 2)
        #expect(try peer.looks().map(\.evaluation) == [id(2, 3)])
    }

    @Test("An answer under another token, or a second one, counts for nothing")
    func stale() throws {
        let peer = try Impostor()
        peer.register(1)
        let look = try #require(try peer.looks().first)
        let report = try peer.honestly(look)
        peer.answer(look, token: id(6, 6), report)
        #expect(peer.placed == 0)
        peer.answer(look, report)
        peer.answer(look, report)
        peer.cluster.world.run(for: .milliseconds(100))
        #expect(peer.placed == 2)
        #expect(peer.counters?.lookAnswersRefused == 2)
        #expect(!peer.isClosed)
    }

    @Test("What takes longer than a look may is taken back, and its answer comes too late")
    func late() throws {
        let peer = try Impostor()
        peer.register(1)
        let look = try #require(try peer.looks().first)
        let report = try peer.honestly(look)
        peer.cluster.world.run(for: LentLanes.patience + .seconds(1))
        #expect(peer.counters?.looksTakenBack == 1)
        // It is given out again, under a number of its own: the lane has another place.
        let again = try #require(try peer.looks().first)
        #expect(again.evaluation == look.evaluation && again.number != look.number)
        peer.answer(look, report)
        peer.cluster.world.run(for: .milliseconds(100))
        #expect(peer.placed == 0)
        peer.answer(again, try peer.honestly(again))
        peer.cluster.world.run(for: .milliseconds(100))
        #expect(peer.placed == 2)
    }

    @Test("Bytes that are no report end the connection, and are counted", arguments: [0, 1, 2])
    func garbled(kind: Int) throws {
        let peer = try Impostor()
        peer.register(1)
        let look = try #require(try peer.looks().first)
        var report = try peer.honestly(look)
        switch kind {
        case 0: report[24] ^= 0xFF
        case 1: report = []
        default: report = [UInt8](repeating: 1, count: LookReport.bytesMax + 1)
        }
        peer.answer(look, report)
        peer.cluster.world.run(for: .milliseconds(100))
        #expect(peer.isClosed)
        #expect(peer.placed == 0)
        #expect(peer.cluster.refusals(at: peer.leader)["malformed"] == 1)
    }

    @Test("A server that gives up is not asked for the same again at once")
    func givesUp() throws {
        let peer = try Impostor()
        peer.register(1)
        let look = try #require(try peer.looks().first)
        peer.answer(look, nil)
        #expect(try peer.looks() == [])
        // There is no lane of the leader's own: the delivery has failed, and comes again.
        peer.cluster.world.run(for: .seconds(2))
        #expect(peer.counters?.rejected == 1)
        #expect(try peer.looks().map(\.evaluation) == [look.evaluation])
    }

    @Test("More lanes than a server can have are no offer")
    func tooMany() throws {
        let peer = try Impostor()
        peer.offer(SchedulingOptions.workersMax + 1)
        #expect(peer.isClosed)
    }
}

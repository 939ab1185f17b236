// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletHarness
import MartletServer
import MartletSimulation
import Testing

/// What traces of writes tell.
@Suite("Traces") struct TracingTests {
    private static let path = "/v1/operator/scheduler/configuration"
    private static let body = "{\"SchedulerAlgorithm\":\"spread\"}"

    private func cluster(seed: UInt64, _ book: TraceBook) -> SimulatedCluster {
        let cluster = SimulatedCluster(seed: seed, count: 3)
        cluster.tracer = { BookTracer($0.name, book) }
        cluster.startAll()
        return cluster
    }

    @Test("A write at the leader: its stages, in order, within the request", arguments: 1...3)
    func atLeader(seed: UInt64) throws {
        let book = TraceBook()
        let cluster = cluster(seed: seed, book)
        let leader = try #require(cluster.settle())
        #expect(cluster.ask(leader, .put, Self.path, body: Self.body).status == 200)

        let root = try #require(book.spans.first)
        #expect(root.name == "PUT \(Self.path)" && root.parent == nil && root.failure == nil)
        #expect(root.notes["http.response.status_code"] == 200)
        #expect((root.notes["martlet.raft.index"] ?? 0) > 1)
        let stages = book.spans.dropFirst().map(\.name)
        #expect(stages == ["receive", "propose", "sync", "replicate", "apply"])
        for span in book.spans {
            let end = try #require(span.end)
            #expect(span.begin <= end && span.begin >= root.begin)
            #expect(end <= (root.end ?? 0), "\(span.name)")
            #expect(span.server == leader.name)
        }
        let replicate = try #require(book.spans.first { $0.name == "replicate" })
        #expect(replicate.begin < (replicate.end ?? 0), "a majority is never reached at once")
    }

    @Test("One at a follower goes on at the leader, in the same trace")
    func throughFollower() throws {
        let book = TraceBook()
        let cluster = cluster(seed: 5, book)
        let leader = try #require(cluster.settle())
        let follower = try #require(cluster.nodes.first { $0 !== leader })
        #expect(cluster.ask(follower, .put, Self.path, body: Self.body).status == 200)

        let forward = try #require(book.spans.first { $0.name == "forward" })
        #expect(forward.server == follower.name && forward.isCall)
        let atLeader = try #require(book.spans.first { $0.server == leader.name })
        #expect(atLeader.name == "PUT \(Self.path)" && atLeader.parent == forward.number)
        #expect(
            book.spans.filter { $0.server == leader.name }.dropFirst().map(\.name)
                == ["propose", "sync", "replicate", "apply"])
        #expect(book.spans.allSatisfy { $0.end != nil && $0.failure == nil })
    }

    @Test("Reads, and the servers' own commands, are not traced")
    func reads() throws {
        let book = TraceBook()
        let cluster = cluster(seed: 6, book)
        let leader = try #require(cluster.settle())
        cluster.world.run(for: .seconds(2))
        #expect(cluster.ask(leader, .get, Self.path).status == 200)
        #expect(book.spans.isEmpty)
    }

    @Test("What nobody answers ends, as a failure, and says how far it came")
    func noLeader() throws {
        let book = TraceBook()
        let cluster = cluster(seed: 7, book)
        let leader = try #require(cluster.settle())
        for node in cluster.nodes where node !== leader { cluster.kill(node) }
        cluster.world.run(for: .seconds(3))
        #expect(cluster.ask(leader, .put, Self.path, body: Self.body).status == 503)
        let root = try #require(book.spans.first)
        #expect(root.failure == "answered with 503")
        #expect(book.spans.map(\.name).contains("wait for a leader"))
        #expect(book.spans.allSatisfy { $0.end != nil })
    }
}

/// The spans of all servers, in the order in which they began.
private final class TraceBook {
    struct Entry {
        let server: String
        let name: String
        let number: UInt64
        let parent: UInt64?
        let isCall: Bool
        let begin: Int64
        var end: Int64?
        var failure: String?
        var notes: [String: Int64] = [:]
    }

    var spans: [Entry] = []
}

private final class BookTracer: WriteTracer {
    let server: String
    let book: TraceBook

    init(_ server: String, _ book: TraceBook) {
        self.server = server
        self.book = book
    }

    func begin(
        _ name: String, under carrier: String?, at moment: Int64
    ) -> (any WriteSpan)? {
        let parent = carrier.flatMap { UInt64($0.split(separator: "-")[2], radix: 16) }
        return BookSpan(server, book, name, parent: parent, isCall: false, at: moment)
    }
}

private final class BookSpan: WriteSpan {
    let server: String
    let book: TraceBook
    let position: Int

    init(
        _ server: String, _ book: TraceBook, _ name: String, parent: UInt64?, isCall: Bool,
        at moment: Int64
    ) {
        self.server = server
        self.book = book
        position = book.spans.count
        book.spans.append(
            TraceBook.Entry(
                server: server, name: name, number: UInt64(position) + 1, parent: parent,
                isCall: isCall, begin: moment))
    }

    func child(_ name: String, isCall: Bool, at moment: Int64) -> any WriteSpan {
        BookSpan(
            server, book, name, parent: book.spans[position].number, isCall: isCall, at: moment)
    }

    var carrier: String? {
        let digits = String(book.spans[position].number, radix: 16)
        let span = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        return "00-0af7651916cd43dd8448eb211c80319c-\(span)-01"
    }

    func note(_ key: String, _ value: Int64) { book.spans[position].notes[key] = value }

    func end(at moment: Int64, failure: String?) {
        #expect(book.spans[position].end == nil, "\(book.spans[position].name) ended twice")
        book.spans[position].end = moment
        book.spans[position].failure = failure
    }
}

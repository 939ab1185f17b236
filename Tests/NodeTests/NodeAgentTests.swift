// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletSimulation
import MartletTransport
import Testing

@testable import MartletNode

@Suite("What becomes of allocations, on its way to the servers") struct NodeAgentTests {
    private static func id(_ number: Int) -> UniqueID {
        UniqueID(high: 2, low: UInt64(number))
    }

    /// Has nothing to run, and tells what a test says. A word is the number of its change.
    private final class Words: Fleet {
        private var queue = UpdateQueue()
        private var newest: [UniqueID: Int] = [:]
        /// All that is listed is pulled.
        var wantsAll = false

        var count: Int { 0 }
        var nextEventAt: Duration? { nil }
        var updateCount: Int { queue.count }

        func change(_ id: UniqueID) {
            newest[id, default: 0] += 1
            queue.add(id)
        }

        func listed(
            _ indexes: NodeAllocationIndexes, isComplete: Bool, at instant: NodeInstant
        ) -> [UniqueID] { wantsAll ? indexes.indexes.map(\.id) : [] }
        func assign(_ assignments: [Assignment], at instant: NodeInstant) {}
        func advance(to instant: NodeInstant) {}

        func takeUpdates(max count: Int) -> [AllocationUpdate] {
            queue.take(max: count) { id in
                newest[id].map {
                    AllocationUpdate(
                        id: id, clientStatus: .running, clientDescription: "word \($0)")
                }
            }
        }

        func told(_ updates: [AllocationUpdate], at index: UInt64) { queue.settle(updates) }

        func putBack(_ updates: [AllocationUpdate]) {
            queue.settle(updates)
            for update in updates { queue.add(update.id) }
        }
    }

    /// A server that takes registrations and heartbeats, and answers words when a test says so.
    private final class Server {
        final class Connection: StreamHandler {
            let stream: any ByteStream
            let server: Server
            private var received = ""

            init(_ stream: any ByteStream, _ server: Server) {
                self.stream = stream
                self.server = server
            }

            func streamReceived(_ bytes: Span<UInt8>) {
                for position in bytes.indices {
                    received.unicodeScalars.append(Unicode.Scalar(bytes[position]))
                }
                guard let end = received.firstRange(of: "\r\n\r\n") else { return }
                let head = received[..<end.lowerBound]
                let length = head.split(separator: "\r\n").first { $0.hasPrefix("Content-Length") }
                let size = length.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
                let body = received[end.upperBound...]
                guard body.utf8.count >= size else { return }
                received = ""
                server.heard(String(head.split(separator: " ")[1]), String(body), on: self)
            }

            func answer(_ status: Int, _ body: String) {
                let text =
                    "HTTP/1.1 \(status) x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                stream.write(Array(text.utf8).span)
            }

            func streamEnded() { stream.close() }
            func streamDrained() {}
            func streamClosed(_ error: TransportError?) {}
        }

        /// Requests that wait for an answer: which words of how many allocations.
        private(set) var waiting: [(connection: Connection, words: [String])] = []
        /// What a lone node asks for news with, and heartbeats that are answered with 404.
        private(set) var questions: [(connection: Connection, path: String)] = []
        var unknownHeartbeats = 0
        /// Questions for what was listed.
        private(set) var pulls: [Connection] = []
        private var connections: [Connection] = []

        func accept(_ stream: any ByteStream) {
            let connection = Connection(stream, self)
            connections.append(connection)
            stream.handler = connection
            stream.resumeReading()
        }

        func heard(_ path: String, _ body: String, on connection: Connection) {
            switch path {
            case "/v1/martlet/nodes/heartbeat" where unknownHeartbeats > 0:
                unknownHeartbeats -= 1
                connection.answer(404, "node not found")
            case "/v1/martlet/allocations/pull": pulls.append(connection)
            case let path where path.hasPrefix("/v1/martlet/node/"):
                questions.append((connection, path))
            case "/v1/martlet/nodes", "/v1/martlet/nodes/heartbeat":
                connection.answer(
                    200,
                    #"{"HeartbeatTTL":10000000000,"NodeModifyIndex":1,"EvalIDs":null,"#
                        + #""EvalCreateIndex":0,"Servers":[],"LeaderHTTPAddr":"","Index":1}"#)
            case "/v1/martlet/allocations":
                let words = body.split(separator: "word ").dropFirst().map {
                    String($0.prefix { $0.isNumber })
                }
                waiting.append((connection, words))
            default: break
            }
        }

        func dropAll() {
            for connection in connections { connection.stream.reset() }
        }

        /// Answers the one that has waited longest.
        func answerFirst(_ status: Int = 200) {
            waiting.removeFirst().connection.answer(status, #"{"Index":2}"#)
        }
    }

    private final class Stage {
        let world = SimulatedWorld(seed: 11)
        let server = Server()
        let words = Words()
        let agent: NodeAgent<Words>
        private(set) var lines: [String] = []
        private let machine: SimulatedHost
        private let node: SimulatedHost
        private let listener: any Listener

        /// - Parameter absent: servers that are tried besides, and are not there.
        init(nodes count: UInt64 = 2, absent: Int = 0) throws {
            let machine = world.makeHost("server")
            self.machine = machine
            node = world.makeHost("node")
            let server = server
            listener = try machine.streams.listen(on: machine.address(port: 4646)) {
                server.accept($0)
            }
            let nodes = (1...count).map { Node(id: UniqueID(high: 1, low: $0), name: "n\($0)") }
            let servers = (0...UInt16(absent)).map { machine.address(port: 4646 + $0) }
            var settings = NodeAgent<Words>.Settings(servers: servers, nodes: nodes)
            var said: (String) -> Void = { _ in }
            settings.log = { said($0) }
            settings.warn = { said("warning: \($0)") }
            agent = NodeAgent(
                loop: node.loop, streams: node.streams, settings: settings, fleet: words)
            said = { [unowned self] in lines.append($0) }
            let agent = agent
            node.perform { agent.start() }
            run()
        }

        func change(_ numbers: some Sequence<Int>) {
            for number in numbers { words.change(NodeAgentTests.id(number)) }
            let agent = agent
            node.perform { agent.fleetChanged() }
            run()
        }

        func answerFirst(_ status: Int = 200) {
            server.answerFirst(status)
            run()
        }

        /// The server is gone, with all its connections.
        func endServer() {
            let (server, listener) = (server, listener)
            machine.perform {
                listener.close()
                server.dropAll()
            }
        }

        func run(for duration: Duration = .milliseconds(200)) { world.run(for: duration) }
    }

    @Test("One trouble is told of once, whichever server is tried")
    func troubles() throws {
        let stage = try Stage(absent: 2)
        #expect(stage.lines.contains("2 nodes are registered"))
        let count = stage.lines.count
        stage.endServer()
        stage.run(for: .seconds(60))
        let told = stage.lines.dropFirst(count).filter {
            $0.hasPrefix("warning: ") && $0.contains(": heartbeat: ")
        }
        #expect((1...2).contains(told.count), "reset, and then refused: \(told)")
    }

    @Test("Where there is much to tell, four requests are on their way at once")
    func several() throws {
        let stage = try Stage()
        stage.change(1...3000)
        #expect(stage.server.waiting.map(\.words.count) == [500, 500, 500, 500])
        stage.answerFirst()
        #expect(stage.server.waiting.count == 4)
        stage.answerFirst()
        #expect(stage.server.waiting.count == 4)
        while !stage.server.waiting.isEmpty { stage.answerFirst() }
        #expect(stage.words.updateCount == 0)
    }

    /// It heard nothing for up to a minute: its question waited for an index that was of the cluster before.
    @Test("A lone node that servers know no more asks anew for everything")
    func begunAnew() throws {
        let stage = try Stage(nodes: 1)
        let first = try #require(stage.server.questions.last)
        #expect(first.path.hasSuffix("index=0"))
        first.connection.answer(200, #"{"Index":90,"Allocs":{}}"#)
        stage.run()
        #expect(stage.server.questions.last?.path.hasSuffix("index=90") == true)

        stage.server.unknownHeartbeats = 1
        stage.run(for: .seconds(12))
        #expect(stage.server.questions.count == 3)
        #expect(stage.server.questions.last?.path.hasSuffix("index=0") == true)
    }

    /// It ran on for ever: servers collect what a node has not heard of, and no news tells of that.
    @Test(
        "When something is forgotten between the list and the question for it, everything is asked for anew"
    )
    func forgottenMeanwhile() throws {
        let stage = try Stage(nodes: 1)
        stage.words.wantsAll = true
        let first = try #require(stage.server.questions.last)
        let listed = [Self.id(1), Self.id(2)].map { "\"\($0)\":80" }.joined(separator: ",")
        first.connection.answer(200, "{\"Index\":90,\"Allocs\":{\(listed)}}")
        stage.run()
        #expect(stage.server.questions.last?.path.hasSuffix("index=90") == true)
        try #require(stage.server.pulls.last).answer(200, #"{"Allocs":[]}"#)
        stage.run(for: .seconds(2))
        #expect(stage.server.pulls.count == 1)
        #expect(stage.server.questions.last?.path.hasSuffix("index=0") == true)
    }

    @Test("Where there is little, it waits for what is on its way, and is told together")
    func little() throws {
        let stage = try Stage()
        stage.change(1...3)
        for number in 4...9 { stage.change([number]) }
        #expect(stage.server.waiting.map(\.words.count) == [3])
        stage.answerFirst()
        #expect(stage.server.waiting.map(\.words.count) == [6])
    }

    @Test("What changes while it is told is told again afterwards, never beside it")
    func order() throws {
        let stage = try Stage()
        stage.change(1...1500)
        stage.change([1])
        stage.change([1])
        #expect(stage.server.waiting.allSatisfy { $0.words.allSatisfy { $0 == "1" } })
        #expect(stage.server.waiting.map(\.words.count) == [500, 500, 500])
        while stage.server.waiting.count > 1 { stage.answerFirst() }
        stage.answerFirst()
        #expect(stage.server.waiting.map(\.words) == [["3"]])
        stage.answerFirst()
        #expect(stage.server.waiting.isEmpty)
        #expect(stage.words.updateCount == 0)
    }

    @Test("What fails is told again a second later, and with it what has changed meanwhile")
    func failures() throws {
        let stage = try Stage()
        stage.change(1...2)
        stage.change([2])
        stage.answerFirst(503)
        #expect(stage.server.waiting.isEmpty)
        stage.run(for: .seconds(1))
        #expect(stage.server.waiting.map(\.words) == [["2", "1"]])
    }

    @Test("One that servers refuse is found among the others, which are told")
    func refused() throws {
        let stage = try Stage()
        stage.change([7])
        stage.change(1...20)
        // Of the seventh the second word is told, of the others the first.
        stage.answerFirst(503)
        stage.run(for: .seconds(1))
        var toldCount = 0
        for _ in 0..<60 where !stage.server.waiting.isEmpty {
            #expect(stage.server.waiting.count == 1)
            let words = stage.server.waiting[0].words
            let isBad = words.contains("2")
            if !isBad { toldCount += words.count }
            stage.answerFirst(isBad ? 400 : 200)
            stage.run(for: .seconds(1))
        }
        #expect(toldCount == 19)
        #expect(stage.server.waiting.isEmpty)
        #expect(stage.words.updateCount == 0)
    }
}

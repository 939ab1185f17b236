// SPDX-License-Identifier: Apache-2.0
import MartletCLI
import MartletMemory
import MartletSimulation
import MartletStorage
import MartletTransport
import Synchronization

/// What a server does with a request.
enum Reply {
    case answer(Int, String, headers: [String] = [])
    /// A body that is no text.
    case bytes([UInt8], headers: [String])
    /// These bytes, then the end of the connection.
    case cut(String)
    /// Nothing, ever.
    case silence

    static func ok(_ body: String) -> Reply { .answer(200, body) }
}

/// A request as a server saw it.
struct Seen: Equatable {
    /// Method, target and body, as in `PUT /v1/x {}`.
    let line: String
    let head: String
}

/// An operator's desk in a simulated world: a terminal, files, and servers that answer by a script.
final class Desk {
    let world: SimulatedWorld
    let host: SimulatedHost
    /// Asked for by `METHOD target`, or by `METHOD path` without a query.
    var replies: [String: Reply] = [:]
    /// Of servers 2 and on; they say what ``replies`` says for the rest.
    var otherReplies: [Int: [String: Reply]] = [:]
    var variables: [String: String] = [:]
    var input: [UInt8]? = []
    var isTerminal = false
    var stores: ServerStores?
    var foreign: [ForeignCommand] = []
    /// When a command that would go on for ever is told to end.
    var stopAfter: Duration?
    private(set) var seen: [Seen] = []
    private(set) var output: [UInt8] = []
    private(set) var errors = ""
    private var listeners: [any Listener] = []
    private var servers: AnyObject?
    private var stopTimer: (any LoopTimer)?

    /// A desk in a world where servers are already, which live as long as it does.
    init(in world: SimulatedWorld, with servers: AnyObject) {
        self.world = world
        self.servers = servers
        host = world.makeHost("desk")
    }

    /// - Parameter servers: how many listen, at 10.0.0.2:4646 and on.
    init(servers: Int = 1) {
        world = SimulatedWorld(seed: 1)
        host = world.makeHost("desk")
        for number in 1...max(1, servers) {
            let server = world.makeHost("server \(number)")
            guard number <= servers else { continue }
            server.perform {
                do {
                    let listener = try server.streams.listen(on: server.address(port: 4646)) {
                        [unowned self] stream in
                        let connection = Connection(stream) { seen in
                            self.reply(to: seen, by: number)
                        }
                        stream.handler = connection
                        stream.resumeReading()
                    }
                    listeners.append(listener)
                } catch {
                    preconditionFailure("\(error)")
                }
            }
        }
        variables["NOMAD_ADDR"] = "http://10.0.0.2:4646"
    }

    private func reply(to request: Seen, by server: Int) -> Reply {
        seen.append(request)
        let words = request.line.split(separator: " ", maxSplits: 2).map(String.init)
        let key = "\(words[0]) \(words[1])"
        let path = "\(words[0]) \(words[1].prefix { $0 != "?" })"
        for table in [otherReplies[server] ?? [:], replies] {
            if let reply = table[key] ?? table[path] { return reply }
        }
        return .answer(404, "404 page not found")
    }

    /// What was asked, in order.
    var requests: [String] { seen.map(\.line) }
    var text: String { String(decoding: output, as: UTF8.self) }

    /// Runs a command line; words are parted by blanks.
    @discardableResult
    func run(_ line: String) -> Int32 { run(line.split(separator: " ").map(String.init)) }

    @discardableResult
    func run(_ arguments: [String]) -> Int32 {
        output = []
        errors = ""
        seen = []
        return CLI.run(arguments, environment)
    }

    var environment: CLIEnvironment {
        let desk = Held(value: self)
        var network = CLINetwork(
            loop: host.loop, makeStreams: { desk.value.host.streams }, security: NoSecurity(),
            perform: { body in
                var isDone = false
                desk.value.host.perform { body { isDone = true } }
                let ended = desk.value.world.run(until: { isDone }, limit: .seconds(900))
                precondition(ended, "a request without an end")
            })
        network.onStop = { told in
            guard let after = desk.value.stopAfter else { return }
            let timer = desk.value.host.loop.makeTimer(told)
            timer.arm(at: desk.value.host.loop.now + after)
            desk.value.stopTimer = timer
        }
        let made = network
        var environment = CLIEnvironment(
            variable: { desk.value.variables[$0] }, isTerminal: isTerminal, width: 80,
            writeOutput: { desk.value.output += $0 }, writeError: { desk.value.errors += $0 },
            readInput: { limit in desk.value.input.flatMap { $0.count <= limit ? $0 : nil } },
            wallClockNanoseconds: { 1_795_420_748_000_000_000 }, files: host.files,
            crypto: host.crypto, compression: host.compression, makeNetwork: { made },
            openStores: { (_) throws(StoreError) in
                guard let stores = desk.value.stores else { throw .broken("no stores here") }
                return stores
            }, version: "1.2.3")
        environment.foreignCommands = foreign
        return environment
    }

    /// Puts a file on the desk.
    func put(_ path: String, _ text: String) {
        do {
            try host.files.replace(path, with: Array(text.utf8))
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func file(_ path: String) -> [UInt8]? {
        do {
            return try host.files.read(path, limitBytes: 1 << 30)
        } catch {
            return nil
        }
    }
}

// SAFETY: a test and its world stay on one thread.
private struct Held<Value>: @unchecked Sendable {
    let value: Value
}

private struct NoSecurity: StreamSecurity {
    func secure(
        _ streams: any Streams, on loop: any Loop, policy: SecurityPolicy,
        material: SecurityMaterial, notice: @escaping (SecurityNotice) -> Void
    ) throws(SecurityError) -> any SecuredStreams {
        throw SecurityError(.authorities, "no TLS: \(policy.peerName ?? "any") \(policy.use)")
    }
}

/// A server's side of a connection: one request at a time.
private final class Connection: StreamHandler {
    private let stream: any ByteStream
    private let reply: (Seen) -> Reply
    private var received: [UInt8] = []

    init(_ stream: any ByteStream, reply: @escaping (Seen) -> Reply) {
        self.stream = stream
        self.reply = reply
    }

    func streamReceived(_ bytes: Span<UInt8>) {
        for index in bytes.indices { received.append(bytes[index]) }
        let text = String(decoding: received, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return }
        let head = String(text[..<end.lowerBound])
        let headBytes = head.utf8.count + 4
        var length = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
            length = Int(line.dropFirst(16)) ?? 0
        }
        guard received.count >= headBytes + length else { return }
        let body = String(decoding: received[headBytes..<(headBytes + length)], as: UTF8.self)
        received.removeFirst(headBytes + length)
        let target = head.split(separator: " ").prefix(2).joined(separator: " ")
        let trimmed = body.hasSuffix("\n") ? String(body.dropLast()) : body
        let line = body.isEmpty ? target : "\(target) \(trimmed)"
        answer(reply(Seen(line: line, head: head)))
    }

    private func answer(_ reply: Reply) {
        switch reply {
        case .answer(let status, let body, let headers):
            send(status, Array(body.utf8), headers)
        case .bytes(let body, let headers): send(200, body, headers)
        case .cut(let text):
            let bytes = Array(text.utf8)
            stream.write(bytes.span)
            stream.close()
        case .silence: break
        }
    }

    private func send(_ status: Int, _ body: [UInt8], _ headers: [String]) {
        var head = "HTTP/1.1 \(status) Whatever\r\nContent-Length: \(body.count)\r\n"
        for header in headers { head += "\(header)\r\n" }
        let bytes = Array("\(head)\r\n".utf8) + body
        stream.write(bytes.span)
    }

    func streamEnded() { stream.close() }
    func streamDrained() {}
    func streamClosed(_ error: TransportError?) {}
}

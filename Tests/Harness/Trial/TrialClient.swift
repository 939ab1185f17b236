// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletSimulation
import MartletTransport

/// A client on a machine of its own: asks any server, one request at a time, and thinks in between.
final class TrialClient {
    enum Wish {
        case write(isConditional: Bool)
        case read(isStale: Bool)
        /// The write that must succeed when everything works.
        case last
    }

    private typealias Register = HistoryRecorder.Register

    private let number: Int
    private let host: SimulatedHost
    private let nodes: [SimulatedCluster.Node]
    private let recorder: HistoryRecorder
    private let pace: ClientPace
    private var generator: SplitMix64
    private var timer: (any LoopTimer)?
    private var connections: [APIClient?]
    /// The newest version that this client has seen, for its compare-and-sets.
    private var seen: [UInt64] = [0, 0]
    private var isFinished = false
    private(set) var waiting = 0
    /// The server that is asked for now; nil for any one.
    private var home: Int?
    private var homeQuestions = 0
    /// The server that a fault wants asked, before all.
    var aim: Int?
    /// Reads where it would write.
    var isQuiet = false
    /// On a connection of its own: the next question that is begun.
    private var isRushing = false
    private var rushing = 0

    init(
        number: Int, host: SimulatedHost, nodes: [SimulatedCluster.Node],
        recorder: HistoryRecorder, pace: ClientPace, seed: UInt64
    ) {
        self.number = number
        self.host = host
        self.nodes = nodes
        self.recorder = recorder
        self.pace = pace
        generator = SplitMix64(seed: seed)
        connections = nodes.map { _ in nil }
    }

    var isWaiting: Bool { waiting + rushing > 0 }

    func start() {
        host.perform {
            timer = host.loop.makeTimer { [unowned self] in act() }
            think()
        }
    }

    /// Begins nothing more.
    func finish() { isFinished = true }

    func ask(_ wish: Wish) {
        host.perform { carryOut(wish, at: Int.random(in: 0..<nodes.count, using: &generator)) }
    }

    /// One more question, whatever else is open.
    func rush(_ wish: Wish, at place: Int) {
        guard !isFinished else { return }
        host.perform {
            isRushing = true
            carryOut(wish, at: place)
            isRushing = false
        }
    }

    /// A default and a stale read of everything at every server.
    func askEverybody() {
        host.perform {
            for place in nodes.indices {
                for register in Register.allCases {
                    read(register, at: place, isStale: true)
                    read(register, at: place, isStale: false)
                }
            }
        }
    }

    private func think() {
        guard !isFinished else { return }
        let isResting = Int.random(in: 0..<pace.restInterval, using: &generator) == 0
        let pause = Int64.random(in: isResting ? pace.rest : pace.pause, using: &generator)
        timer?.arm(at: host.loop.now + .milliseconds(pause))
    }

    private func act() {
        guard !isFinished else { return }
        let wish: Wish =
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<7 where !isQuiet: .write(isConditional: false)
            case 7..<12 where !isQuiet: .write(isConditional: true)
            case 17...: .read(isStale: true)
            default: .read(isStale: false)
            }
        carryOut(wish, at: place())
    }

    /// A client stays with a server for a while, so that one that is cut off gets writes too.
    private func place() -> Int {
        if let aim { return aim }
        if homeQuestions == 0 {
            let isLoyal = Bool.random(using: &generator)
            home = isLoyal ? Int.random(in: 0..<nodes.count, using: &generator) : nil
            homeQuestions = Int.random(in: 5...40, using: &generator)
        }
        homeQuestions -= 1
        return home ?? Int.random(in: 0..<nodes.count, using: &generator)
    }

    private func carryOut(_ wish: Wish, at place: Int) {
        let register: Register = Bool.random(using: &generator) ? .autopilot : .scheduler
        switch wish {
        case .write(let isConditional):
            write(register, at: place, isConditional: isConditional, isLast: false)
        case .read(let isStale): read(register, at: place, isStale: isStale)
        case .last: write(register, at: place, isConditional: false, isLast: true)
        }
    }

    private func write(_ register: Register, at place: Int, isConditional: Bool, isLast: Bool) {
        let value = recorder.makeValue()
        let expected = seen[register.rawValue]
        let condition = isConditional && expected > 0 ? expected : nil
        let kind = Operation.Kind.write(value: value, ifVersion: condition)
        let target = register.path + (condition.map { "?cas=\($0)" } ?? "")
        let body = Array("{\(register.field)\(value)\(recorder.constants(of: register))}".utf8)
        send(.put, target, body: body, at: place) { [unowned self] began, result in
            guard let outcome = Answer.ofWrite(result, to: register) else { return }
            if case .written(let version) = outcome {
                if let version { notice(version, of: register) }
                if isLast { recorder.hasAnsweredLast = true }
            }
            recorder.end(kind, of: register, client: number, beganAt: began, outcome: outcome)
            if case .written = outcome, !isLast { compareServers(by: register) }
        }
    }

    /// Now and then several servers are asked at once for what was just written.
    private func compareServers(by register: Register) {
        guard !isFinished, Int.random(in: 0..<8, using: &generator) == 0 else { return }
        let places = nodes.indices.shuffled(using: &generator).prefix(3)
        for place in places { read(register, at: place, isStale: false) }
    }

    private func read(_ register: Register, at place: Int, isStale: Bool) {
        let node = nodes[place]
        let life = node.host.lifeNumber
        send(.get, register.path + (isStale ? "?stale" : ""), body: nil, at: place) {
            [unowned self] began, result in
            guard let (value, version) = Answer.ofRead(result, of: register) else { return }
            notice(version, of: register)
            if isStale {
                // A life that ended before the answer came is not the one that gave it.
                guard node.host.lifeNumber == life else { return }
                recorder.endStale(
                    StaleReads.Read(
                        server: "\(node.name), life \(life)", value: value, version: version,
                        beganAt: began),
                    of: register)
            } else {
                recorder.end(
                    .read, of: register, client: number, beganAt: began,
                    outcome: .found(value: value, version: version))
            }
        }
    }

    private func notice(_ version: UInt64, of register: Register) {
        seen[register.rawValue] = max(seen[register.rawValue], version)
    }

    private func send(
        _ method: ClientMethod, _ target: String, body: [UInt8]?, at place: Int,
        done: @escaping (UInt64, Result<ClientResponse, ClientError>) -> Void
    ) {
        let began = recorder.begin()
        let own = isRushing ? makeConnection(to: place) : nil
        if own == nil { waiting += 1 } else { rushing += 1 }
        // What is asked at the end must not fail for being slow.
        let timeout = isFinished ? .seconds(8) : pace.timeout
        let tell = recorder.tell
        tell? { [number, nodes] in
            "client \(number) asks \(nodes[place].name): \(method) \(target) "
                + String(decoding: body ?? [], as: UTF8.self)
        }
        (own ?? connection(to: place)).send(method, target, body: body, timeout: timeout) {
            [unowned self] result in
            if own == nil { waiting -= 1 } else { rushing -= 1 }
            tell? { [number, nodes] in
                "client \(number) is told by \(nodes[place].name): \(HistoryRecorder.text(of: result))"
            }
            done(began, result)
            if let own { own.close() } else if waiting == 0 { think() }
        }
    }

    private func connection(to place: Int) -> APIClient {
        if let open = connections[place] { return open }
        let made = makeConnection(to: place)
        connections[place] = made
        return made
    }

    private func makeConnection(to place: Int) -> APIClient {
        APIClient(
            loop: host.loop, streams: host.streams, address: nodes[place].httpAddress, token: nil)
    }
}

/// What an answer means for a history.
enum Answer {
    /// nil for a write that certainly did not happen.
    static func ofWrite(
        _ result: Result<ClientResponse, ClientError>, to register: HistoryRecorder.Register
    ) -> Operation.Outcome? {
        switch result {
        case .failure(let error): return error.mayHaveBeenSent ? .unknown : nil
        case .success(let response):
            switch response.status {
            case 200:
                if register == .autopilot {
                    return response.body.starts(with: "true".utf8)
                        ? .written(version: nil) : .conflict
                }
                guard contains("\"Updated\":true", in: response.body) else { return .conflict }
                return .written(version: number(after: "\"Index\":", in: response.body))
            // Nobody took it, and nobody will.
            case 400, 413, 429, 503: return nil
            default: return .unknown
            }
        }
    }

    /// nil for a read that was not answered.
    static func ofRead(
        _ result: Result<ClientResponse, ClientError>, of register: HistoryRecorder.Register
    ) -> (value: UInt64, version: UInt64)? {
        guard case .success(let response) = result, response.status == 200,
            let value = number(after: register.field, in: response.body),
            let version = number(after: "\"ModifyIndex\":", in: response.body)
        else { return nil }
        return (value, version)
    }

    private static func contains(_ text: String, in bytes: [UInt8]) -> Bool {
        end(of: text, in: bytes) != nil
    }

    private static func number(after text: String, in bytes: [UInt8]) -> UInt64? {
        guard var place = end(of: text, in: bytes) else { return nil }
        var number: UInt64 = 0
        while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 {
            number = number &* 10 &+ UInt64(bytes[place] - 0x30)
            place += 1
        }
        return number
    }

    private static func end(of text: String, in bytes: [UInt8]) -> Int? {
        let wanted = Array(text.utf8)
        guard bytes.count >= wanted.count else { return nil }
        for start in 0...(bytes.count - wanted.count)
        where bytes[start] == wanted[0] && bytes[start..<start + wanted.count].elementsEqual(wanted)
        {
            return start + wanted.count
        }
        return nil
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletClient
import MartletServer
import MartletSimulation
import MartletTransport

/// Jobs and nodes in a trial: clients register, scale and stop jobs, operators drain nodes and collect
/// what has ended, machines full of nodes run what they are told, fall silent and come back.
///
/// What must hold at any moment is looked at again and again; at the end every job is asked for once more,
/// and has to run as asked. See `JobLoad+Checks.swift`.
final class JobLoad {
    private enum Act {
        case register, scale, stop, evaluate, drain, undrain, collect, silence, stopInstance
    }

    unowned let trial: Trial
    private(set) var machines: [NodeMachine] = []
    private let host: SimulatedHost
    var generator: SplitMix64
    private(set) var wishes: [JobWish]
    private var timer: (any LoopTimer)?
    private var isFinished = false
    /// Of each server: the log index of the tables that were looked at last.
    var looked: [Int: UInt64] = [:]
    /// When each allocation was made, by log index.
    var made: [UniqueID: UInt64] = [:]
    /// Up to which log index the trace tells of the tables.
    var toldIndex: UInt64 = 0
    /// Nodes that nobody hears at the end.
    var silent: Set<UniqueID> = []
    private(set) var answeredCount = 0

    init(_ trial: Trial, seed: UInt64) {
        self.trial = trial
        // Another stream of numbers than the world's and the plan's.
        generator = SplitMix64(seed: seed ^ 0x6A6F_6273_2121_2121)
        host = trial.world.makeHost("jobs")
        wishes = (0..<JobWish.names).map { JobWish(number: $0) }
        let addresses = trial.nodes.map(\.httpAddress)
        for number in 1...Int.random(in: 2...3, using: &generator) {
            machines.append(
                NodeMachine(
                    trial.world.makeHost("machine\(number)"), number: number,
                    nodes: Int.random(in: 1...4, using: &generator),
                    servers: addresses.shuffled(using: &generator)))
        }
    }

    /// What servers of a trial with jobs run with.
    static func configure(_ options: inout ServerOptions, seed: UInt64) {
        var generator = SplitMix64(seed: seed ^ 0x6F70_7469_6F6E_7321)
        options.scheduling.workers = Int.random(in: 1...3, using: &generator)
        options.scheduling.heartbeats.shortest = .seconds(1)
        options.scheduling.heartbeats.grace = .seconds(1)
        options.scheduling.heartbeats.afterFailover = .seconds(4)
        options.scheduling.garbage.interval = .seconds(3)
        options.scheduling.garbage.evaluations = .seconds(4)
        options.scheduling.garbage.batchEvaluations = .seconds(8)
        options.scheduling.garbage.jobs = .seconds(6)
        options.scheduling.garbage.deployments = .seconds(4)
        options.scheduling.garbage.nodes = .seconds(10)
        // Simulated looks are short: most trials give them away all the same.
        if Int.random(in: 0..<4, using: &generator) > 0 { options.scheduling.lentLookMin = .zero }
    }

    /// What clients write into the scheduler's configuration besides.
    static func constants(seed: UInt64) -> String {
        var generator = SplitMix64(seed: seed ^ 0x636F_6E66_6967_2121)
        let preempts = Bool.random(using: &generator)
        let algorithm = Bool.random(using: &generator) ? "spread" : "binpack"
        return #","SchedulerAlgorithm":"\#(algorithm)","PreemptionConfig":"#
            + #"{"ServiceSchedulerEnabled":\#(preempts),"BatchSchedulerEnabled":\#(preempts)}"#
    }

    func start() {
        for machine in machines { machine.start() }
        host.perform {
            timer = host.loop.makeTimer { [unowned self] in act() }
            think()
        }
    }

    /// Begins nothing more, and every machine is there.
    func finish() {
        isFinished = true
        for machine in machines { machine.host.resume() }
    }

    // MARK: While faults strike

    private func think() {
        guard !isFinished else { return }
        let pause = Int64.random(in: 20...600, using: &generator)
        timer?.arm(at: host.loop.now + .milliseconds(pause))
    }

    private func act() {
        guard !isFinished else { return }
        let acts: [Act] = [
            .register, .register, .register, .register, .register, .register, .scale, .scale,
            .stop, .stop, .evaluate, .drain, .undrain, .undrain, .collect, .silence, .silence,
            .stopInstance,
        ]
        let number = Int.random(in: 0..<wishes.count, using: &generator)
        let path = "/v1/job/\(wishes[number].id)"
        switch acts[Int.random(in: 0..<acts.count, using: &generator)] {
        case .register:
            wishes[number].vary(&generator)
            send(.put, "/v1/jobs", wishes[number].body)
        case .scale:
            let count = Int.random(in: 0...6, using: &generator)
            send(.put, path + "/scale", #"{"Count":\#(count),"Target":{"Group":"g"}}"#)
        case .stop:
            let purges = Int.random(in: 0..<3, using: &generator) == 0
            send(.delete, path + (purges ? "?purge=true" : ""), nil)
        case .evaluate:
            send(
                .put, path + "/evaluate",
                #"{"JobID":"\#(wishes[number].id)","EvalOptions":{"ForceReschedule":true}}"#)
        case .drain:
            send(.put, "/v1/node/\(anyNode())/drain", #"{"DrainSpec":{"Deadline":"4s"}}"#)
        case .undrain: undrain(anyNode())
        case .collect: send(.put, "/v1/system/gc", nil)
        case .silence: silence()
        case .stopInstance: stopInstance(of: path)
        }
        think()
    }

    private func anyNode() -> UniqueID {
        let all = machines.flatMap(\.nodes)
        return all[Int.random(in: 0..<all.count, using: &generator)].id
    }

    private func undrain(_ node: UniqueID, done: @escaping (Bool) -> Void = { _ in }) {
        send(
            .put, "/v1/node/\(node)/drain", #"{"DrainSpec":null,"MarkEligible":true}"#, done: done)
    }

    /// A machine does nothing for a while: longer than its nodes may be silent, or not.
    private func silence() {
        let machine = machines[Int.random(in: 0..<machines.count, using: &generator)]
        let lasts = Duration.milliseconds(Int64.random(in: 500...9_000, using: &generator))
        // Not from within an event of this host.
        trial.later(.milliseconds(1)) { [unowned self] in
            guard !isFinished, !machine.host.isPaused else { return }
            trial.note("\(machine.host.name) is silent, for \(lasts)")
            machine.host.pause()
            trial.later(lasts) { machine.host.resume() }
        }
    }

    private func stopInstance(of job: String) {
        ask(.get, job + "/allocations", nil) { [unowned self] response in
            guard let response, response.status == 200,
                let id = Self.firstID(in: response.body), !isFinished
            else { return }
            send(.put, "/v1/allocation/\(id)/stop", nil)
        }
    }

    private static func firstID(in body: [UInt8]) -> String? {
        let text = String(decoding: body, as: UTF8.self)
        let mark = "\"ID\":\""
        guard let start = text.firstRange(of: mark)?.upperBound else { return nil }
        return String(text[start...].prefix(36))
    }

    // MARK: At the end

    /// Puts every node to use, and asks once more for every job, until all of it is answered. Now and
    /// then what has just been stopped is collected before its machine hears of it.
    func askForAll() {
        for node in machines.flatMap(\.nodes) {
            insist("\(node.name) is put to use") { done in undrain(node.id, done: done) }
        }
        trial.advance(to: trial.world.now + .seconds(2))
        for number in wishes.indices {
            wishes[number].vary(&generator)
            wishes[number].calm()
            let wish = wishes[number]
            let deaf = machines[Int.random(in: 0..<machines.count, using: &generator)]
            let isDeaf = Int.random(in: 0..<3, using: &generator) == 0
            if isDeaf { deaf.host.pause() }
            insist("\(wish.id) is registered") { done in
                send(.put, "/v1/jobs", wish.body, done: done)
            }
            if isDeaf {
                collect()
                deaf.host.resume()
            }
            guard Int.random(in: 0..<5, using: &generator) == 0 else { continue }
            wishes[number].isStopped = true
            insist("\(wish.id) is stopped") { done in
                // One that has ended may be forgotten already.
                ask(.delete, "/v1/job/\(wish.id)", nil) { done([200, 404].contains($0?.status)) }
            }
        }
    }

    /// All that has ended, twice, so that one comes behind the plan of what was asked for last.
    private func collect() {
        for _ in 0..<2 {
            trial.advance(to: trial.world.now + .milliseconds(100))
            host.perform { send(.put, "/v1/system/gc", nil) }
        }
        trial.advance(to: trial.world.now + .milliseconds(100))
    }

    /// Tries until it succeeds, for as long as a client would.
    private func insist(_ what: String, _ attempt: (@escaping (Bool) -> Void) -> Void) {
        let end = trial.world.now + .seconds(40)
        var isDone = false
        while !trial.isOver, !isDone {
            var answer: Bool?
            host.perform { attempt { answer = $0 } }
            while answer == nil, !trial.isOver {
                trial.advance(to: trial.world.now + .milliseconds(20))
            }
            isDone = answer == true
            if isDone { break }
            guard trial.world.now < end else {
                return trial.fail(Violation("jobs", "not within 40 s: \(what)"))
            }
            trial.advance(to: trial.world.now + .milliseconds(300))
        }
    }

    // MARK: Asking

    private func send(
        _ method: ClientMethod, _ target: String, _ body: String?,
        done: @escaping (Bool) -> Void = { _ in }
    ) {
        ask(method, target, body) { done($0?.status == 200) }
    }

    /// At any server, on a connection of its own.
    private func ask(
        _ method: ClientMethod, _ target: String, _ body: String?,
        done: @escaping (ClientResponse?) -> Void
    ) {
        let node = trial.nodes[Int.random(in: 0..<trial.nodes.count, using: &generator)]
        let client = APIClient(
            loop: host.loop, streams: host.streams, address: node.httpAddress, token: nil)
        let name = node.name
        client.send(method, target, body: body.map { Array($0.utf8) }, timeout: .seconds(8)) {
            [unowned self] result in
            client.close()
            trial.note("jobs: \(target) at \(name): \(HistoryRecorder.text(of: result))")
            guard case .success(let response) = result else { return done(nil) }
            if response.status == 200 { answeredCount += 1 }
            done(response)
        }
    }
}

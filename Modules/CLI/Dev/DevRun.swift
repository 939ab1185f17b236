// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// One run of `martlet dev`: carries out what ``DevCore`` decides, with real processes and sockets,
/// and tells it what happens. On the loop.
final class DevRun {
    private let plans: [DevServerPlan]
    private let machine: DevMachine
    private let executable: String
    private let environment: CLIEnvironment
    private let loop: any Loop
    private let processes: any Processes
    private let relays: Relays
    private let watch: DevWatch
    private let desk: DevDesk
    /// For reading files, which blocks.
    private let lane: any Lane
    private var core: DevCore
    private var children: [Int: any RunningProcess] = [:]
    private var picture = DevPicture()
    /// What the news are compared with.
    private var told = DevPicture()
    private var wasHealthy = false
    private var ticker: (any LoopTimer)?
    private var patience: (any LoopTimer)?
    private var finish: ((ExitCode) -> Void)?

    /// Until when something is about to happen.
    private var eagerUntil: Duration = .zero

    /// Between looks: while something is about to happen, and otherwise.
    private static let eagerInterval: Duration = .milliseconds(50)
    private static let interval: Duration = .milliseconds(500)
    /// What follows from a deed has mostly happened by then.
    private static let eagerPeriod: Duration = .seconds(5)
    /// What servers have to stop in good order.
    private static let stopMax: Duration = .seconds(8)
    private static let logLines = 20

    init(
        _ plans: [DevServerPlan], _ network: DevNetwork, _ machine: DevMachine,
        executable: String, _ environment: CLIEnvironment, _ style: Style
    ) {
        self.plans = plans
        self.machine = machine
        self.executable = executable
        self.environment = environment
        loop = network.network.loop
        processes = network.processes
        let streams = network.network.makeStreams()
        relays = Relays(
            plans, loop: loop, streams: streams, datagrams: network.datagrams, machine: machine)
        watch = DevWatch(plans, loop: loop, streams: streams)
        desk = DevDesk(plans, loop: loop, machine, environment, style)
        lane = loop.makeLane(named: "files")
        core = DevCore(servers: plans.count)
    }

    /// Starts everything; `finish` is called once all servers have ended.
    func begin(finish: @escaping (ExitCode) -> Void) throws(CLIFailure) {
        self.finish = finish
        do throws(TransportError) {
            try relays.start()
            // ^C, an end that is asked for, and a terminal that goes away (POSIX).
            for signal: Int32 in [1, 2, 15] {
                try processes.onSignal(signal) { [unowned self] in interrupted() }
            }
            try processes.readInput(byKey: desk.isScreen) { [unowned self] in read($0) }
        } catch {
            throw CLIFailure("martlet dev cannot start: \(error)", .unable)
        }
        let count = plans.count == 1 ? "1 server" : "\(plans.count) servers"
        desk.say("\(count), in \(plans[0].directory)")
        for plan in plans { desk.say("\(plan.name)  \(plan.url)  log \(plan.logPath)") }
        step(.began)
        ticker = loop.makeTimer { [unowned self] in look() }
        look()
    }

    // MARK: What happens

    private func step(_ input: DevCore.Input) {
        for effect in core.step(input) { carryOut(effect) }
        eagerUntil = loop.now + Self.eagerPeriod
        ticker?.arm(at: loop.now + Self.eagerInterval)
        draw()
    }

    private func interrupted() {
        step(core.isQuitting ? .patienceEnded : .wished(.quit))
    }

    private func read(_ bytes: [UInt8]?) {
        let wishes = desk.wishes(in: bytes)
        for wish in wishes { step(.wished(wish)) }
        draw()
    }

    private func carryOut(_ effect: DevCore.Effect) {
        switch effect {
        case .start(let number): start(plans[number - 1])
        case .send(let signal, let number): children[number]?.send(signal: signal.rawValue)
        case .set(let number, let isCutOff): relays.set(number, isCutOff: isCutOff)
        case .say(let line): desk.say(line)
        case .sayEnd(let number, let line): sayEnd(of: plans[number - 1], line)
        case .showLog(let number): showLog(of: plans[number - 1])
        case .hideLog: desk.hideLog()
        case .showStatus: desk.showStatus(core, picture)
        case .showHelp: desk.showHelp()
        case .armPatience:
            patience = loop.makeTimer { [unowned self] in step(.patienceEnded) }
            patience?.arm(at: loop.now + Self.stopMax)
        case .finish(let code): end(code)
        }
    }

    private func start(_ plan: DevServerPlan) {
        // What its last life said is no longer so.
        picture.facts[plan.number] = nil
        told.facts[plan.number] = nil
        var streams = ChildStreams()
        streams.input = .open
        streams.output = .file(path: plan.logPath)
        streams.isInOwnSession = true
        do throws(TransportError) {
            children[plan.number] = try processes.start(
                executable, arguments: plan.arguments, environment: nil, streams: streams
            ) { [unowned self] exit in
                children[plan.number] = nil
                step(.exited(plan.number, exit))
            }
        } catch {
            let why = "\(executable): \(error): was it moved? start martlet dev again"
            loop.atEndOfTurn { [unowned self] in step(.notStarted(plan.number, why)) }
        }
    }

    /// After what the logs are asked for, and after everything is said.
    private func end(_ code: ExitCode) {
        let finish = finish
        lane.submit({}) { [self] in
            ticker?.disarm()
            patience?.disarm()
            watch.stop()
            relays.stop()
            processes.restoreTerminal()
            self.finish = nil
            desk.close { finish?(code) }
        }
    }

    // MARK: Looking

    private func look() {
        let asked = (1...plans.count).filter { core[$0].isAnswering }
        watch.look(at: asked, cutOff: relays.cutOff) { [weak self] in self?.saw($0) }
    }

    private func saw(_ seen: DevPicture) {
        guard finish != nil else { return }
        if !core.isQuitting {
            for line in seen.news(since: told) { desk.say(line) }
            told = seen.told(after: told)
            if !wasHealthy, seen.isHealthy(servers: plans.count) {
                wasHealthy = true
                desk.say("healthy: all servers vote and are well")
                desk.invite()
            }
        }
        picture = seen
        refreshLog()
        draw()
        let isEager = !wasHealthy || loop.now < eagerUntil
        ticker?.arm(at: loop.now + (isEager ? Self.eagerInterval : Self.interval))
    }

    // MARK: Logs

    private func logEnd(
        _ plan: DevServerPlan, lines: Int, _ then: @escaping ([String]) -> Void
    ) {
        let files = environment.files
        lane.submit({ DevFolder.logEnd(plan, lines: lines, files) }, then: then)
    }

    private func showLog(of plan: DevServerPlan) {
        guard desk.isScreen else {
            logEnd(plan, lines: Self.logLines) { [weak self] lines in
                for line in lines { self?.desk.write("\(plan.name)| \(line)\n") }
            }
            return
        }
        desk.showLog(of: plan)
        refreshLog()
    }

    private func refreshLog() {
        guard let plan = desk.shownLog else { return }
        logEnd(plan, lines: 200) { [weak self] lines in
            self?.desk.setLog(of: plan, lines)
            self?.draw()
        }
    }

    /// Its last line is likely to say why.
    private func sayEnd(of plan: DevServerPlan, _ line: String) {
        logEnd(plan, lines: 1) { [weak self] lines in
            self?.desk.say("\(line): \(lines.first ?? "its log is empty")")
            self?.desk.say("r \(plan.number) starts it again, l \(plan.number) shows its log")
            self?.draw()
        }
    }

    private func draw() {
        guard finish != nil else { return }
        desk.draw(core, picture)
    }
}

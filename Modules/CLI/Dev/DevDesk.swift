// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// The two sides of whoever runs `martlet dev`: what is typed, and what is shown. A screen and keys on
/// a terminal, lines otherwise. On the loop.
final class DevDesk {
    /// Keys act at once, and one picture takes the place of the one before.
    let isScreen: Bool
    private let plans: [DevServerPlan]
    private let machine: DevMachine
    private let environment: CLIEnvironment
    private let loop: any Loop
    private let start: Duration
    private let screen: DevScreen
    /// Output that nobody reads must not keep the servers from hearing each other.
    private let output: any Lane
    private var waiting = 0
    private var keys: DevKeys
    private var lines = DevLines()
    private var news: [String] = []
    private var log: (plan: DevServerPlan, lines: [String])?
    private var isFirstFrame = true
    private var isDrawing = false
    private var closing: (any LoopTimer)?

    private static let closeMax: Duration = .seconds(1)
    private static let newsMax = 200
    private static let waitingMax = 1024

    init(
        _ plans: [DevServerPlan], loop: any Loop, _ machine: DevMachine,
        _ environment: CLIEnvironment, _ style: Style
    ) {
        self.plans = plans
        self.machine = machine
        self.environment = environment
        self.loop = loop
        start = loop.now
        isScreen = machine.isInputTerminal && environment.isTerminal
        screen = DevScreen(plans: plans, style: style, environment: environment)
        output = loop.makeLane(named: "output")
        keys = DevKeys(servers: plans.count)
    }

    // MARK: Typing

    /// - Parameter bytes: nil at the end of the input. It ends the run if anything came before, or
    ///   if it was a terminal's: whoever typed is gone. Where it was empty from the start nobody
    ///   meant to type.
    func wishes(in bytes: [UInt8]?) -> [DevWish] {
        guard let bytes else { return isScreen || lines.hasRead ? [.quit] : [] }
        if isScreen { return keys.read(bytes, hidesLog: log != nil) }
        return lines.read(bytes).compactMap { line in
            do throws(CLIFailure) {
                return try DevWish.read(line, servers: plans.count)
            } catch {
                say(error.text)
                return nil
            }
        }
    }

    // MARK: Telling

    func say(_ line: String) {
        let stamped = DevScreen.stamped(Text.lines(line), after: loop.now - start)
        news.append(stamped)
        if news.count > Self.newsMax { news.removeFirst() }
        if !isScreen { write(stamped + "\n") }
    }

    /// In order, off the loop; dropped when nobody reads.
    func write(_ text: String) {
        guard waiting < Self.waitingMax else { return }
        waiting += 1
        let writeOutput = environment.writeOutput
        output.submit({ writeOutput(Array(text.utf8)) }) { [weak self] in self?.waiting -= 1 }
    }

    func invite() {
        if isScreen { say(screen.hint) } else { write(screen.invitation) }
    }

    func showStatus(_ core: DevCore, _ picture: DevPicture) {
        if !isScreen { write(screen.status(core, picture)) }
    }

    func showHelp() {
        guard isScreen else { return write(DevWish.summary) }
        log = nil
        for line in DevWish.summary.split(separator: "\n") { news.append(String(line)) }
    }

    // MARK: The screen

    var shownLog: DevServerPlan? { log?.plan }

    func showLog(of plan: DevServerPlan) { log = (plan, []) }

    func hideLog() { log = nil }

    func setLog(of plan: DevServerPlan, _ lines: [String]) {
        if log?.plan == plan { log?.lines = lines }
    }

    /// Once at the end of a turn, however often it is asked for.
    func draw(_ core: DevCore, _ picture: DevPicture) {
        guard isScreen, !isDrawing else { return }
        isDrawing = true
        loop.atEndOfTurn { [weak self] in
            self?.isDrawing = false
            self?.drawNow(core, picture)
        }
    }

    private func drawNow(_ core: DevCore, _ picture: DevPicture) {
        let pane = log.map { DevScreen.Pane.log(of: $0.plan, $0.lines) } ?? .news(news)
        let height = machine.terminalSize().lines
        let lines = screen.lines(
            core, picture, pane, question: keys.question, height: height > 0 ? height : 40)
        write(DevScreen.frame(lines, isFirst: isFirstFrame))
        isFirstFrame = false
    }

    /// `done` is called once everything is shown, or nobody seems to look.
    func close(done: @escaping () -> Void) {
        if isScreen { write(DevScreen.end) }
        var isDone = false
        let finish = { [self] in
            guard !isDone else { return }
            isDone = true
            closing = nil
            done()
        }
        closing = loop.makeTimer(finish)
        closing?.arm(at: loop.now + Self.closeMax)
        output.submit({}, then: finish)
    }
}

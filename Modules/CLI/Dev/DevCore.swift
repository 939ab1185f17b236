// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Decides what becomes of the servers of `martlet dev`. No process, no clock, no terminal.
///
/// The life of one server:
///
/// ```
///             kill, its own end
///   running ───────────────────────▶ ended ──restart──▶ running
///    │   ▲ pause                       ▲
///    ▼   │                             │ exit
///   paused ──restart, quit──▶ stopping ┘ (and running again, if it was a restart)
/// ```
struct DevCore {
    enum Life: Equatable {
        case running
        case paused
        /// Was asked to stop; whether it is to be started again.
        case stopping(isRestart: Bool)
        case ended(ProcessExit)
        /// It could not even be started.
        case missing
    }

    struct Server: Equatable {
        fileprivate(set) var life = Life.running
        fileprivate(set) var isCutOff = false
        /// Was killed on purpose: its end is no news.
        fileprivate var isKilled = false
    }

    enum Input: Equatable {
        case began
        case wished(DevWish)
        case exited(Int, ProcessExit)
        case notStarted(Int, String)
        /// Those that were asked to stop had their time.
        case patienceEnded
    }

    enum Effect: Equatable {
        case start(Int)
        case send(Signal, to: Int)
        case set(Int, isCutOff: Bool)
        case say(String)
        /// What the end of a server's log says may be why it ended.
        case sayEnd(of: Int, String)
        case showLog(Int)
        case hideLog
        case showStatus
        case showHelp
        /// Sends ``Input/patienceEnded`` after a while.
        case armPatience
        case finish(ExitCode)
    }

    /// As Linux numbers them (signal(7)).
    enum Signal: Int32 {
        case kill = 9
        case terminate = 15
        case `continue` = 18
        case stop = 19
    }

    /// By number, from 1 on.
    private(set) var servers: [Server]
    private(set) var isQuitting = false

    init(servers count: Int) {
        servers = Array(repeating: Server(), count: count)
    }

    subscript(number: Int) -> Server { servers[number - 1] }

    mutating func step(_ input: Input) -> [Effect] {
        switch input {
        case .began: return (1...servers.count).map { .start($0) }
        case .wished(let wish): return isQuitting ? [] : grant(wish)
        case .exited(let number, let exit): return ended(number, exit)
        case .notStarted(let number, let why):
            servers[number - 1].life = .missing
            return [.say("s\(number) cannot be started: \(why)")] + finishIfNobodyIsLeft()
        case .patienceEnded:
            return numbers { !$0.hasEnded }.map { .send(.kill, to: $0) }
        }
    }

    // MARK: Wishes

    private mutating func grant(_ wish: DevWish) -> [Effect] {
        switch wish {
        case .status: return [.showStatus]
        case .help: return [.showHelp]
        case .hideLog: return [.hideLog]
        case .quit: return quit()
        case .deed(.log, let number): return [.showLog(number)]
        case .deed(.kill, let number): return kill(number)
        case .deed(.pause, let number): return pause(number)
        case .deed(.restart, let number): return restart(number)
        case .deed(.cut, let number): return cut(number)
        }
    }

    private mutating func quit() -> [Effect] {
        isQuitting = true
        let alive = numbers { !$0.hasEnded }
        guard !alive.isEmpty else { return [.finish(.fine)] }
        var effects: [Effect] = [.say("ending all servers")]
        // Cut off, they could not hand over what they do.
        for number in numbers({ $0.isCutOff }) {
            servers[number - 1].isCutOff = false
            effects.append(.set(number, isCutOff: false))
        }
        for number in alive { effects += stop(number, isRestart: false) }
        return effects + [.armPatience]
    }

    private mutating func kill(_ number: Int) -> [Effect] {
        guard !self[number].hasEnded else { return [Self.isDown(number)] }
        servers[number - 1].isKilled = true
        return [.send(.kill, to: number)]
    }

    private mutating func pause(_ number: Int) -> [Effect] {
        switch self[number].life {
        case .running:
            servers[number - 1].life = .paused
            return [
                .send(.stop, to: number),
                .say("s\(number) is paused (SIGSTOP): p \(number) lets it go on"),
            ]
        case .paused:
            servers[number - 1].life = .running
            return [.send(.continue, to: number), .say("s\(number) goes on")]
        case .stopping: return [.say("s\(number) is stopping")]
        case .ended, .missing: return [Self.isDown(number)]
        }
    }

    private mutating func restart(_ number: Int) -> [Effect] {
        switch self[number].life {
        case .running, .paused:
            return [.say("s\(number) is stopped, and started again")]
                + stop(number, isRestart: true)
        case .stopping: return [.say("s\(number) is stopping")]
        case .ended, .missing: return [.say("s\(number) is started again")] + start(number)
        }
    }

    private mutating func cut(_ number: Int) -> [Effect] {
        servers[number - 1].isCutOff.toggle()
        let isCutOff = self[number].isCutOff
        return [
            .set(number, isCutOff: isCutOff),
            .say(
                isCutOff
                    ? "s\(number) is cut off from the others: c \(number) heals it"
                    : "s\(number) is connected to the others again"),
        ]
    }

    private mutating func start(_ number: Int) -> [Effect] {
        servers[number - 1].life = .running
        servers[number - 1].isKilled = false
        return [.start(number)]
    }

    /// One that stands still must go on to hear of it.
    private mutating func stop(_ number: Int, isRestart: Bool) -> [Effect] {
        let wasPaused = self[number].life == .paused
        servers[number - 1].life = .stopping(isRestart: isRestart)
        return (wasPaused ? [.send(.continue, to: number)] : [])
            + [.send(.terminate, to: number)]
    }

    private static func isDown(_ number: Int) -> Effect {
        .say("s\(number) does not run: r \(number) starts it")
    }

    // MARK: Ends

    private mutating func ended(_ number: Int, _ exit: ProcessExit) -> [Effect] {
        let before = self[number]
        servers[number - 1].life = .ended(exit)
        if isQuitting { return finishIfNobodyIsLeft() }
        if before.isKilled {
            return [.say("s\(number) is killed: r \(number) starts it again")]
        }
        if case .stopping(isRestart: true) = before.life { return start(number) }
        return [.sayEnd(of: number, "s\(number) ended by itself, \(Self.text(of: exit))")]
            + finishIfNobodyIsLeft()
    }

    /// Those who ended by themselves leave nothing to do; those who were killed are started again.
    private mutating func finishIfNobodyIsLeft() -> [Effect] {
        guard servers.allSatisfy(\.hasEnded) else { return [] }
        if isQuitting { return [.finish(.fine)] }
        guard !servers.contains(where: \.isKilled) else { return [] }
        isQuitting = true
        return [.say("no server is left"), .finish(.unable)]
    }

    static func text(of exit: ProcessExit) -> String {
        switch exit {
        case .code(let code): "with exit code \(code)"
        case .signal(let signal): "by signal \(signal)"
        }
    }

    private func numbers(_ isWanted: (Server) -> Bool) -> [Int] {
        servers.indices.filter { isWanted(servers[$0]) }.map { $0 + 1 }
    }
}

extension DevCore.Server {
    var hasEnded: Bool {
        switch life {
        case .ended, .missing: true
        case .running, .paused, .stopping: false
        }
    }

    /// It can be asked.
    var isAnswering: Bool { life == .running }
}

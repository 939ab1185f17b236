// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// How a task's process has ended.
package enum TaskEnd: Equatable, Sendable {
    case code(Int32)
    case signal(Int32)

    package var isGood: Bool { self == .code(0) }

    /// As a shell has it: 128 and the signal.
    var exitCode: Int {
        switch self {
        case .code(let code): Int(code)
        case .signal(let signal): 128 &+ Int(signal)
        }
    }

    var signal: Int {
        switch self {
        case .code: 0
        case .signal(let signal): Int(signal)
        }
    }
}

/// What the servers are told of a task: its state, and its newest events, as Nomad names them.
struct TaskRecord: Sendable {
    private(set) var state: TaskState

    init(_ state: TaskState = TaskState()) { self.state = state }

    mutating func received(at instant: NodeInstant) {
        note("Received", "Task received by client", at: instant)
    }

    mutating func settingUp(at instant: NodeInstant) {
        note("Task Setup", "Building Task Directory", at: instant)
    }

    mutating func started(at instant: NodeInstant) {
        state.state = .running
        state.startedUnixNanoseconds = instant.unixNanoseconds
        note("Started", "Task started by client", at: instant)
    }

    mutating func terminated(_ end: TaskEnd, at instant: NodeInstant) {
        var text = "Exit Code: \(end.exitCode)"
        if end.signal != 0 { text += ", Signal: \(end.signal)" }
        note("Terminated", text, at: instant, exitCode: end.exitCode, signal: end.signal)
    }

    mutating func restarting(in delay: Duration, at instant: NodeInstant) {
        state.state = .pending
        state.restarts += 1
        state.lastRestartUnixNanoseconds = instant.unixNanoseconds
        note("Restarting", "Task restarting in \(GoDuration(delay))", at: instant)
    }

    mutating func gaveUp(_ policy: RestartPolicy, at instant: NodeInstant) {
        state.isFailed = true
        let text =
            policy.attempts == 0
            ? "Policy allows no restarts"
            : "Exceeded allowed attempts \(policy.attempts) in interval \(policy.interval) and mode "
                + "is \"\(policy.mode)\""
        note("Not Restarting", text, at: instant)
        ended(at: instant)
    }

    /// It can not run at all.
    mutating func refused(_ why: String, at instant: NodeInstant) {
        state.isFailed = true
        note("Driver Failure", why, at: instant)
        ended(at: instant)
    }

    mutating func siblingFailed(_ name: String, at instant: NodeInstant) {
        note("Sibling Task Failed", "Task's sibling \"\(name)\" failed", at: instant)
    }

    mutating func leaderEnded(at instant: NodeInstant) {
        note("Leader Task Dead", "Leader Task in Group dead", at: instant)
    }

    mutating func killing(_ text: String, at instant: NodeInstant) {
        note("Killing", text, at: instant)
    }

    mutating func killed(at instant: NodeInstant) {
        note("Killed", "Task successfully killed", at: instant)
        ended(at: instant)
    }

    /// Nothing more comes of it.
    mutating func ended(at instant: NodeInstant) {
        state.state = .dead
        state.finishedUnixNanoseconds = instant.unixNanoseconds
    }

    private mutating func note(
        _ type: String, _ message: String, at instant: NodeInstant, exitCode: Int = 0,
        signal: Int = 0
    ) {
        var event = TaskEvent(
            type: type, unixNanoseconds: instant.unixNanoseconds,
            displayMessage: String(
                decoding: message.utf8.prefix(Self.messageBytesMax), as: UTF8.self))
        event.exitCode = exitCode
        event.signal = signal
        state.events.append(event)
        state.events.removeFirst(max(0, state.events.count - TaskState.eventsMax))
    }

    /// Below what servers take, also with what replaces a character that was cut.
    private static let messageBytesMax = 1024
}

// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What whoever supervises the process is told, and how often it wants to hear something.
package struct Supervisor: Sendable {
    /// Takes a message of sd_notify(3) and waits for nobody.
    package let tell: @Sendable (String) -> Void
    /// A process that is silent for longer is taken for one that hangs; nil if nobody watches.
    package let patience: Duration?

    package init(patience: Duration?, tell: @escaping @Sendable (String) -> Void) {
        self.patience = patience
        self.tell = tell
    }

    /// As systemd says it: microseconds, in `WATCHDOG_USEC`, for the process `WATCHDOG_PID` if that
    /// is there.
    package static func patience(
        microseconds text: String?, processID: String?, own: Int32
    ) -> Duration? {
        guard let text, let microseconds = Int64(text), microseconds > 0,
            microseconds <= 86_400_000_000, processID == nil || processID == "\(own)"
        else { return nil }
        return .microseconds(microseconds)
    }
}

/// Tells the supervisor that the server runs, what it is, and that its loop turns: the word comes from
/// a timer of the loop, so that a loop that hangs is silent. On the loop.
final class Supervision {
    private let supervisor: Supervisor
    private let loop: any Loop
    private let status: () -> String
    private var timer: (any LoopTimer)?
    private var told = ""
    private var isStopping = false

    /// How old a status may be.
    private static let statusInterval: Duration = .seconds(1)

    /// - Parameter status: one line for people.
    init(_ supervisor: Supervisor, loop: any Loop, status: @escaping () -> String) {
        self.supervisor = supervisor
        self.loop = loop
        // A line's end would begin another word.
        self.status = {
            String(status().map { $0.isNewline ? " " : $0 })
        }
    }

    /// The ports are open.
    func began() {
        told = status()
        supervisor.tell("READY=1\nSTATUS=\(told)")
        timer = loop.makeTimer { [weak self] in self?.tick() }
        arm()
    }

    /// The words go on until the process ends: a stop that hangs is noticed too.
    func stopping() {
        isStopping = true
        supervisor.tell("STOPPING=1\nSTATUS=stopping")
    }

    private func arm() {
        let interval = supervisor.patience.map { min($0 / 3, Self.statusInterval) }
        timer?.arm(at: loop.now + (interval ?? Self.statusInterval))
    }

    private func tick() {
        arm()
        var lines: [String] = supervisor.patience == nil ? [] : ["WATCHDOG=1"]
        if !isStopping {
            let present = status()
            if present != told { lines.append("STATUS=\(present)") }
            told = present
        }
        if !lines.isEmpty { supervisor.tell(lines.joined(separator: "\n")) }
    }
}

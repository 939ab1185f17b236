// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletTransport

/// `operator snapshot agent`: saved states on a schedule, the newest of them kept.
enum SnapshotAgentCommand {
    static let command = Command(
        "operator snapshot agent", "saves the state of the cluster again and again",
        detail: "Saves the state of the cluster into a folder, at once and again and again, and "
            + "keeps the newest files. It needs a server that answers, not a certain one; what "
            + "fails is said in a line and tried again. It runs until it is told to stop.",
        flags: [
            Flag("interval", .duration, "How long from one saved state to the next; 1h."),
            Flag("retain", .count, "How many files to keep; 30. Older ones of its own go."),
            Flag("local-path", .file, "The folder; the present one."),
            Flag("prefix", .text("TEXT"), "What its files' names begin with; martlet-agent."),
            Flag("count", .count, "End after so many saved states."), Commands.stale,
        ], run: run)

    private static let failing = "Failed to save the state"
    /// What failed is tried again so much later, or sooner where the interval is shorter.
    private static let retryDelay: Duration = .seconds(60)

    private static let run: Command.Run = { (invocation) throws(CLIFailure) in
        var agent = try SnapshotAgent(invocation)
        try agent.listen()
        while !agent.isDone {
            let isSaved = agent.saveOnce()
            agent.wait(for: isSaved ? agent.interval : min(agent.interval, retryDelay))
        }
        agent.tell("INFO", "ended")
        return .fine
    }

    private struct SnapshotAgent {
        let interval: Duration
        private let invocation: Invocation
        private let network: CLINetwork
        private let folder: String
        private let prefix: String
        private let retain: Int
        private let isStale: Bool
        private var savesLeft: UInt64
        private let stop = Stop()

        init(_ invocation: Invocation) throws(CLIFailure) {
            let values = invocation.values
            self.invocation = invocation
            let settings = try invocation.settings()
            network = invocation.connection(settings).network
            interval = values.duration("interval")?.duration ?? .seconds(3600)
            retain = Int(clamping: values.count("retain") ?? 30)
            folder = values.text("local-path") ?? "."
            prefix = values.text("prefix") ?? "martlet-agent"
            savesLeft = values.count("count") ?? .max
            isStale = values.isOn("stale")
            guard interval >= .seconds(1) else { throw .usage("-interval must be at least 1s") }
            guard retain > 0, savesLeft > 0 else {
                throw .usage("-retain and -count must be at least 1")
            }
            guard (1...64).contains(prefix.utf8.count), !prefix.utf8.contains(UInt8(ascii: "/"))
            else { throw .usage("-prefix has 1 to 64 bytes, and no slash") }
            do throws(FileError) {
                try invocation.environment.files.makeDirectory(folder)
            } catch {
                throw CLIFailure("\(error)", .unable)
            }
        }

        var isDone: Bool { savesLeft == 0 || stop.isAsked }

        /// Being told to stop ends it between two pieces, and leaves no part of a file.
        func listen() throws(CLIFailure) {
            network.perform { done in
                network.onStop {
                    stop.isAsked = true
                    stop.wake?()
                }
                network.loop.atEndOfTurn(done)
            }
        }

        func tell(_ level: String, _ text: String) {
            let now = invocation.environment.wallClockNanoseconds()
            invocation.line(
                "\(Timestamp.rfc3339(unixNanoseconds: now)) [\(level)] snapshot agent: \(text)")
        }

        /// False when it is to be tried again.
        mutating func saveOnce() -> Bool {
            let name = SnapshotCommands.freshName(prefix, invocation.environment)
            let file = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            do throws(CLIFailure) {
                let bytes = try invocation.saveState(
                    as: file, isStale: isStale, failing: failing, isWanted: { !stop.isAsked })
                savesLeft -= 1
                tell("INFO", "saved \(Text.line(file)): \(Progress.size(bytes))")
            } catch {
                if !stop.isAsked { tell("ERROR", Text.line(error.text)) }
                return false
            }
            removeOld(behind: name)
            return true
        }

        /// The oldest of those that have a name of its own, and nothing else. Names that come behind that of the
        /// newest are of a clock that was ahead: these go first, never what was saved just now.
        private func removeOld(behind newest: String) {
            let files = invocation.environment.files
            do throws(FileError) {
                let own = try files.list(folder).filter(isOwn)
                let ahead = own.filter { $0 > newest }
                for name in (ahead + own.filter { $0 <= newest }).dropLast(retain) {
                    try files.remove("\(folder)/\(name)")
                    tell("INFO", "removed \(Text.line(name))")
                }
            } catch {
                tell("ERROR", "old files could not be removed: \(error)")
            }
        }

        /// `prefix-20261126T024113Z.snap`.
        private func isOwn(_ name: String) -> Bool {
            guard name.hasPrefix("\(prefix)-"), name.hasSuffix(".snap") else { return false }
            let time = Array(name.utf8.dropFirst(prefix.utf8.count + 1).dropLast(5))
            guard time.count == 16, time[8] == UInt8(ascii: "T"), time[15] == UInt8(ascii: "Z")
            else { return false }
            return time.enumerated().allSatisfy { place, byte in
                place == 8 || place == 15 || (0x30...0x39).contains(byte)
            }
        }

        func wait(for duration: Duration) {
            guard !isDone else { return }
            var timer: (any LoopTimer)?
            network.perform { done in
                var isOver = false
                let end = {
                    guard !isOver else { return }
                    isOver = true
                    network.loop.atEndOfTurn(done)
                }
                stop.wake = end
                timer = network.loop.makeTimer(end)
                timer?.arm(at: network.loop.now + duration)
                if stop.isAsked { end() }
            }
            stop.wake = nil
            timer?.disarm()
        }
    }

    /// Set and read on the loop's thread.
    private final class Stop {
        var isAsked = false
        var wake: (() -> Void)?
    }
}

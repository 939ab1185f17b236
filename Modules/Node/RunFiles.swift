// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// What a run and those who look after it tell each other, in small files beside each other.
///
///     N.supervisor   process id and birth of the supervisor: written before it starts the command
///     N.cancelled    nobody must start the command any more; looked for after the file above
///     N.started      process id and birth of the command
///     N.ended        "code 3", "signal 9" or "refused WHY"
///
/// Who cancels looks for the supervisor afterwards, and the supervisor looks for the cancellation after
/// it has said that it is there: one of them sees the other, whatever the order.
struct RunFiles {
    /// A process, and what tells it from others that have had its id.
    struct Identity: Equatable, Sendable {
        let processID: Int32
        let birth: String

        init?(_ text: String) {
            let words = text.split(whereSeparator: \.isWhitespace)
            guard words.count == 2, let id = Int32(words[0]), id > 1 else { return nil }
            processID = id
            birth = String(words[1])
        }

        func isAlive(on machine: any TaskMachine) -> Bool {
            machine.birth(of: processID) == birth
        }
    }

    enum End: Equatable, Sendable {
        case ended(TaskEnd)
        case refused(String)

        init?(_ text: String) {
            let words = text.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { return nil }
            let rest = words[1].prefix { !$0.isNewline }
            switch words[0] {
            case "refused": self = .refused(String(rest))
            case "code":
                guard let code = Int32(rest) else { return nil }
                self = .ended(.code(code))
            case "signal":
                guard let signal = Int32(rest) else { return nil }
                self = .ended(.signal(signal))
            default: return nil
            }
        }
    }

    private static let bytesMax = 4096

    /// What comes before `.supervisor` and so on.
    let prefix: String
    let files: any Files

    var supervisor: Identity? { read("supervisor").flatMap(Identity.init) }
    var started: Identity? { read("started").flatMap(Identity.init) }
    var end: End? { read("ended").flatMap(End.init) }

    var isCancelled: Bool { files.exists("\(prefix).cancelled") }

    func cancel() throws(FileError) { try files.replace("\(prefix).cancelled", with: []) }

    /// Those that are there, but for the cancellation: a supervisor that is slow may still look for it.
    func remove() throws(FileError) {
        for name in ["supervisor", "started", "ended", "log"] {
            let path = "\(prefix).\(name)"
            if files.exists(path) { try files.remove(path) }
        }
    }

    /// nil for one that is not there, or is no text of ours.
    private func read(_ name: String) -> String? {
        do throws(FileError) {
            return String(
                decoding: try files.read("\(prefix).\(name)", limitBytes: Self.bytesMax),
                as: UTF8.self)
        } catch {
            return nil
        }
    }
}

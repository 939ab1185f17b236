// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletHarness

/// Many seeds, shared between worker processes: a trap in one seed is a failure of that seed, and
/// the others go on.
final class Campaign {
    private struct Failure {
        let seed: UInt64
        let reason: String
    }

    private let arguments: Arguments
    private var totals = Totals()
    private var failures: [Failure] = []

    init(_ arguments: Arguments) { self.arguments = arguments }

    /// Seeds per worker: what they print fits a pipe, so that a worker that nobody listens to yet
    /// goes on all the same.
    private static let blockMax: UInt64 = 64

    func run() -> Int32 {
        let start = ContinuousClock.now
        runAll()
        let wall = (ContinuousClock.now - start) / .seconds(1)
        print(totals.summary(failed: failures.count, wallSeconds: wall))
        print(totals.faultTable)
        failures.sort { $0.seed < $1.seed }
        for failure in failures.prefix(3) { explain(failure) }
        return failures.isEmpty ? 0 : 1
    }

    private func runAll() {
        let jobs = UInt64(arguments.jobs)
        let block = min(Self.blockMax, (arguments.seeds + jobs - 1) / jobs)
        var running: [(process: ChildProcess, first: UInt64, count: UInt64)] = []
        var next = arguments.first
        let end = arguments.first + arguments.seeds
        while next < end || !running.isEmpty {
            while running.count < arguments.jobs, next < end {
                let count = min(block, end - next)
                guard let process = worker(next, count) else {
                    failures.append(Failure(seed: next, reason: "a worker cannot be started"))
                    return
                }
                running.append((process, next, count))
                next += count
            }
            let oldest = running.removeFirst()
            follow(oldest.process, oldest.first, oldest.count)
        }
    }

    private var common: [String] {
        (arguments.servers.map { ["--servers", "\($0)"] } ?? [])
            + (arguments.clients.map { ["--clients", "\($0)"] } ?? [])
            + ["--load", arguments.load.rawValue] + (arguments.hasJobs ? ["--jobs-load"] : [])
            + ["--seconds", "\(arguments.seconds)"]
    }

    private func worker(_ first: UInt64, _ count: UInt64) -> ChildProcess? {
        ChildProcess(
            ["--worker", "--first", "\(first)", "--seeds", "\(count)"] + common)
    }

    /// Said at once: a campaign may be long.
    private func note(_ failure: Failure) {
        failures.append(failure)
        print("seed \(failure.seed) FAILED: \(failure.reason)")
        fflush(nil)
    }

    private func follow(_ process: ChildProcess, _ first: UInt64, _ count: UInt64) {
        var underWay: UInt64?
        var failed: UInt64?
        while let line = process.nextLine() {
            let words = line.split(separator: " ", maxSplits: 2)
            switch words.first {
            case "begin": underWay = UInt64(words[1])
            case "end":
                totals.add(line)
                failed = underWay
                underWay = nil
            case "fault" where words.count == 3:
                totals.faults[String(words[2]), default: 0] += Int(words[1]) ?? 0
            case "why":
                note(
                    Failure(seed: failed ?? 0, reason: String(line.dropFirst("why ".count))))
            default: break
            }
        }
        let status = process.wait()
        guard status != 0 else { return }
        let seed = underWay ?? first
        note(Failure(seed: seed, reason: "the process ended with status \(status)"))
        let rest = first + count - seed - 1
        if rest > 0, let again = worker(seed + 1, rest) { follow(again, seed + 1, rest) }
    }

    // MARK: Failures

    private func explain(_ failure: Failure) {
        let commit = arguments.commit.isEmpty ? "" : " at commit \(arguments.commit)"
        print("seed \(failure.seed) FAILED\(commit): \(failure.reason)")
        let needed = Shrinker { self.fails(failure.seed, with: $0) }
            .shortest(of: planned(failure.seed))
        let list = needed.map { "\($0.number)" }.joined(separator: ",")
        print("  the shortest list of faults that still fails:")
        for fault in needed { print("    \(fault.text)") }
        let again =
            (["simulate", "--seed", "\(failure.seed)"] + common
            + ["--only", list.isEmpty ? "none" : list, "--trace"]).joined(separator: " ")
        print("  again: \(again)")
        print("  the end of its trace:")
        for line in trace(failure.seed, with: needed.map(\.number)).suffix(40) {
            print("    \(line)")
        }
    }

    private func single(_ seed: UInt64, _ more: [String]) -> ChildProcess? {
        ChildProcess(["--seed", "\(seed)"] + common + more)
    }

    private func fails(_ seed: UInt64, with faults: [Int]) -> Bool {
        guard let process = single(seed, ["--only", Self.list(faults)]) else { return false }
        while process.nextLine() != nil {}
        return process.wait() != 0
    }

    private func planned(_ seed: UInt64) -> [Shrinker.Fault] {
        guard let process = single(seed, ["--plan"]) else { return [] }
        var faults: [Shrinker.Fault] = []
        while let line = process.nextLine() {
            guard let colon = line.firstIndex(of: ":"), let number = Int(line[..<colon]) else {
                continue
            }
            faults.append(Shrinker.Fault(number: number, text: line))
        }
        _ = process.wait()
        return faults
    }

    private func trace(_ seed: UInt64, with faults: [Int]) -> [String] {
        guard let process = single(seed, ["--trace", "--only", Self.list(faults)]) else {
            return []
        }
        var lines: [String] = []
        while let line = process.nextLine() { lines.append(line) }
        _ = process.wait()
        return lines
    }

    private static func list(_ faults: [Int]) -> String {
        faults.isEmpty ? "none" : faults.map { "\($0)" }.joined(separator: ",")
    }
}

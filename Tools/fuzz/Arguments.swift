// SPDX-License-Identifier: Apache-2.0
import MartletFuzz

/// The command line, read.
struct Arguments {
    enum Mode: Equatable {
        case list
        /// Targets one after another, each in a process of its own.
        case campaign
        /// Such a process.
        case worker
        /// One input, from a file.
        case execute(String)
        /// Looks for defects that are planted on purpose.
        case selfTest
        /// libFuzzer's own loop.
        case coverage
    }

    struct Problem: Error {
        let text: String
        let status: Int32
    }

    var mode = Mode.campaign
    var targets: [FuzzTarget] = []
    /// Of mutations, after the corpus; 0 is the corpus alone.
    var seconds = 0
    /// Ends a run earlier: with the seed it is repeated exactly. 0 for no end.
    var executionsMax: UInt64 = 0
    var seed: UInt64 = 1
    var jobs = 1
    var corpus = "Tests/Fuzz/Corpus"
    /// Adds to the corpus what brought out something new.
    var saves = false
    /// Where findings go.
    var findings = "fuzz-findings"
    /// A worker's: where it leaves the input that it is about to try.
    var trace = ""
    /// libFuzzer's own.
    var rest: [String] = []

    static let usage = """
        usage: fuzz --list
               fuzz --replay [--target NAME…]
               fuzz --all | --target NAME… [--seconds N] [--executions N] [--seed S] [--jobs N] [--save]
               fuzz --execute FILE --target NAME
               fuzz --self-test
               fuzz --coverage --target NAME [-- libFuzzer's options]

          --replay        the corpus alone: the same every time
          --all           every target, each for --seconds
          --target NAME   this one; may be given again
          --seconds N     mutate for so long, each target (10)
          --executions N  and at most so often, each target
          --seed S        of the mutations (1)
          --jobs N        targets at once (1)
          --self-test     finds defects that are planted on purpose, one of each kind
          --execute FILE  try this input, and say what came of it
          --coverage      guided by coverage, in a build by Tools/sanitize fuzzer
          --corpus DIR    Tests/Fuzz/Corpus
          --save          adds a few short inputs that showed something new to the corpus
          --findings DIR  where inputs that break something are written (fuzz-findings)

        The exit status is 1 if something was found, and 2 for a wrong command line.
        """

    static func parse(_ words: [String]) -> Result<Arguments, Problem> {
        var arguments = Arguments()
        arguments.seconds = 10
        var rest = words.dropFirst()
        do throws(Problem) {
            guard !rest.isEmpty else { throw Problem(text: usage, status: 2) }
            while let word = rest.popFirst() { try arguments.take(word, &rest) }
            if arguments.targets.isEmpty { arguments.targets = FuzzTarget.all }
            switch arguments.mode {
            case .execute, .coverage, .worker:
                guard arguments.targets.count == 1 else {
                    throw Problem(text: "one --target is needed here", status: 2)
                }
            case .list, .campaign, .selfTest: break
            }
        } catch {
            return .failure(error)
        }
        return .success(arguments)
    }

    private mutating func take(_ word: String, _ rest: inout ArraySlice<String>) throws(Problem) {
        switch word {
        case "--list": mode = .list
        case "--replay": seconds = 0
        case "--self-test":
            mode = .selfTest
            targets = FuzzTarget.planted
        case "--all": targets = FuzzTarget.all
        case "--target":
            let name = try Self.text(word, &rest)
            guard let target = FuzzTarget.named(name) else {
                throw Problem(text: "no target is named \(name): --list names them", status: 2)
            }
            targets.append(target)
        case "--seconds": seconds = Int(try Self.number(word, &rest, 0...10_000_000))
        case "--executions": executionsMax = try Self.number(word, &rest, 1...UInt64.max)
        case "--seed": seed = try Self.number(word, &rest, 0...UInt64.max)
        case "--jobs": jobs = Int(try Self.number(word, &rest, 1...256))
        case "--execute": mode = .execute(try Self.text(word, &rest))
        case "--coverage": mode = .coverage
        case "--corpus": corpus = try Self.text(word, &rest)
        case "--save": saves = true
        case "--findings": findings = try Self.text(word, &rest)
        case "--worker":
            mode = .worker
            trace = try Self.text(word, &rest)
        case "--":
            self.rest = Array(rest)
            rest = []
        case "--help", "-h": throw Problem(text: Self.usage, status: 0)
        default: throw Problem(text: "unknown argument \(word)\n\(Self.usage)", status: 2)
        }
    }

    private static func text(
        _ name: String, _ rest: inout ArraySlice<String>
    ) throws(Problem) -> String {
        guard let text = rest.popFirst() else {
            throw Problem(text: "\(name) needs a value", status: 2)
        }
        return text
    }

    private static func number(
        _ name: String, _ rest: inout ArraySlice<String>, _ range: ClosedRange<UInt64>
    ) throws(Problem) -> UInt64 {
        guard let text = rest.popFirst(), let number = UInt64(text), range.contains(number) else {
            throw Problem(
                text: "\(name) needs a number from \(range.lowerBound) to \(range.upperBound)",
                status: 2)
        }
        return number
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletHarness

/// The command line, read.
struct Arguments {
    enum Mode {
        /// Many seeds, by workers.
        case many
        /// One seed in this process.
        case one(seed: UInt64)
        /// What a campaign starts: tells of each seed on standard output.
        case worker
        /// Looks for defects that are planted on purpose: Tools/plant, with these names.
        case planted([String])
    }

    struct Problem: Error {
        let text: String
        let status: Int32
    }

    var mode = Mode.many
    /// nil where the command line says nothing.
    var seedsGiven: UInt64?
    var seeds: UInt64 { seedsGiven ?? 100 }
    var first: UInt64 = 1
    /// nil to have it drawn from each seed.
    var servers: Int?
    /// Likewise.
    var clients: Int?
    var load = TrialLoad.sparse
    /// Jobs and nodes too.
    var hasJobs = false
    /// How long faults go on beginning, in simulated seconds.
    var seconds = 25
    var jobs = 1
    var only: Set<Int>?
    var isTraced = false
    var isTracingMessages = false
    /// Print what is planned, and run nothing.
    var isPlanOnly = false
    var commit = ""

    static let usage = """
        usage: simulate --seeds N [--first S] [--servers N] [--seconds 25] [--jobs 1]
               simulate --seed S [--trace] [--only 1,2,3] [--servers N] [--seconds 25]
               simulate --plant all|NAME… [--seeds 10000] [--jobs 1]

          --seeds N     run N seeds, from --first on; 1 is the exit status if one of them fails
          --first S     the first seed (1)
          --seed S      run one seed, and say what happened
          --trace       with --seed: print the trace
          --plan        with --seed: print the planned faults, and run nothing
          --messages    with --trace: every Raft message too
          --only LIST   with --seed: only these of the planned faults happen, or none
          --servers N   servers that found the cluster, 1 to 7 (3, 5 or 7, by the seed)
          --clients N   clients that ask, 1 to 64 (by the seed and the load)
          --load NAME   sparse (default): 2 or 3 clients; dense: 3 to 8, which ask more often
          --jobs-load   jobs are scheduled too, on nodes that fall silent and come back
          --seconds N   how long faults go on beginning, in simulated time (25)
          --jobs N      processes that share the work (1)
          --plant NAME… plant these defects, or all, in a copy of the sources (Tools/plant), and say
                        how many seeds it takes to find each
          --commit ID   what failures are reported as failures of
        """

    static func parse(_ words: [String]) -> Result<Arguments, Problem> {
        var arguments = Arguments()
        var rest = words.dropFirst()
        do throws(Problem) {
            while let word = rest.popFirst() {
                try arguments.take(word, &rest)
            }
        } catch {
            return .failure(error)
        }
        return .success(arguments)
    }

    private mutating func take(_ word: String, _ rest: inout ArraySlice<String>) throws(Problem) {
        switch word {
        case "--seeds": seedsGiven = try Self.number(word, &rest, 1...UInt64.max)
        case "--first": first = try Self.number(word, &rest, 0...UInt64.max)
        case "--seed": mode = .one(seed: try Self.number(word, &rest, 0...UInt64.max))
        case "--servers": servers = Int(try Self.number(word, &rest, 1...7))
        case "--clients": clients = Int(try Self.number(word, &rest, 1...64))
        case "--load":
            let name = rest.popFirst() ?? ""
            guard let known = TrialLoad(rawValue: name) else {
                throw Problem(text: "--load needs sparse or dense, not '\(name)'", status: 2)
            }
            load = known
        case "--jobs-load": hasJobs = true
        case "--seconds": seconds = Int(try Self.number(word, &rest, 1...1_000_000))
        case "--jobs": jobs = Int(try Self.number(word, &rest, 1...1_024))
        case "--only": only = try Self.list(word, &rest)
        case "--commit": commit = rest.popFirst() ?? ""
        case "--plan": isPlanOnly = true
        case "--trace": isTraced = true
        case "--messages": isTracingMessages = true
        case "--worker": mode = .worker
        case "--plant": mode = .planted(try Self.names(&rest))
        case "--help", "-h": throw Problem(text: Self.usage, status: 0)
        default: throw Problem(text: "unknown argument \(word)\n\(Self.usage)", status: 2)
        }
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

    private static func names(_ rest: inout ArraySlice<String>) throws(Problem) -> [String] {
        let names = rest.prefix { !$0.hasPrefix("--") }
        rest.removeFirst(names.count)
        guard !names.isEmpty else {
            throw Problem(text: "--plant needs names of defects, or all", status: 2)
        }
        return Array(names)
    }

    private static func list(
        _ name: String, _ rest: inout ArraySlice<String>
    ) throws(Problem) -> Set<Int> {
        let text = rest.popFirst() ?? ""
        if text == "none" { return [] }
        let words = text.split(separator: ",")
        let numbers = words.compactMap { Int($0) }
        guard numbers.count == words.count else {
            throw Problem(text: "\(name) needs numbers with commas between them", status: 2)
        }
        return Set(numbers)
    }
}

// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletFuzz

/// Tries inputs of one target until time is up: the corpus first, then mutations of it and of what
/// showed something new. Ends with a line for its parent, or with it the input that broke something
/// is in the trace.
struct Worker {
    /// Exit statuses, beside 0 and what signals give.
    static let found: Int32 = 70
    static let slow: Int32 = 71

    private let arguments: Arguments
    private let target: FuzzTarget

    /// The process may take so much more memory than it has at its start: a hundred times what the
    /// largest input may make.
    private static let memoryBytesMax = 512 << 20
    /// Of processor time, for one input: thousands of times what any takes.
    private static let nanosecondsMax: Int64 = 500_000_000
    private static let poolMax = 2048
    /// A corpus in a repository stays small.
    private static let savedMax = 12
    private static let savedBytesMax = 512

    init(_ arguments: Arguments) {
        self.arguments = arguments
        target = arguments.targets[0]
    }

    func run() -> Int32 {
        guard let trace = Trace(arguments.trace) else {
            print("error: cannot map \(arguments.trace)")
            return 2
        }
        Self.limitMemory()
        var run = Run(target: target, trace: trace)
        for (_, bytes) in Disk.corpus(arguments.corpus, target: target.name) {
            if let status = run.execute(bytes) { return status }
            run.pool.append(bytes)
        }
        let replayed = run.executions
        if arguments.seconds > 0, let status = mutate(&run) { return status }
        print("done \(run.executions) \(replayed) \(run.pool.count)")
        return 0
    }

    private func mutate(_ run: inout Run) -> Int32? {
        var mutator = Mutator(target, seed: arguments.seed ^ UInt64(target.name.utf8.count) << 56)
        if run.pool.isEmpty { run.pool.append([]) }
        let end = Self.now() + Int64(arguments.seconds) * 1_000_000_000
        let limit = arguments.executionsMax
        var saved = 0
        while limit == 0 || run.executions < limit {
            if run.executions & 255 == 0, Self.now() >= end { break }
            let input = mutator.mutated(
                mutator.random.pick(run.pool), with: mutator.random.pick(run.pool))
            if let status = run.execute(input) { return status }
            guard run.isNew else { continue }
            if arguments.saves, saved < Self.savedMax, input.count <= Self.savedBytesMax {
                Disk.write(
                    input, to: "\(arguments.corpus)/\(target.name)/\(Disk.name(of: input))")
                saved += 1
            }
            if run.pool.count < Self.poolMax {
                run.pool.append(input)
            } else {
                run.pool[mutator.random.below(Self.poolMax)] = input
            }
        }
        return nil
    }

    /// One input from a file.
    func execute(_ path: String) -> Int32 {
        guard let bytes = Disk.read(path) else {
            print("error: cannot read \(path)")
            return 2
        }
        Self.limitMemory()
        var run = Run(target: target, trace: nil)
        if let status = run.execute(bytes) { return status }
        print("fine: \(bytes.count) bytes")
        return 0
    }

    /// What a target does with an input, and whether that is new.
    private struct Run {
        let target: FuzzTarget
        let trace: Trace?
        var pool: [[UInt8]] = []
        private(set) var executions: UInt64 = 0
        private(set) var isNew = false
        private var seen: Set<UInt64> = []

        init(target: FuzzTarget, trace: Trace?) {
            self.target = target
            self.trace = trace
        }

        /// - Returns: the exit status, if this was the last.
        mutating func execute(_ input: [UInt8]) -> Int32? {
            trace?.note(input, number: executions)
            executions += 1
            let start = Worker.now()
            do throws(Finding) {
                isNew = seen.insert(try target.run(input)).inserted
            } catch {
                print("finding \(error)")
                return Worker.found
            }
            guard Worker.now() - start > Worker.nanosecondsMax else { return nil }
            return isSlow(input) ? Worker.slow : nil
        }

        /// The machine may have been busy with something else: three times, on this thread's clock.
        private func isSlow(_ input: [UInt8]) -> Bool {
            for _ in 0..<3 {
                let start = Worker.now(CLOCK_THREAD_CPUTIME_ID)
                // It was fine before.
                _ = try? target.run(input)
                let spent = Worker.now(CLOCK_THREAD_CPUTIME_ID) - start
                if spent <= Worker.nanosecondsMax { return false }
            }
            print("finding takes more than \(Worker.nanosecondsMax / 1_000_000) ms")
            return true
        }
    }

    private static func now(_ clock: Int32 = CLOCK_MONOTONIC) -> Int64 {
        var time = timespec()
        // SAFETY: the time is written before it is read.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// An allocation beyond the bound fails, and what needs it traps. Sanitizers map terabytes of
    /// addresses for themselves, and are let alone.
    private static func limitMemory() {
        guard let pages = addressPages(), pages < 1 << 24 else { return }
        let limit = rlim_t(pages * 4096 + memoryBytesMax)
        var bounds = rlimit(rlim_cur: limit, rlim_max: limit)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &bounds)
    }

    private static func addressPages() -> Int? {
        guard let text = Disk.read("/proc/self/statm") else { return nil }
        return Int(String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self))
    }
}

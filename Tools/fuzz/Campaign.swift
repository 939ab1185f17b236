// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletFuzz

/// Runs targets, each in a process of its own, and writes down what breaks them.
struct Campaign {
    private let arguments: Arguments
    private let scratch: String

    /// A worker that tries no other input for so long hangs.
    private static let patienceSeconds = 20

    init(_ arguments: Arguments) {
        self.arguments = arguments
        scratch = "/tmp/fuzz.\(getpid())"
    }

    private struct Job {
        let target: FuzzTarget
        let process: ChildProcess
        let trace: Trace
        let path: String
        var lastNumber: UInt64 = .max
        var quietTicks = 0
    }

    func run() -> Int32 { findings() == 0 ? 0 : 1 }

    /// Every target has a defect.
    func runSelfTest() -> Int32 {
        let missed = arguments.targets.count - findings()
        print(missed == 0 ? "all of them were found" : "error: \(missed) were not found")
        return missed == 0 ? 0 : 1
    }

    private func findings() -> Int {
        var waiting = arguments.targets[...]
        var jobs: [Job] = []
        var total: UInt64 = 0
        var findings = 0
        while !waiting.isEmpty || !jobs.isEmpty {
            while jobs.count < arguments.jobs, let target = waiting.popFirst() {
                guard let job = start(target) else {
                    print("error: cannot start a process for \(target.name)")
                    exit(2)
                }
                jobs.append(job)
            }
            usleep(20_000)
            jobs = jobs.compactMap { job in
                var job = job
                guard let status = ended(&job) else { return job }
                let outcome = report(job, status)
                total += outcome.executions
                findings += outcome.isFinding ? 1 : 0
                fflush(nil)  // Whoever reads along sees each target as it ends.
                Disk.remove(job.path)
                Disk.remove(job.path + ".out")
                return nil
            }
        }
        print("\(total) executions of \(arguments.targets.count) targets, \(findings) findings")
        return findings
    }

    private func start(_ target: FuzzTarget) -> Job? {
        let path = "\(scratch).\(target.name)"
        var words = [
            "--worker", path, "--target", target.name, "--seconds", "\(arguments.seconds)",
            "--seed", "\(arguments.seed)", "--corpus", arguments.corpus,
        ]
        if arguments.executionsMax > 0 { words += ["--executions", "\(arguments.executionsMax)"] }
        if arguments.saves { words.append("--save") }
        Disk.remove(path)
        guard let trace = Trace(path),
            let process = ChildProcess(words, output: path + ".out")
        else { return nil }
        return Job(target: target, process: process, trace: trace, path: path)
    }

    private func ended(_ job: inout Job) -> Int32? {
        if let status = job.process.poll() { return status }
        let number = job.trace.number
        job.quietTicks = number == job.lastNumber ? job.quietTicks + 1 : 0
        job.lastNumber = number
        guard job.quietTicks > Self.patienceSeconds * 50 else { return nil }
        job.process.kill()
        _ = job.process.wait()
        return 128 + SIGKILL
    }

    private func report(_ job: Job, _ status: Int32) -> (executions: UInt64, isFinding: Bool) {
        let lines = String(decoding: Disk.read(job.path + ".out") ?? [], as: UTF8.self)
            .split(separator: "\n").map(String.init)
        let name = padded(job.target.name, 18)
        if status == 0, let done = lines.last(where: { $0.hasPrefix("done ") }) {
            let numbers = done.split(separator: " ").compactMap { UInt64($0) }
            print(
                "\(name) \(numbers[0]) executions, \(numbers[1]) of the corpus, pool \(numbers[2])")
            return (numbers[0], false)
        }
        if status == 2 {
            print("\(name) error: \(lines.last ?? "")")
            return (0, true)
        }
        let input = Minimizer(target: job.target, scratch: scratch, status: status)
            .minimized(job.trace.input)
        let path =
            "\(arguments.findings)/\(job.target.name)-\(status)-\(Disk.name(of: input))"
        Disk.write(input, to: path)
        print("\(name) FOUND after \(job.trace.number): \(Self.meaning(status))")
        for line in lines.suffix(3) { print("    \(line)") }
        print("    \(input.count) bytes in \(path)")
        print("    fuzz --execute \(path) --target \(job.target.name)")
        return (job.trace.number, true)
    }

    private static func meaning(_ status: Int32) -> String {
        switch status {
        case Worker.found: "a property does not hold"
        case Worker.slow: "it takes too long"
        case 128 + SIGKILL: "it hangs"
        default: "it ends with status \(status)"
        }
    }

}

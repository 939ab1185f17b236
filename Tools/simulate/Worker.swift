// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletHarness

/// Runs seeds and tells of each, so that whoever reads along knows which one trapped, if one does:
///
///     begin SEED
///     end SEED TRACE EVENTS OPERATIONS STEPS SIMULATED-NANOSECONDS CPU-NANOSECONDS ok|failed
///     why TEXT                for a seed that failed
///     fault COUNT NAME        at the end, for all seeds
struct Worker {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() {
        var faults: [String: Int] = [:]
        for seed in arguments.first..<(arguments.first + arguments.seeds) {
            print("begin \(seed)")
            // A trap would take with it what is not written.
            fflush(nil)
            let start = Self.processNanoseconds()
            let report = Trial(arguments.settings(seed: seed)).run()
            let spent = Self.processNanoseconds() - start
            let seconds = report.simulated.components
            let simulated = seconds.seconds * 1_000_000_000 + seconds.attoseconds / 1_000_000_000
            print(
                "end \(seed) \(hexadecimal(report.traceHash)) \(report.events) "
                    + "\(report.operations) \(report.steps) \(simulated) \(spent) "
                    + (report.violation == nil ? "ok" : "failed"))
            for (name, count) in report.faults { faults[name, default: 0] += count }
            if let violation = report.violation { print("why \(violation)") }
        }
        for name in faults.keys.sorted() { print("fault \(faults[name] ?? 0) \(name)") }
    }

    private static func processNanoseconds() -> Int64 {
        var time = timespec()
        // SAFETY: the time is written before it is read.
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

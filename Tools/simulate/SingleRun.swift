// SPDX-License-Identifier: Apache-2.0
import MartletHarness

extension Arguments {
    func settings(seed: UInt64) -> TrialSettings {
        var settings = TrialSettings(seed: seed)
        settings.servers = servers
        settings.clients = clients
        settings.load = load
        settings.hasJobs = hasJobs
        settings.faultsLast = .seconds(seconds)
        settings.only = only
        settings.isTraced = isTraced
        settings.isTracingMessages = isTracingMessages
        return settings
    }
}

/// One seed in this process.
struct SingleRun {
    private let arguments: Arguments
    private let seed: UInt64

    init(_ arguments: Arguments, seed: UInt64) {
        self.arguments = arguments
        self.seed = seed
    }

    func run() -> Int32 {
        if arguments.isPlanOnly {
            for fault in Trial(arguments.settings(seed: seed)).plan.faults { print(fault) }
            return 0
        }
        let report = Trial(arguments.settings(seed: seed)).run()
        for line in report.trace { print(line) }
        print(
            "seed \(seed): trace \(hexadecimal(report.traceHash)), \(report.events) events, "
                + "\(report.operations) operations, \(report.simulated) simulated")
        for fault in report.planned { print("  \(fault)") }
        guard let violation = report.violation else {
            print("ok")
            return 0
        }
        print("FAILED: \(violation)")
        return 1
    }
}

func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

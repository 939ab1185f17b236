// SPDX-License-Identifier: Apache-2.0
import MartletHarness
import MartletSimulation

let start = ContinuousClock.now
var simulated = Duration.zero
let first = UInt64(CommandLine.arguments.dropFirst().first ?? "1") ?? 1
let count = UInt64(CommandLine.arguments.dropFirst(2).first ?? "1") ?? 1
for seed in first..<(first + count) {
    var settings = TrialSettings(seed: seed)
    settings.isTraced = CommandLine.arguments.count > 3
    let report = Trial(settings).run()
    simulated += report.simulated
    for line in report.trace { print(line) }
    print(seed, report.traceHash, report.events, report.operations, report.faults.map(\.count).reduce(0,+), report.simulated, report.violation.map { "\($0)" } ?? "ok")
}
let took = ContinuousClock.now - start
print("\(took), \(simulated / took)x")

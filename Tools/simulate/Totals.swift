// SPDX-License-Identifier: Apache-2.0

/// Sums over all seeds of a campaign.
struct Totals {
    var faults: [String: Int] = [:]
    private var seeds = 0
    private var events: Int64 = 0
    private var operations: Int64 = 0
    private var steps: Int64 = 0
    private var simulatedNanoseconds: Int64 = 0
    private var processorNanoseconds: Int64 = 0

    /// Takes up the `end` line of a worker.
    mutating func add(_ line: String) {
        let numbers = line.split(separator: " ").dropFirst(3).compactMap { Int64($0) }
        guard numbers.count == 5 else { return }
        seeds += 1
        events += numbers[0]
        operations += numbers[1]
        steps += numbers[2]
        simulatedNanoseconds += numbers[3]
        processorNanoseconds += numbers[4]
    }

    func summary(failed: Int, wallSeconds: Double) -> String {
        let simulated = Double(simulatedNanoseconds) / 1e9
        let speed = Double(simulatedNanoseconds) / Double(max(1, processorNanoseconds))
        return "\(seeds) seeds, \(failed) failed: \(Int(simulated)) s simulated in "
            + "\(Int(wallSeconds)) s, \(Int(speed)) times real time per core, "
            + "\(faults.values.reduce(0, +)) faults, \(operations) operations, "
            + "\(events) events, \(steps) steps checked"
    }

    var faultTable: String {
        faults.keys.sorted().map { "  \(faults[$0] ?? 0)  \($0)" }.joined(separator: "\n")
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletSimulation

/// What became of one trial.
package struct TrialReport: Sendable {
    package let seed: UInt64
    package let violation: Violation?
    package let traceHash: UInt64
    package let events: UInt64
    /// Steps of Raft cores that were checked.
    package let steps: UInt64
    package let operations: Int
    package let simulated: Duration
    /// Kind of fault and how often it struck, by name.
    package let faults: [(name: String, count: Int)]
    /// Numbers of the planned faults that there were.
    package let planned: [PlannedFault]
    /// Lines in order, if the trial was traced.
    package let trace: [String]

    init(_ trial: Trial, violation: Violation?) {
        seed = trial.settings.seed
        self.violation = violation
        traceHash = trial.world.traceHash
        events = trial.world.eventCount
        steps = trial.monitor.stepCount
        operations = trial.recorder.operationCount
        simulated = trial.world.now
        faults = trial.struck.keys.sorted().map { ($0, trial.struck[$0] ?? 0) }
        planned = trial.plan.faults.filter {
            trial.settings.only?.contains($0.number) ?? true
        }
        trace = trial.trace
    }
}

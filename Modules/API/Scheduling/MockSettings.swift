// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// What the `mock` driver makes of a task: nothing runs, and everything happens when it is due.
package struct MockSettings: Hashable, Sendable {
    /// From being told to run until it runs.
    package var startDelay = GoDuration.zero
    /// How long it runs; nil for as long as it may.
    package var runFor: GoDuration?
    /// What it ends with.
    package var exitCode = 0
    /// From being told to stop until it has.
    package var killAfter = GoDuration.zero
    /// It fails, with exit code 1, when it has run for so long; nil for never.
    package var failAt: GoDuration?

    package init() {}

    /// Reads `start_delay`, `run_for`, `exit_code`, `kill_after` and `fail_at`; spans as texts such as
    /// `1m30s`, or in nanoseconds.
    ///
    /// - Throws: 400 that names the field.
    package init(_ config: JSONText?) throws(APIError) {
        guard let config else { return }
        let fields = try BodyFields(
            try ConfigurationKind.job.parse(body: Array(config.text.utf8)), of: .job)
        startDelay = try fields.mockSpan("start_delay") ?? .zero
        runFor = try fields.mockSpan("run_for")
        exitCode = try fields.int("exit_code", default: 0)
        killAfter = try fields.mockSpan("kill_after") ?? .zero
        failAt = try fields.mockSpan("fail_at")
    }
}

extension BodyFields {
    fileprivate func mockSpan(_ name: String) throws(APIError) -> GoDuration? {
        guard let span = try optionalSpan(name) else { return nil }
        guard .zero <= span, span <= SchedulingBounds.durationMax else {
            throw refusal(name, "must be between 0 and a hundred years")
        }
        return span
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI

/// Whether the deployment that an instance belongs to can be told that it does well: once it has run
/// for as long as its strategy asks.
struct HealthWatch: Sendable {
    /// nil without a deployment: nobody asks.
    private let after: Duration?
    private var since: NodeInstant?
    private(set) var verdict: (isHealthy: Bool, unixNanoseconds: Int64)?

    init(_ assignment: Assignment) {
        after =
            assignment.isInDeployment
            ? (assignment.group.update ?? UpdateStrategy()).minHealthyTime.duration : nil
    }

    /// What was found before.
    mutating func restore(isHealthy: Bool, unixNanoseconds: Int64) {
        verdict = (isHealthy, unixNanoseconds)
    }

    /// When there may be more to say; nil for never.
    var nextEventAt: Duration? {
        guard verdict == nil, let after, let since else { return nil }
        return since.now + after
    }

    mutating func look(isRunning: Bool, hasFailed: Bool, at instant: NodeInstant) {
        since = isRunning ? since ?? instant : nil
        guard after != nil else { return }
        if hasFailed {
            if verdict?.isHealthy != false { verdict = (false, instant.unixNanoseconds) }
        } else if let time = nextEventAt, time <= instant.now {
            verdict = (true, instant.unixNanoseconds)
        }
    }
}

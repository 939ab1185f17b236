// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// When a failed allocation is tried again, and what its replacement remembers of that (H5, H6).
package enum Rescheduling {
    /// What is to be done about a failed allocation.
    package enum Verdict: Equatable, Sendable {
        /// It is not tried again: no policy, or no attempts left.
        case never
        /// At this instant of the wall clock, which may be past.
        case at(unixNanoseconds: Int64)
    }

    /// Events that are kept when attempts are unlimited.
    package static let eventsMax = 5

    /// - Parameters:
    ///   - policy: that of the allocation's group, in the allocation's version of the job.
    ///   - now: of the wall clock here. Its node's may go otherwise: it failed after it was made, and before now.
    package static func verdict(
        on allocation: Allocation, policy: ReschedulePolicy?, at now: Int64 = .max
    ) -> Verdict {
        guard let policy, policy.isEnabled, allocation.clientStatus == .failed else {
            return .never
        }
        let failed = allocation.ended(by: now)
        let delay = nextDelay(after: allocation, policy: policy, at: now)
        let next = Verdict.at(unixNanoseconds: failed.saturatingAdd(delay))
        if policy.unlimited { return next }
        let recent = events(of: allocation, within: policy, at: failed).count
        if recent == 0 { return next }
        let isWithin = recent < policy.attempts && delay < policy.interval.nanoseconds
        return isWithin ? next : .never
    }

    /// Nanoseconds between the failure and the next attempt: the policy's delay, grown with each
    /// attempt so far, and back at its start once an instance outlived the longest delay.
    package static func nextDelay(
        after allocation: Allocation, policy: ReschedulePolicy, at now: Int64 = .max
    ) -> Int64 {
        let initial = max(0, policy.delay.nanoseconds)
        guard let last = allocation.reschedules.last else { return initial }
        let grown: Int64
        switch policy.delayFunction {
        case .constant, nil: return initial
        case .exponential: grown = last.delay.nanoseconds.saturatingAdd(last.delay.nanoseconds)
        case .fibonacci: grown = fibonacci(allocation.reschedules, policy: policy)
        }
        let longest = policy.maxDelay.nanoseconds
        guard longest > 0, grown >= longest else { return max(0, grown) }
        let lived = allocation.ended(by: now).saturatingSubtract(last.unixNanoseconds)
        return lived > longest ? initial : longest
    }

    /// The sum of the last two delays. After one reset to the start the series begins anew.
    private static func fibonacci(_ events: [RescheduleEvent], policy: ReschedulePolicy) -> Int64 {
        let last = events[events.count - 1].delay
        guard events.count >= 2 else { return last.nanoseconds }
        let before = events[events.count - 2].delay
        let wasReset = before == policy.maxDelay && last == policy.delay
        return wasReset
            ? last.nanoseconds : last.nanoseconds.saturatingAdd(before.nanoseconds)
    }

    /// What the replacement of `allocation` remembers: the attempts that still count, and this one.
    package static func history(
        replacing allocation: Allocation, policy: ReschedulePolicy?, at unixNanoseconds: Int64
    ) -> [RescheduleEvent] {
        var kept: [RescheduleEvent] = []
        var delay = GoDuration.zero
        if let policy {
            delay = GoDuration(
                nanoseconds: nextDelay(after: allocation, policy: policy, at: unixNanoseconds))
            kept =
                policy.unlimited
                ? Array(allocation.reschedules.suffix(eventsMax - 1))
                : events(of: allocation, within: policy, at: unixNanoseconds)
        }
        kept.append(
            RescheduleEvent(
                unixNanoseconds: unixNanoseconds, previousAllocation: allocation.id,
                previousNode: allocation.nodeID, delay: delay))
        return kept
    }

    private static func events(
        of allocation: Allocation, within policy: ReschedulePolicy, at instant: Int64
    ) -> [RescheduleEvent] {
        allocation.reschedules.filter {
            instant.saturatingSubtract($0.unixNanoseconds) < policy.interval.nanoseconds
        }
    }
}

extension Allocation {
    /// Its group in its own version of the job.
    var ownGroup: TaskGroup? { job.value.lookup(group: group) }

    /// When it ended, as its node told, else when it was last changed; but not before the servers made it, and
    /// not after `now`, which are by their clocks. A node whose clock is behind would else have each instance
    /// fail long ago, and be replaced at once; one whose clock is ahead, have it live long.
    func ended(by now: Int64) -> Int64 {
        let finished = (taskStates?.value).flatMap { states in
            states.map(\.value.finishedUnixNanoseconds).max()
        }
        let told = finished.flatMap { $0 > 0 ? $0 : nil } ?? modifyUnixNanoseconds
        return min(max(told, createUnixNanoseconds), now)
    }
}

extension Int64 {
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? (other < 0 ? .min : .max) : sum
    }

    func saturatingSubtract(_ other: Int64) -> Int64 {
        let (difference, isTooLarge) = subtractingReportingOverflow(other)
        return isTooLarge ? (other < 0 ? .max : .min) : difference
    }
}

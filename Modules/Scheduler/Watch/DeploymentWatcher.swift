// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Follows deployments: promotes, fails, rolls back, and asks for the next step.
///
/// The scheduler replaces instances; this decides when it may go on. Lives on the leader; what it
/// remembers is only what it has asked for already, so a new leader asks once more.
///
/// A deadline is a time of the day that another server may have written, by another clock. What is left until
/// then is taken when it is first seen, and waited for by a clock that never jumps. One that is over by then, or
/// further off than a deployment may take without progress, is counted anew from there: a server whose clock
/// is ahead fails nothing by taking over, nor does one whose clock is set, at the price of one more
/// span after a change of leader that came too late. So is that of a deployment that was paused, from
/// where it goes on.
///
///     running ──(healthy canaries, automatic)──▶ promoted ──(healthy)──▶ successful, by the scheduler
///        │ unhealthy without a deadline, or no progress in time
///        └──▶ failed ──(automatic)──▶ the last stable version is registered again
package struct DeploymentWatcher: Sendable {
    /// A deployment as the state shows it.
    package struct View: Sendable {
        package var deployment: Deployment
        /// Those that belong to it, in any order.
        package var allocations: [Shared<Allocation>]
        /// The newest version before the deployment's that is stable; nil if there is none.
        package var stableJob: Shared<Job>?
        /// The deployment's own version, or nil if the job is gone.
        package var job: Shared<Job>?

        package init(
            _ deployment: Deployment, allocations: [Shared<Allocation>] = [],
            job: Shared<Job>? = nil, stableJob: Shared<Job>? = nil
        ) {
            self.deployment = deployment
            self.allocations = allocations
            self.job = job
            self.stableJob = stableJob
        }
    }

    /// What is to be written, each in one entry.
    package enum Command: Equatable, Sendable {
        /// These groups' canaries are good.
        case promote(deployment: UniqueID, groups: [String], Evaluation)
        /// The deployment has failed. With a version, the job is registered as that again.
        case fail(DeploymentStatusUpdate, revertTo: Shared<Job>?, Evaluation)
        /// Instances that failed may be placed again, while there is time.
        case allowRescheduling([UniqueID], Evaluation)
        /// Something became healthy: the next instances may be replaced, or all is done.
        case evaluate(Evaluation)
    }

    /// What was acted upon.
    private struct Memory: Equatable, Sendable {
        var healthy: Set<UniqueID> = []
        var rescheduled: Set<UniqueID> = []
        var isClosed = false
        /// No progress was to be made: what is due begins again when the deployment goes on.
        var isPaused = false
        private var written: Int64 = 0
        private var due: Duration = .zero

        /// When a deadline passes by the clock of this server that never jumps.
        mutating func due(of deadline: Deadline, at now: Duration, wall: Int64) -> Duration {
            let isKnown = written == deadline.unixNanoseconds
            written = deadline.unixNanoseconds
            if isPaused || !isKnown {
                let span = deadline.spanNanoseconds
                let left = written.saturatingSubtract(wall)
                due = now + .nanoseconds(left > 0 && !isPaused ? min(left, span) : span)
            }
            isPaused = false
            return due
        }
    }

    struct Deadline {
        /// As it was written.
        let unixNanoseconds: Int64
        /// How long there may be no progress.
        let spanNanoseconds: Int64
    }

    private var memories: [UniqueID: Memory] = [:]
    private var deadlines: [UniqueID: Duration] = [:]

    package init() {}

    /// The deployment is over, or gone.
    package mutating func forget(_ id: UniqueID) {
        memories[id] = nil
        deadlines[id] = nil
    }

    /// When the earliest progress deadline passes, by the monotonic clock of ``observe(_:unixNanoseconds:at:ids:)``;
    /// nil: none does.
    package var nextEventAt: Duration? { deadlines.values.min() }

    /// Those whose progress deadline has passed, ascending.
    package func due(at now: Duration) -> [UniqueID] {
        deadlines.lazy.filter { $0.value <= now }.map(\.key).sorted()
    }

    /// Looks at one deployment: after each change of it or of its allocations, and when it is
    /// ``due(at:)``.
    ///
    /// - Parameters:
    ///   - wall: the time of the day, which may jump.
    ///   - now: of the monotonic clock.
    ///   - ids: for evaluations.
    package mutating func observe(
        _ view: View, unixNanoseconds wall: Int64, at now: Duration, ids: inout IDSource
    ) -> [Command] {
        let id = view.deployment.id
        guard view.deployment.isActive else {
            forget(id)
            return []
        }
        var memory = memories[id] ?? Memory()
        defer { memories[id] = memory }
        if memory.isClosed { return [] }
        let look = DeploymentLook(view: view, now: wall)
        if view.deployment.status == .paused { memory.isPaused = true }
        let due = look.nextDeadline.map { memory.due(of: $0, at: now, wall: wall) }
        deadlines[id] = due
        if let reason = look.failure(isOverdue: due.map { $0 <= now } ?? false) {
            memory.isClosed = true
            deadlines[id] = nil
            return [look.fail(reason, ids.next())]
        }
        // A pause stops what goes on by itself; failures count all the same.
        guard view.deployment.status == .running else { return [] }
        if look.mayPromote {
            memory.healthy = look.healthy
            let groups = look.unpromotedGroups
            return [.promote(deployment: id, groups: groups, look.evaluation(ids.next()))]
        }
        let retries = look.reschedulable.subtracting(memory.rescheduled)
        if !retries.isEmpty {
            memory.rescheduled.formUnion(retries)
            memory.healthy = look.healthy
            return [.allowRescheduling(retries.sorted(), look.evaluation(ids.next()))]
        }
        guard look.mayGoOn else { return [] }
        let healthy = look.healthy
        guard !healthy.isSubset(of: memory.healthy) else { return [] }
        memory.healthy = healthy
        return [.evaluate(look.evaluation(ids.next()))]
    }
}

extension Job {
    /// What shall run is the same, whatever has become of it.
    package func hasSameSpecification(as other: Job) -> Bool {
        var mine = self
        mine.status = other.status
        mine.statusDescription = other.statusDescription
        mine.version = other.version
        mine.isStable = other.isStable
        mine.submitUnixNanoseconds = other.submitUnixNanoseconds
        mine.createIndex = other.createIndex
        mine.modifyIndex = other.modifyIndex
        mine.jobModifyIndex = other.jobModifyIndex
        return mine == other
    }
}

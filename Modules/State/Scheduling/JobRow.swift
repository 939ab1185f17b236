// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// A version of a job: no two registrations have one log index.
package struct JobVersionKey: Hashable, Comparable, Sendable {
    package var job: JobKey
    /// Log index of its registration.
    package var jobModifyIndex: UInt64

    package init(job: JobKey, jobModifyIndex: UInt64) {
        self.job = job
        self.jobModifyIndex = jobModifyIndex
    }

    package init(of job: Job) { self.init(job: job.key, jobModifyIndex: job.jobModifyIndex) }

    package static func < (left: Self, right: Self) -> Bool {
        left.job != right.job
            ? left.job < right.job : left.jobModifyIndex < right.jobModifyIndex
    }
}

/// What was asked, as it was registered, for as long as a job's history or an allocation needs it.
struct JobSpec: Equatable, Sendable {
    let job: Shared<Job>
    /// Allocations that run it, and one for the history.
    var references: Int
}

/// A job as it is: its newest version with its status, and what is counted of it.
struct JobRow: Equatable, Sendable {
    struct Version: Equatable, Sendable {
        var jobModifyIndex: UInt64
        var version: UInt64
        var isStable: Bool
    }

    /// As many versions are kept.
    static let versionsMax = 6
    /// As many groups are counted; those that the job no longer has go first.
    static let groupsMax = 1024

    var job: Shared<Job>
    /// The newest first.
    var versions: [Version]
    var summary: JobSummary
    /// Allocations and evaluations that are not terminal.
    var liveAllocations = 0
    var liveEvaluations = 0
    /// Whether it ever had an allocation or evaluation.
    var hadWork = false

    /// Nomad's rules: what is stopped is dead; a system job runs until then; others run while an
    /// allocation does, and are dead once everything that there was has ended.
    var status: JobStatus {
        let job = job.value
        if job.isStopped { return .dead }
        if job.type == .system || job.isPeriodic || job.isParameterized { return .running }
        if liveAllocations > 0 { return .running }
        if liveEvaluations > 0 { return .pending }
        return hadWork ? .dead : .pending
    }

    /// - Returns: whether the job has changed.
    mutating func settle(at index: UInt64) -> Bool {
        let status = status
        guard status != job.value.status else { return false }
        var changed = job.value
        changed.status = status
        changed.modifyIndex = index
        job = Shared(changed)
        return true
    }

    mutating func countGroups(at index: UInt64) {
        for group in job.value.groups where summary.groups[group.name] == nil {
            summary.groups[group.name] = JobSummary.Group()
            summary.modifyIndex = index
        }
        guard summary.groups.count > Self.groupsMax else { return }
        for name in summary.groups.keys where job.value.lookup(group: name) == nil {
            summary.groups[name] = nil
        }
    }

    /// Adds the newest version.
    ///
    /// - Returns: the one that is kept no longer. The newest stable one stays while it can.
    mutating func push(_ version: Version) -> Version? {
        versions.insert(version, at: 0)
        guard versions.count > Self.versionsMax else { return nil }
        let last = versions.count - 1
        if versions.firstIndex(where: \.isStable) == last { versions.swapAt(last, last - 1) }
        return versions.removeLast()
    }

    /// Moves an instance from one state to another; nil stands for there being none before.
    mutating func count(
        _ group: String, from old: Allocation.ClientStatus?, to new: Allocation.ClientStatus,
        at index: UInt64
    ) {
        guard old != new else { return }
        let isKnown: Void? = summary.groups.update(group) { $0.move(from: old, to: new) }
        if isKnown != nil { summary.modifyIndex = index }
    }
}

extension JobSummary.Group {
    fileprivate mutating func move(
        from old: Allocation.ClientStatus?, to new: Allocation.ClientStatus
    ) {
        switch new {
        case .pending: starting += 1
        case .running: running += 1
        case .complete: complete += 1
        case .failed: failed += 1
        case .lost: lost += 1
        }
        switch old {
        case nil: queued = max(0, queued - 1)
        case .pending: starting = max(0, starting - 1)
        case .running: running = max(0, running - 1)
        case .lost: lost = max(0, lost - 1)
        case .complete, .failed: break  // They stay counted, as what has happened.
        }
    }
}

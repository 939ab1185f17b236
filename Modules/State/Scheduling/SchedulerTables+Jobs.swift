// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension SchedulerTables {
    /// As they would be if the job were registered now, as the command at `index`: for a dry run.
    ///
    /// - Parameter index: beyond that of the state.
    package func registering(
        _ job: Job, at index: UInt64
    ) throws(SchedulerRefusal) -> SchedulerTables {
        var tables = self
        try tables.register(job, expected: nil, at: index)
        return tables
    }

    /// Makes the job, or its next version if it asks for something else than the present one.
    mutating func register(
        _ job: Job, expected: UInt64?, at index: UInt64
    ) throws(SchedulerRefusal) {
        let row = jobTable[job.key]
        if let expected {
            let current = row?.job.value.jobModifyIndex
            guard expected == current ?? 0 else {
                throw .jobChanged(enforced: expected, current: current)
            }
        }
        guard let row else {
            guard jobTable.count < Self.jobsMax else { throw .full("jobs", max: Self.jobsMax) }
            return create(job, at: index)
        }
        if row.job.value.asks(sameAs: job) { return }
        replace(job, in: row, at: index)
    }

    private mutating func create(_ job: Job, at index: UInt64) {
        var first = job
        first.createIndex = index
        first.setVersion(0, at: index)
        var summary = JobSummary(job: job.key)
        summary.createIndex = index
        summary.modifyIndex = index
        var row = JobRow(job: Shared(first), versions: [], summary: summary)
        // What an earlier job of this name has left.
        let allocations = allocations(ofJob: job.key)
        let evaluations = evaluations(ofJob: job.key)
        row.liveAllocations = allocations.count { !$0.value.isTerminal }
        row.liveEvaluations = evaluations.count { !$0.value.status.isTerminal }
        row.hadWork = !allocations.isEmpty || !evaluations.isEmpty
        keep(&row, at: index)
    }

    private mutating func replace(_ job: Job, in old: JobRow, at index: UInt64) {
        var next = job
        next.createIndex = old.job.value.createIndex
        next.setVersion(old.job.value.version &+ 1, at: index)
        var row = old
        row.job = Shared(next)
        keep(&row, at: index)
    }

    /// Stores the row, whose job is a new version.
    private mutating func keep(_ row: inout JobRow, at index: UInt64) {
        let job = row.job
        specTable.insert(JobSpec(job: job, references: 1), at: JobVersionKey(of: job.value))
        let version = JobRow.Version(
            jobModifyIndex: index, version: job.value.version, isStable: false)
        if let dropped = row.push(version) {
            release(JobVersionKey(job: job.value.key, jobModifyIndex: dropped.jobModifyIndex))
        }
        row.countGroups(at: index)
        _ = row.settle(at: index)
        jobTable.insert(row, at: job.value.key)
        noteJob(job.value.key, at: index)
    }

    /// Stops the job, which is a version of its own, or forgets it with its history. Its allocations
    /// are the scheduler's to stop.
    mutating func deregister(
        _ key: JobKey, purges: Bool, submitUnixNanoseconds: Int64, at index: UInt64
    ) throws(SchedulerRefusal) {
        guard let row = jobTable[key] else { throw .unknownJob(key) }
        if purges { return purge(row, at: index) }
        guard !row.job.value.isStopped else { return }
        var stopped = row.job.value
        stopped.isStopped = true
        stopped.submitUnixNanoseconds = submitUnixNanoseconds
        replace(stopped, in: row, at: index)
    }

    mutating func purge(_ row: JobRow, at index: UInt64) {
        let key = row.job.value.key
        for version in row.versions {
            release(JobVersionKey(job: key, jobModifyIndex: version.jobModifyIndex))
        }
        jobTable.remove(key)
        noteJob(key, at: index)
    }

    /// Registers what an earlier version asked for as the newest.
    mutating func revert(
        _ key: JobKey, to version: UInt64, enforcing prior: UInt64? = nil, at index: UInt64
    ) throws(SchedulerRefusal) {
        guard let row = jobTable[key] else { throw .unknownJob(key) }
        if let prior, prior != row.job.value.version {
            throw .versionChanged(enforced: prior, current: row.job.value.version)
        }
        guard let earlier = self.version(version, of: key) else {
            throw .unknownVersion(key, version)
        }
        guard !row.job.value.asks(sameAs: earlier) else { return }
        replace(earlier, in: row, at: index)
    }

    mutating func setStability(
        _ key: JobKey, version: UInt64, isStable: Bool, at index: UInt64
    ) throws(SchedulerRefusal) {
        guard var row = jobTable[key] else { throw .unknownJob(key) }
        guard let place = row.versions.firstIndex(where: { $0.version == version }) else {
            throw .unknownVersion(key, version)
        }
        guard row.versions[place].isStable != isStable else { return }
        row.versions[place].isStable = isStable
        if row.versions[place].jobModifyIndex == row.job.value.jobModifyIndex {
            var job = row.job.value
            job.isStable = isStable
            job.modifyIndex = index
            row.job = Shared(job)
        }
        jobTable.insert(row, at: key)
        noteJob(key, at: index)
    }

    // MARK: Rows

    /// Edits what is counted of a job, if it is there, and gives it the status that follows.
    mutating func updateRow(_ key: JobKey, at index: UInt64, _ body: (inout JobRow) -> Void) {
        let isChanged = jobTable.update(key) { row in
            let summaryIndex = row.summary.modifyIndex
            body(&row)
            return row.settle(at: index) || row.summary.modifyIndex != summaryIndex
        }
        if isChanged == true { noteJob(key, at: index) }
    }

    private mutating func noteJob(_ key: JobKey, at index: UInt64) {
        // Many instances of one job come in one command.
        if jobIndex != index || lastNotedJob != key { feed.note(.job(key), at: index) }
        lastNotedJob = key
        jobIndex = index
    }

    // MARK: Specifications

    mutating func retain(_ version: JobVersionKey) {
        specTable.update(version) { $0.references += 1 }
    }

    mutating func release(_ version: JobVersionKey) {
        let left = specTable.update(version) {
            $0.references -= 1
            return $0.references
        }
        if left == 0 { specTable.remove(version) }
    }
}

extension Job {
    /// Whether both ask for the same: all but what the state gives, and when it was submitted.
    func asks(sameAs other: Job) -> Bool {
        var mine = self
        mine.submitUnixNanoseconds = other.submitUnixNanoseconds
        mine.status = other.status
        mine.statusDescription = other.statusDescription
        mine.version = other.version
        mine.isStable = other.isStable
        mine.createIndex = other.createIndex
        mine.modifyIndex = other.modifyIndex
        mine.jobModifyIndex = other.jobModifyIndex
        return mine == other
    }

    mutating func setVersion(_ version: UInt64, at index: UInt64) {
        self.version = version
        isStable = false
        status = .pending
        statusDescription = ""
        modifyIndex = index
        jobModifyIndex = index
    }
}

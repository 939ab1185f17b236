// SPDX-License-Identifier: Apache-2.0
import MartletAPI

extension SchedulerTables {
    /// The same, as put in force at `index`: no row is of a later one. Where the rows come of this
    /// cluster's log, as they do unless another cluster's archive is restored, they stay what they are.
    /// So that takes no time, and the other O(n).
    ///
    /// - Throws: where a job has more versions than the log has entries: each needs one of its own.
    func restored(at index: UInt64) throws(StateError) -> SchedulerTables {
        var restored = SchedulerTables()
        restored.poolIndex = poolIndex
        guard lastIndex > index else {
            restored = self
            restored.setIndexes(index)
            return restored
        }
        let versions = try restoredVersions(at: index)
        for spec in versions.map(\.value) {
            restored.specTable.insert(
                JobSpec(job: spec, references: 0), at: JobVersionKey(of: spec.value))
        }
        for row in jobTable.map(\.value) {
            restored.add(restored: row, versions, at: index)
        }
        for node in nodeTable.map(\.value) {
            restored.addRead(node.value.clamped(to: index))
        }
        for pool in poolTable.map(\.value) {
            restored.poolTable.insert(pool.clamped(to: index), at: pool.name)
        }
        for evaluation in evaluationTable.map(\.value) {
            restored.addRead(evaluation.value.clamped(to: index))
        }
        for deployment in deploymentTable.map(\.value) {
            restored.addRead(deployment.value.clamped(to: index))
        }
        for allocation in allocationTable.map(\.value) {
            guard let job = versions[JobVersionKey(of: allocation.value.job.value)] else {
                continue
            }
            var clamped = allocation.value.clamped(to: index)
            clamped.job = job
            restored.addRead(clamped)
        }
        restored.setIndexes(index)
        return restored
    }

    /// How many versions the job with the most has: so many entries the log must have.
    var mostVersions: Int {
        var most = 0
        var (job, count): (JobKey?, Int) = (nil, 0)
        for element in specTable {
            if element.key.job != job { (job, count) = (element.key.job, 0) }
            count += 1
            most = max(most, count)
        }
        return most
    }

    /// By what they were. The newest of a job is of `index` at the latest, each other before the next.
    private func restoredVersions(
        at index: UInt64
    ) throws(StateError) -> OrderedTable<JobVersionKey, Shared<Job>> {
        var versions = OrderedTable<JobVersionKey, Shared<Job>>()
        var job: JobKey?
        var limit = index
        for (key, spec) in specTable.map({ ($0.key, $0.value) }).reversed() {
            if key.job != job { limit = index }
            job = key.job
            guard key.jobModifyIndex > limit else {
                limit = key.jobModifyIndex - 1
                versions.insert(spec.job, at: key)
                continue
            }
            guard limit > 0 else {
                throw .malformed(
                    "the log is too short for the versions of job \(key.job.id): try once more")
            }
            var moved = spec.job.value
            moved.setVersion(moved.version, at: limit)
            moved.createIndex = min(moved.createIndex, moved.jobModifyIndex)
            limit -= 1
            versions.insert(Shared(moved), at: key)
        }
        return versions
    }

    private mutating func add(
        restored row: JobRow, _ moved: OrderedTable<JobVersionKey, Shared<Job>>, at index: UInt64
    ) {
        let key = row.job.value.key
        var clamped = row
        clamped.liveAllocations = 0
        clamped.liveEvaluations = 0
        clamped.summary.createIndex = min(row.summary.createIndex, index)
        clamped.summary.modifyIndex = min(row.summary.modifyIndex, index)
        for (place, version) in row.versions.enumerated() {
            let old = JobVersionKey(job: key, jobModifyIndex: version.jobModifyIndex)
            guard let job = moved[old]?.value else { continue }
            clamped.versions[place].jobModifyIndex = job.jobModifyIndex
            retain(JobVersionKey(of: job))
            guard place == 0 else { continue }
            var newest = row.job.value
            newest.createIndex = job.createIndex
            newest.jobModifyIndex = job.jobModifyIndex
            newest.modifyIndex = max(job.jobModifyIndex, min(newest.modifyIndex, index))
            clamped.job = Shared(newest)
        }
        jobTable.insert(clamped, at: key)
    }

    private mutating func setIndexes(_ index: UInt64) {
        nodeIndex = index
        jobIndex = index
        evaluationIndex = index
        allocationIndex = index
        deploymentIndex = index
        if poolIndex > 0 { poolIndex = index }
        restoredIndex = index
        feed.forgetAll(upTo: index)
    }
}

extension Node {
    fileprivate func clamped(to index: UInt64) -> Node {
        var node = self
        node.createIndex = min(createIndex, index)
        node.modifyIndex = min(modifyIndex, index)
        return node
    }
}

extension NodePool {
    fileprivate func clamped(to index: UInt64) -> NodePool {
        var pool = self
        pool.createIndex = min(createIndex, index)
        pool.modifyIndex = min(modifyIndex, index)
        return pool
    }
}

extension Evaluation {
    fileprivate func clamped(to index: UInt64) -> Evaluation {
        var evaluation = self
        evaluation.createIndex = min(createIndex, index)
        evaluation.modifyIndex = min(modifyIndex, index)
        evaluation.jobModifyIndex = min(jobModifyIndex, index)
        evaluation.nodeModifyIndex = min(nodeModifyIndex, index)
        evaluation.snapshotIndex = min(snapshotIndex, index)
        return evaluation
    }
}

extension Deployment {
    fileprivate func clamped(to index: UInt64) -> Deployment {
        var deployment = self
        deployment.createIndex = min(createIndex, index)
        deployment.modifyIndex = min(modifyIndex, index)
        deployment.jobModifyIndex = min(jobModifyIndex, index)
        deployment.jobSpecModifyIndex = min(jobSpecModifyIndex, index)
        deployment.jobCreateIndex = min(jobCreateIndex, index)
        return deployment
    }
}

extension Allocation {
    fileprivate func clamped(to index: UInt64) -> Allocation {
        var allocation = self
        allocation.createIndex = min(createIndex, index)
        allocation.modifyIndex = min(modifyIndex, index)
        allocation.allocModifyIndex = min(allocModifyIndex, index)
        return allocation
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletBytes

extension ByteWriter {
    /// | bytes | meaning                                                                       |
    /// |-------|-------------------------------------------------------------------------------|
    /// | …     | namespace and id                                                              |
    /// | 8     | ModifyIndex                                                                   |
    /// | 1, …  | status; its description                                                       |
    /// | …     | list of versions, the newest first; each: 8: JobModifyIndex; 1: stable        |
    /// | 8, 8  | CreateIndex and ModifyIndex of the summary                                    |
    /// | …     | map of groups; each: 4 × 6: queued, complete, failed, running, starting, lost |
    /// | 1     | whether there ever was an allocation or evaluation                            |
    mutating func write(_ row: JobRow) {
        let job = row.job.value
        write(job: job.key)
        write(job.modifyIndex)
        write(choice: job.status)
        write(string: job.statusDescription)
        write(list: row.versions) {
            $0.write($1.jobModifyIndex)
            $0.write($1.isStable)
        }
        write(row.summary.createIndex)
        write(row.summary.modifyIndex)
        write(map: row.summary.groups) {
            $0.write(number: $1.queued)
            $0.write(number: $1.complete)
            $0.write(number: $1.failed)
            $0.write(number: $1.running)
            $0.write(number: $1.starting)
            $0.write(number: $1.lost)
        }
        write(row.hadWork)
    }
}

extension StateReader {
    /// What is counted of allocations and evaluations comes with these.
    mutating func jobRow(_ tables: SchedulerTables) throws(StateError) -> JobRow {
        let key = try jobKey()
        let modifyIndex = try uint64()
        let status: JobStatus = try choice()
        let description = try string()
        let versions = try versions(of: key, tables)
        guard let newest = versions.first,
            let spec = tables.specTable[
                JobVersionKey(job: key, jobModifyIndex: newest.jobModifyIndex)]
        else { throw .malformed("job \(key.id) without a version") }
        var job = spec.job.value
        job.modifyIndex = modifyIndex
        job.status = status
        job.statusDescription = description
        job.isStable = newest.isStable
        guard job.jobModifyIndex <= modifyIndex, modifyIndex <= tables.jobIndex else {
            throw .malformed("job \(key.id) was changed at \(modifyIndex)")
        }
        var row = JobRow(
            job: Shared(job), versions: versions, summary: try summary(of: key, tables))
        row.hadWork = try bool()
        return row
    }

    private mutating func versions(
        of key: JobKey, _ tables: SchedulerTables
    ) throws(StateError) -> [JobRow.Version] {
        let versions = try elements(max: JobRow.versionsMax) { (reader) throws(StateError) in
            let index = try reader.uint64()
            guard let spec = tables.specTable[JobVersionKey(job: key, jobModifyIndex: index)]
            else { throw .malformed("an unknown version of job \(key.id)") }
            return JobRow.Version(
                jobModifyIndex: index, version: spec.job.value.version,
                isStable: try reader.bool())
        }
        guard
            zip(versions, versions.dropFirst()).allSatisfy({
                $0.jobModifyIndex > $1.jobModifyIndex
            })
        else { throw .malformed("versions of job \(key.id) out of order") }
        return versions
    }

    private mutating func summary(
        of key: JobKey, _ tables: SchedulerTables
    ) throws(StateError) -> JobSummary {
        var summary = JobSummary(job: key)
        (summary.createIndex, summary.modifyIndex) = try rowIndexes(last: tables.jobIndex)
        summary.groups = try map(max: JobRow.groupsMax) { (reader) throws(StateError) in
            var group = JobSummary.Group()
            group.queued = try reader.number()
            group.complete = try reader.number()
            group.failed = try reader.number()
            group.running = try reader.number()
            group.starting = try reader.number()
            group.lost = try reader.number()
            return group
        }
        return summary
    }
}

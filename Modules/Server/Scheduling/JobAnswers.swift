// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

// What endpoints answer about jobs beside the objects themselves. Members are in the order of their
// names.

/// A value, or null.
struct NullableJSON<Value: JSONWritable>: JSONWritable {
    let value: Value?

    func write(to writer: inout JSONWriter) {
        if let value { value.write(to: &writer) } else { writer.null() }
    }
}

/// What came of a change.
struct ChangeAnswer: JSONWritable {
    enum Kind {
        case job(modifyIndex: UInt64, warnings: String?)
        case deployment(modifyIndex: UInt64, revertedTo: UInt64?)
        case allocation
    }

    var kind: Kind
    /// nil where nothing is to be scheduled.
    var evaluation: UniqueID?
    var index: UInt64

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if case .deployment(let modifyIndex, _) = kind {
            writer.member("DeploymentModifyIndex", modifyIndex)
        }
        writer.member("EvalCreateIndex", evaluation == nil ? 0 : index)
        writer.member("EvalID", evaluation?.description ?? "")
        writer.member("Index", index)
        if case .job(let modifyIndex, _) = kind { writer.member("JobModifyIndex", modifyIndex) }
        writer.member("KnownLeader", false)
        writer.member("LastContact", 0 as Int64)
        switch kind {
        case .job(_, let warnings?): writer.member("Warnings", warnings)
        case .job(_, nil), .allocation: break
        case .deployment(_, let version):
            writer.key("RevertedJobVersion")
            if let version { writer.uint(version) } else { writer.null() }
        }
        writer.endObject()
    }
}

struct JobValidateAnswer: JSONWritable {
    let verdict: JobVerdict

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("DriverConfigValidated", true)
        writer.member("Error", verdict.errorText ?? "")
        writer.key("ValidationErrors")
        if verdict.isValid { writer.null() } else { JSONList(verdict.errors).write(to: &writer) }
        writer.member("Warnings", verdict.warningText)
        writer.endObject()
    }
}

struct JobVersionsAnswer: JSONWritable {
    let versions: [Job]
    /// From each version but the oldest to the one before it.
    let diffs: [JobDiff]
    let freshness: APIResponse.Freshness

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Diffs")
        if diffs.isEmpty { writer.null() } else { JSONList(diffs).write(to: &writer) }
        writer.member("Index", freshness.index)
        writer.member("KnownLeader", freshness.knowsLeader)
        writer.member("LastContact", freshness.lastContactMilliseconds)
        writer.key("Versions")
        JSONList(versions).write(to: &writer)
        writer.endObject()
    }
}

struct JobScaleAnswer: JSONWritable {
    /// Of a group, what has not ended.
    private struct Counts {
        var placed: Int64 = 0
        var running: Int64 = 0
        var healthy: Int64 = 0
        var unhealthy: Int64 = 0

        mutating func count(_ allocation: Allocation) {
            placed += 1
            if allocation.clientStatus == .running { running += 1 }
            if allocation.isHealthy { healthy += 1 }
            if allocation.isUnhealthy { unhealthy += 1 }
        }
    }

    private let job: Job
    private var counts: [String: Counts] = [:]

    /// Each allocation is looked at once, however many groups there are.
    init(job: Job, allocations: some Sequence<Shared<Allocation>>) {
        self.job = job
        for allocation in allocations where !allocation.value.isTerminal {
            counts[allocation.value.group, default: Counts()].count(allocation.value)
        }
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("JobCreateIndex", job.createIndex)
        writer.member("JobID", job.id)
        writer.member("JobModifyIndex", job.jobModifyIndex)
        writer.member("JobStopped", job.isStopped)
        writer.member("Namespace", job.namespace)
        writer.key("TaskGroups")
        writer.beginObject()
        for group in job.groups.sorted(by: { $0.name < $1.name }) {
            writer.key(group.name)
            write(group, to: &writer)
        }
        writer.endObject()
        writer.endObject()
    }

    private func write(_ group: TaskGroup, to writer: inout JSONWriter) {
        let counts = counts[group.name] ?? Counts()
        writer.beginObject()
        writer.member("Desired", Int64(group.count))
        writer.key("Events")
        writer.null()
        writer.member("Healthy", counts.healthy)
        writer.member("Placed", counts.placed)
        writer.member("Running", counts.running)
        writer.member("Unhealthy", counts.unhealthy)
        writer.endObject()
    }
}

struct EvaluationCountAnswer: JSONWritable {
    let count: Int
    let freshness: APIResponse.Freshness

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Count", Int64(count))
        writer.member("Index", freshness.index)
        writer.member("KnownLeader", freshness.knowsLeader)
        writer.member("LastContact", freshness.lastContactMilliseconds)
        writer.endObject()
    }
}

struct EvaluationDeleteAnswer: JSONWritable {
    let count: Int
    let index: UInt64

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Count", Int64(count))
        writer.member("Index", index)
        writer.endObject()
    }
}

/// The one namespace that there is.
struct DefaultNamespace: JSONWritable {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("CreateIndex", 1 as UInt64)
        writer.member("Description", "Default shared namespace")
        writer.member("ModifyIndex", 1 as UInt64)
        writer.member("Name", Job.namespaceDefault)
        writer.member("Quota", "")
        writer.endObject()
    }
}

/// What begins with the letters that were asked for.
struct SearchAnswer: JSONWritable {
    struct Matches {
        let context: SearchRequest.Context
        let ids: [String]
        let isTruncated: Bool
    }

    /// In the order of the contexts' names.
    let matches: [Matches]
    let freshness: APIResponse.Freshness

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("Index", freshness.index)
        writer.member("KnownLeader", freshness.knowsLeader)
        writer.member("LastContact", freshness.lastContactMilliseconds)
        writer.key("Matches")
        writer.beginObject()
        for match in matches {
            writer.key(match.context.rawValue)
            JSONList(match.ids).write(to: &writer)
        }
        writer.endObject()
        writer.key("Truncations")
        writer.beginObject()
        for match in matches { writer.member(match.context.rawValue, match.isTruncated) }
        writer.endObject()
        writer.endObject()
    }
}

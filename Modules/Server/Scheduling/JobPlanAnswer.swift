// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON

/// What registering a job would do. Nothing of it is in the log.
struct JobPlanAnswer: JSONWritable {
    /// Of the state that was looked at.
    let index: UInt64
    /// Of the version that there is, 0 for none: what `EnforceIndex` compares.
    let jobModifyIndex: UInt64
    let warnings: String
    var annotations = PlanAnnotations()
    /// By group, why instances have no place.
    var failedGroups = SortedMap<PlacementMetric>()
    /// What would be written beside the plan: waits for room, for a time, for the next step.
    var created: [Evaluation] = []
    /// nil if it is not asked for.
    var diff: JobDiff?

    /// As many victims are named; `DesiredTGUpdates` counts all of them. With the diff of the largest job
    /// it fits what one server passes on to another.
    static let preemptedMax = 2048
    /// A system job has one evaluation for each node without room.
    static let createdMax = 64

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("Annotations")
        bounded(annotations).write(to: &writer)
        writer.key("CreatedEvals")
        write(evaluations: bounded(created), to: &writer)
        writer.key("Diff")
        if let diff { diff.write(to: &writer) } else { writer.null() }
        writer.key("FailedTGAllocs")
        write(failures: failedGroups, to: &writer)
        writer.member("Index", index)
        writer.member("JobModifyIndex", jobModifyIndex)
        writer.member("NextPeriodicLaunch", Timestamp.goZero)
        writer.member("Warnings", warningText)
        writer.endObject()
    }

    private var warningText: String {
        guard annotations.preempted.count > Self.preemptedMax else { return warnings }
        let text =
            "PreemptedAllocs names \(Self.preemptedMax) of \(annotations.preempted.count) allocations"
        return warnings.isEmpty ? text : warnings + "\n" + text
    }

    private func bounded(_ annotations: PlanAnnotations) -> PlanAnnotations {
        var bounded = annotations
        bounded.preempted = Array(annotations.preempted.prefix(Self.preemptedMax))
        return bounded
    }

    /// The last is the one that says when the next step comes.
    private func bounded(_ created: [Evaluation]) -> [Evaluation] {
        guard created.count > Self.createdMax else { return created }
        return Array(created.prefix(Self.createdMax - 1)) + created.suffix(1)
    }

    private func write(evaluations: [Evaluation], to writer: inout JSONWriter) {
        if evaluations.isEmpty { writer.null() } else { JSONList(evaluations).write(to: &writer) }
    }

    private func write(failures: SortedMap<PlacementMetric>, to writer: inout JSONWriter) {
        guard !failures.isEmpty else { return writer.null() }
        writer.beginObject()
        for failure in failures {
            writer.key(failure.key)
            failure.value.write(to: &writer)
        }
        writer.endObject()
    }
}

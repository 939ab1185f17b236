// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// A job as it was read, and what of it has no effect here.
package struct ReadJob: Equatable, Sendable {
    package var job: Job
    /// Names of fields that were given and mean nothing here, or to nobody; the first of them.
    package var ignoredFields: [String]

    /// The job's verdict, with a warning for each of these fields.
    package func validate() -> JobVerdict {
        var verdict = job.validate()
        verdict.warnings += ignoredFields.map { "\($0) is not supported, and has no effect" }
        return verdict
    }
}

extension Job {
    /// Reads a job as Nomad's clients send it: fields that are absent or null take Nomad's defaults,
    /// unknown ones are ignored, and named if they say something. Status, version and indexes are the state's and are ignored too, so
    /// that what was read of the API can be sent back.
    ///
    /// - Throws: 400 that names the field that is of a wrong type or beyond a bound of number. Whether
    ///   the job makes sense is ``validate()``'s question.
    package static func decode(from node: JSONNode) throws(APIError) -> ReadJob {
        try decode(try BodyFields(node, of: .job))
    }

    static func decode(_ fields: BodyFields) throws(APIError) -> ReadJob {
        var job = Job(id: try fields.string("ID", default: ""))
        job.name = try fields.string("Name", default: "")
        if job.name.isEmpty { job.name = job.id }
        job.type = try fields.choice("Type", default: .service)
        try job.readPlace(fields)
        job.priority = try fields.int("Priority", default: Self.priorityDefault)
        job.isAllAtOnce = try fields.bool("AllAtOnce", default: false)
        job.constraints = try fields.constraints()
        job.affinities = try fields.affinities()
        job.spreads = try fields.spreads()
        job.meta = try fields.stringMap("Meta")
        job.parentID = try fields.string("ParentID", default: "")
        job.periodic = fields.text("Periodic")
        job.parameterized = fields.text("ParameterizedJob")
        job.isStopped = try fields.bool("Stop", default: false)
        try job.readGroups(fields)
        return ReadJob(job: job, ignoredFields: try fields.ignoredFields())
    }

    private mutating func readPlace(_ fields: BodyFields) throws(APIError) {
        let namespace = try fields.string("Namespace", default: "")
        if !namespace.isEmpty { self.namespace = namespace }
        let region = try fields.string("Region", default: "")
        if !region.isEmpty { self.region = region }
        let datacenters = try fields.strings("Datacenters", max: SchedulingBounds.datacentersMax)
        if !datacenters.isEmpty { self.datacenters = datacenters }
        let pool = try fields.string("NodePool", default: "")
        if !pool.isEmpty { nodePool = pool }
    }

    private mutating func readGroups(_ fields: BodyFields) throws(APIError) {
        if let given = try fields.optionalObject("Update"), !given.isZeroUpdate {
            update = try UpdateStrategy().overlaid(with: given)
        } else if type == .service {
            update = UpdateStrategy()
        }
        var migrate = type == .service ? MigrateStrategy() : nil
        if let given = try fields.optionalObject("Migrate") {
            migrate = try (migrate ?? MigrateStrategy()).overlaid(with: given)
        }
        let defaults = GroupDefaults(
            type: type, update: update,
            reschedule: try ReschedulePolicy(for: type).overlaid(
                with: try fields.optionalObject("Reschedule")),
            migrate: migrate)
        var tasks = 0
        for group in try fields.objects("TaskGroups", max: SchedulingBounds.groupsMax) {
            groups.append(try TaskGroup(group, defaults))
            tasks += groups.last?.tasks.count ?? 0
            guard tasks <= SchedulingBounds.tasksMax else {
                throw fields.refusal(
                    "TaskGroups", "more than \(SchedulingBounds.tasksMax) tasks in all groups")
            }
        }
    }
}

extension BodyFields {
    /// Whether it is how a job without a strategy is written: all of it zero.
    fileprivate var isZeroUpdate: Bool {
        guard case .object(let members) = node.value else { return false }
        guard members.count >= 9 else { return false }
        return members.allSatisfy {
            switch $0.node.value {
            case .null: true
            case .bool(let value): !value
            case .number(let number): number.int64 == 0
            case .string(let text): text.isEmpty
            case .array, .object: false
            }
        }
    }
}

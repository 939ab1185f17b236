// SPDX-License-Identifier: Apache-2.0
package import MartletJSON

/// The body that registers a job.
package struct JobRegisterRequest: Equatable, Sendable {
    package var submitted: ReadJob
    /// Whether ``jobModifyIndex`` must be the present one; 0 means that there must be none.
    package var enforcesIndex = false
    package var jobModifyIndex: UInt64 = 0
    /// Whether groups that are there keep their count.
    package var preservesCounts = false
    package var evaluationPriority: Int?

    package var job: Job { submitted.job }

    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], limits: JSONLimits = SchedulingBounds.jobLimits
    ) throws(APIError) -> JobRegisterRequest {
        let fields = try BodyFields(
            try ConfigurationKind.job.parse(body: body, limits: limits), of: .job)
        var request = JobRegisterRequest(submitted: try fields.job())
        request.enforcesIndex = try fields.bool("EnforceIndex", default: false)
        request.jobModifyIndex = try fields.uint64("JobModifyIndex", default: 0)
        request.preservesCounts = try fields.bool("PreserveCounts", default: false)
        let priority = try fields.int("EvalPriority", default: 0)
        if priority != 0 {
            guard Job.priorities.contains(priority) else {
                throw fields.refusal("EvalPriority", "must be between 1 and 100")
            }
            request.evaluationPriority = priority
        }
        return request
    }
}

/// The body that asks what a registration would do.
package struct JobPlanRequest: Equatable, Sendable {
    package var submitted: ReadJob
    /// Whether the answer says what differs from the job that there is.
    package var wantsDiff: Bool

    package var job: Job { submitted.job }

    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], limits: JSONLimits = SchedulingBounds.jobLimits
    ) throws(APIError) -> JobPlanRequest {
        let fields = try BodyFields(
            try ConfigurationKind.job.parse(body: body, limits: limits), of: .job)
        return JobPlanRequest(
            submitted: try fields.job(), wantsDiff: try fields.bool("Diff", default: false))
    }
}

/// The body that asks whether a job is valid.
package struct JobValidateRequest: Equatable, Sendable {
    package var submitted: ReadJob

    package var job: Job { submitted.job }

    /// - Throws: 400 that names the field.
    package static func parse(
        body: [UInt8], limits: JSONLimits = SchedulingBounds.jobLimits
    ) throws(APIError) -> JobValidateRequest {
        let fields = try BodyFields(
            try ConfigurationKind.job.parse(body: body, limits: limits), of: .job)
        return JobValidateRequest(submitted: try fields.job())
    }
}

extension BodyFields {
    /// The job of a request's body.
    fileprivate func job() throws(APIError) -> ReadJob {
        guard let fields = try optionalObject("Job") else {
            throw APIError(status: 400, message: "Job must be specified")
        }
        let read = try Job.decode(fields)
        guard !read.job.id.isEmpty else {
            throw APIError(status: 400, message: "Job ID hasn't been provided")
        }
        return read
    }
}

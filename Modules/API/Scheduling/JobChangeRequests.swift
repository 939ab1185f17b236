// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The body that brings back an earlier version of a job.
package struct JobRevertRequest: Equatable, Sendable {
    package var version: UInt64
    /// The version that must be the present one.
    package var enforcedPriorVersion: UInt64?

    /// - Parameter id: the job that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError) -> JobRevertRequest {
        let fields = try BodyFields(try ConfigurationKind.job.parse(body: body), of: .job)
        try fields.check("JobID", isOrAbsent: id, "Job")
        return JobRevertRequest(
            version: try fields.uint64("JobVersion", default: 0),
            enforcedPriorVersion: fields.has("EnforcePriorVersion")
                ? try fields.uint64("EnforcePriorVersion", default: 0) : nil)
    }
}

/// The body that says whether a version of a job is good to go back to.
package struct JobStabilityRequest: Equatable, Sendable {
    package var version: UInt64
    package var isStable: Bool

    /// - Parameter id: the job that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError) -> JobStabilityRequest
    {
        let fields = try BodyFields(try ConfigurationKind.job.parse(body: body), of: .job)
        try fields.check("JobID", isOrAbsent: id, "Job")
        return JobStabilityRequest(
            version: try fields.uint64("JobVersion", default: 0),
            isStable: try fields.bool("Stable", default: false))
    }
}

/// The body that asks for an evaluation of a job; there may be none.
package struct JobEvaluateRequest: Equatable, Sendable {
    /// Whether instances that failed are placed again at once.
    package var forcesReschedule: Bool

    /// - Parameter id: the job that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError) -> JobEvaluateRequest {
        guard !body.isEmpty else { return JobEvaluateRequest(forcesReschedule: false) }
        let fields = try BodyFields(
            try ConfigurationKind.evaluation.parse(body: body), of: .evaluation)
        try fields.check("JobID", isOrAbsent: id, "Job")
        let options = try fields.object("EvalOptions")
        return JobEvaluateRequest(
            forcesReschedule: try options.bool("ForceReschedule", default: false))
    }
}

/// The body that changes the count of a group.
package struct JobScaleRequest: Equatable, Sendable {
    /// nil leaves the count, and only tells why.
    package var count: Int?
    package var group: String
    package var message: String

    /// - Parameter id: the job that the path names.
    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8], of id: String) throws(APIError) -> JobScaleRequest {
        let fields = try BodyFields(try ConfigurationKind.job.parse(body: body), of: .job)
        let target = try fields.stringMap("Target")
        guard target["Job"].map({ $0.isEmpty || $0 == id }) ?? true else {
            throw fields.refusal(
                "Target", "Job does not match the path's, \(BodyFields.shown(id))")
        }
        guard let group = target["Group"], !group.isEmpty else {
            throw fields.refusal("Target", "names no Group")
        }
        var count: Int?
        if fields.has("Count") {
            let asked = try fields.int("Count", default: 0)
            guard 0...SchedulingBounds.instancesMax ~= asked else {
                throw fields.refusal(
                    "Count", "must be between 0 and \(SchedulingBounds.instancesMax)")
            }
            count = asked
        }
        return JobScaleRequest(
            count: count, group: group, message: try fields.shortText("Message"))
    }
}

// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The body that says whether a node takes work.
package struct NodeEligibilityRequest: Equatable, Sendable {
    package var eligibility: SchedulingEligibility

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> NodeEligibilityRequest {
        let fields = try BodyFields(
            try ConfigurationKind.node.parse(body: body), of: .node)
        return NodeEligibilityRequest(eligibility: try fields.requiredChoice("Eligibility"))
    }
}

/// The body that begins or ends a drain.
package struct NodeDrainRequest: Equatable, Sendable {
    /// nil ends the drain.
    package var spec: DrainSpec?
    /// Whether a node whose drain ends takes work again.
    package var marksEligible: Bool
    package var meta: StringMap

    package init(spec: DrainSpec?, marksEligible: Bool = false, meta: StringMap = [:]) {
        self.spec = spec
        self.marksEligible = marksEligible
        self.meta = meta
    }

    package struct DrainSpec: Equatable, Sendable {
        /// As ``DrainStrategy/deadline``.
        package var deadline: GoDuration
        package var ignoresSystemJobs: Bool

        package init(deadline: GoDuration, ignoresSystemJobs: Bool = false) {
            self.deadline = deadline
            self.ignoresSystemJobs = ignoresSystemJobs
        }
    }

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> NodeDrainRequest {
        let fields = try BodyFields(
            try ConfigurationKind.node.parse(body: body), of: .node)
        var spec: DrainSpec?
        if let given = try fields.optionalObject("DrainSpec") {
            let deadline = try given.span("Deadline", default: .zero)
            guard deadline <= SchedulingBounds.durationMax else {
                throw given.refusal("Deadline", "is longer than a hundred years")
            }
            spec = DrainSpec(
                deadline: deadline,
                ignoresSystemJobs: try given.bool("IgnoreSystemJobs", default: false))
        }
        return NodeDrainRequest(
            spec: spec, marksEligible: try fields.bool("MarkEligible", default: false),
            meta: try fields.stringMap("Meta"))
    }
}

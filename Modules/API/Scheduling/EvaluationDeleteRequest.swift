// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The body that removes evaluations, whatever their status.
package struct EvaluationDeleteRequest: Equatable, Sendable {
    package var evaluations: [UniqueID]

    /// As many fit one entry of the log.
    package static let evaluationsMax = 1024

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> EvaluationDeleteRequest {
        let fields = try BodyFields(
            try ConfigurationKind.evaluation.parse(body: body), of: .evaluation)
        guard try fields.string("Filter", default: "").isEmpty else {
            throw fields.refusal("Filter", "expressions are not supported: name the evaluations")
        }
        let ids = try fields.uniqueIDs("EvalIDs", max: evaluationsMax)
        guard !ids.isEmpty else { throw fields.refusal("EvalIDs", "names no evaluation") }
        return EvaluationDeleteRequest(evaluations: ids)
    }
}

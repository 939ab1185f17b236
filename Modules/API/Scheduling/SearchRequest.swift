// SPDX-License-Identifier: Apache-2.0
import MartletJSON

/// The body that asks what begins with a few letters.
package struct SearchRequest: Equatable, Sendable {
    /// What can be looked for, in the order of the answer.
    package enum Context: String, Sendable, CaseIterable {
        case allocations = "allocs"
        case deployments = "deployment"
        case evaluations = "evals"
        case jobs
        case namespaces
        case nodes
    }

    package var prefix: String
    /// One, or all.
    package var contexts: [Context]

    /// As many matches of a context are told.
    package static let matchesMax = 20

    /// - Throws: 400 that names the field.
    package static func parse(body: [UInt8]) throws(APIError) -> SearchRequest {
        let fields = try BodyFields(
            try ConfigurationKind.search.parse(body: body), of: .search)
        let prefix = try fields.string("Prefix", default: "")
        guard prefix.utf8.count <= SchedulingBounds.nameBytesMax else {
            throw fields.refusal(
                "Prefix", "must not be longer than \(SchedulingBounds.nameBytesMax) bytes")
        }
        let name = try fields.string("Context", default: "")
        guard !name.isEmpty, name != "all" else {
            return SearchRequest(prefix: prefix, contexts: Context.allCases)
        }
        guard let context = Context(rawValue: name) else {
            let known = (["all"] + Context.allCases.map(\.rawValue)).joined(separator: ", ")
            throw fields.refusal(
                "Context", "\(BodyFields.shown(name)) is none of \(known)")
        }
        return SearchRequest(prefix: prefix, contexts: [context])
    }
}

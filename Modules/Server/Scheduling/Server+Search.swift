// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletState

extension Server {
    /// Of each context that the caller may see. Who asks for one that it may not see is refused.
    func searchAnswer(
        _ call: Call, in tables: SchedulerTables, _ freshness: APIResponse.Freshness
    ) -> APIResponse {
        guard case .jobs(.search(let request)) = call.wish else {
            preconditionFailure("a search that was not validated")
        }
        let seen = request.contexts.filter { maySee($0, call) }
        guard !seen.isEmpty else {
            counters.accessRefused += 1
            return .text(403, "Permission denied")
        }
        let matches = seen.map { context in
            let found = ids(context, request.prefix, call.namespace, in: tables)
            return SearchAnswer.Matches(
                context: context, ids: Array(found.prefix(SearchRequest.matchesMax)),
                isTruncated: found.count > SearchRequest.matchesMax)
        }
        return encode(
            SearchAnswer(matches: matches, freshness: freshness), call, freshness: freshness)
    }

    private func maySee(_ context: SearchRequest.Context, _ call: Call) -> Bool {
        switch context {
        case .nodes: mayDo(.nodeRead, call)
        case .jobs, .namespaces:
            mayDo(.namespace(call.namespace, .readJob), call)
                || mayDo(.namespace(call.namespace, .listJobs), call)
        case .allocations, .deployments, .evaluations:
            mayDo(.namespace(call.namespace, .readJob), call)
        }
    }

    /// In their order; one more than are told, where there are so many.
    private func ids(
        _ context: SearchRequest.Context, _ prefix: String, _ namespace: String,
        in tables: SchedulerTables
    ) -> [String] {
        let range = SchedulerTables.ids(beginning: prefix)
        return switch context {
        case .allocations:
            first(range.map { tables.allocations(in: $0) }) {
                $0.value.namespace == namespace ? $0.value.id : nil
            }
        case .deployments:
            first(range.map { tables.deployments(in: $0) }) {
                $0.value.namespace == namespace ? $0.value.id : nil
            }
        case .evaluations:
            first(range.map { tables.evaluations(in: $0) }) {
                $0.value.namespace == namespace ? $0.value.id : nil
            }
        case .jobs:
            first(tables.jobs(namespace: namespace, idPrefix: prefix, from: "")) { $0.value.id }
        case .namespaces:
            Job.namespaceDefault.hasPrefix(prefix) ? [Job.namespaceDefault] : []
        case .nodes: first(range.map { tables.nodes(in: $0) }) { $0.value.id }
        }
    }

    /// One more than are told, where there are so many; no row is looked at beyond.
    private func first<Rows: Sequence, ID: CustomStringConvertible>(
        _ rows: Rows?, _ id: (Rows.Element) -> ID?
    ) -> [String] {
        var found: [String] = []
        guard let rows else { return found }
        for row in rows {
            guard found.count <= SearchRequest.matchesMax else { break }
            if let id = id(row) { found.append(id.description) }
        }
        return found
    }
}

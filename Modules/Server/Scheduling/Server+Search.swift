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
        switch context {
        case .allocations:
            tables.allocations(idPrefix: prefix).filter { $0.value.namespace == namespace }
                .prefix(SearchRequest.matchesMax + 1).map { $0.value.id.description }
        case .deployments:
            tables.deployments(idPrefix: prefix).filter { $0.value.namespace == namespace }
                .prefix(SearchRequest.matchesMax + 1).map { $0.value.id.description }
        case .evaluations:
            tables.evaluations(idPrefix: prefix).filter { $0.value.namespace == namespace }
                .prefix(SearchRequest.matchesMax + 1).map { $0.value.id.description }
        case .jobs:
            tables.jobs(namespace: namespace, idPrefix: prefix)
                .prefix(SearchRequest.matchesMax + 1).map { $0.value.id }
        case .namespaces:
            Job.namespaceDefault.hasPrefix(prefix) ? [Job.namespaceDefault] : []
        case .nodes:
            tables.nodes(idPrefix: prefix).prefix(SearchRequest.matchesMax + 1)
                .map { $0.value.id.description }
        }
    }
}

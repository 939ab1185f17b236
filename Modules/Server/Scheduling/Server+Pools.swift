// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletHTTP
import MartletJSON
import MartletRaft
import MartletState

// What is told of pools of nodes, from the state as it is here, and what changes them, on the leader.

extension Server {
    func poolAnswer(
        _ call: Call, _ endpoint: PoolEndpoint, isLeader: Bool
    ) -> APIResponse {
        let tables = replica.state.scheduling
        let fresh = freshness(
            index: max(1, call.poolIndex(of: endpoint, in: tables)), isLeader: isLeader)
        if endpoint == .nodePools { return pools(call, tables, fresh) }
        guard let pool = tables.pool(call.poolName) else {
            var response = APIResponse.text(404, "node pool not found")
            response.freshness = fresh
            return response
        }
        switch endpoint {
        case .nodePoolNodes: return nodes(of: pool, call, tables, fresh)
        case .nodePoolJobs: return jobs(of: pool, call, tables, fresh)
        default: return encode(pool, call, freshness: fresh)
        }
    }

    /// Those that the caller may see.
    private func pools(
        _ call: Call, _ tables: SchedulerTables, _ fresh: APIResponse.Freshness
    ) -> APIResponse {
        let page = page(of: call)
        let seen = tables.pools(namePrefix: call.query.first("prefix") ?? "").filter {
            mayDo(.nodePool($0.name, .read), call)
        }
        return encode(
            page.ordered(seen, token: \.name), page, call, fresh, token: \.name, subject: { $0 },
            showing: { $0 })
    }

    private func nodes(
        of pool: NodePool, _ call: Call, _ tables: SchedulerTables, _ fresh: APIResponse.Freshness
    ) -> APIResponse {
        guard mayDo(.nodeRead, call) else { return .text(403, "Permission denied") }
        let page = page(of: call)
        let showsResources = call.isOn("resources")
        let ids = SchedulerTables.ids(beginning: call.query.first("prefix") ?? "")
            .flatMap { page.rest(of: $0) }
        guard let ids else { return encode(ListRows.none, call, freshness: fresh) }
        let isAll = pool.name == Job.nodePoolAll
        return encode(
            tables.nodes(in: ids, descending: page.isReversed).lazy
                .filter { isAll || $0.value.nodePool == pool.name }, page, call, fresh,
            token: \.value.id.description, subject: \.value
        ) { NodeStub($0, showsResources: showsResources) }
    }

    private func jobs(
        of pool: NodePool, _ call: Call, _ tables: SchedulerTables, _ fresh: APIResponse.Freshness
    ) -> APIResponse {
        let namespace = call.namespace
        guard mayDo(.namespace(namespace, .readJob), call) else {
            return .text(403, "Permission denied")
        }
        let page = page(of: call)
        let jobs = tables.jobs(
            namespace: namespace, idPrefix: call.query.first("prefix") ?? "",
            from: page.isReversed ? "" : page.token
        ).lazy.filter { $0.value.nodePool == pool.name }
        return encode(
            page.ordered(jobs, token: \.value.id), page, call, fresh, token: \.value.id,
            subject: \.value
        ) { JobStub($0, summary: tables.summary(of: $0.value.key)) }
    }

    private func page(of call: Call) -> ListPage {
        guard case .pool(.list(let page)) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        return page
    }

    // MARK: Changes

    func changePools(
        _ call: Call, _ endpoint: PoolEndpoint, _ done: @escaping (LeadOutcome) -> Void
    ) {
        if let old = serverThatCannotApply(Command.poolVersion) {
            return done(
                .answered(
                    .text(
                        503,
                        "server \(steward.name(of: old)) runs a version without pools of nodes, or "
                            + "was not met yet: upgrade it first")))
        }
        switch call.wish {
        case .pool(.put(let pool)):
            guard mayDo(.nodePool(pool.name, .write), call) else {
                return done(.answered(.text(403, "Permission denied")))
            }
            changePools(.upsertPools([pool]), call, done)
        case .pool(.delete): changePools(.deletePools([call.poolName]), call, done)
        default: preconditionFailure("\(endpoint) was not validated")
        }
    }

    /// Proposes what is answered with nothing but its index.
    private func changePools(
        _ command: SchedulerCommand, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) {
        propose(.scheduling(command), for: call, done) { _, result, index in
            if let refusal = result.schedulingAnswer { return refusal }
            var response = APIResponse.empty
            response.writeIndex = index
            return response
        }
    }

    /// A job's pool must be there when the job is registered, once all servers know of pools.
    func checkPool(of job: Job) throws(APIError) {
        guard replica.state.scheduling.pool(job.nodePool) == nil,
            canEverybodyApply(Command.poolVersion)
        else { return }
        throw APIError(
            status: 400,
            message: "job \(shownName(job.id)) is in nonexistent node pool "
                + shownName(job.nodePool))
    }

    private func shownName(_ text: String) -> String {
        "\"\(String(text.unicodeScalars.prefix(64)))\""
    }
}

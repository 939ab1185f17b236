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
        case .nodePoolNodes: return nodes(of: pool, call, fresh)
        case .nodePoolJobs: return jobs(of: pool, call, fresh)
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
        of pool: NodePool, _ call: Call, _ fresh: APIResponse.Freshness
    ) -> APIResponse {
        guard mayDo(.nodeRead, call) else { return .text(403, "Permission denied") }
        let isAll = pool.name == Job.nodePoolAll
        return nodes(
            page(of: call), prefix: call.query.first("prefix") ?? "",
            showsResources: call.isOn("resources"), call, fresh
        ) { isAll || $0.nodePool == pool.name }
    }

    private func jobs(
        of pool: NodePool, _ call: Call, _ fresh: APIResponse.Freshness
    ) -> APIResponse {
        guard mayDo(.namespace(call.namespace, .readJob), call) else {
            return .text(403, "Permission denied")
        }
        return jobs(page(of: call), call, fresh) { $0.nodePool == pool.name }
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
        if let refusal = refusal(
            untilAllApply: Command.poolVersion, without: "pools of nodes")
        {
            return done(.answered(refusal))
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

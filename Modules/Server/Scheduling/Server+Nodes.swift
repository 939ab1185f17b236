// SPDX-License-Identifier: Apache-2.0
import MartletACL
import MartletAPI
import MartletJSON
import MartletRaft
import MartletState

// What is told of nodes, to operators and to the nodes, from the state as it is here.

extension Server {
    func nodeAnswer(_ call: Call, isLeader: Bool) -> APIResponse {
        guard case .node(let wish) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        let fresh = freshness(
            index: wish.watchedIndex(in: replica.state.scheduling), isLeader: isLeader)
        do throws(APIError) {
            return try nodeAnswer(wish, call, fresh)
        } catch {
            var response = nodeRefusal(error)
            // An operator may wait for a node; a node that is not known has to register.
            if call.endpoint.requirement != .nodeSecret { response.freshness = fresh }
            return response
        }
    }

    private func nodeAnswer(
        _ wish: NodeWish, _ call: Call, _ fresh: APIResponse.Freshness
    ) throws(APIError) -> APIResponse {
        let tables = replica.state.scheduling
        switch wish {
        case .list(let page, let prefix, let showsResources):
            return nodes(page, prefix: prefix, showsResources: showsResources, call, fresh) { _ in
                true
            }
        case .show(let id):
            return encode(try known(id, in: tables), call, freshness: fresh)
        case .allocations(let id, let page):
            _ = try known(id, in: tables)
            let mayRead = namespaceReader(of: call)
            let rows = tables.allocations(ofNode: id).lazy.filter { mayRead($0.value.namespace) }
            return encode(
                page.ordered(rows, token: \.value.id.description), page, call, fresh,
                token: \.value.id.description,
                subject: { AllocationStub($0, showsResources: true) }, showing: \.value)
        case .watch(let ids, let index):
            try prove(call, ids, tables)
            let shown = tables.allocations(ofNodes: ids, after: index)
            return encode(
                NodeAllocationsResponse(
                    shown, index: fresh.index, restoredIndex: tables.restoredIndex), call,
                freshness: fresh)
        case .pull(let ids, let isBrief):
            let known = try proven(ids, call, tables)
            return isBrief
                ? encode(Self.brief(known, fresh.index), call, freshness: fresh)
                : encode(Self.whole(known, fresh.index), call, freshness: fresh)
        case .setEligibility, .drain, .evaluate, .purge, .register, .heartbeat, .update,
            .addEvents:
            preconditionFailure("\(call.endpoint) is no read")
        }
    }

    /// A page of the nodes whose ids begin with `prefix`, or all of them in pieces.
    func nodes(
        _ page: ListPage, prefix: String, showsResources: Bool, _ call: Call,
        _ fresh: APIResponse.Freshness, where isMeant: @escaping (Node) -> Bool
    ) -> APIResponse {
        guard
            let ids = SchedulerTables.ids(beginning: prefix).flatMap({ page.rest(of: $0) })
        else { return encode(ListRows.none, call, freshness: fresh) }
        let nodes = replica.state.scheduling.nodes(in: ids, descending: page.isReversed)
        return encode(
            nodes.lazy.filter { isMeant($0.value) }, page, call, fresh,
            token: \.value.id.description, subject: \.value
        ) { NodeStub($0, showsResources: showsResources) }
    }

    func nodeRefusal(_ error: APIError) -> APIResponse {
        if error.status == 403 { counters.accessRefused += 1 }
        return .text(error.status, error.message)
    }

    private func known(
        _ id: UniqueID, in tables: SchedulerTables
    ) throws(APIError) -> Node {
        guard let node = tables.node(id)?.value else {
            throw APIError(status: 404, message: "node not found")
        }
        return node
    }

    /// Which namespaces' jobs the caller may see, by the tables that are read.
    private func namespaceReader(of call: Call) -> (String) -> Bool {
        guard options.acl.isEnabled else { return { _ in true } }
        let caller: Access?
        if case .token(let digest) = call.caller.credential {
            caller = access.access(digest, in: replica.state)
        } else {
            caller = access.anonymousAccess(in: replica.state)
        }
        return { caller?.rules.decide(.namespace($0, .readJob)).isAllowed == true }
    }

    // MARK: Of nodes

    /// - Throws: ``APIError`` 403 or 404 unless all are there and the caller's own.
    func prove(
        _ call: Call, _ ids: [UniqueID], _ tables: SchedulerTables
    ) throws(APIError) {
        var proof = NodeProof(call.caller.credential, crypto: environment.crypto)
        try proof.check(ids, in: tables)
    }

    /// Those of the allocations that are there.
    ///
    /// - Throws: ``APIError`` 403 for one that is not of the caller's nodes.
    private func proven(
        _ ids: [UniqueID], _ call: Call, _ tables: SchedulerTables
    ) throws(APIError) -> [Shared<Allocation>] {
        var proof = NodeProof(call.caller.credential, crypto: environment.crypto)
        var known: [Shared<Allocation>] = []
        for id in ids {
            guard let allocation = tables.allocation(id) else { continue }
            guard let node = tables.node(allocation.value.nodeID)?.value else { continue }
            try proof.check(node)
            known.append(tables.dated(allocation))
        }
        return known
    }

    // As many as fit one answer: who misses some asks for them again.

    private static func whole(
        _ known: [Shared<Allocation>], _ index: UInt64
    ) -> PulledAllocationsResponse {
        var left = pulledBytesMax
        let fitting = known.prefix { allocation in
            let isFirst = left == pulledBytesMax
            left -= JSONWriter.encode(allocation.value).count
            return left >= 0 || isFirst
        }
        return PulledAllocationsResponse(Array(fitting), index: index)
    }

    private static func brief(
        _ known: [Shared<Allocation>], _ index: UInt64
    ) -> BriefAllocationsResponse {
        var response = BriefAllocationsResponse(index: index)
        for allocation in known {
            guard response.add(allocation, bytesMax: pulledBytesMax) else { break }
        }
        return response
    }

    private static var pulledBytesMax: Int { 4 << 20 }
}

extension NodeWish {
    /// Index of the last change to what a read is about. Never 0, with which a client would not wait.
    func watchedIndex(in tables: SchedulerTables) -> UInt64 {
        switch self {
        case .show(let id): max(1, tables.node(id)?.value.modifyIndex ?? tables.nodeIndex)
        case .allocations(let id, _):
            max(1, tables.allocations(ofNode: id).map(\.value.modifyIndex).max() ?? 0)
        case .watch(let ids, _) where ids.count == 1:
            max(
                1, tables.restoredIndex,
                tables.allocations(ofNode: ids[0]).map(\.value.allocModifyIndex).max() ?? 0)
        case .watch, .pull: max(1, tables.allocationIndex)
        default: max(1, tables.nodeIndex)
        }
    }
}

extension SchedulerTables {
    /// What the nodes must hear of that has changed since `index`; everything with 0.
    fileprivate func allocations(
        ofNodes ids: [UniqueID], after index: UInt64
    ) -> [Shared<Allocation>] {
        guard index > 0, let changes = changes(after: index) else {
            return ids.flatMap { allocations(ofNode: $0) }
                .filter { newsIndex(of: $0.value) > index }
        }
        let nodes = Set(ids)
        var changed: Set<UniqueID> = []
        for case .allocation(let id) in changes { changed.insert(id) }
        return changed.sorted().compactMap { allocation($0) }.filter {
            $0.value.allocModifyIndex > index && nodes.contains($0.value.nodeID)
        }
    }
}

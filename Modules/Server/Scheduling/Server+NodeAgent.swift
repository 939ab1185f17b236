// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletScheduler
import MartletState
import MartletTransport

// What nodes tell of themselves, on the leader.

extension Server {
    /// The first registration sets a node's secret; after it no other is taken.
    func register(
        _ given: [Node], _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let tables = replica.state.scheduling
        let now = loop.wallClockNanoseconds
        var proof = NodeProof(call.caller.credential, crypto: environment.crypto)
        let seals = sealsSecrets(tables)
        var nodes = given
        var changed: [UniqueID] = []
        var growth = 0
        for position in nodes.indices {
            try proof.check(nodes[position])
            let known = tables.node(nodes[position].id)?.value
            if let known { try proof.check(known) }
            growth += nodes[position].bytes - (known?.bytes ?? 0)
            if seals, let digest = proof.presented { nodes[position].seal(digest) }
            guard nodes[position].status != .disconnected else {
                throw APIError(
                    status: 400,
                    message:
                        "Error parsing node: field Status: \"disconnected\" is not a node's to "
                        + "say")
            }
            nodes[position].statusUpdatedUnixSeconds = now / 1_000_000_000
            if Self.concernsJobs(nodes[position], after: known) {
                changed.append(nodes[position].id)
            }
        }
        try checkRoom(forNodes: growth)
        try checkPools(of: nodes)
        let evaluations = try nodeEvaluations.ofNodes(changed)
        let ids = nodes.map(\.id)
        let command = SchedulerCommand.registerNodes(
            nodes, evaluations: evaluations, makesPools: seals)
        propose(.scheduling(command), for: call, done) { server, result, index in
            if let refusal = result.nodeRefusal { return refusal }
            return server.told(ids, evaluations, index: index, call)
        }
    }

    /// Nodes have no token, and what they say of themselves stays in every server's memory.
    func checkRoom(forNodes growth: Int) throws(APIError) {
        let most = options.scheduling.nodeBytesMax
        guard growth <= 0 || replica.state.scheduling.counts.nodeBytes + growth <= most else {
            throw APIError(
                status: 503,
                message: "there is no room for more than \(most >> 20) MB of nodes")
        }
    }

    private func checkPools(of nodes: [Node]) throws(APIError) {
        let tables = replica.state.scheduling
        let new = Set(nodes.lazy.map(\.nodePool).filter { tables.pool($0) == nil })
        let most = options.scheduling.poolsOfNodesMax
        guard new.isEmpty || tables.poolCount + new.count <= most else {
            throw APIError(
                status: 503,
                message: "nodes bring no node pool that is not there once there are \(most): "
                    + "make it first")
        }
    }

    /// Whether the log may hold digests of secrets, and pools, or does so already.
    private func sealsSecrets(_ tables: SchedulerTables) -> Bool {
        tables.counts.sealed > 0 || canEverybodyApply(Command.poolVersion)
    }

    /// Of nodes that registered while a server knew of no digests, the secrets are replaced by them: some at
    /// a time, as the leader looks around.
    func sealNodeSecrets() {
        let areSealed = replica.ask { $0.scheduling.nodeCount <= $0.scheduling.counts.sealed }
        guard !areSealed, replica.hasAppliedOwnTerm, canEverybodyApply(Command.poolVersion) else {
            return
        }
        let nodes = replica.state.scheduling.nodes
        let open = nodes.lazy.map(\.value).filter { $0.secretDigest == nil }
        do throws(APIError) {
            var sealed: [SealedNode] = []
            for node in open.prefix(1024) {
                let digest = try TokenDigest(nodeSecret: node.secretID, by: environment.crypto)
                sealed.append(SealedNode(id: node.id, digest: digest))
            }
            replica.propose(Command.scheduling(.sealNodes(sealed)).encoded()) { _ in }
        } catch {
            logger.warning("secrets of nodes stay as they are", metadata: ["error": "\(error)"])
        }
    }

    /// Whether something may have to be placed, or moved, since a node registers so.
    private static func concernsJobs(_ node: Node, after known: Node?) -> Bool {
        guard let known else { return node.status == .ready }
        return node.status != known.status || node.classDigest != known.computedClass
    }

    /// Nothing is written unless a status has changed.
    func heard(
        _ ids: [UniqueID], _ status: NodeStatus, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let tables = replica.state.scheduling
        try prove(call, ids, tables)
        let changed = ids.filter { tables.node($0)?.value.status != status }
        guard !changed.isEmpty else {
            return done(.answered(told(ids, [], index: max(1, tables.nodeIndex), call)))
        }
        let now = loop.wallClockNanoseconds
        let evaluations = try nodeEvaluations.ofNodes(changed)
        let changes = changed.map {
            NodeStatusChange(
                id: $0, status: status, unixSeconds: now / 1_000_000_000,
                event: NodeEvent(
                    message: "Node is \(status.rawValue)", subsystem: "Cluster",
                    unixNanoseconds: now))
        }
        propose(
            .scheduling(.setNodeStatus(changes, evaluations: evaluations)), for: call, done
        ) { server, result, index in
            if let refusal = result.nodeRefusal { return refusal }
            return server.told(ids, evaluations, index: index, call)
        }
    }

    /// Of many the shortest time to live. A node that is down is not waited for.
    private func told(
        _ ids: [UniqueID], _ evaluations: [Evaluation], index: UInt64, _ call: Call
    ) -> APIResponse {
        let tables = replica.state.scheduling
        var shortest: Duration?
        // What a restore has brought back or taken away is a change of each.
        var modified = tables.restoredIndex
        for id in ids {
            guard let node = tables.node(id)?.value else { continue }
            modified = max(modified, node.modifyIndex)
            guard !node.status.isDown else { continue }
            let time = dispatcher.heard(id) ?? heartbeatTTL
            shortest = min(shortest ?? time, time)
        }
        var response = encode(
            NodeUpdateResponse(
                evaluations: evaluations.map(\.id), nodeModifyIndex: modified, index: index,
                agent: NodeUpdateResponse.Agent(
                    heartbeatTTL: GoDuration(shortest ?? heartbeatTTL),
                    leaderHTTPAddress: network.own.httpAddress,
                    servers: httpAddresses)), call)
        response.writeIndex = index
        return response
    }

    /// For as long as nobody watches over heartbeats.
    private var heartbeatTTL: Duration {
        options.scheduling.heartbeatRule.timeToLive(
            nodes: replica.state.scheduling.nodeCount, random: loop.makeSeed())
    }

    /// Of the servers that are alive, in the order of their names.
    private var httpAddresses: [String] {
        network.members.all.filter { $0.status == .alive }
            .sorted { $0.info.name < $1.info.name }.map(\.info.httpAddress)
    }

    // MARK: Allocations

    /// Gathers what nodes tell, so that many of them take one entry of the log.
    func update(
        _ updates: [AllocationUpdate], of node: UniqueID?, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let tables = replica.state.scheduling
        var proof = NodeProof(call.caller.credential, crypto: environment.crypto)
        if let node { try proof.check([node], in: tables) }
        var known: [AllocationUpdate] = []
        for update in updates {
            guard let row = tables.allocation(update.id) else { continue }
            guard node == nil || row.value.nodeID == node else {
                throw APIError(
                    status: 403, message: "allocation \(update.id) is not of this node")
            }
            // Of a node that is gone there is nothing to tell.
            guard let owner = tables.node(row.value.nodeID) else { continue }
            try proof.check(owner.value)
            // What has ended does not begin again, whatever a node says of it.
            if row.value.isClientTerminal, !update.isTerminal { continue }
            let job = row.value.job
            known.append(update.telling(of: job.value.lookup(group: row.value.group)))
        }
        guard !known.isEmpty else {
            return done(
                .answered(
                    encode(WriteIndexResponse(index: max(1, tables.allocationIndex)), call)))
        }
        let sizeBytes = NodeUpdates.sizeBytes(of: known, in: tables)
        if !nodeUpdates.hasRoom(for: known.count, bytes: sizeBytes) { flushNodeUpdates() }
        nodeUpdates.add(known, bytes: sizeBytes, call, done)
        guard nodeUpdates.count == 1 else { return }
        later(NodeUpdates.gathering) { [weak self] in self?.flushNodeUpdates() }
    }

    private func flushNodeUpdates() {
        let gathered = nodeUpdates.take()
        guard let first = gathered.waiting.first else { return }
        let now = loop.wallClockNanoseconds
        do throws(APIError) {
            let evaluations = try nodeEvaluations.ofFailures(gathered.updates)
            let command = SchedulerCommand.updateAllocations(
                gathered.updates, unixNanoseconds: now, evaluations: evaluations)
            propose(.scheduling(command), for: first.call) { outcome in
                for waiting in gathered.waiting { waiting.done(outcome) }
            } answer: { server, result, index in
                if let refusal = result.nodeRefusal { return refusal }
                var response = server.encode(WriteIndexResponse(index: index), first.call)
                response.writeIndex = index
                return response
            }
        } catch {
            for waiting in gathered.waiting {
                waiting.done(.answered(.text(error.status, error.message)))
            }
        }
    }
}

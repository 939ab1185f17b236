// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletRaft
import MartletState
import MartletTransport

// What changes nodes, on the leader. Times, ids and evaluations are made here and go into the command.

extension Server {
    func leadNodes(_ call: Call, _ done: @escaping (LeadOutcome) -> Void) {
        guard case .node(let wish) = call.wish else {
            preconditionFailure("\(call.endpoint) was not validated")
        }
        if call.isRead { return readLinearizably(call, done) }
        if let refusal = schedulingRefusal() { return done(.answered(refusal)) }
        judged(call, done) { server in
            server.withOwnTerm(done) { server in
                do throws(APIError) {
                    try server.change(wish, call, done)
                } catch {
                    done(.answered(server.nodeRefusal(error)))
                }
            }
        }
    }

    /// Goes on once this leader has applied what the leaders before it acknowledged.
    private func withOwnTerm(
        _ done: @escaping (LeadOutcome) -> Void, then go: @escaping (Server) -> Void
    ) {
        guard !replica.hasAppliedOwnTerm else { return go(self) }
        replica.read { [weak self] outcome in
            guard let self, case .ready = outcome else { return done(.notLeader) }
            go(self)
        }
    }

    private func change(
        _ wish: NodeWish, _ call: Call, _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        switch wish {
        case .setEligibility(let id, let eligibility):
            try setEligibility(id, eligibility, call, done)
        case .drain(let id, let request): try drain(id, request, call, done)
        case .evaluate(let id):
            _ = try knownNode(id)
            let evaluations = try nodeEvaluations.ofNodes([id])
            change(id, .upsertEvaluations(evaluations), evaluations, call, done)
        case .purge(let id):
            _ = try knownNode(id)
            let evaluations = try nodeEvaluations.ofNodes([id])
            change(id, .deregisterNodes([id], evaluations: evaluations), evaluations, call, done)
        case .register(let nodes): try register(nodes, call, done)
        case .heartbeat(let ids, let status): try heard(ids, status, call, done)
        case .update(let updates, let node): try update(updates, of: node, call, done)
        case .addEvents(let id, let events):
            try prove(call, [id], replica.state.scheduling)
            try checkRoom(forNodes: events.reduce(0) { $0 + $1.bytes })
            change(id, .addNodeEvents(id, events), [], call, done)
        case .list, .show, .allocations, .watch, .pull:
            preconditionFailure("\(call.endpoint) changes nothing")
        }
    }

    func knownNode(_ id: UniqueID) throws(APIError) -> Node {
        guard let node = replica.state.scheduling.node(id)?.value else {
            throw APIError(status: 404, message: "node not found")
        }
        return node
    }

    /// Proposes what is answered with the node's index and the evaluations.
    private func change(
        _ id: UniqueID, _ command: SchedulerCommand, _ evaluations: [Evaluation], _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) {
        propose(.scheduling(command), for: call, done) { server, result, index in
            if let refusal = result.nodeRefusal { return refusal }
            let modified = server.replica.state.scheduling.node(id)?.value.modifyIndex
            var response = server.encode(
                NodeUpdateResponse(
                    evaluations: evaluations.map(\.id), nodeModifyIndex: modified ?? index,
                    index: index), call)
            response.writeIndex = index
            return response
        }
    }

    private func setEligibility(
        _ id: UniqueID, _ eligibility: SchedulingEligibility, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let node = try knownNode(id)
        let isNew = node.eligibility != eligibility
        // What now takes work may be waited for by jobs that want to be everywhere.
        let evaluations =
            isNew && eligibility == .eligible && node.drain == nil
            ? try nodeEvaluations.ofNodes([id]) : []
        let event = NodeEvent(
            message: "Node marked as \(eligibility.rawValue) for scheduling",
            subsystem: "Cluster", unixNanoseconds: loop.wallClockNanoseconds)
        change(
            id,
            .setNodeEligibility(id, eligibility, event: event, evaluations: evaluations),
            evaluations, call, done)
    }

    private func drain(
        _ id: UniqueID, _ request: NodeDrainRequest, _ call: Call,
        _ done: @escaping (LeadOutcome) -> Void
    ) throws(APIError) {
        let node = try knownNode(id)
        let now = loop.wallClockNanoseconds
        let strategy = request.spec.map { spec in
            DrainStrategy(
                deadline: spec.deadline, ignoresSystemJobs: spec.ignoresSystemJobs,
                forceDeadlineUnixNanoseconds: spec.deadline > .zero
                    ? now &+ spec.deadline.nanoseconds : 0,
                startedUnixNanoseconds: node.drain?.startedUnixNanoseconds ?? now)
        }
        let message =
            if strategy == nil {
                "Node drain disabled"
            } else if node.drain != nil { "Node drain strategy updated" } else {
                "Node drain strategy set"
            }
        let change = NodeDrainChange(
            id: id, drain: strategy, marksEligible: request.marksEligible,
            accessorID: call.caller.identity?.accessorID ?? "", meta: request.meta,
            unixNanoseconds: now,
            event: NodeEvent(message: message, subsystem: "Drain", unixNanoseconds: now))
        let evaluations =
            strategy == nil && request.marksEligible ? try nodeEvaluations.ofNodes([id]) : []
        self.change(
            id, .setNodeDrain([change], evaluations: evaluations), evaluations, call, done)
    }
}

extension CommandResult {
    /// What a refused change of nodes is answered with; nil if it was carried out.
    var nodeRefusal: APIResponse? {
        switch self {
        case .applied, .unchanged, .casFailed: nil
        case .refused(let reason): .text(500, "the command was not understood: \(reason)")
        case .aclRefused(let refusal): .text(400, refusal.description)
        case .schedulerRefused(.unknownNode): .text(404, "node not found")
        case .schedulerRefused(let refusal):
            if case .wrongSecret = refusal {
                .text(403, refusal.description)
            } else {
                .text(400, refusal.description)
            }
        }
    }
}

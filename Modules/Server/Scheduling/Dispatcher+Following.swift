// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletScheduler
import MartletState
import MartletTransport

// How the leader's picture follows the state: by its changes, or by all of it where those are forgotten.

/// What a change of a node is compared with.
struct NodeMemory: Equatable {
    let isReady: Bool
    let computedClass: UInt64
    let usable: CombinedResources
    let isDown: Bool

    init(_ node: Node) {
        isReady = node.isReady
        computedClass = node.computedClass
        usable = node.usable
        isDown = node.status.isDown
    }
}

extension Dispatcher {
    /// Takes over what has changed since the last time.
    func follow() {
        guard isOn, surveying != .everything else { return }
        readConfiguration()
        let tables = tables
        guard tables.lastIndex > followed else { return }
        guard let changes = tables.changes(after: followed) else { return beginAnew() }
        followed = replica.state.lastAppliedIndex
        for change in changes { follow(change, in: tables) }
        schedule()
    }

    /// The state is another one, as after a restore: nothing that was made of the last one counts, and
    /// what it had handed out, decided and remembered must not come into this one.
    private func beginAnew() {
        setServing(false)
        _ = plans.drain()
        tickets = [:]
        outbox = Outbox()
        concerns = NodeConcerns()
        deployments = DeploymentWatcher()
        readAll()
    }

    private func follow(_ change: SchedulerChange, in tables: SchedulerTables) {
        switch change {
        case .node(let id):
            guard let node = tables.node(id)?.value else { return forget(node: id) }
            follow(node)
        case .allocation(let id): follow(allocation: id, in: tables)
        case .evaluation(let id):
            guard let evaluation = tables.evaluation(id)?.value else {
                broker.forget(id)
                return blocked.forget(id)
            }
            offer(evaluation)
        case .deployment(let id): dirtyDeployments.insert(id)
        // What did not fit may fit by other rules (F4).
        case .pool(let name):
            if isServing, tables.pool(name)?.isChanged == true { wakeAll() }
        case .job: break
        }
    }

    // MARK: Nodes

    private func follow(_ node: Node) {
        let before = take(node)
        if node.status.isDown {
            if before?.isDown != true { noteLost(node: node.id, index: node.modifyIndex) }
        } else if node.isReady, before?.isReady != true {
            concerns.note(ready: node.id, index: node.modifyIndex)
        }
    }

    /// - Returns: what was known of it.
    @discardableResult
    private func take(_ node: Node) -> NodeMemory? {
        ledger.apply(node)
        let memory = NodeMemory(node)
        let before = nodes.updateValue(memory, forKey: node.id)
        drains.note(node)
        if node.status.isDown {
            heartbeats.forget(node.id)
        } else if before?.isDown ?? true {
            _ = heard(node.id)
        }
        if memory.isReady, memory != before { wake(node: node.id, at: node.modifyIndex) }
        return before
    }

    private func forget(node id: UniqueID) {
        ledger.remove(node: id, at: tables.nodeIndex)
        nodes[id] = nil
        heartbeats.forget(id)
        drains.forget(id)
        noteLost(node: id, index: tables.nodeIndex)
    }

    /// A node was heard of.
    ///
    /// - Returns: how long it may be silent from here on; nil for one that the state does not know, or
    ///   has as down: it has to register.
    func heard(_ node: UniqueID) -> Duration? {
        guard let memory = nodes[node], !memory.isDown else { return nil }
        defer { schedule() }
        return heartbeats.heard(node, random: random.next(), at: loop.now)
    }

    // MARK: Allocations

    private func follow(allocation id: UniqueID, in tables: SchedulerTables) {
        guard let row = tables.allocation(id) else {
            return ledger.remove(allocation: id, at: tables.allocationIndex)
        }
        let isFreeing = row.value.isTerminal && ledger.isLive(id)
        takeIntoLedger(row.value)
        if let deployment = row.value.deploymentID { dirtyDeployments.insert(deployment) }
        drains.note(row.value)
        if isFreeing { wake(node: row.value.nodeID, at: row.value.modifyIndex) }
    }

    /// There is room on the node that was not there before.
    func wake(node id: UniqueID, at index: UInt64) {
        guard let node = nodes[id], node.isReady else { return }
        wake(
            blocked.unblock(computedClass: Node.text(ofClass: node.computedClass), at: index)
        )
        wake(blocked.unblock(nodeID: id, at: index))
    }

    // MARK: Evaluations

    /// All that the state holds, in the order of their ids; what is known already stays as it is.
    func offerAll() {
        for evaluation in tables.evaluations where !evaluation.value.status.isTerminal {
            offer(evaluation.value)
        }
    }

    private func offer(_ evaluation: Evaluation) {
        guard isServing else { return }
        switch evaluation.status {
        case .pending: enqueue(evaluation)
        case .blocked:
            if blocked.block(evaluation, at: loop.now) == .missed { enqueue(evaluation) }
        case .complete, .failed, .canceled:
            broker.forget(evaluation.id)
            blocked.forget(evaluation.id)
        }
    }

    /// Blocked ones run under their own ids: the state hears of it when they are done.
    func wake(_ evaluations: [Evaluation]) {
        for evaluation in evaluations { enqueue(evaluation) }
    }

    func wakeAll() {
        for type in JobType.allCases { wake(blocked.unblockAll(of: type)) }
    }

    private func enqueue(_ evaluation: Evaluation) {
        let admission = broker.enqueue(
            evaluation, at: loop.now, unixNanoseconds: unixNanoseconds)
        if admission == .ready { schedule() }
    }
}

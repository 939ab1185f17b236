// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletScheduler
import MartletState
import MartletTransport

/// What a leader knows of the whole state before it follows changes. With a hundred thousand instances this takes
/// longer than followers wait for a leader, so it is made on a lane, of a snapshot; what came meanwhile is
/// followed from ``index`` on.
struct Survey: Sendable {
    /// The log index of the state that was read.
    let index: UInt64
    private(set) var ledger = ClusterLedger()
    private(set) var nodes: [UniqueID: NodeMemory] = [:]
    /// Those that are emptied, ascending by id.
    private(set) var draining: [Node] = []
    /// Of what an earlier leader did not come to write, or was in changes that are forgotten.
    private(set) var concerns = NodeConcerns()
    /// Those that go on, ascending by id.
    private(set) var deployments: [UniqueID] = []

    init(of tables: SchedulerTables, at index: UInt64) {
        self.index = index
        for node in tables.nodes { take(node.value) }
        for allocation in tables.allocations { take(allocation.value) }
        deployments = tables.deployments.lazy.map(\.value).filter(\.isActive).map(\.id)
    }

    private mutating func take(_ node: Node) {
        ledger.apply(node)
        nodes[node.id] = NodeMemory(node)
        if node.drain != nil { draining.append(node) }
        // What is pending is looked at yet.
        if node.isReady, concerns.ready == nil { concerns.note(ready: node.id, index: 0) }
    }

    private mutating func take(_ allocation: Allocation) {
        if !allocation.isTerminal { ledger.apply(allocation) }
        guard !allocation.isClientTerminal, nodes[allocation.nodeID]?.isDown ?? true else { return }
        concerns.note(allocation.job, node: allocation.nodeID, index: 0)
    }
}

/// What a survey is made for.
enum SurveyScope {
    /// Until it is here nothing is followed, handed out or checked.
    case everything
    /// Only plans wait for it.
    case ledger
}

extension Dispatcher {
    /// Everything anew, but for what is handed out.
    func readAll() {
        read(.everything)
    }

    /// It counts on what was not done.
    func readLedger() {
        isLedgerStale = false
        read(.ledger)
    }

    private func read(_ scope: SurveyScope) {
        surveying = scope
        surveys += 1
        let (tables, index, number) = (tables, replica.state.lastAppliedIndex, surveys)
        surveyLane.submit({ Survey(of: tables, at: index) }) { [weak self] survey in
            guard let self, self.surveys == number else { return }
            defer { self.schedule() }
            switch self.surveying {
            case .everything: self.take(survey)
            case .ledger: self.takeLedger(of: survey)
            case nil: break
            }
        }
    }

    /// A worker's, where there is one.
    private var surveyLane: any Lane { workers.first?.lane ?? server.archiveLane }

    private func take(_ survey: Survey) {
        surveying = nil
        followed = survey.index
        nodes = survey.nodes
        concerns.add(survey.concerns)
        drains = DrainWatch()
        for node in survey.draining { drains.note(node) }
        dirtyDeployments = WaitingDeployments()
        for id in survey.deployments { dirtyDeployments.insert(id) }
        ledger = survey.ledger
        isLedgerStale = false
        for flight in flights { ledger.apply(flight.result) }
        waitForNodes()
        plans.setEnabled(true)
        follow()
        logger.info(
            "scheduling",
            metadata: [
                "nodes": "\(nodes.count)", "allocations": "\(tables.allocationCount)",
                "evaluations": "\(broker.counts.ready)", "blocked": "\(blocked.count)",
            ])
    }

    /// Each node that is not down has its time: the long one if it may have to find this leader first.
    private func waitForNodes() {
        let up = nodes.keys.filter { nodes[$0]?.isDown == false }.sorted()
        guard !isNew else {
            isNew = false
            return heartbeats.begin(nodes: up, at: loop.now)
        }
        heartbeats = Heartbeats(rule: heartbeats.rule)
        for id in up { _ = heard(id) }
    }

    private func takeLedger(of survey: Survey) {
        surveying = nil
        guard let changes = tables.changes(after: survey.index) else { return readLedger() }
        ledger = survey.ledger
        isLedgerStale = false
        for change in changes { ledger.follow(change, in: tables) }
        for flight in flights { ledger.apply(flight.result) }
    }
}

extension ClusterLedger {
    fileprivate mutating func follow(_ change: SchedulerChange, in tables: SchedulerTables) {
        switch change {
        case .node(let id):
            if let node = tables.node(id)?.value {
                apply(node)
            } else {
                remove(node: id, at: tables.nodeIndex)
            }
        case .allocation(let id):
            if let allocation = tables.allocation(id)?.value {
                apply(allocation)
            } else {
                remove(allocation: id, at: tables.allocationIndex)
            }
        case .job, .evaluation, .deployment, .pool: break
        }
    }
}

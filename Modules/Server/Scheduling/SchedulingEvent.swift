// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletJSON
import MartletRaft
import MartletState

/// That a job, an evaluation, an allocation, a deployment, a node or a pool was made or changed, or that a
/// job, a node or a pool is gone. Small: what is told of it is made when somebody reads it.
struct SchedulingEvent: IndexedEvent {
    enum Subject {
        case job(Shared<Job>)
        case lostJob(JobKey)
        case evaluation(Shared<Evaluation>)
        case allocation(Shared<Allocation>)
        case deployment(Shared<Deployment>)
        case node(Shared<Node>)
        case lostNode(UniqueID)
        case pool(NodePool)
        case lostPool(String)

        /// Of what comes by the way of other changes.
        var type: String? {
            if case .pool = self { "NodePoolUpserted" } else { nil }
        }
    }

    /// What the command did that it came of, or what became of a pool.
    let type: String
    /// As the command left it.
    let subject: Subject
    let index: UInt64

    var topic: EventTopic {
        switch subject {
        case .job, .lostJob: .job
        case .evaluation: .evaluation
        case .allocation: .allocation
        case .deployment: .deployment
        case .node, .lostNode: .node
        case .pool, .lostPool: .nodePool
        }
    }

    /// In Nomad's form. An allocation's job is left out, as there: its own event has it.
    var event: ClusterEvent {
        switch subject {
        case .job(let row):
            return make(
                row.value.id, [], row.value.namespace, NamedPayload(name: "Job", value: row.value))
        case .lostJob(let key):
            return make(
                key.id, [], key.namespace,
                FieldsPayload(
                    name: "Job",
                    fields: [("ID", .text(key.id)), ("Namespace", .text(key.namespace))]))
        case .evaluation(let row):
            let keys = [row.value.jobID, row.value.deploymentID?.description].compactMap(\.self)
            return make(
                "\(row.value.id)", keys, row.value.namespace,
                NamedPayload(name: "Evaluation", value: row.value))
        case .allocation(let row):
            let keys = [row.value.jobID, row.value.deploymentID?.description].compactMap(\.self)
            return make(
                "\(row.value.id)", keys, row.value.namespace,
                NamedPayload(name: "Allocation", value: AllocationWithoutJob(row: row)))
        case .deployment(let row):
            return make(
                "\(row.value.id)", [row.value.jobID], row.value.namespace,
                NamedPayload(name: "Deployment", value: row.value))
        case .node(let row):
            return make("\(row.value.id)", [], "", NamedPayload(name: "Node", value: row.value))
        case .lostNode(let id):
            return make(
                "\(id)", [], "", FieldsPayload(name: "Node", fields: [("ID", .text("\(id)"))]))
        case .pool(let pool):
            return make(pool.name, [], "", NamedPayload(name: "NodePool", value: pool))
        case .lostPool(let name):
            return make(
                name, [], "", FieldsPayload(name: "NodePool", fields: [("Name", .text(name))]))
        }
    }

    private func make(
        _ key: String, _ keys: [String], _ namespace: String,
        _ payload: some JSONWritable & Sendable
    ) -> ClusterEvent {
        ClusterEvent(
            topic: topic, type: type, key: key, filterKeys: keys, namespace: namespace,
            index: index, payload: payload)
    }
}

private struct AllocationWithoutJob: JSONWritable, Sendable {
    let row: Shared<Allocation>

    func write(to writer: inout JSONWriter) { row.value.write(to: &writer, showsJob: false) }
}

extension Server {
    /// What a command of the scheduler has changed, each once. What garbage collection removed, but for
    /// jobs and nodes, nobody is told of, as in Nomad.
    func tellChanges(_ type: String, at index: UInt64) {
        let tables = replica.state.scheduling
        guard index > 0, let changes = tables.changes(after: index - 1) else { return }
        var told: Set<SchedulerChange> = []
        for change in changes where told.insert(change).inserted {
            guard let subject = tables.subject(of: change, at: index) else { continue }
            events.append(
                SchedulingEvent(type: subject.type ?? type, subject: subject, index: index))
        }
    }
}

extension SchedulerTables {
    /// nil for what nobody is told of.
    fileprivate func subject(
        of change: SchedulerChange, at index: UInt64
    ) -> SchedulingEvent.Subject? {
        switch change {
        case .job(let key):
            guard let job = job(key) else { return .lostJob(key) }
            // Otherwise only what is counted of it is another.
            return job.value.modifyIndex == index ? .job(job) : nil
        case .evaluation(let id): return evaluation(id).map { .evaluation($0) }
        case .allocation(let id): return allocation(id).map { .allocation($0) }
        case .deployment(let id): return deployment(id).map { .deployment($0) }
        case .node(let id): return node(id).map { .node($0) } ?? .lostNode(id)
        case .pool(let name): return pool(name).map { .pool($0) } ?? .lostPool(name)
        }
    }
}

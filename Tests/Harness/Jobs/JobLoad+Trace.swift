// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletState

// What a trace tells of nodes and jobs.

extension JobLoad {
    /// What has changed, where somebody leads, since the last time: as it is, whatever it was in between.
    func tellChanges() {
        guard trial.settings.isTraced, let leader = trial.leader,
            let tables = trial.tables(of: leader)
        else { return }
        let changes = tables.changes(after: toldIndex)
        toldIndex = tables.lastIndex
        guard let changes else { return trial.note("\(leader.name)  has another state of jobs") }
        var told: Set<SchedulerChange> = []
        for change in changes where told.insert(change).inserted {
            trial.note("\(leader.name)  \(Self.text(of: change, in: tables))")
        }
    }

    private static func text(of change: SchedulerChange, in tables: SchedulerTables) -> String {
        switch change {
        case .node(let id):
            guard let node = tables.node(id)?.value else { return "node \(id) is forgotten" }
            return "\(node.name) is \(node.status.rawValue), \(node.eligibility.rawValue)"
                + (node.drain == nil ? "" : ", drained")
        case .job(let key):
            guard let job = tables.job(key)?.value else { return "\(key.id) is forgotten" }
            let queued = tables.summary(of: key)?.groups["g"]?.queued ?? 0
            return "\(key.id) of \(job.jobModifyIndex), wants \(job.groups[0].count), "
                + "\(queued) queued\(job.isStopped ? ", stopped" : "")"
        case .evaluation(let id):
            guard let evaluation = tables.evaluation(id)?.value else {
                return "evaluation \(id) is forgotten"
            }
            return "evaluation \(id) of \(evaluation.jobID) by \(evaluation.trigger.rawValue) is "
                + "\(evaluation.status.rawValue) \(evaluation.statusDescription)"
        case .allocation(let id):
            guard let allocation = tables.allocation(id)?.value else {
                return "allocation \(id) is forgotten"
            }
            return "allocation \(id), \(allocation.name) of "
                + "\(allocation.job.value.jobModifyIndex) on "
                + "\(allocation.nodeID.low): \(allocation.desiredStatus.rawValue) "
                + allocation.clientStatus.rawValue
        case .pool(let name):
            return "pool \(name) is \(tables.pool(name) == nil ? "forgotten" : "there")"
        case .deployment(let id):
            guard let deployment = tables.deployment(id)?.value else {
                return "deployment \(id) is forgotten"
            }
            return "deployment \(id) of \(deployment.jobID) is \(deployment.status.rawValue)"
        }
    }
}

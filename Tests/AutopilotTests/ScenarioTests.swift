// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import MartletAutopilot
import Testing

@Suite("Rows of autopilot-scenarios.md") struct ScenarioTests {
    @Test("One reconcile round does what the row requires", arguments: ReconcileRow.all)
    func reconcile(row: ReconcileRow) {
        let model = Notation(row.servers, config: row.config).model

        let plan = model.plan

        #expect(plan.spelled == row.actions)
        #expect(plan.status == row.status)
        #expect(plan.failureTolerance == row.tolerance)
        #expect(plan.optimisticFailureTolerance == row.optimistic)
        if let target = row.target { #expect(plan.targetVersion == target) }
        for type in row.types.split(separator: " ") {
            let parts = type.split(separator: "=")
            let position = model.view.servers.firstIndex { $0.id == String(parts[0]) }
            #expect(position.map { plan.nodeTypes[$0].rawValue } == String(parts[1]))
        }
    }

    @Test("One pass of clean-up does what the row requires", arguments: PruneRow.all)
    func prune(row: PruneRow) {
        let plan = Notation(row.servers, config: row.config).model.plan

        #expect(plan.removals(.remove) == row.raft)
        #expect(plan.removals(.forceLeave) == row.gossip)
        #expect(plan.refusedRemovals == row.refused)
    }

    @Test("B05: an unhealthy read replica makes the cluster unhealthy")
    func unhealthyReplica() {
        #expect(!Notation("a=V* b=V c=V r=Nr!").model.health.isHealthy)
    }
}

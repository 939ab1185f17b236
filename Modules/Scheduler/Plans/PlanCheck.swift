// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// Compares a plan with the newest state, node by node, before it is written.
///
/// Workers plan on snapshots, several at a time; this is where two that want the same room meet. A
/// node's part is accepted as a whole or refused as a whole, and what is accepted is committed at
/// once, so that capacity is never given twice (J1, J6).
package enum PlanCheck {
    /// Why a node's part is refused, for people to read.
    package struct Refusal: Equatable, Sendable {
        package let nodeID: UniqueID
        package let reason: String
    }

    package struct Verdict: Equatable, Sendable {
        /// What may be written. `refreshIndex` is 0 if that is all of the plan; else the worker must
        /// see a state of at least this index, and of the result's own, before it tries again.
        package var result: PlanResult
        package var refusals: [Refusal] = []
    }

    /// - Parameters:
    ///   - aheadIndex: the log index of the plan that `ledger` knows of and the state does not; 0 if
    ///     there is none.
    ///   - isKnown: whether the state has an allocation of this id, live or not. A new one with an
    ///     id that is taken comes from a delivery that was thought to be lost.
    package static func check(
        _ plan: PlacementPlan, against ledger: ClusterLedger, aheadIndex: UInt64 = 0,
        isKnown: (UniqueID) -> Bool
    ) -> Verdict {
        var verdict = Verdict(result: PlanResult())
        var refreshIndex: UInt64 = 0
        for part in plan.nodes {
            let node = ledger.ledger(of: part.nodeID)
            let current = withoutStale(part, ledger)
            if let reason = refusal(
                of: current, on: node, isKnown: { ledger.isLive($0) || isKnown($0) })
            {
                verdict.refusals.append(Refusal(nodeID: part.nodeID, reason: reason))
                verdict.result.rejectedNodes.append(part.nodeID)
                refreshIndex = max(
                    refreshIndex, node?.index ?? ledger.index, aheadIndex, 1)
            } else if !current.isEmpty {
                verdict.result.nodes.append(current)
            }
        }
        verdict.result.refreshIndex = refreshIndex
        if refreshIndex > 0 {
            if plan.isAllAtOnce {
                verdict.result.nodes = []
                return verdict
            }
            refuseReplacements(plan, &verdict)
            keepReplaced(plan, &verdict.result)
        }
        verdict.result.deploymentUpdates = plan.deploymentUpdates
        verdict.result.deployment = plan.deployment.map { corrected($0, plan, verdict.result) }
        return verdict
    }

    /// Without victims that are over already (F13), and without changes of what has ended since.
    private static func withoutStale(
        _ part: PlacementPlan.NodePart, _ ledger: ClusterLedger
    ) -> PlacementPlan.NodePart {
        var part = part
        part.evictions.removeAll { !ledger.isLive($0.allocation.value.id) }
        part.placements.removeAll { !$0.isNew && !$0.isTerminal && !ledger.isLive($0.id) }
        let victims = Set(part.evictions.map(\.allocation.value.id))
        for position in part.placements.indices
        where part.placements[position].isNew
            && !part.placements[position].preemptedAllocations.isEmpty
        {
            part.placements[position].preemptedAllocations.removeAll { !victims.contains($0) }
        }
        return part
    }

    private static func refusal(
        of part: PlacementPlan.NodePart, on node: NodeLedger?, isKnown: (UniqueID) -> Bool
    ) -> String? {
        // What only ends can never be too much, and what has ended takes nothing.
        let live = part.placements.filter { !$0.isTerminal }
        if live.isEmpty { return nil }
        guard let node, node.isKnown else { return "node does not exist" }
        let new = live.filter(\.isNew)
        if !new.isEmpty, !node.isReady { return "node is not ready for placements" }
        if new.contains(where: { isKnown($0.id) }) { return "allocation id already in use" }
        var leaving = Set(part.stops.map(\.allocation.value.id))
        leaving.formUnion(part.evictions.map(\.allocation.value.id))
        return node.shortage(leaving: leaving, coming: live)
    }

    private static func refusedParts(
        of plan: PlacementPlan, _ result: PlanResult
    ) -> [PlacementPlan.NodePart] {
        let refused = Set(result.rejectedNodes)
        return plan.nodes.filter { refused.contains($0.nodeID) }
    }

    /// Where the stop of an instance was refused, so is the part that places what replaces it: both would run under
    /// one number.
    private static func refuseReplacements(_ plan: PlacementPlan, _ verdict: inout Verdict) {
        var staying = Set(
            refusedParts(of: plan, verdict.result).flatMap(\.stops).map(\.allocation.value.id))
        while !staying.isEmpty,
            let position = verdict.result.nodes.firstIndex(where: { part in
                part.placements.contains {
                    $0.isNew && $0.previousAllocation.map(staying.contains) == true
                }
            })
        {
            let part = verdict.result.nodes.remove(at: position)
            verdict.refusals.append(
                Refusal(nodeID: part.nodeID, reason: "the stop of what it replaces was refused"))
            verdict.result.rejectedNodes.append(part.nodeID)
            staying.formUnion(part.stops.map(\.allocation.value.id))
        }
    }

    /// An instance runs on if what replaces it was refused, unless something else was given its room.
    private static func keepReplaced(_ plan: PlacementPlan, _ result: inout PlanResult) {
        let kept = Set(
            refusedParts(of: plan, result).flatMap(\.placements)
                .filter(\.isNew).compactMap(\.previousAllocation))
        if kept.isEmpty { return }
        for position in result.nodes.indices where result.nodes[position].placements.isEmpty {
            result.nodes[position].stops.removeAll {
                $0.description == StopReason.updating && kept.contains($0.allocation.value.id)
            }
        }
        result.nodes.removeAll(where: \.isEmpty)
    }

    /// A deployment counts only canaries that were placed.
    private static func corrected(
        _ deployment: Deployment, _ plan: PlacementPlan, _ result: PlanResult
    ) -> Deployment {
        guard !result.rejectedNodes.isEmpty else { return deployment }
        let lost = Set(
            refusedParts(of: plan, result).flatMap { $0.placements.filter(\.isNew).map(\.id) })
        var deployment = deployment
        for name in deployment.groups.keys {
            deployment.groups[name]?.placedCanaries.removeAll { lost.contains($0) }
        }
        return deployment
    }
}

extension Allocation {
    /// Not in the state so far.
    var isNew: Bool { createIndex == 0 }
}

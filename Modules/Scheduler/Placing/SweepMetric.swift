// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// What metrics name of a node.
struct NodeFace {
    let id: UniqueID
    let datacenter: String
    let nodeClass: String
}

extension ClusterView {
    /// Of a node with a position: its names are those of its cell, so that it is not read itself.
    func face(_ slot: Int32) -> NodeFace {
        let cell = layout.cells[Int(layout.cellAt[Int(layout.positions[Int(slot)])])]
        return NodeFace(
            id: rows[Int(slot)].id, datacenter: names[Int(cell.datacenter)],
            nodeClass: names[Int(cell.nodeClass)])
    }
}

/// Metrics of single nodes.
enum SweepMetric {
    static func single(_ node: NodeFace, fit: Double) -> PlacementMetric {
        var metric = base(node)
        metric.scores = [
            PlacementMetric.NodeScore(
                nodeID: node.id, terms: ["binpack": fit], normalized: fit)
        ]
        return metric
    }

    static func filtered(_ node: NodeFace, _ reason: String) -> PlacementMetric {
        var metric = base(node)
        metric.nodesFiltered = 1
        metric.constraintFiltered = [reason: 1]
        if !node.nodeClass.isEmpty { metric.classFiltered = [node.nodeClass: 1] }
        return metric
    }

    static func exhausted(_ node: NodeFace, _ dimension: String) -> PlacementMetric {
        var metric = base(node)
        exhaust(&metric, node, dimension)
        return metric
    }

    static func exhaust(_ metric: inout PlacementMetric, _ node: NodeFace, _ dimension: String) {
        metric.nodesExhausted += 1
        metric.dimensionExhausted[dimension, default: 0] += 1
        if !node.nodeClass.isEmpty { metric.classExhausted[node.nodeClass, default: 0] += 1 }
    }

    private static func base(_ node: NodeFace) -> PlacementMetric {
        var metric = PlacementMetric()
        metric.nodesEvaluated = 1
        metric.nodesAvailable = [node.datacenter: 1]
        return metric
    }
}

extension GroupSweep {
    /// Of a placement: who competed, with the scores of the best. The first instance of a sweep names
    /// the five best nodes; later ones name the winner, whose runners-up are mostly the same.
    func successMetric(
        _ choice: NodeChoice, _ extras: ExtraAssignment, isPenalized: Bool
    ) -> Shared<PlacementMetric> {
        var metric = set.baseMetric(view)
        addRefusals(&metric)
        metric.scores = [score(choice, extras, isPenalized: isPenalized)]
        if isFirst {
            for runner in runnersUp(choice) {
                metric.scores.append(score(runner, ExtraAssignment(), isPenalized: false))
            }
        }
        return Shared(metric)
    }

    /// The next best nodes after the winner, which is hidden while they are looked for.
    private func runnersUp(_ winner: NodeChoice) -> [NodeChoice] {
        if lanes.count == 1 { return runnersUpOfOneLane(winner) }
        var result: [NodeChoice] = []
        var hidden = [winner.slot]
        hide(winner.slot)
        while result.count < PlacementMetric.scoresMax - 1, let next = best() {
            result.append(next)
            hidden.append(next.slot)
            hide(next.slot)
        }
        for slot in hidden { track(slot) }
        return result
    }

    /// As ``runnersUp(_:)``: those of the index are known, and only tracked ones are hidden.
    private func runnersUpOfOneLane(_ winner: NodeChoice) -> [NodeChoice] {
        let limit = PlacementMetric.scoresMax - 1
        var hidden: [Int32] = []
        if view.rows[Int(winner.slot)].isMasked {
            hide(winner.slot)
            hidden.append(winner.slot)
        }
        findCandidates(limit + 1, lane: 0)
        let known = lanes[0].candidates.all.map { choice($0, lane: 0) }
        var result = Array(known.filter { $0.slot != winner.slot }.prefix(limit))
        for _ in 0..<limit {
            var next: NodeChoice?
            lanes[0].offerTracked(view, to: &next)
            guard let next else { break }
            result.append(next)
            hide(next.slot)
            hidden.append(next.slot)
        }
        for slot in hidden { track(slot) }
        return Array(result.sorted { $0.precedes($1) }.prefix(limit))
    }

    private func score(
        _ choice: NodeChoice, _ extras: ExtraAssignment, isPenalized: Bool
    ) -> PlacementMetric.NodeScore {
        let slot = choice.slot
        let lane = set.lane(at: view.layout.positions[Int(slot)], view.layout)
        var affinity: Double?
        var spread = 0.0
        if lane >= 0 {
            affinity = lanes[Int(lane)].affinity
            if !spreads.isEmpty {
                spread = SweepLane.spread(set.lanes[Int(lane)].values, spreads)
            }
        }
        var (packing, fit, stranded): (Double?, Double?, Double) = (nil, nil, 0)
        if let devices = extras.devices, ranksDevices {
            packing = DevicePacking.score(devices, slot, compiled, view, outlook)
        } else {
            let bound = view.plainBound(slot, algorithm)
            fit = FitScore.score(scaled.plainFit(of: bound), algorithm)
            stranded = scaled.stranded(on: bound)
            if ranksDevices, compiled.devices.isEmpty {
                packing = DevicePacking.withoutDevices(slot, compiled, view)
            }
        }
        let collisions = view.rows[Int(slot)].collisions
        let antiAffinity = -Double(collisions + 1) / Double(max(1, compiled.group.count))
        return PlacementMetric.NodeScore(
            nodeID: view.rows[Int(slot)].id,
            terms: [
                "allocation-spread": spread != 0 ? spread : nil, "binpack": fit,
                "device-packing": packing, "devices": extras.devices?.affinity,
                "job-anti-affinity": collisions > 0 ? antiAffinity : nil,
                "node-affinity": affinity,
                "node-reschedule-penalty": isPenalized ? -1 : nil,
                "stranded": stranded > 0 ? -stranded : nil,
            ], normalized: choice.score)
    }

    private func addRefusals(_ metric: inout PlacementMetric) {
        guard !refusals.isEmpty else { return }
        for slot in refusals.keys {
            guard view.layout.positions[Int(slot)] >= 0, let dimension = refusals[slot] else {
                continue
            }
            SweepMetric.exhaust(&metric, view.face(slot), dimension)
        }
    }

    /// Of an eviction: the node after it, with the score of its victims.
    func evictionMetric(
        _ slot: Int32, _ victims: [Int32]
    ) -> Shared<PlacementMetric> {
        var metric =
            placer.job.type.isSystem
            ? SweepMetric.single(view.face(slot), fit: 0) : set.baseMetric(view)
        let bound = view.plainBound(slot, algorithm)
        var ask = scaled
        let fit = FitScore.score(ask.plainFit(of: bound), algorithm)
        let preemption = FitScore.preemption(
            victims: victims.map { Int(view.records[Int($0)].priority) })
        metric.scores = [
            PlacementMetric.NodeScore(
                nodeID: view.rows[Int(slot)].id,
                terms: ["binpack": fit, "preemption": preemption],
                normalized: (fit + preemption) / 2)
        ]
        return Shared(metric)
    }

    /// Why no node was found: each node in scope is counted once, as filtered or as exhausted.
    func failureMetric() -> Shared<PlacementMetric> {
        if let failure { return failure }
        var metric = set.baseMetric(view)
        settleLanes()
        for position in view.layout.slots.indices {
            let slot = view.layout.slots[position]
            guard view.rows[Int(slot)].isReady else { continue }
            let lane = set.lane(at: Int32(position), view.layout)
            guard lane >= 0 else { continue }
            if let reason = distinctReason(slot, lane) {
                metric.nodesFiltered += 1
                metric.constraintFiltered[reason, default: 0] += 1
                let name = view.face(slot).nodeClass
                if !name.isEmpty { metric.classFiltered[name, default: 0] += 1 }
            } else {
                SweepMetric.exhaust(&metric, view.face(slot), exhaustion(slot))
            }
        }
        let shared = Shared(metric)
        failure = shared
        return shared
    }

    private func distinctReason(_ slot: Int32, _ lane: Int32) -> String? {
        if isDistinctTaken(slot) { return Constraint.distinctHosts }
        guard lanes[Int(lane)].isClosed else { return nil }
        let values = set.lanes[Int(lane)].values
        for (index, count) in distinct.enumerated() where !count.admits(values[count.property]) {
            let attribute = compiled.distinct.properties[index].attribute
            return "\(Constraint.distinctProperty): \(attribute)"
        }
        return nil
    }

    private func exhaustion(_ slot: Int32) -> String {
        let free = view.rows[Int(slot)].free
        if !compiled.hasExtras {
            if free.cpu < compiled.size.cpu { return "cpu" }
            return free.memory < compiled.size.memory ? "memory" : "disk"
        }
        if let known = refusals[slot] { return known }
        guard let trial = NodeTrial(slot, for: compiled, view: view) else { return "node" }
        if let shortage = trial.shortage(for: compiled) { return shortage }
        if case .failure(let shortage) = trial.assign(compiled, seed: 0) {
            return shortage.dimension
        }
        return "node"
    }
}

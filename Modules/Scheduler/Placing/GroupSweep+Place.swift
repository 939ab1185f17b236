// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

extension GroupSweep {
    /// Places one instance: without eviction if that is possible, else with.
    func place(_ request: PlacementRequest) -> PlacementOutcome {
        if let node = request.requiredNode { return place(request, required: node) }
        let staged = stageStop(of: request)
        if let placement = placeOnFree(request) { return .placed(placement) }
        if placer.mayPreempt, let placement = placeByEviction(request) { return .placed(placement) }
        if let staged {
            placer.restore(staged.id)
            changed(staged.record, by: 1)
        }
        return .failed(failureMetric())
    }

    private func stageStop(of request: PlacementRequest) -> (id: UniqueID, record: Int32)? {
        guard request.isDestructive, let previous = request.previous,
            let record = view.recordOf[previous.value.id], placer.stop(previous.value.id)
        else { return nil }
        changed(record, by: -1)
        return (previous.value.id, record)
    }

    private func placeOnFree(_ request: PlacementRequest) -> Placement? {
        let penalized = request.penalizedNodes.compactMap { view.slotOf[$0] }
        if let preferred = request.preferredNode.flatMap({ view.slotOf[$0] }),
            let placement = place(request, preferred: preferred)
        {
            return placement
        }
        while let choice = penalized.isEmpty ? best() : best(penalizing: penalized) {
            if let placement = place(request, on: choice) { return placement }
        }
        return nil
    }

    /// Tries the node that the choice fell on. nil if it lacks ports or the like: then it is out.
    private func place(_ request: PlacementRequest, on choice: NodeChoice) -> Placement? {
        let slot = choice.slot
        var extras = ExtraAssignment()
        var resources = compiled.plainResources
        // Of a node that gives nothing but amounts no more is read than its row.
        if compiled.hasExtras {
            guard let trial = NodeTrial(slot, for: compiled, view: view) else { return nil }
            switch trial.assign(compiled, seed: portSeed(slot), opening: outlook.opening) {
            case .success(let assigned): extras = assigned
            case .failure(let shortage):
                refusals[slot] = shortage.dimension
                track(slot)
                return nil
            }
            resources = extras.resources(of: compiled, on: slot, view)
        }
        let metric = successMetric(choice, extras, isPenalized: isPenalized(slot, request))
        put(slot, resources)
        return Placement(
            request: request, nodeID: view.rows[Int(slot)].id, nodeName: view.rows[Int(slot)].name,
            resources: resources, victims: [], metric: metric)
    }

    private func place(_ request: PlacementRequest, preferred slot: Int32) -> Placement? {
        guard let choice = choice(of: slot) else { return nil }
        return place(request, on: choice)
    }

    /// The node with its score, if the group may be there and it has room.
    func choice(of slot: Int32, penalty: Bool = false) -> NodeChoice? {
        let position = view.layout.positions[Int(slot)]
        guard position >= 0 else { return nil }
        let number = set.lane(at: position, view.layout)
        settleLanes()
        guard number >= 0, !lanes[Int(number)].isClosed, let own = ownScore(slot) else {
            return nil
        }
        let lane = lanes[Int(number)]
        let extra = penalty ? 1 : 0
        return NodeChoice(
            slot: slot,
            score: (own.sum + lane.sum - Double(extra)) / Double(own.terms + lane.terms + extra),
            tie: tie(position))
    }

    private func isPenalized(_ slot: Int32, _ request: PlacementRequest) -> Bool {
        !request.penalizedNodes.isEmpty && request.penalizedNodes.contains(view.rows[Int(slot)].id)
    }

    /// The best node where those in `slots` score one point less. They are set aside while the others
    /// are compared, and come back by being tracked again.
    private func best(penalizing slots: [Int32]) -> NodeChoice? {
        var aside: [Int32] = []
        var choice: NodeChoice?
        while let next = best() {
            guard slots.contains(next.slot) else {
                choice = next
                break
            }
            aside.append(next.slot)
            hide(next.slot)
        }
        for slot in aside { track(slot) }
        for slot in slots {
            guard let other = self.choice(of: slot, penalty: true) else { continue }
            if choice.map({ other.score > $0.score }) ?? true { choice = other }
        }
        return choice
    }

    // MARK: System jobs

    private func place(_ request: PlacementRequest, required id: UniqueID) -> PlacementOutcome {
        guard let slot = view.slotOf[id], view.layout.positions[Int(slot)] >= 0
        else { return .filtered(Shared(PlacementMetric())) }
        let position = view.layout.positions[Int(slot)]
        if let reason = systemObjection(slot, position) {
            return .filtered(Shared(SweepMetric.filtered(view.face(slot), reason)))
        }
        if !request.isDestructive, let failed = fullNodes[slot] { return failed }
        let staged: (id: UniqueID, record: Int32)? = stageSystemStop(of: request)
        if let placement = placeSystem(request, slot) { return .placed(placement) }
        if placer.mayPreempt,
            let placement = VictimSearch(compiled, placer, seed: portSeed(slot))
                .find(on: slot).flatMap({ evict($0, for: request, on: slot) })
        {
            return .placed(placement)
        }
        let dimension = systemShortage(slot)
        if let staged { placer.restore(staged.id) }
        let failed = PlacementOutcome.failed(
            Shared(SweepMetric.exhausted(view.face(slot), dimension)))
        if !request.isDestructive { fullNodes[slot] = failed }
        return failed
    }

    private func stageSystemStop(
        of request: PlacementRequest
    ) -> (id: UniqueID, record: Int32)? {
        guard request.isDestructive, let previous = request.previous,
            let record = view.recordOf[previous.value.id], placer.stop(previous.value.id)
        else { return nil }
        return (previous.value.id, record)
    }

    private func systemObjection(_ slot: Int32, _ position: Int32) -> String? {
        if !view.rows[Int(slot)].isReady { return "node is not ready" }
        switch set.lane(at: position, view.layout) {
        case FeasibleSet.outOfScope: return "datacenter or node pool"
        case FeasibleSet.infeasible: return set.objection(at: position, view.layout)
        default: return isDistinctTaken(slot) ? Constraint.distinctHosts : nil
        }
    }

    private func placeSystem(
        _ request: PlacementRequest, _ slot: Int32
    ) -> Placement? {
        let free = view.rows[Int(slot)].free
        var extras = ExtraAssignment()
        if compiled.hasExtras {
            guard let trial = NodeTrial(slot, for: compiled, view: view),
                trial.shortage(for: compiled) == nil,
                case .success(let assigned) = trial.assign(compiled, seed: portSeed(slot))
            else { return nil }
            extras = assigned
        } else if !free.covers(compiled.size) {
            return nil
        }
        let fit = FitScore.score(scaled.plainFit(of: view.plainBound(slot, algorithm)), algorithm)
        let resources = extras.resources(of: compiled, on: slot, view)
        placer.put(compiled, slot: slot, resources: resources)
        return Placement(
            request: request, nodeID: view.rows[Int(slot)].id, nodeName: view.rows[Int(slot)].name,
            resources: resources, victims: [],
            metric: Shared(SweepMetric.single(view.face(slot), fit: fit)))
    }

    private func systemShortage(_ slot: Int32) -> String {
        guard let trial = NodeTrial(slot, for: compiled, view: view) else { return "node" }
        if let shortage = trial.shortage(for: compiled) { return shortage }
        if case .failure(let shortage) = trial.assign(compiled, seed: portSeed(slot)) {
            return shortage.dimension
        }
        return "node"
    }

    // MARK: Eviction

    private func placeByEviction(_ request: PlacementRequest) -> Placement? {
        let queue = victimQueue()
        while let (slot, found) = queue.next() {
            if let placement = evict(found, for: request, on: slot) { return placement }
        }
        return nil
    }

    private func evict(
        _ set: VictimSearch.Found, for request: PlacementRequest, on slot: Int32
    ) -> Placement? {
        var extras = ExtraAssignment()
        if compiled.hasExtras {
            guard var trial = NodeTrial(slot, for: compiled, view: view) else { return nil }
            for record in set.records { trial.remove(record, in: view) }
            guard case .success(let assigned) = trial.assign(compiled, seed: portSeed(slot)) else {
                return nil
            }
            extras = assigned
        }
        let victims = set.records.compactMap { view.records[Int($0)].allocation }
        for record in set.records { placer.evict(record) }
        refusals[slot] = nil
        let metric = evictionMetric(slot, set.records)
        let resources = extras.resources(of: compiled, on: slot, view)
        if placer.job.type.isSystem {
            placer.put(compiled, slot: slot, resources: resources)
        } else {
            put(slot, resources)
        }
        return Placement(
            request: request, nodeID: view.rows[Int(slot)].id, nodeName: view.rows[Int(slot)].name,
            resources: resources, victims: victims, metric: metric)
    }
}

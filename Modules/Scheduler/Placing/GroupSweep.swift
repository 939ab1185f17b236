// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Places instances of one group, one after the other, each on the best node of the cluster.
///
/// A lane holds the nodes that differ only by how full they are (``FeasibleSet/Lane``). Of the nodes
/// that the sweep has not touched, the best of a lane comes from the index. Nodes that hold an instance
/// of the group, that have changed, or that score by their devices are *tracked*: masked in the
/// index, and kept in heaps of the lane by the part of the score that is their own. What the lane adds,
/// affinity and spread, is the same for all of its nodes, so it orders lanes but no nodes in one.
///
/// - Invariant: a node is in the index or tracked, never both.
final class GroupSweep {
    let placer: Placer
    let view: ClusterView
    let compiled: CompiledGroup
    let set: FeasibleSet
    let algorithm: SchedulerAlgorithm
    let tieMask: UInt32
    var scaled: ScaledAsk
    var lanes: [SweepLane]
    var spreads: [SpreadCount] = []
    var distinct: [DistinctCount] = []
    /// Nodes that the index does not show until the end.
    private var tracked: [Int32] = []
    private var lastStamp: UInt32 = 0
    /// Nodes that lack ports, devices or cores, with what they lack.
    var refusals: [Int32: String] = [:]
    private var isSpreadStale = true
    private var placedCount = 0
    /// Nodes on which a system job's instance found no room, and so no other of the group does.
    var fullNodes: [Int32: PlacementOutcome] = [:]
    /// Why the last request failed; void once anything changed.
    var failure: Shared<PlacementMetric>?
    private var victims: VictimQueue?
    private var isIndexSettled = false
    /// No node of the index fits better.
    private var highestFit = Double.infinity
    let ranksDevices: Bool
    private(set) var outlook = DeviceOutlook()

    init(_ placer: Placer, _ compiled: CompiledGroup) {
        self.placer = placer
        self.compiled = compiled
        view = placer.view
        set = compiled.set
        algorithm = placer.configuration.schedulerAlgorithm
        tieMask = UInt32(
            truncatingIfNeeded: Mix.combine(placer.seed, UInt64(compiled.number)))
        scaled = ScaledAsk(
            compiled.size, scarcity: algorithm == .binpack ? view.scarcity : .none)
        ranksDevices = placer.options.packsDevices
        let weights = set.affinityWeights
        lanes = set.lanes.map { lane in
            SweepLane(
                lane, affinity: weights > 0 ? Double(lane.affinityWeight) / Double(weights) : nil)
        }
        prepareCounts()
        let isSystem = placer.job.type.isSystem
        if ranksDevices, !compiled.devices.isEmpty, !isSystem {
            outlook = DeviceOutlook(compiled, view)
        }
        trackJob()
        if !isSystem { trackDeviceNodes() }
    }

    /// Gives the nodes back to the index, and lets go of the queue, which holds the sweep.
    func end() {
        victims = nil
        for slot in tracked {
            view.rows[Int(slot)].isMasked = false
            view.rows[Int(slot)].collisions = 0
            view.rows[Int(slot)].stamp = 0
            view.markDirty(slot)
        }
        tracked.removeAll()
    }

    // MARK: What is there already

    private func prepareCounts() {
        for (index, spread) in compiled.spreads.enumerated() {
            spreads.append(
                SpreadCount(
                    spread, property: index, weightSum: compiled.spreadWeights,
                    groupCount: compiled.group.count, values: set.properties[index]))
        }
        for (index, rule) in compiled.distinct.properties.enumerated() {
            let property = compiled.spreads.count + index
            distinct.append(
                DistinctCount(rule, property: property, values: set.properties[property]))
        }
    }

    private func trackJob() {
        var nodes: [Int32] = []
        view.forEachRecord(ofJob: placer.jobNumber) { record in
            let slot = view.records[Int(record)].node
            guard slot >= 0 else { return }
            count(slot, group: view.records[Int(record)].group, 1)
            nodes.append(slot)
        }
        for slot in nodes { track(slot) }
    }

    /// Adds an instance of the job, or takes one away.
    private func count(_ slot: Int32, group: Int32, _ change: Int) {
        let isOwn = group == compiled.number
        if isOwn { view.rows[Int(slot)].collisions += Int32(change) }
        for index in spreads.indices where isOwn {
            let value = set.properties[spreads[index].property].number(slot: slot, view)
            spreads[index].add(value, change)
            isSpreadStale = true
        }
        for index in distinct.indices where isOwn || distinct[index].isOfJob {
            let value = set.properties[distinct[index].property].number(slot: slot, view)
            distinct[index].add(value, change)
            isSpreadStale = true
        }
    }

    /// Nodes with devices score by them, and nodes score one by one if cores are asked, whose MHz differ.
    private func trackDeviceNodes() {
        for lane in set.lanes {
            if ranksDevices || !compiled.devices.isEmpty || compiled.coreSum > 0 {
                for range in lane.deviceRanges { track(range) }
            }
            if compiled.coreSum > 0 {
                for range in lane.ranges { track(range) }
            }
        }
    }

    private func track(_ range: Range<Int32>) {
        for position in range where !view.rows[Int(view.layout.slots[Int(position)])].isMasked {
            track(view.layout.slots[Int(position)])
        }
    }

    // MARK: Tracked nodes

    /// Takes a node out of the index, or scores it anew if it is out already. A slot without a position
    /// has no node.
    func track(_ slot: Int32) {
        hide(slot)
        let position = view.layout.positions[Int(slot)]
        let lane = set.lane(at: position, view.layout)
        guard lane >= 0, let own = ownScore(slot) else { return }
        lanes[Int(lane)].track(
            NodeScore(score: own.sum, tie: tie(position), slot: slot, stamp: lastStamp),
            terms: own.terms)
    }

    /// Leaves a node out of the choice until it is tracked again.
    func hide(_ slot: Int32) {
        lastStamp += 1
        view.rows[Int(slot)].stamp = lastStamp
        guard !view.rows[Int(slot)].isMasked else { return }
        view.mask(slot, algorithm)
        tracked.append(slot)
        let position = view.layout.positions[Int(slot)]
        let lane = set.lane(at: position, view.layout)
        if lane >= 0 { lanes[Int(lane)].candidates.remove(position) }
    }

    func tie(_ position: Int32) -> UInt32 { UInt32(bitPattern: position) ^ tieMask }

    /// The terms of a node's score that are its own; nil if it has no room.
    func ownScore(_ slot: Int32) -> (sum: Double, terms: Int)? {
        guard view.rows[Int(slot)].isReady, refusals[slot] == nil, !isDistinctTaken(slot) else {
            return nil
        }
        let bound = view.plainBound(slot, algorithm)
        if compiled.coreSum > 0 || !compiled.devices.isEmpty {
            return ownScoreWithExtras(slot, bound)
        }
        guard bound.cpu >= scaled.cpu, bound.memory >= scaled.memory, bound.disk >= scaled.disk
        else { return nil }
        var sum = FitScore.score(scaled.fit(of: bound), algorithm)
        var terms = 1
        if ranksDevices, let kept = DevicePacking.withoutDevices(slot, compiled, view) {
            sum += kept
            terms += 1
        }
        addAntiAffinity(slot, &sum, &terms)
        return (sum, terms)
    }

    private func ownScoreWithExtras(
        _ slot: Int32, _ bound: FitIndex.Bound
    ) -> (sum: Double, terms: Int)? {
        guard let trial = NodeTrial(slot, for: compiled, view: view),
            trial.shortage(for: compiled) == nil,
            case .success(let extras) = trial.assign(
                compiled, seed: portSeed(slot), opening: outlook.opening)
        else { return nil }
        var sum = 0.0
        var terms = 1
        if let devices = extras.devices, ranksDevices {
            sum = DevicePacking.score(devices, slot, compiled, view, outlook)
        } else {
            var ask = ScaledAsk(trial.ask(compiled), scarcity: scaled.scarcity)
            sum = FitScore.score(ask.fit(of: bound), algorithm)
        }
        if let affinity = extras.devices?.affinity {
            sum += affinity
            terms += 1
        }
        addAntiAffinity(slot, &sum, &terms)
        return (sum, terms)
    }

    func addAntiAffinity(_ slot: Int32, _ sum: inout Double, _ terms: inout Int) {
        let collisions = view.rows[Int(slot)].collisions
        guard collisions > 0, !placer.job.type.isSystem else { return }
        sum -= Double(collisions + 1) / Double(max(1, compiled.group.count))
        terms += 1
    }

    /// Whether another instance keeps this one away (`distinct_hosts`).
    func isDistinctTaken(_ slot: Int32) -> Bool {
        if compiled.distinct.isGroupDistinct, view.rows[Int(slot)].collisions > 0 { return true }
        guard compiled.distinct.isJobDistinct else { return false }
        var isTaken = false
        view.forEachRecord(on: slot) { record in
            if view.records[Int(record)].job == placer.jobNumber { isTaken = true }
        }
        return isTaken
    }

    func portSeed(_ slot: Int32) -> UInt64 {
        Mix.combine(Mix.combine(placer.seed, view.rows[Int(slot)].id.low), UInt64(placedCount))
    }

    // MARK: Choice

    /// Brings the terms of all lanes up to the counts.
    func settleLanes() {
        guard isSpreadStale else { return }
        isSpreadStale = false
        for index in spreads.indices { spreads[index].settle() }
        let (spreads, distinct) = (spreads, distinct)
        for index in lanes.indices {
            lanes[index].settle(set.lanes[index].values, spreads, distinct)
        }
    }

    /// The best node, by final score and then by tie.
    func best() -> NodeChoice? {
        settleLanes()
        var best: NodeChoice?
        var unknown: (lane: Int, highest: Double)?
        for index in lanes.indices where !lanes[index].isClosed {
            if lanes[index].candidates.has(1) {
                offerFirst(ofLane: index, to: &best)
            } else {
                let highest = highestScore(lane: index)
                if unknown.map({ highest > $0.highest }) ?? true { unknown = (index, highest) }
            }
            lanes[index].offerTracked(view, to: &best)
        }
        if let unknown { searchLanes(from: unknown.lane, &best) }
        return best
    }

    /// Searches lanes of which nothing is known, as far as they may have something better.
    private func searchLanes(from first: Int, _ best: inout NodeChoice?) {
        search(lane: first, &best)
        for index in lanes.indices where index != first && !lanes[index].isClosed {
            if !lanes[index].candidates.has(1) { search(lane: index, &best) }
        }
    }

    private func search(lane index: Int, _ best: inout NodeChoice?) {
        if let best, best.score > highestScore(lane: index) { return }
        findCandidates(1, lane: index)
        offerFirst(ofLane: index, to: &best)
    }

    private func offerFirst(ofLane index: Int, to best: inout NodeChoice?) {
        guard let first = lanes[index].candidates.all.first else { return }
        choice(first, lane: index).offer(to: &best)
    }

    /// No node of the lane that is in the index scores more.
    private func highestScore(lane index: Int) -> Double {
        if !isIndexSettled { settleIndex() }
        let own = FitScore.score(lanes[index].candidates.highestFit(highestFit), algorithm)
        return (own + lanes[index].sum) / Double(1 + lanes[index].terms)
    }

    /// Makes the best of the lane known, as far as there are so many.
    func findCandidates(_ count: Int, lane index: Int) {
        guard !lanes[index].candidates.has(count) else { return }
        // Nodes only leave the index, which need not be known above them as long as they are few.
        if !isIndexSettled || view.leftOutCount(algorithm) > LaneCandidates.most { settleIndex() }
        lanes[index].candidates.find(
            atLeast: count, highest: highestFit, view, algorithm, &scaled, tie: tieMask)
    }

    /// Lets the index hear of all changes.
    private func settleIndex() {
        view.refreshIndex(algorithm)
        highestFit = min(highestFit, view.highestFit(algorithm, &scaled))
        isIndexSettled = true
    }

    /// A node of the index, with what its lane adds.
    func choice(_ found: FitIndex.Best, lane index: Int) -> NodeChoice {
        let own = FitScore.score(found.fit, algorithm)
        return NodeChoice(
            slot: view.layout.slots[Int(found.position)],
            score: (own + lanes[index].sum) / Double(1 + lanes[index].terms),
            tie: tie(found.position))
    }

    // MARK: Changes

    /// Puts an instance on the node; all later choices see it.
    func put(_ slot: Int32, _ resources: Shared<AllocatedResources>) {
        let devices = compiled.devices.isEmpty ? nil : view.devices[Int(slot)]
        placer.put(compiled, slot: slot, resources: resources)
        count(slot, group: compiled.number, 1)
        placedCount += 1
        failure = nil
        track(slot)
        victims?.changed(slot)
        guard let devices, let node = view.nodes[Int(slot)],
            outlook.changed(node.value, from: devices, to: view.devices[Int(slot)])
        else { return }
        // Enough is open: all nodes score by that.
        for other in tracked { track(other) }
    }

    /// An instance of the job on the node stops, or runs again.
    func changed(_ record: Int32, by change: Int) {
        let slot = view.records[Int(record)].node
        guard slot >= 0 else { return }
        if view.records[Int(record)].job == placer.jobNumber {
            count(slot, group: view.records[Int(record)].group, change)
        }
        refusals[slot] = nil
        failure = nil
        track(slot)
        victims?.changed(slot)
    }

    /// The nodes where something can be evicted, made when first asked for.
    func victimQueue() -> VictimQueue {
        if let victims { return victims }
        let queue = VictimQueue(self)
        victims = queue
        return queue
    }

    var isFirst: Bool { placedCount == 0 }
}

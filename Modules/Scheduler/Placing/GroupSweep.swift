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
    /// Terms that a node may have of its own: fit, devices' affinity, packing, anti-affinity.
    private static let ownTermsMax = 4

    /// Neighbouring positions of a lane, with what is known of the best node in the index there.
    struct Piece {
        let range: Range<Int32>
        /// Its position is -1 where it is not known.
        var best = FitIndex.Best()
        /// No node here is better: nodes leave the index while a sweep lasts, none comes.
        var bound = Double.infinity
    }

    struct Lane {
        let affinity: Double
        var pieces: [Piece]
        var sum = 0.0
        var terms = 0
        /// Whether a distinct property is used up here.
        var isClosed = false
        /// Best node of the index; void once it was taken.
        var candidate = FitIndex.Best()
        var isCandidateKnown = false
        /// Tracked nodes by their number of own terms, from 1.
        var heaps: [BinaryHeap<NodeScore>]

        /// The node at `position` has left the index.
        mutating func forget(_ position: Int32) {
            if candidate.position == position { isCandidateKnown = false }
            guard let index = piece(of: position) else { return }
            if pieces[index].best.position == position { pieces[index].best.position = -1 }
        }

        /// Ranges are disjoint; those of nodes without devices stand first, both parts ascend.
        private func piece(of position: Int32) -> Int? {
            pieces.firstIndex { $0.range.contains(position) }
        }
    }

    /// A node with its score.
    struct Choice {
        let slot: Int32
        let score: Double
        let tie: UInt32

        func precedes(_ other: Choice) -> Bool {
            score > other.score || (score == other.score && tie < other.tie)
        }
    }

    let placer: Placer
    let view: ClusterView
    let compiled: CompiledGroup
    let set: FeasibleSet
    let algorithm: SchedulerAlgorithm
    let tieMask: UInt32
    var scaled: ScaledAsk
    var lanes: [Lane]
    var spreads: [SpreadCount] = []
    var distinct: [DistinctCount] = []
    /// Nodes that the index does not show until the end.
    private var tracked: [Int32] = []
    private var lastStamp: UInt32 = 0
    /// Nodes that lack ports, devices or cores, with what they lack.
    var refusals: [Int32: String] = [:]
    private var isSpreadStale = true
    private var placedCount = 0
    /// Why the last request failed; void once anything changed.
    var failure: Shared<PlacementMetric>?
    private var victims: VictimQueue?
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
        let weights = Double(max(1, set.affinityWeights))
        lanes = set.lanes.map { lane in
            Lane(
                affinity: Double(lane.affinityWeight) / weights,
                pieces: (lane.ranges + lane.deviceRanges).map { Piece(range: $0) },
                heaps: Array(repeating: BinaryHeap(), count: Self.ownTermsMax))
        }
        prepareCounts()
        trackJob()
        if placer.job.type.isSystem { return }
        if ranksDevices, !compiled.devices.isEmpty { outlook = DeviceOutlook(compiled, view) }
        trackDeviceNodes()
    }

    /// Gives the nodes back to the index.
    func end() {
        for slot in tracked {
            view.isMasked[Int(slot)] = false
            view.collisions[Int(slot)] = 0
            view.stamps[Int(slot)] = 0
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
        if isOwn { view.collisions[Int(slot)] += Int32(change) }
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
        for position in range where !view.isMasked[Int(view.layout.slots[Int(position)])] {
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
        lanes[Int(lane)].heaps[own.terms - 1].push(
            NodeScore(score: own.sum, tie: tie(position), slot: slot, stamp: lastStamp))
    }

    /// Leaves a node out of the choice until it is tracked again.
    func hide(_ slot: Int32) {
        if !view.isMasked[Int(slot)] {
            view.isMasked[Int(slot)] = true
            view.markDirty(slot)
            tracked.append(slot)
        }
        lastStamp += 1
        view.stamps[Int(slot)] = lastStamp
        let position = view.layout.positions[Int(slot)]
        let lane = set.lane(at: position, view.layout)
        if lane >= 0 { lanes[Int(lane)].forget(position) }
    }

    func tie(_ position: Int32) -> UInt32 { UInt32(bitPattern: position) ^ tieMask }

    /// The terms of a node's score that are its own; nil if it has no room.
    func ownScore(_ slot: Int32) -> (sum: Double, terms: Int)? {
        guard view.isReady[Int(slot)], refusals[slot] == nil, !isDistinctTaken(slot) else {
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
        guard let trial = NodeTrial(slot, view: view), trial.shortage(for: compiled) == nil,
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
        let collisions = view.collisions[Int(slot)]
        guard collisions > 0, !placer.job.type.isSystem else { return }
        sum -= Double(collisions + 1) / Double(max(1, compiled.group.count))
        terms += 1
    }

    /// Whether another instance keeps this one away (`distinct_hosts`).
    func isDistinctTaken(_ slot: Int32) -> Bool {
        if compiled.distinct.isGroupDistinct, view.collisions[Int(slot)] > 0 { return true }
        guard compiled.distinct.isJobDistinct else { return false }
        var isTaken = false
        view.forEachRecord(on: slot) { record in
            if view.records[Int(record)].job == placer.jobNumber { isTaken = true }
        }
        return isTaken
    }

    func portSeed(_ slot: Int32) -> UInt64 {
        Mix.combine(Mix.combine(placer.seed, view.ids[Int(slot)].low), UInt64(placedCount))
    }

    // MARK: Choice

    /// Brings the terms of all lanes up to the counts.
    func settleLanes() {
        guard isSpreadStale else { return }
        isSpreadStale = false
        for index in spreads.indices { spreads[index].settle() }
        for index in lanes.indices {
            let values = set.lanes[index].values
            var sum = 0.0
            var terms = 0
            if set.affinityWeights > 0 {
                sum += lanes[index].affinity
                terms += 1
            }
            let spread = spreadScore(values)
            if spread != 0 {
                sum += spread
                terms += 1
            }
            lanes[index].sum = sum
            lanes[index].terms = terms
            lanes[index].isClosed = distinct.contains { !$0.admits(values[$0.property]) }
        }
    }

    func spreadScore(_ values: [Int32]) -> Double {
        var total = 0.0
        for spread in spreads { total += spread.score(values[spread.property]) }
        return total
    }

    /// The best node, by final score and then by tie.
    func best() -> Choice? {
        settleLanes()
        var isIndexFresh = false
        var best: Choice?
        for index in lanes.indices where !lanes[index].isClosed {
            if !lanes[index].isCandidateKnown {
                if !isIndexFresh { view.refreshIndex(algorithm) }
                isIndexFresh = true
                findCandidate(index)
            }
            consider(lane: index, &best)
        }
        return best
    }

    private func findCandidate(_ index: Int) {
        var found = FitIndex.Best()
        for piece in lanes[index].pieces
        where piece.best.position >= 0 && piece.best.fit > found.fit {
            found = piece.best
        }
        for number in lanes[index].pieces.indices {
            let piece = lanes[index].pieces[number]
            guard piece.best.position < 0, piece.bound > found.fit else { continue }
            var best = found
            view.search(algorithm, piece.range, &scaled, tie: tieMask, &best)
            if best.position != found.position {
                lanes[index].pieces[number].best = best
                found = best
            }
            lanes[index].pieces[number].bound = found.fit
        }
        lanes[index].candidate = found
        lanes[index].isCandidateKnown = true
    }

    private func consider(lane index: Int, _ best: inout Choice?) {
        if lanes[index].candidate.position >= 0 {
            offer(choice(lanes[index].candidate, lane: index), &best)
        }
        considerTracked(lane: index, &best)
    }

    /// A node of the index, with what its lane adds.
    func choice(_ found: FitIndex.Best, lane index: Int) -> Choice {
        let own = FitScore.score(found.fit, algorithm)
        return Choice(
            slot: view.layout.slots[Int(found.position)],
            score: (own + lanes[index].sum) / Double(1 + lanes[index].terms),
            tie: tie(found.position))
    }

    func considerTracked(lane index: Int, _ best: inout Choice?) {
        for terms in 1...Self.ownTermsMax {
            while let top = lanes[index].heaps[terms - 1].first {
                guard top.stamp == view.stamps[Int(top.slot)] else {
                    lanes[index].heaps[terms - 1].pop()
                    continue
                }
                offer(
                    Choice(
                        slot: top.slot,
                        score: (top.score + lanes[index].sum)
                            / Double(terms + lanes[index].terms), tie: top.tie), &best)
                break
            }
        }
    }

    private func offer(_ choice: Choice, _ best: inout Choice?) {
        if best.map(choice.precedes) ?? true { best = choice }
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

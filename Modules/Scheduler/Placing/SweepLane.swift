// SPDX-License-Identifier: Apache-2.0

/// A node with its score.
struct NodeChoice {
    let slot: Int32
    let score: Double
    let tie: UInt32

    func precedes(_ other: NodeChoice) -> Bool {
        score > other.score || (score == other.score && tie < other.tie)
    }

    /// Replaces `best` if it is better.
    func offer(to best: inout NodeChoice?) {
        if best.map(precedes) ?? true { best = self }
    }
}

/// The nodes that a sweep cannot tell apart but by how full they are.
struct SweepLane {
    /// nil if the group has no affinities.
    let affinity: Double?
    var candidates: LaneCandidates
    /// What the lane adds to the score of each of its nodes, and in how many terms.
    private(set) var sum = 0.0
    private(set) var terms = 0
    /// Whether a distinct property is used up here.
    private(set) var isClosed = false
    /// Tracked nodes by their number of own terms, from 1: fit, devices' affinity, packing, anti-affinity.
    private var heaps: [BinaryHeap<NodeScore>] = []

    init(_ lane: FeasibleSet.Lane, affinity: Double?) {
        self.affinity = affinity
        candidates = LaneCandidates(lane)
    }

    /// Brings what the lane adds up to the counts. `values` are the lane's, by counted property.
    mutating func settle(_ values: [Int32], _ spreads: [SpreadCount], _ distinct: [DistinctCount]) {
        sum = affinity ?? 0
        terms = affinity == nil ? 0 : 1
        let spread = Self.spread(values, spreads)
        if spread != 0 {
            sum += spread
            terms += 1
        }
        isClosed = distinct.contains { !$0.admits(values[$0.property]) }
    }

    static func spread(_ values: [Int32], _ spreads: [SpreadCount]) -> Double {
        var total = 0.0
        for spread in spreads { total += spread.score(values[spread.property]) }
        return total
    }

    mutating func track(_ node: NodeScore, terms: Int) {
        while heaps.count < terms { heaps.append(BinaryHeap()) }
        heaps[terms - 1].push(node)
    }

    /// Offers the best of the tracked nodes.
    mutating func offerTracked(_ view: ClusterView, to best: inout NodeChoice?) {
        for index in heaps.indices {
            while let top = heaps[index].first {
                guard top.stamp == view.rows[Int(top.slot)].stamp else {
                    heaps[index].pop()
                    continue
                }
                let score = (top.score + sum) / Double(index + 1 + terms)
                NodeChoice(slot: top.slot, score: score, tie: top.tie).offer(to: &best)
                break
            }
        }
    }
}

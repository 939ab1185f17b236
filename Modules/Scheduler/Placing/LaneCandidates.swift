// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// The best nodes of a lane that are in the index, the best first. A search finds some at once, which
/// are then handed out one by one.
///
/// That is right as long as a sweep lasts: a node that changes leaves the index, and none comes. What was
/// found and has not left is still the best.
struct LaneCandidates {
    /// What the first search brings: as many as the metric of a placement names.
    private static let fewest = PlacementMetric.scoresMax
    static let most = 64

    /// Disjoint; of nodes without devices first, both parts ascending.
    private let ranges: [Range<Int32>]
    private var found = FitIndex.BestFew(limit: 0)
    /// The first of `found` that is left.
    private var next = 0
    private var limit = Self.fewest
    /// No node of the index is better than the first one.
    private var bound = Double.infinity
    /// Whether the index has none beyond those that are left.
    private var isComplete = false

    init(_ lane: FeasibleSet.Lane) {
        ranges = lane.deviceRanges.isEmpty ? lane.ranges : lane.ranges + lane.deviceRanges
    }

    /// A node that is not known has no better fit.
    func highestFit(_ ofAll: Double) -> Double { min(bound, ofAll) }

    /// Those that are known.
    var all: ArraySlice<FitIndex.Best> { found.all[next...] }

    /// Whether at least so many are known as there are, or are asked for.
    func has(_ count: Int) -> Bool { isComplete || found.all.count - next >= count }

    /// Searches the index, of which no node is better than `highest`.
    mutating func find(
        atLeast count: Int, highest: Double, _ view: ClusterView, _ algorithm: SchedulerAlgorithm,
        _ ask: inout ScaledAsk, tie: UInt32
    ) {
        limit = max(limit, count)
        bound = min(bound, highest)
        found = FitIndex.BestFew(limit: limit, bound: bound)
        next = 0
        view.search(algorithm, ranges, &ask, tie: tie, &found)
        isComplete = !found.isFull
        limit = min(2 * limit, Self.most)
    }

    /// The node at `position` has left the index.
    mutating func remove(_ position: Int32) {
        guard let place = all.firstIndex(where: { $0.position == position }) else { return }
        bound = found.all[next].fit
        if place == next { next += 1 } else { found.remove(at: place) }
    }
}

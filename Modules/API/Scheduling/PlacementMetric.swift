// SPDX-License-Identifier: Apache-2.0

/// Why a placement came out as it did: what Nomad calls AllocMetric.
package struct PlacementMetric: Equatable, Sendable {
    /// A node that was considered, and what counted.
    package struct NodeScore: Equatable, Sendable {
        package var nodeID: UniqueID
        package var scores: SortedMap<Double>
        package var normalized: Double

        package init(nodeID: UniqueID, scores: SortedMap<Double>, normalized: Double) {
            self.nodeID = nodeID
            self.scores = scores
            self.normalized = normalized
        }

        /// - Parameter terms: those whose value is nil play no part.
        package init(
            nodeID: UniqueID, terms: KeyValuePairs<String, Double?>, normalized: Double
        ) {
            var scores = SortedMap<Double>()
            for (name, value) in terms {
                if let value { scores[name] = value }
            }
            self.init(nodeID: nodeID, scores: scores, normalized: normalized)
        }
    }

    package static let scoresMax = 5

    package var nodesEvaluated = 0
    package var nodesFiltered = 0
    /// Ready nodes by datacenter.
    package var nodesAvailable = SortedMap<Int>()
    /// Filtered nodes by class.
    package var classFiltered = SortedMap<Int>()
    /// Filtered nodes by the constraint in words.
    package var constraintFiltered = SortedMap<Int>()
    package var nodesExhausted = 0
    package var classExhausted = SortedMap<Int>()
    /// Exhausted nodes by what they lack.
    package var dimensionExhausted = SortedMap<Int>()
    /// By task.
    package var resourcesExhausted = SortedMap<CombinedResources>()
    /// The best first, at most ``scoresMax``.
    package var scores: [NodeScore] = []
    package var allocationTime = GoDuration.zero
    /// Further instances that failed for the same reason.
    package var coalescedFailures = 0

    package init() {}
}

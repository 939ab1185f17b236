// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension PlanResult {
    /// The result as several, each small enough for one entry of the log, in the order in which they
    /// are to be written.
    ///
    /// A node's part is divided only if it is larger than a piece and evicts nobody: whoever is evicted is gone
    /// only together with the one that it made room for. The first piece carries the deployment, which
    /// the others' instances belong to.
    ///
    /// - Parameter elementsMax: stops, evictions and placements of one piece; a single node that evicts may
    ///   have more.
    package func pieces(elementsMax: Int) -> [PlanResult] {
        var pieces = [self]
        pieces[0].nodes = []
        var room = elementsMax
        for part in nodes.flatMap({ $0.divided(elementsMax: elementsMax) }) {
            if part.size > room, !pieces[pieces.count - 1].nodes.isEmpty {
                var next = PlanResult()
                next.refreshIndex = refreshIndex
                pieces.append(next)
                room = elementsMax
            }
            pieces[pieces.count - 1].nodes.append(part)
            room -= part.size
        }
        return pieces
    }
}

extension PlacementPlan.NodePart {
    fileprivate var size: Int { stops.count + evictions.count + placements.count }

    /// Stops first: there is room for what is placed whenever the writing ends, and what is missing then is
    /// placed by the next evaluation.
    fileprivate func divided(elementsMax: Int) -> [Self] {
        guard size > elementsMax, evictions.isEmpty else { return [self] }
        var parts: [Self] = []
        for first in stride(from: 0, to: stops.count, by: max(1, elementsMax)) {
            parts.append(Self(nodeID: nodeID))
            parts[parts.count - 1].stops = Array(stops[first...].prefix(max(1, elementsMax)))
        }
        for first in stride(from: 0, to: placements.count, by: max(1, elementsMax)) {
            parts.append(Self(nodeID: nodeID))
            parts[parts.count - 1].placements = Array(
                placements[first...].prefix(max(1, elementsMax)))
        }
        return parts
    }
}

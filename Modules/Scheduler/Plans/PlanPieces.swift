// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

extension PlanResult {
    /// The result as several, each small enough for one entry of the log, in the order in which they
    /// are to be written.
    ///
    /// A node's part is never divided, so that whoever makes room is gone only together with the one
    /// that it made room for. The first piece carries the deployment, which the others' instances
    /// belong to.
    ///
    /// - Parameter elementsMax: stops, evictions and placements of one piece; a single node may have
    ///   more.
    package func pieces(elementsMax: Int) -> [PlanResult] {
        var pieces = [self]
        pieces[0].nodes = []
        var room = elementsMax
        for part in nodes {
            let size = part.stops.count + part.evictions.count + part.placements.count
            if size > room, !pieces[pieces.count - 1].nodes.isEmpty {
                var next = PlanResult()
                next.refreshIndex = refreshIndex
                pieces.append(next)
                room = elementsMax
            }
            pieces[pieces.count - 1].nodes.append(part)
            room -= size
        }
        return pieces
    }
}

// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What an evaluation asks of who finds nodes, over the cluster as the snapshot shows it.
///
/// What is staged and placed stays in the picture for what comes after it; who made the placer
/// undoes all of it at the end.
package protocol Placing {
    /// The allocation ends with the plan: its room is free from now on.
    ///
    /// - Returns: false if it takes no room, because it is over or not known.
    @discardableResult func stop(_ allocation: UniqueID) -> Bool

    /// Takes ``stop(_:)`` back.
    ///
    /// - Returns: false if it was not staged.
    @discardableResult func restore(_ allocation: UniqueID) -> Bool

    /// Answers in the order of the requests.
    func place(_ requests: [PlacementRequest]) -> [PlacementOutcome]

    /// What an instance would be given on its own node under the job's present version, its own
    /// room counted as free; its ports and devices are kept. nil: it does not fit there.
    func resourcesInPlace(
        of allocation: Allocation, group: Int
    ) -> Shared<AllocatedResources>?

    /// What the search learned about classes of nodes.
    func eligibility(of group: Int) -> ClassEligibility
}

extension Placer: Placing {}

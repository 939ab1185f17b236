// SPDX-License-Identifier: Apache-2.0
package import MartletAPI

/// What runs on the nodes of one process, and what is to be told of it.
///
/// An allocation is known from its assignment until the servers list it no more, so that none
/// begins twice.
package protocol Fleet {
    /// How many allocations have not ended.
    var count: Int { get }

    /// When something happens next, by itself; nil for never.
    var nextEventAt: Duration? { get }

    /// Of how many there is something to tell, apart from what is being told.
    var updateCount: Int { get }

    /// Takes in what there is to look after.
    ///
    /// - Parameter isComplete: whether there is nothing else: what is missing is forgotten.
    /// - Returns: those of which more is known there than here: they have to be pulled.
    mutating func listed(
        _ indexes: NodeAllocationIndexes, isComplete: Bool, at instant: NodeInstant
    ) -> [UniqueID]

    /// Begins what is new, and stops what is to run no more.
    mutating func assign(_ assignments: [Assignment], at instant: NodeInstant)

    /// Lets everything happen that is due.
    mutating func advance(to instant: NodeInstant)

    /// At most so many of what is to be told. Nothing else is told of them until ``told(_:at:)`` or
    /// ``putBack(_:)`` says what has become of it.
    mutating func takeUpdates(max count: Int) -> [AllocationUpdate]

    /// They were told.
    ///
    /// - Parameter index: by which the servers know of them; 0 if they refuse them for good.
    mutating func told(_ updates: [AllocationUpdate], at index: UInt64)

    /// Nobody heard them: they are told again.
    mutating func putBack(_ updates: [AllocationUpdate])
}

// SPDX-License-Identifier: Apache-2.0

/// A tracked node with the part of its score that is its own, the best on top of a heap. It is void once
/// its node has a newer stamp.
struct NodeScore: HeapEntry {
    let score: Double
    /// Of two equal scores the smaller wins.
    let tie: UInt32
    let slot: Int32
    let stamp: UInt32

    @inline(__always)
    func precedes(_ other: NodeScore) -> Bool {
        score != other.score ? score > other.score : tie < other.tie
    }
}

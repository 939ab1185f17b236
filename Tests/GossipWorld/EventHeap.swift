// SPDX-License-Identifier: Apache-2.0

/// What will happen, earliest first; what was planned first comes first at the same instant.
struct EventHeap {
    private var heap: [World.Event] = []
    private var order: UInt64 = 0

    mutating func insert(_ kind: World.Event.Kind, at instant: Int64) {
        order += 1
        heap.append(World.Event(at: instant, order: order, kind: kind))
        var child = heap.count - 1
        while child > 0, isEarlier(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst(through end: Int64) -> World.Event? {
        guard let first = heap.first, first.at <= end else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && isEarlier(child, least) {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func isEarlier(_ one: Int, _ other: Int) -> Bool {
        (heap[one].at, heap[one].order) < (heap[other].at, heap[other].order)
    }
}

/// SplitMix64: the chance of a world, apart from that of its cores.
package struct WorldRandom: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 &+ 1 }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(max(1, bound))).high)
    }

    package mutating func percent(_ chance: Int) -> Bool { chance > 0 && below(100) < chance }
}

// SPDX-License-Identifier: Apache-2.0

/// What is to happen, by time, then by order of scheduling.
///
/// A heap of four children per node over plain keys; what the events carry lies beside it and does
/// not move. Most of a simulation's time goes through here.
struct EventQueue<Element> {
    private struct Key {
        var time: Int64
        var sequence: UInt64
        var slot: Int32

        static func < (left: Key, right: Key) -> Bool {
            left.time != right.time ? left.time < right.time : left.sequence < right.sequence
        }
    }

    private var keys: [Key] = []
    private var slots: [Element?] = []
    private var free: [Int32] = []
    private var sequence: UInt64 = 0

    var isEmpty: Bool { keys.isEmpty }

    /// When the next one is due; nil if there is none.
    var nextTime: Int64? { keys.first?.time }

    mutating func insert(_ element: Element, at time: Int64) {
        let slot: Int32
        if let last = free.popLast() {
            slot = last
            slots[Int(last)] = element
        } else {
            slot = Int32(slots.count)
            slots.append(element)
        }
        sequence += 1
        let key = Key(time: time, sequence: sequence, slot: slot)
        keys.append(key)
        rise(key, from: keys.count - 1)
    }

    /// - Precondition: not empty.
    mutating func removeFirst() -> (time: Int64, element: Element) {
        let first = keys[0]
        let last = keys.removeLast()
        if !keys.isEmpty { sink(last) }
        guard let element = slots[Int(first.slot)].take() else {
            preconditionFailure("an event without content at \(first.time)")
        }
        free.append(first.slot)
        return (first.time, element)
    }

    /// Whatever waits, in no order of meaning, but the same in every run.
    var unordered: some Sequence<Element> { keys.lazy.compactMap { slots[Int($0.slot)] } }

    private mutating func rise(_ key: Key, from start: Int) {
        var position = start
        while position > 0 {
            let parent = (position - 1) / 4
            guard key < keys[parent] else { break }
            keys[position] = keys[parent]
            position = parent
        }
        keys[position] = key
    }

    private mutating func sink(_ key: Key) {
        var position = 0
        let count = keys.count
        while true {
            let first = position * 4 + 1
            guard first < count else { break }
            var least = first
            for child in (first + 1)..<max(first + 1, min(first + 4, count))
            where keys[child] < keys[least] {
                least = child
            }
            guard keys[least] < key else { break }
            keys[position] = keys[least]
            position = least
        }
        keys[position] = key
    }
}

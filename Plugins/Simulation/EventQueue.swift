// SPDX-License-Identifier: Apache-2.0

/// What is to happen, by time, then by order of scheduling.
///
/// A heap of four children per node over plain keys; what the events carry lies beside it and does
/// not move. Most of a simulation's time goes through here.
struct EventQueue<Element> {
    /// Compares as one number: first the time, then the order of scheduling. The slot comes last and
    /// decides nothing, for no two have the same order.
    private struct Key {
        let number: UInt128

        init(time: Int64, sequence: UInt64, slot: Int) {
            // Times before zero do not occur, and would come first all the same.
            let high = UInt64(bitPattern: time) ^ 1 << 63
            number = UInt128(high) << 64 | UInt128(sequence << Key.slotBits | UInt64(slot))
        }

        var time: Int64 { Int64(bitPattern: UInt64(truncatingIfNeeded: number >> 64) ^ 1 << 63) }
        var slot: Int { Int(truncatingIfNeeded: number & UInt128(Key.slotsMax - 1)) }

        static var slotBits: UInt64 { 20 }
        static var slotsMax: Int { 1 << 20 }
    }

    private var keys: [Key] = []
    private var slots: [Element?] = []
    private var free: [Int] = []
    private var sequence: UInt64 = 0

    var isEmpty: Bool { keys.isEmpty }

    /// When the next one is due; nil if there is none.
    var nextTime: Int64? { keys.first?.time }

    /// - Precondition: fewer than a million wait, and 2^44 came before.
    mutating func insert(_ element: consuming Element, at time: Int64) {
        let slot: Int
        if let last = free.popLast() {
            slot = last
            slots[last] = element
        } else {
            slot = slots.count
            precondition(slot < Key.slotsMax, "\(slot) events wait")
            slots.append(element)
        }
        sequence += 1
        precondition(sequence >> (64 - Key.slotBits) == 0, "event \(sequence)")
        let key = Key(time: time, sequence: sequence, slot: slot)
        keys.append(key)
        rise(key, from: keys.count - 1)
    }

    /// - Precondition: not empty.
    mutating func removeFirst() -> (time: Int64, element: Element) {
        let first = keys[0]
        let last = keys.removeLast()
        if !keys.isEmpty { sink(last) }
        guard let element = slots[first.slot].take() else {
            preconditionFailure("an event without content at \(first.time)")
        }
        free.append(first.slot)
        return (first.time, element)
    }

    /// Whatever waits, in no order of meaning, but the same in every run.
    var unordered: some Sequence<Element> { keys.lazy.compactMap { slots[$0.slot] } }

    private mutating func rise(_ key: Key, from start: Int) {
        // SAFETY: `start` is a place, and a parent's lies before its children's.
        unsafe keys.withUnsafeMutableBufferPointer { keys in
            var position = start
            while position > 0 {
                let parent = (position - 1) / 4
                guard unsafe key.number < keys[parent].number else { break }
                unsafe keys[position] = keys[parent]
                position = parent
            }
            unsafe keys[position] = key
        }
    }

    /// - Precondition: not empty.
    private mutating func sink(_ key: Key) {
        // SAFETY: every child is compared with the count before it is looked at.
        unsafe keys.withUnsafeMutableBufferPointer { keys in
            let count = keys.count
            var position = 0
            while true {
                let first = position * 4 + 1
                guard first < count else { break }
                var least = first
                if first + 4 <= count {
                    // Two pairs, then the lesser of each: no comparison waits for more than one other.
                    let one = unsafe keys[first + 1].number < keys[first].number ? 1 : 0
                    let two = unsafe keys[first + 3].number < keys[first + 2].number ? 3 : 2
                    let isSecond = unsafe keys[first + two].number < keys[first + one].number
                    least = first + (isSecond ? two : one)
                } else {
                    for child in (first + 1)..<max(first + 1, count)
                    where unsafe keys[child].number < keys[least].number { least = child }
                }
                guard unsafe keys[least].number < key.number else { break }
                unsafe keys[position] = keys[least]
                position = least
            }
            unsafe keys[position] = key
        }
    }
}

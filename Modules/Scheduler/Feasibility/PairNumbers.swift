// SPDX-License-Identifier: Apache-2.0

/// Numbers pairs from 0, in the order in which they come.
struct PairNumbers {
    private var keys: [UInt64]
    /// By place in the table; -1 for a free one.
    private var numbers: [Int32]
    private let mask: Int
    private var count: Int32 = 0

    /// - Parameter most: how many different pairs may come.
    init(most: Int) {
        // Half of the places stay free.
        let size = 1 << Exponentials.ceilLog2(2 * max(1, most))
        keys = Array(repeating: 0, count: size)
        numbers = Array(repeating: -1, count: size)
        mask = size - 1
    }

    mutating func number(_ first: Int32, _ second: Int32) -> Int32 {
        let key =
            UInt64(UInt32(bitPattern: first)) << 32 | UInt64(UInt32(bitPattern: second))
        var place = Int(truncatingIfNeeded: Mix.scramble(key)) & mask
        while numbers[place] >= 0 {
            if keys[place] == key { return numbers[place] }
            place = (place + 1) & mask
        }
        keys[place] = key
        numbers[place] = count
        count += 1
        return numbers[place]
    }
}

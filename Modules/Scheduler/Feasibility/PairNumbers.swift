// SPDX-License-Identifier: Apache-2.0

/// Numbers pairs from 0, in the order in which they come.
struct PairNumbers {
    /// A table of all pairs that may come is as good as one of those that do if it is as small.
    private static let pairsMax = 4096

    private let low: Int32
    /// How many different seconds there may be, if the places are those of all pairs; else 0.
    private let width: Int
    private var keys: [UInt64] = []
    /// By place in the table; -1 for a free one.
    private var numbers: [Int32]
    private let mask: Int
    private(set) var count: Int32 = 0

    /// - Parameters:
    ///   - seconds: all that come as second of a pair, once for each pair.
    ///   - firsts: what comes as first is from 0 up to this.
    init(_ seconds: [Int32], firsts: Int) {
        let low = seconds.min() ?? 0
        let width = Int(seconds.max() ?? 0) - Int(low) + 1
        self.low = low
        let (pairs, isTooMany) = width.multipliedReportingOverflow(by: firsts)
        if !isTooMany, pairs <= Self.pairsMax {
            self.width = width
            mask = 0
            numbers = Array(repeating: -1, count: pairs)
            return
        }
        self.width = 0
        // Half of the places stay free.
        let size = 1 << Exponentials.ceilLog2(2 * max(1, seconds.count))
        keys = Array(repeating: 0, count: size)
        numbers = Array(repeating: -1, count: size)
        mask = size - 1
    }

    @inline(__always)
    mutating func number(_ first: Int32, _ second: Int32) -> Int32 {
        guard width > 0 else { return searched(first, second) }
        let place = Int(first) * width + Int(second) - Int(low)
        if numbers[place] < 0 {
            numbers[place] = count
            count += 1
        }
        return numbers[place]
    }

    private mutating func searched(_ first: Int32, _ second: Int32) -> Int32 {
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

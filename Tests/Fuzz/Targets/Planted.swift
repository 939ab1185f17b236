// SPDX-License-Identifier: Apache-2.0

extension FuzzTarget {
    /// Defects to be found, one of each kind: a fuzzer that finds nothing proves nothing.
    package static let planted = [trap, property, memory, slowness]

    private static let trap = FuzzTarget(
        "planted-trap", "an index out of range", words: words("index")
    ) { input throws(Finding) in
        guard input.starts(with: Array("index".utf8)), input.count > 8 else {
            return UInt64(input.count)
        }
        return UInt64(input[Int(input[5])])
    }

    private static let property = FuzzTarget(
        "planted-property", "one thing that is read as another", bytesMax: 64
    ) { input throws(Finding) in
        let number = input.prefix(2).reduce(0) { $0 << 8 | UInt64($1) }
        try demand(number != 0xBEEF, "\(number) is another number")
        return number >> 8
    }

    /// Takes a length at its word.
    private static let memory = FuzzTarget(
        "planted-memory", "an allocation that an input asks for", bytesMax: 64
    ) { input throws(Finding) in
        let length = input.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        return UInt64(bytes.capacity.leadingZeroBitCount)
    }

    /// Twice as slow with every opening bracket.
    private static let slowness = FuzzTarget(
        "planted-slowness", "time that grows much faster than the input", bytesMax: 256,
        words: words("((((")
    ) { input throws(Finding) in
        let depth = input.count { $0 == UInt8(ascii: "(") }
        var sum: UInt64 = 1
        for _ in 0..<(1 << min(depth, 31)) { sum = sum &* 31 ^ sum >> 7 }
        return UInt64(depth) << 1 ^ (sum & 1)
    }
}

// SPDX-License-Identifier: Apache-2.0

/// Characters as sorted, disjoint ranges of code points.
struct CharacterSet: Sendable, Equatable {
    private(set) var ranges: [ClosedRange<UInt32>]

    static let lastCodePoint: UInt32 = 0x10FFFF
    static let digit = CharacterSet([0x30...0x39])
    static let word = CharacterSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// RE2's `\s`: tab, newline, form feed, carriage return, space.
    static let space = CharacterSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
    static let any = CharacterSet([0...lastCodePoint])
    static let anyButNewline = CharacterSet([0...0x09, 0x0B...lastCodePoint])

    init(_ ranges: [ClosedRange<UInt32>]) {
        self.ranges = Self.merged(ranges)
    }

    init(one value: UInt32) {
        ranges = [value...value]
    }

    /// Asked of each place of a pattern, for each character of a text.
    func contains(_ value: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    var inverted: CharacterSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= Self.lastCodePoint { result.append(next...Self.lastCodePoint) }
        return CharacterSet(result)
    }

    /// With the other case of each Latin letter.
    var foldingCase: CharacterSet {
        var result = ranges
        for range in ranges {
            append(range, from: 0x41...0x5A, shiftedBy: 0x20, to: &result)
            append(range, from: 0x61...0x7A, shiftedBy: -0x20, to: &result)
        }
        return CharacterSet(result)
    }

    private func append(
        _ range: ClosedRange<UInt32>, from letters: ClosedRange<UInt32>, shiftedBy shift: Int,
        to result: inout [ClosedRange<UInt32>]
    ) {
        let low = max(range.lowerBound, letters.lowerBound)
        let high = min(range.upperBound, letters.upperBound)
        guard low <= high else { return }
        result.append(UInt32(Int(low) + shift)...UInt32(Int(high) + shift))
    }

    /// The set of `[:name:]`.
    static func named(_ name: String) -> CharacterSet? {
        switch name {
        case "alnum": CharacterSet([0x30...0x39, 0x41...0x5A, 0x61...0x7A])
        case "alpha": CharacterSet([0x41...0x5A, 0x61...0x7A])
        case "ascii": CharacterSet([0...0x7F])
        case "blank": CharacterSet([0x09...0x09, 0x20...0x20])
        case "cntrl": CharacterSet([0...0x1F, 0x7F...0x7F])
        case "digit": digit
        case "graph": CharacterSet([0x21...0x7E])
        case "lower": CharacterSet([0x61...0x7A])
        case "print": CharacterSet([0x20...0x7E])
        case "punct": CharacterSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])
        case "space": CharacterSet([0x09...0x0D, 0x20...0x20])
        case "upper": CharacterSet([0x41...0x5A])
        case "word": word
        case "xdigit": CharacterSet([0x30...0x39, 0x41...0x46, 0x61...0x66])
        default: nil
        }
    }

    private static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, range.lowerBound <= last.upperBound + 1 {
                result[result.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }
}

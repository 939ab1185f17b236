// SPDX-License-Identifier: Apache-2.0

/// Ports that are kept back, as `22,80,8500-8600`: ascending ranges. What cannot be read is left out:
/// a node that writes nonsense loses no port by it.
struct PortRanges: Sendable, Equatable {
    private static let maxParts = 1024
    private var ranges: [ClosedRange<Int>] = []

    init(_ texts: String...) {
        for text in texts where !text.isEmpty {
            for part in text.split(separator: ",").prefix(Self.maxParts) {
                if let range = Self.range(part) { ranges.append(range) }
            }
        }
        ranges.sort { $0.lowerBound < $1.lowerBound }
    }

    func contains(_ port: Int) -> Bool {
        for range in ranges where port >= range.lowerBound && port <= range.upperBound {
            return true
        }
        return false
    }

    private static func range(_ text: Substring) -> ClosedRange<Int>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end in
            Int(String(end.filter { $0 != " " }))
        }
        guard let first = ends.first, let low = first, let last = ends.last, let high = last,
            ends.count <= 2, low <= high, 0...65535 ~= low, 0...65535 ~= high
        else { return nil }
        return low...high
    }
}

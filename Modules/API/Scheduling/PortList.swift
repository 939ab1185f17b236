// SPDX-License-Identifier: Apache-2.0

/// Ports as configurations list them: numbers and ranges, with commas between them.
package enum PortList {
    /// In the order of the text; nil where it is none. Blanks around numbers do not count.
    package static func ranges(of text: String) -> [ClosedRange<Int>]? {
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let bounds = part.split(separator: "-", omittingEmptySubsequences: false).map(number)
            switch (bounds.count, bounds.first ?? nil, bounds.last ?? nil) {
            case (1, let only?, _): ranges.append(only...only)
            case (2, let first?, let last?) where first <= last: ranges.append(first...last)
            default: return nil
            }
        }
        return ranges
    }

    private static func number(_ text: Substring) -> Int? {
        let digits = text.drop { $0 == " " }.prefix { $0 != " " }
        let rest = text.drop { $0 == " " }.dropFirst(digits.count)
        guard rest.allSatisfy({ $0 == " " }), digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let number = Int(digits), 1...65_535 ~= number
        else { return nil }
        return number
    }
}

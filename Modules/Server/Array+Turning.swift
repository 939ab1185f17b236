// SPDX-License-Identifier: Apache-2.0

extension Array {
    /// Puts the last element first. `reverse()` copies each of them, and what it holds on to.
    mutating func turnAround() {
        var elements = mutableSpan
        var (low, high) = (0, elements.count - 1)
        while low < high {
            elements.swapAt(low, high)
            (low, high) = (low + 1, high - 1)
        }
    }
}

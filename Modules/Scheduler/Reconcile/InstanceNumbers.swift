// SPDX-License-Identifier: Apache-2.0

/// Which instance numbers of one group are taken. A number is given again only when its holder is
/// gone, and the lowest free one first.
///
/// Numbers from 0 to the group's count are a table; those beyond, of which only what is in the way
/// of a smaller count holds some, are not kept.
struct InstanceNumbers: Sendable {
    private var taken: [Bool]

    /// - Parameter count: instances that the group should have; not negative.
    init(count: Int) { taken = Array(repeating: false, count: count) }

    mutating func take(_ number: Int) {
        if taken.indices.contains(number) { taken[number] = true }
    }

    /// Whether `number` is one of the group's, and nobody's.
    func isFree(_ number: Int) -> Bool { taken.indices.contains(number) && !taken[number] }

    /// The lowest `count` free numbers, which are taken by that; beyond the group's count they go
    /// on from there.
    mutating func takeFree(_ count: Int) -> [Int] {
        guard count > 0 else { return [] }
        var numbers: [Int] = []
        numbers.reserveCapacity(count)
        for number in taken.indices where !taken[number] {
            if numbers.count == count { return numbers }
            taken[number] = true
            numbers.append(number)
        }
        while numbers.count < count {
            numbers.append(taken.count)
            taken.append(true)
        }
        return numbers
    }
}

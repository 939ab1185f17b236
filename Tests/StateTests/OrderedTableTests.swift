// SPDX-License-Identifier: Apache-2.0
import MartletState
import Testing

/// SplitMix64: the same operations in every run.
struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// What the table must behave like.
private struct Model {
    var elements: [(key: Int, value: Int)] = []

    private func position(_ key: Int) -> Int {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = (low + high) / 2
            if elements[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    mutating func insert(_ value: Int, at key: Int) -> Int? {
        let place = position(key)
        guard place < elements.count, elements[place].key == key else {
            elements.insert((key, value), at: place)
            return nil
        }
        let replaced = elements[place].value
        elements[place].value = value
        return replaced
    }

    mutating func remove(_ key: Int) -> Int? {
        let place = position(key)
        guard place < elements.count, elements[place].key == key else { return nil }
        return elements.remove(at: place).value
    }

    func suffix(from key: Int) -> ArraySlice<(key: Int, value: Int)> { elements[position(key)...] }
}

private func agree(
    _ table: some Sequence<OrderedTable<Int, Int>.Element>,
    _ model: some Sequence<(key: Int, value: Int)>
) -> Bool {
    table.elementsEqual(model) { $0.key == $1.key && $0.value == $1.value }
}

@Suite("Ordered table") struct OrderedTableTests {
    @Test("An empty table has nothing, and nothing can be taken from it")
    func empty() {
        var table = OrderedTable<String, Int>()

        #expect(table.isEmpty && table["a"] == nil && table.remove("a") == nil)
        #expect(Array(table.suffix(from: "")).isEmpty)
        table.checkInvariants()
    }

    @Test(
        "Random operations do what they do to a sorted array, and copies stay as they were",
        arguments: [20, 300, 5_000])
    func modelled(keys: Int) {
        var random = Generator(state: UInt64(keys))
        var table = OrderedTable<Int, Int>()
        var model = Model()
        var forks: [(OrderedTable<Int, Int>, Model)] = []
        for step in 0..<6_000 {
            let key = Int.random(in: 0..<keys, using: &random)
            // Growing and shrinking take turns, so that nodes split and unite at every level.
            let isGrowing = (step / 1_500) % 2 == 0
            if Int.random(in: 0..<10, using: &random) < (isGrowing ? 8 : 2) {
                #expect(table.insert(step, at: key) == model.insert(step, at: key))
            } else {
                #expect(table.remove(key) == model.remove(key))
            }
            if step % 500 == 0 {
                table.checkInvariants()
                #expect(agree(table, model.elements))
                #expect(agree(table.suffix(from: key), model.suffix(from: key)))
                let upTo = model.elements.filter { $0.key <= key }
                #expect(agree(table.descending(from: key), upTo.reversed()))
                forks.append((table, model))
            }
            if step % 700 == 0, let fork = forks.randomElement(using: &random) {
                (table, model) = fork
            }
        }
        for (fork, expected) in forks {
            fork.checkInvariants()
            #expect(fork.count == expected.elements.count && agree(fork, expected.elements))
        }
    }

    @Test("A hundred thousand elements go in and out, in any order", arguments: [1, 61_803])
    func large(stride: Int) {
        let count = 100_000
        var table = OrderedTable<Int, Int>()
        for step in 0..<count { table.insert(step, at: step * stride % count) }
        table.checkInvariants()
        let copy = table

        for step in 0..<count where step % 2 == 0 { table.remove(step) }

        table.checkInvariants()
        #expect(table.count == count / 2 && table[1] != nil && table[2] == nil)
        #expect(copy.count == count && copy[2] != nil)
    }

    @Test("A range begins at its key, or after it if it is absent")
    func ranges() {
        var table = OrderedTable<Int, Int>()
        for key in stride(from: 0, to: 2_000, by: 2) { table.insert(key, at: key) }

        for start in [-1, 0, 1, 29, 30, 31, 997, 998, 1_997, 1_998] {
            let keys = table.suffix(from: start).map(\.key)
            #expect(keys == Array(stride(from: max(0, start + start & 1), to: 2_000, by: 2)))
        }
        #expect(Array(table.suffix(from: 1_999)).isEmpty)
    }

    @Test("A range has its values in either direction, with both ends or without")
    func directions() {
        var table = OrderedTable<Int, Int>()
        for key in stride(from: 0, to: 2_000, by: 2) { table.insert(key, at: key) }
        for range in [0...1_998, -5...5, 29...31, 31...31, 997...998, 1_999...5_000] {
            let wanted = stride(from: 0, to: 2_000, by: 2).filter { range.contains($0) }
            #expect(Array(table.values(in: range)) == wanted)
            #expect(Array(table.values(in: range, descending: true)) == wanted.reversed())
        }
        #expect(Array(OrderedTable<Int, Int>().values(in: 0...1, descending: true)).isEmpty)
    }

    @Test("Tables of equal elements are equal, however they came to be")
    func equality() {
        var ascending = OrderedTable<Int, Int>()
        var descending = OrderedTable<Int, Int>()
        for key in 0..<500 {
            ascending.insert(key, at: key)
            descending.insert(499 - key, at: 499 - key)
        }

        #expect(ascending == descending)
        descending.insert(0, at: 7)
        #expect(ascending != descending)
    }
}

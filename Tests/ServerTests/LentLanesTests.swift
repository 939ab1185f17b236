// SPDX-License-Identifier: Apache-2.0
import MartletAPI
import Testing

@testable import MartletServer

private func id(_ number: UInt64) -> UniqueID { UniqueID(high: 7, low: number) }

@Suite("The leader's account of lanes that others lend") struct LentLanesTests {
    private var lent = LentLanes()

    private mutating func give(_ number: UInt64, to lender: UInt64, at now: Duration = .zero)
        -> UInt64
    {
        lent.give(id(number), token: id(100 + number), index: 5, to: lender, at: now)
    }

    @Test("Each lane is given two looks and no more, and the freest lender is asked first")
    mutating func places() {
        lent.offer(1, by: 4)
        lent.offer(2, by: 9)
        var asked: [UInt64] = []
        while let lender = lent.freest(where: { _ in true }) {
            asked.append(lender)
            _ = give(UInt64(asked.count), to: lender)
        }
        #expect(asked == [9, 9, 4, 9, 4, 9])
        #expect(lent.freest(where: { $0 == 4 }) == nil)
    }

    @Test("An answer counts once, from whom it was asked, and under the token of its delivery")
    mutating func answers() {
        lent.offer(1, by: 4)
        lent.offer(1, by: 5)
        let number = give(1, to: 4)
        #expect(lent.answered(number, token: id(101), by: 5) == nil)
        #expect(lent.answered(number, token: id(102), by: 4) == nil)
        #expect(lent.answered(number + 1, token: id(101), by: 4) == nil)
        #expect(lent.answered(number, token: id(101), by: 4)?.evaluation == id(1))
        #expect(lent.answered(number, token: id(101), by: 4) == nil)
    }

    @Test("What takes too long is taken back once, and keeps its place until it is answered")
    mutating func late() {
        lent.offer(1, by: 4)
        let first = give(1, to: 4)
        let second = give(2, to: 4, at: .seconds(3))
        #expect(lent.nextEventAt == LentLanes.patience)
        #expect(lent.advance(to: LentLanes.patience).map(\.evaluation) == [id(1)])
        #expect(lent.advance(to: LentLanes.patience) == [])
        #expect(lent.freest(where: { _ in true }) == nil)
        #expect(lent.answered(first, token: id(101), by: 4) == nil)
        #expect(lent.freest(where: { _ in true }) == 4)
        #expect(lent.answered(second, token: id(102), by: 4) != nil)
        #expect(lent.nextEventAt == nil)
    }

    @Test("A connection that is gone gives back what was given over it, in that order")
    mutating func gone() {
        lent.offer(2, by: 4)
        lent.offer(2, by: 5)
        let numbers = (1...4).map { give($0, to: $0 == 2 ? 5 : 4) }
        #expect(lent.withdraw(4).map(\.evaluation) == [id(1), id(3), id(4)])
        #expect(lent.answered(numbers[0], token: id(101), by: 4) == nil)
        #expect(lent.answered(numbers[1], token: id(102), by: 5) != nil)
        #expect(lent.lanes == 2)
    }

    @Test("Who said what cannot be is asked no more")
    mutating func distrusted() {
        lent.offer(2, by: 4)
        lent.distrust(4)
        #expect(lent.freest(where: { _ in true }) == nil)
    }
}
